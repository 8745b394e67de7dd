package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

const shortest = "version: 1\nname: demo\ngit: { repository: acme/demo }\n"

func TestLoadTakesAFileOrTheFolderThatHoldsIt(t *testing.T) {
	for _, name := range []string{"mlops.yaml", "mlops.yml"} {
		dir := t.TempDir()
		file := filepath.Join(dir, name)
		write(t, file, []byte(shortest))
		for _, path := range []string{file, dir, dir + "/"} {
			stack, list := spec.Load(path, spec.Options{})
			if stack == nil {
				t.Fatalf("loading %s: %+v", path, list)
			}
			if stack.File != file || stack.Dir != dir {
				t.Errorf("%s: file %s in %s, want %s in %s", path, stack.File, stack.Dir, file, dir)
			}
		}
	}
}

func TestLoadPrefersTheLongerExtension(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "mlops.yaml"), []byte(shortest))
	write(t, filepath.Join(dir, "mlops.yml"), []byte("not: a spec\n"))
	if stack, list := spec.Load(dir, spec.Options{}); stack == nil {
		t.Errorf("the folder's mlops.yaml was not taken: %+v", list)
	}
}

func TestLoadAnswersCleanlyForWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", at("loop")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, at("secret.yaml"), []byte("TOKEN=canary\x00"))
	inner := at("inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"up.yaml": "../secret.yaml", "environ.yaml": "/proc/self/environ"} {
		if err := os.Symlink(to, filepath.Join(inner, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("large.yaml"), []byte(shortest+"# "+strings.Repeat("x", 1<<20)))
	for path, want := range map[string]string{
		at("missing.yaml"):           "no such file",
		at("inner/up.yaml"):          "inside its folder",
		at("inner/environ.yaml"):     "inside its folder",
		at("fifo"):                   "not a regular file",
		"/dev/zero":                  "not a regular file",
		at("loop"):                   "too many levels",
		at("empty"):                  "holds no mlops.yaml",
		at("large.yaml"):             "larger than 1048576 bytes",
		at("missing.yaml/mlops.yml"): "no such file",
	} {
		stack, list := spec.Load(path, spec.Options{})
		if stack != nil || len(list) != 1 {
			t.Fatalf("%s: %+v", path, list)
		}
		d := list[0]
		if d.Severity != diag.Error || d.Code != "spec/file" || !strings.Contains(d.Summary, want) || d.Detail == "" || d.Source.File == "" {
			t.Errorf("%s: %+v, want %q", path, d, want)
		}
	}
}

func TestLoadTakesASpecOfExactlyTheLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mlops.yaml")
	text := shortest + "# "
	write(t, file, []byte(text+strings.Repeat("x", 1<<20-len(text))))
	if stack, list := spec.Load(file, spec.Options{}); stack == nil {
		t.Errorf("%+v", list)
	}
}

func TestAFileMayBeginWithAByteOrderMarkAndEndItsLinesAsWindowsDoes(t *testing.T) {
	stack, list := spec.Parse("mlops.yaml", []byte("\ufeff"+strings.ReplaceAll(shortest, "\n", "\r\n")), spec.Options{})
	if stack == nil {
		t.Fatalf("%+v", list)
	}
	if got := stack.At("name"); got.Line != 2 || got.Column != 1 {
		t.Errorf("name stands at %s", got)
	}
}

func TestAReportIsAsShortAsALine(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 1000), "${var.x}" + strings.Repeat("y", 1000), "\"${env.MLOPS_X}\\n\\n" + strings.Repeat("y", 1000) + "\""} {
		text := "version: 1\nname: " + name + "\ngit: { repository: acme/demo }\n"
		_, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{
			Vars: map[string]string{"x": "X"}, LookupEnv: func(string) (string, bool) { return "x", true },
		})
		if len(list) != 1 || len(list[0].Summary) > 300 || strings.Contains(list[0].Summary, "\n") {
			t.Errorf("%s", told(list))
		}
	}
}

func TestANameOfSeveralLinesIsToldInOne(t *testing.T) {
	for _, text := range []string{
		"branches: { a: { default: true }, \"b\\n::error::c\": { default: true } }\n",
		"variables: { A: !%0a%3a%3aerror%3a%3ab x }\n",
	} {
		_, list := spec.Parse("mlops.yaml", []byte(shortest+text), spec.Options{})
		if len(list) == 0 {
			t.Errorf("nothing is wrong with %q", text)
		}
		for _, d := range list {
			if strings.Contains(d.Summary+d.Detail, "\n") {
				t.Errorf("%q", d.Summary)
			}
		}
	}
}
