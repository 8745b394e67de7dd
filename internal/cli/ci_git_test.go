package cli

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// git runs git in a folder, as nobody in particular.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=ann", "-c", "user.email=ann@example.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin:/usr/local/bin", "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A job with the base's rights checks out what somebody proposes, in every way that there is; the base alone is no matter.
func TestACheckoutOfTheHeadInAPrivilegedJobIsRefused(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request_target")
	server, err := p.box.Serve(t.Context(), sandbox.ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	i := slices.IndexFunc(server.Addresses, func(s sandbox.Served) bool { return s.Host == "https://github.com" })
	remote := strings.Replace(server.Addresses[i].URL, "://", "://x:"+p.box.Operator()["GITHUB_TOKEN"]+"@", 1) + "/acme/fares.git"
	if err := os.Remove(filepath.Join(p.dir, "mlops.yaml")); err != nil {
		t.Fatal(err)
	}
	git(t, p.dir, "init", "-q")
	git(t, p.dir, "fetch", "-q", remote, "main:base", "refs/pull/1/head:head")
	for name, c := range map[string]struct {
		after [][]string
		code  int
	}{
		"the base alone":  {nil, 0},
		"its commit":      {[][]string{{"checkout", "-q", "--detach", "head"}}, 5},
		"its branch":      {[][]string{{"checkout", "-q", "-B", "x", "head"}}, 5},
		"its merge":       {[][]string{{"merge", "-q", "--no-ff", "-m", "x", "head"}}, 5},
		"its files alone": {[][]string{{"checkout", "-q", "head", "--", "mlops.yaml"}}, 5},
		"all of it, anew": {[][]string{{"merge", "-q", "--squash", "head"}, {"commit", "-q", "-m", "x"}}, 5},
	} {
		git(t, p.dir, "checkout", "-q", "-f", "--detach", "base")
		for _, args := range c.after {
			git(t, p.dir, args...)
		}
		for event, args := range map[string][]string{"pull_request_target": nil, "issue_comment": {"--pull-request", "1"}, "workflow_run": {"--pull-request", "1"}, "workflow_dispatch": {"--pull-request", "1", "--head-from-api"}} {
			p.env["GITHUB_EVENT_NAME"] = event
			p.sent = nil
			code, said := p.check(append(args, "--comment=false")...)
			if code != c.code || strings.Contains(said, "ci/head-checked-out") != (c.code == 5) {
				t.Errorf("%s, in a job of %s: exit code %d, want %d:\n%s", name, event, code, c.code, said)
			}
			if c.code == 5 {
				p.harmless()
			}
		}
	}
}

// What lies here is neither what is proposed nor fetched: nothing is wrong with it, and it is not what was asked about.
func TestACheckoutOfAnotherCommitIsSaid(t *testing.T) {
	p := scene{spec: changed("OWNER: ann", "OWNER: bob"), event: "pull_request", own: true}.open(t)
	git(t, p.dir, "init", "-q")
	git(t, p.dir, "add", "mlops.yaml")
	git(t, p.dir, "commit", "-q", "-m", "here")
	if _, said := p.check(); !strings.Contains(said, "ci/elsewhere") {
		t.Errorf("it is not said:\n%s", said)
	}
}

// A pull request takes the spec away: that is told where it is reviewed.
func TestASpecThatIsTakenAwayIsToldInTheComment(t *testing.T) {
	p := scene{spec: changed("OWNER: ann", "OWNER: bob"), event: "pull_request", own: true}.open(t)
	p.env["GITHUB_TOKEN"] = "ghs_job"
	if err := os.Remove(filepath.Join(p.dir, "mlops.yaml")); err != nil {
		t.Fatal(err)
	}
	code, said := p.check()
	if comment := p.comment(); code != 3 || !strings.Contains(comment, "The spec is not valid") || !strings.Contains(comment, "spec/file") {
		t.Errorf("exit code %d, the comment is %s\n%s", code, comment, said)
	}
}

// What the base branch has got since the pull request left it is not the pull request's doing, whether its merge is checked out or not.
func TestAHeadBehindItsBaseChangesNothingOfWhatCameSince(t *testing.T) {
	p := scene{spec: changed("OWNER: ann", "OWNER: bob"), event: "pull_request", own: true}.open(t)
	file := p.ask("GET", "/contents/mlops.yaml", nil)
	newer := changed("variables: {", "variables: { SINCE: x,")
	p.ask("PUT", "/contents/mlops.yaml", map[string]any{"message": "since", "branch": "main", "sha": file["sha"], "content": base64.StdEncoding.EncodeToString([]byte(newer))})
	p.retell()
	_, said := p.check("-o", "json")
	if rows := changesOf(t, said); len(rows) != 1 || rows["variable/OWNER"] == "" || !strings.Contains(said, "ci/behind") {
		t.Errorf("it changes %v:\n%s", rows, said)
	}
}
