package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// commit FILE... commits files of the present folder, which becomes a repository with the first.
func commit(ts *testscript.TestScript, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: commit FILE...")
	}
	git(ts, "", "init", "-q")
	git(ts, "", append([]string{"add", "--"}, args...)...)
	git(ts, "", "commit", "-q", "-m", "as it is now")
}

// push REF FILE makes a ref of the sandbox's one repository a commit that holds only that file, as somebody
// who may push can.
func push(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: push REF FILE")
	}
	pushText(ts, args[0], filepath.Base(args[1]), ts.ReadFile(args[1]))
}

// lease DURATION lets somebody on another machine hold the lease for that long from now.
func lease(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: lease DURATION")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	now := time.Now().UTC()
	text, err := json.Marshal(map[string]any{
		"format_version": "1.0", "stack": "fares", "run": "0123456789abcdef", "who": "ann", "process": map[string]any{"host": "elsewhere", "pid": 7},
		"taken_at": now.Add(d - time.Minute).Format(time.RFC3339), "expires_at": now.Add(d).Format(time.RFC3339), "renewed": 3,
	})
	ts.Check(err)
	pushText(ts, "refs/mlopsctl/lease", "lease.json", string(text))
}

func pushText(ts *testscript.TestScript, ref, name, text string) {
	found, err := filepath.Glob(ts.MkAbs(".mlopsctl/sandbox/git/*.git"))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("the sandbox has %d repositories", len(found))
	}
	in := func(stdin string, args ...string) string {
		return git(ts, stdin, append([]string{"--git-dir", found[0]}, args...)...)
	}
	blob := in(text, "hash-object", "-w", "--stdin")
	tree := in(fmt.Sprintf("100644 blob %s\t%s\n", blob, name), "mktree")
	in("", "update-ref", ref, in("", "commit-tree", tree, "-m", "by hand"))
}

// git runs git in the present folder, and returns what it printed.
func git(ts *testscript.TestScript, stdin string, args ...string) string {
	cmd := exec.Command("git", append([]string{"-c", "user.name=ann", "-c", "user.email=ann@example.com"}, args...)...)
	cmd.Dir, cmd.Stdin = ts.MkAbs("."), strings.NewReader(stdin)
	cmd.Env = []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
