package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stockGit runs the git program in a folder, as a user would, and returns what it printed.
type stockGit struct {
	t   *testing.T
	dir string
}

func (g stockGit) try(args ...string) (string, error) {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "git", args...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@acme.test", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@acme.test")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g stockGit) run(args ...string) string {
	g.t.Helper()
	out, err := g.try(args...)
	if err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// refused runs what the server must refuse, and wants it to say why.
func (g stockGit) refused(want string, args ...string) {
	g.t.Helper()
	out, err := g.try(args...)
	if err == nil || !strings.Contains(out, want) {
		g.t.Errorf("git %s: %v; want %q in\n%s", strings.Join(args, " "), err, want, out)
	}
}

func (g stockGit) write(name, content string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

func (g stockGit) commit(message string) {
	g.t.Helper()
	g.run("add", "--all")
	g.run("commit", "--quiet", "--allow-empty", "--message", message)
}

// withToken is the address of a repository with a credential in it.
func withToken(address, token, repo string) string {
	return strings.Replace(address, "http://", "http://x-access-token:"+token+"@", 1) + "/" + repo
}

func newStockGit(t *testing.T, remote string) stockGit {
	t.Helper()
	g := stockGit{t, t.TempDir()}
	g.run("init", "--quiet", "--initial-branch=main")
	g.run("remote", "add", "origin", remote)
	return g
}

func TestAStockGitPushesAndClones(t *testing.T) {
	api, address := serveGitHub(t, "")
	api.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo", "private": true})
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.write("README.md", "hello\n")
	g.write("large.txt", strings.Repeat("a line that compresses\n", 100_000))
	g.commit("first")
	g.run("push", "--quiet", "--atomic", "origin", "main", "main:release", "main:refs/mlopsctl/state")
	if got, want := api.head("acme/demo", "main"), strings.TrimSpace(g.run("rev-parse", "HEAD")); got != want {
		t.Errorf("main is at %s, pushed %s", got, want)
	}
	api.get("/repos/acme/demo/git/ref/mlopsctl/state")

	clone := stockGit{t, filepath.Join(t.TempDir(), "clone")}
	stockGit{t, t.TempDir()}.run("clone", "--quiet", withToken(address, api.token, "acme/demo"), clone.dir)
	clone.write("more.txt", "more\n")
	clone.commit("second")
	clone.run("push", "--quiet")
	g.run("pull", "--quiet", "origin", "main")
	if _, err := os.Stat(filepath.Join(g.dir, "more.txt")); err != nil {
		t.Error(err)
	}
	file := api.get("/repos/acme/demo/contents/more.txt").object
	if file["content"] != "bW9yZQo=" {
		t.Errorf("content %v", file["content"])
	}
	if out := g.run("ls-remote", "origin", "refs/mlopsctl/*"); !strings.Contains(out, "refs/mlopsctl/state") {
		t.Errorf("ls-remote: %q", out)
	}
	g.run("push", "--quiet", "origin", ":release")
	api.do(404, "GET", "/repos/acme/demo/git/ref/heads/release", nil)
	shallow := stockGit{t, filepath.Join(t.TempDir(), "shallow")}
	stockGit{t, t.TempDir()}.run("clone", "--quiet", "--depth=1", withToken(address, api.token, "acme/demo"), shallow.dir)
	shallow.write("third.txt", "third\n")
	shallow.commit("third")
	shallow.run("push", "--quiet")
}

func TestTheFirstBranchPushedBecomesTheDefault(t *testing.T) {
	api, address := serveGitHub(t, "")
	api.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo"})
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.commit("first")
	g.run("push", "--quiet", "origin", "main:refs/mlopsctl/lease")
	if got := api.get("/repos/acme/demo").object["default_branch"]; got != "main" {
		t.Errorf("after a push of no branch: %v", got)
	}
	g.run("push", "--quiet", "origin", "main:trunk")
	if got := api.get("/repos/acme/demo").object["default_branch"]; got != "trunk" {
		t.Errorf("default branch %v", got)
	}
	if out := g.run("ls-remote", "--symref", "origin", "HEAD"); !strings.Contains(out, "refs/heads/trunk") {
		t.Errorf("HEAD: %q", out)
	}
}

func TestAPushIsRefusedByTheRules(t *testing.T) {
	api, address := serveGitHub(t, " repositories: [{ name: acme/demo, files: { a: b }, branches: [release] }]\n")
	api.do(201, "POST", "/repos/acme/demo/rulesets", protect("main", []string{"~DEFAULT_BRANCH"}, pullRequestRule(1)))
	api.do(201, "POST", "/repos/acme/demo/rulesets", protect("release", []string{"refs/heads/release"},
		map[string]any{"type": "non_fast_forward"}, map[string]any{"type": "deletion"}))
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.run("pull", "--quiet", "origin", "main")
	before := api.head("acme/demo", "main")
	g.commit("direct")
	g.refused("Changes must be made through a pull request.", "push", "origin", "main")
	g.refused("GH013: Repository rule violations found for refs/heads/main", "push", "origin", "main")
	g.refused("push declined due to repository rule violations", "push", "origin", "main")
	g.refused("atomic push failure", "push", "--atomic", "origin", "main", "main:topic")
	api.do(404, "GET", "/repos/acme/demo/git/ref/heads/topic", nil)
	g.refused("[new branch]", "push", "origin", "main", "main:topic") // the one that nothing is against
	if got := api.head("acme/demo", "main"); got != before {
		t.Errorf("main moved to %s", got)
	}
	g.run("push", "--quiet", "origin", "main:release")
	g.refused("Cannot force-push to this branch", "push", "--force", "origin", before+":refs/heads/release")
	g.refused("Cannot delete this branch", "push", "origin", ":release")
	g.refused("refusing to delete the current branch", "push", "origin", ":main")
	g.refused("deny updating a hidden ref", "push", "origin", "main:refs/pull/7/head")
	g.refused("funny refname", "push", "origin", "main:refs/mlopsctl")
	if diff := cmp.Diff("never", api.get("/repos/acme/demo/rulesets/" + ghID(api.get("/repos/acme/demo/rulesets").list[0])).object["current_user_can_bypass"]); diff != "" {
		t.Error(diff)
	}
}

func TestAPushNeedsTheRightToWrite(t *testing.T) {
	api, address := serveGitHub(t, `
 base_permission: none
 users:
 - { login: reader, token: t-reader }
 - { login: writer, token: t-writer }
 - { login: builder, token: t-builder, scopes: [repo, workflow] }
 - { login: stranger, token: t-stranger }
 repositories:
 - { name: acme/demo, files: { a: b }, collaborators: { reader: read, writer: write, builder: write } }
 - { name: acme/attic, archived: true, files: { a: b } }
`)
	remote := func(token string) string { return withToken(address, token, "acme/demo.git") }
	g := newStockGit(t, remote("t-writer"))
	g.run("pull", "--quiet", "origin", "main")
	g.commit("second")
	g.refused("403", "push", remote("t-reader"), "main")
	g.refused("Repository not found", "push", remote("t-stranger"), "main")
	g.refused("Authentication failed", "push", remote("nonsense"), "main")
	g.refused("could not read Username", "fetch", address+"/acme/demo.git")
	g.refused("archived", "push", withToken(address, api.token, "acme/attic.git"), "main")
	g.run("push", "--quiet", "origin", "main")
	if err := os.MkdirAll(filepath.Join(g.dir, ".github/workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.write(".github/workflows/ci.yml", "on: push\n")
	g.commit("workflow")
	g.refused("without `workflow` scope", "push", "origin", "main")
	g.run("push", "--quiet", remote("t-builder"), "main")
}

func TestAStaleOldValueIsRefused(t *testing.T) {
	api, address := serveGitHub(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.run("pull", "--quiet", "origin", "main")
	g.commit("mine")
	g.run("push", "--quiet", "origin", "main:refs/mlopsctl/lease")
	first := strings.TrimSpace(g.run("rev-parse", "HEAD"))
	g.commit("again")
	g.run("push", "--quiet", "--force-with-lease=refs/mlopsctl/lease:"+first, "origin", "main:refs/mlopsctl/lease")
	g.commit("late")
	g.refused("stale info", "push", "--force-with-lease=refs/mlopsctl/lease:"+first, "origin", "main:refs/mlopsctl/lease")
	g.refused("stale info", "push", "--force-with-lease=refs/mlopsctl/lease:", "origin", "main:refs/mlopsctl/lease")
}
