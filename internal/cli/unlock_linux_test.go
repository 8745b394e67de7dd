package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A lease that is renewed while its removal is considered belongs to an apply that is at work.
func TestALeaseThatMovedSinceItWasShownStays(t *testing.T) {
	d := openDesk(t)
	d.run("apply", "--auto-approve")
	refs, err := filepath.Glob(filepath.Join(d.dir, "box", "git", "*.git", "refs"))
	if err != nil || len(refs) != 1 {
		t.Fatalf("the sandbox has the repositories %q, %v", refs, err)
	}
	lease := filepath.Join(refs[0], "mlopsctl", "lease")
	stands := func(at ...string) {
		data, err := os.ReadFile(filepath.Join(append([]string{refs[0]}, at...)...))
		if err == nil {
			err = os.WriteFile(lease, data, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
	stands("heads", "main")
	person, program := terminalPair(t)
	all := make(chan string)
	go func() {
		var seen strings.Builder
		buffer, answered := make([]byte, 4096), false
		for {
			n, err := person.Read(buffer) // it ends in EIO once the program's side is closed
			seen.Write(buffer[:n])
			if !answered && strings.Contains(seen.String(), "Only yes means yes") {
				answered = true
				stands("mlopsctl", "state")
				if _, err := io.WriteString(person, "yes\n"); err != nil {
					t.Error(err)
				}
			}
			if err != nil {
				all <- seen.String()
				return
			}
		}
	}()
	code := Run(t.Context(), []string{"state", "unlock", "-f", d.dir, "--sandbox=" + filepath.Join(d.dir, "box")}, Streams{
		In: program, Out: program, Err: program, Clock: d.clock, Env: func(string) (string, bool) { return "", false },
	})
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	if seen := <-all; code != 5 || !strings.Contains(seen, "the lease moved since it was shown") || !strings.Contains(seen, "[ledger/held]") {
		t.Errorf("exit code %d, want 5 and the reason:\n%s", code, seen)
	}
	if _, err := os.Stat(lease); err != nil {
		t.Errorf("the lease is gone: %v", err)
	}
}
