package credentials

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/transport"
)

func sources(t *testing.T) (*Vault, string) {
	t.Helper()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "token")
	for path, text := range map[string]string{
		filepath.Join(dir, "token"): "from a file\r\n", filepath.Join(dir, "two"): "two\n\n", filepath.Join(dir, "empty"): "\n", outside: "not ours",
		filepath.Join(dir, "big"): strings.Repeat("x", maxValue+1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MLOPS_TOKEN": "from the environment\n", "MLOPS_EMPTY": ""}
	return New(Options{Dir: dir, Secrets: &transport.Scrubber{}, LookupEnv: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}), outside
}

func TestAValueIsReadAsItIs(t *testing.T) {
	v, _ := sources(t)
	for want, s := range map[string]Source{
		"from the environment\n": {Env: "MLOPS_TOKEN"}, // nothing adds a line end there
		"from a file":            {File: "token"},
		"two\n":                  {File: "two"},
		"from a command":         {Command: []string{"printf", "from a command\n"}},
		"$HOME `x`":              {Command: []string{"echo", "$HOME `x`"}}, // no shell reads it
	} {
		value, err := v.read(t.Context(), s)
		if err != nil || value.Reveal() != want {
			t.Errorf("%+v gives %q, %v; want %q", s, value.Reveal(), err, want)
		}
	}
}

func TestAValueThatCannotBeReadIsSaidSo(t *testing.T) {
	v, outside := sources(t)
	for _, c := range []struct {
		source Source
		reason string
	}{
		{Source{Env: "MLOPS_MISSING"}, "MLOPS_MISSING is not set"},
		{Source{Env: "MLOPS_EMPTY"}, "is empty"},
		{Source{File: "missing"}, "no such file"},
		{Source{File: "empty"}, "is empty"},
		{Source{File: "big"}, "48 KB"},
		{Source{File: "link"}, "escapes"},
		{Source{File: "../" + filepath.Base(filepath.Dir(outside)) + "/token"}, "escapes"},
		{Source{File: outside}, "escapes"},
		{Source{Command: []string{"no-such-command-here"}}, "no-such-command-here"},
	} {
		for how, err := range map[string]error{"Available": v.Available(c.source), "read": readError(t, v, c.source)} {
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s of %+v: %v, want %q in it", how, c.source, err, c.reason)
			}
		}
	}
	if err := v.Available(Source{Issue: OAuthSecret}); err != nil {
		t.Errorf("what is issued is always available: %v", err)
	}
}

func readError(t *testing.T, v *Vault, s Source) error {
	t.Helper()
	_, err := v.read(t.Context(), s)
	return err
}

func TestLookingWhetherAValueIsThereRunsNoCommand(t *testing.T) {
	v, _ := sources(t)
	v.opt.RunCommand = func(context.Context, string, []string) ([]byte, error) {
		t.Error("the command was run")
		return nil, nil
	}
	if err := v.Available(Source{Command: []string{"echo", "x"}}); err != nil {
		t.Error(err)
	}
}

func TestACommandsComplaintIsToldUnlessTheValueIsInIt(t *testing.T) {
	for script, want := range map[string]string{
		`echo "vault is sealed" >&2; exit 3`:               "vault is sealed",
		`echo hush-hush; echo "got hush-hush" >&2; exit 3`: "exit status 3",
		`printf 'red\033[31m' >&2; exit 3`:                 "red[31m",
	} {
		_, err := run(t.Context(), t.TempDir(), []string{"sh", "-c", script})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "\033") {
			t.Errorf("%s: the error is %v", script, err)
		}
	}
}

func TestACommandsOutputIsBounded(t *testing.T) {
	v, _ := sources(t)
	_, err := v.read(t.Context(), Source{Command: []string{"sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x"}})
	if err == nil || !strings.Contains(err.Error(), "48 KB") {
		t.Errorf("the error is %v", err)
	}
}

func TestACommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := run(ctx, started, []string{"sleep", "600"}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
