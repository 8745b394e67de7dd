package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

// desk is a stack in a sandbox, and the time there.
type desk struct {
	t     *testing.T
	dir   string
	clock *virtual.Clock
}

func openDesk(t *testing.T) desk {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"mlops.yaml", "world.yaml", "README.md"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "cmd", "mlopsctl", "testdata", "stack", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return desk{t: t, dir: dir, clock: virtual.NewClock(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 0)}
}

// run must end with 0; it returns stdout.
func (d desk) run(args ...string) string {
	d.t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) (string, bool) { return "not-a-token", name == "MLOPS_WORKFLOW_TOKEN" }
	code := Run(d.t.Context(), append(args, "-f", d.dir, "--sandbox="+filepath.Join(d.dir, "box")), Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: env, Clock: d.clock,
	})
	if code != 0 {
		d.t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

// stored is what `secrets -o json` says of the one credential that is issued.
func (d desk) stored() (remote string, replaced []string) {
	d.t.Helper()
	var doc struct {
		Secrets []struct {
			RemoteID string `json:"remote_id"`
			Replaced []struct {
				RemoteID string `json:"remote_id"`
			} `json:"replaced"`
		} `json:"secrets"`
	}
	if err := json.Unmarshal([]byte(d.run("secrets", "-o", "json")), &doc); err != nil {
		d.t.Fatal(err)
	}
	for _, s := range doc.Secrets {
		if s.RemoteID != "" {
			remote = s.RemoteID
			for _, r := range s.Replaced {
				replaced = append(replaced, r.RemoteID)
			}
		}
	}
	return remote, replaced
}

func TestWhatARotationReplacesLivesForItsOverlapAndIsRevokedByTheNextApply(t *testing.T) {
	d := openDesk(t)
	d.run("apply", "--auto-approve")
	first, none := d.stored()
	if first == "" || len(none) > 0 {
		t.Fatalf("stored is %q, replaced %q", first, none)
	}
	d.run("secrets", "rotate", "--auto-approve")
	second, replaced := d.stored()
	if second == first || len(replaced) != 1 || replaced[0] != first {
		t.Fatalf("stored is %q, replaced %q; the first was %q", second, replaced, first)
	}
	d.clock.Advance(23 * time.Hour)
	if out := d.run("plan"); !strings.Contains(out, "No changes") {
		t.Errorf("within its overlap a replaced secret is a change:\n%s", out)
	}
	d.clock.Advance(2 * time.Hour)
	if out := d.run("plan"); !strings.Contains(out, "revokes OAuth secret "+first) {
		t.Errorf("past its overlap a plan does not say that it goes:\n%s", out)
	}
	d.run("apply", "--auto-approve")
	if now, left := d.stored(); now != second || len(left) > 0 {
		t.Errorf("stored is %q, replaced %q, want %q and nothing", now, left, second)
	}
	if out := d.run("plan"); !strings.Contains(out, "No changes") {
		t.Errorf("something is left to do:\n%s", out)
	}
}

func TestASecretIsRenewedByAnApplyBeforeItExpires(t *testing.T) {
	d := openDesk(t)
	d.run("apply", "--auto-approve")
	first, _ := d.stored()
	d.clock.Advance(80 * 24 * time.Hour)
	if out := d.run("secrets"); !strings.Contains(out, "(in 10 days)") || !strings.Contains(out, "plan      rotate: it expires on") {
		t.Errorf("secrets does not say that it is due:\n%s", out)
	}
	d.run("apply", "--auto-approve")
	second, replaced := d.stored()
	if second == first || len(replaced) != 1 {
		t.Errorf("stored is %q, replaced %q; the first was %q", second, replaced, first)
	}
}
