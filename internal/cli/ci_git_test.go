package cli

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// commitHere commits what a folder holds, and returns the commit.
func commitHere(t *testing.T, dir string) string {
	t.Helper()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=ann", "-c", "user.email=ann@example.com"}, args...)...)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin:/usr/local/bin", "GIT_CONFIG_NOSYSTEM=1"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	run("add", "mlops.yaml")
	run("commit", "-q", "-m", "here")
	return run("rev-parse", "HEAD")
}

// headOf is the commit that an event's pull request proposes.
func headOf(t *testing.T, event []byte) string {
	t.Helper()
	var e struct {
		Pull struct{ Head struct{ SHA string } } `json:"pull_request"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		t.Fatal(err)
	}
	return e.Pull.Head.SHA
}
