package gitrepo

import (
	"context"
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// server is a bare repository behind git's own HTTP backend, and what it was asked with.
type server struct {
	dir   string
	url   string
	users []string
}

func serve(t *testing.T) *server {
	t.Helper()
	root := t.TempDir()
	s := &server{dir: filepath.Join(root, "repo.git")}
	shell(t, root, "init", "--quiet", "--bare", "--initial-branch=main", s.dir)
	shell(t, s.dir, "config", "http.receivepack", "true")
	backend := filepath.Join(shell(t, root, "--exec-path"), "git-http-backend")
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		s.users = append(s.users, user)
		(&cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}}).ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	s.url = listener.URL + "/repo.git"
	return s
}

func (s *server) remote() Remote {
	return Remote{
		URL: s.url, Transport: http.DefaultTransport,
		Token: func(context.Context) (string, error) { return "a-token", nil },
	}
}

func shell(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// project is a folder with files by path; a path that ends in * is executable.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		mode := os.FileMode(0o644)
		if bare, ok := strings.CutSuffix(name, "*"); ok {
			name, mode = bare, 0o755
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func commitOf(dir string, paths ...string) Commit {
	return Commit{
		Dir: dir, Paths: paths, Branch: "main", Message: "Adding project README",
		Author: Signature{Name: "Ada", Email: "ada@acme.example", When: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)},
	}
}

func TestPushMakesTheCommitThatGitWouldMake(t *testing.T) {
	s := serve(t)
	dir := project(t, map[string]string{
		"README.md": "# Taxi\n", ".gitignore": "*.tmp\n/build/\n!keep.tmp\n", "docs/a.md": "a", "docs/a/b.md": "b", "docs/run.sh*": "#!/bin/sh\n",
		"docs/x.tmp": "left out", "docs/keep.tmp": "kept", "docs/.git/config": "never", "docs/.mlopsctl/state": "never",
		"docs/sub/.gitignore": "secret\n", "docs/sub/secret": "left out", "unlisted": "left out",
	})
	hash, err := Push(t.Context(), s.remote(), commitOf(dir, "README.md", "docs", ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	if got := shell(t, s.dir, "rev-parse", "refs/heads/main"); got != hash {
		t.Errorf("main is at %s, the push said %s", got, hash)
	}
	shell(t, s.dir, "fsck", "--strict")
	want := strings.Join([]string{
		"100644 .gitignore", "100644 README.md", "100644 docs/a.md", "100644 docs/a/b.md", "100644 docs/keep.tmp",
		"100755 docs/run.sh", "100644 docs/sub/.gitignore",
	}, "\n")
	if diff := cmp.Diff(want, shell(t, s.dir, "ls-tree", "-r", "--format=%(objectmode) %(path)", "main")); diff != "" {
		t.Errorf("the tree differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("Ada <ada@acme.example> Adding project README", shell(t, s.dir, "log", "-1", "--format=%an <%ae> %s", "main")); diff != "" {
		t.Error(diff)
	}
	if got := shell(t, s.dir, "show", "main:docs/a/b.md"); got != "b" {
		t.Errorf("docs/a/b.md holds %q", got)
	}
	for _, user := range s.users {
		if user != "x-access-token" {
			t.Errorf("a request was sent as %q", user)
		}
	}
}

func TestPushNeverMovesABranch(t *testing.T) {
	s := serve(t)
	dir := project(t, map[string]string{"README.md": "one"})
	first, err := Push(t.Context(), s.remote(), commitOf(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	again := commitOf(project(t, map[string]string{"README.md": "two"}), "README.md")
	if _, err := Push(t.Context(), s.remote(), again); !errors.Is(err, resource.ErrExists) {
		t.Errorf("a second push says %v, want that the branch exists", err)
	}
	if got := shell(t, s.dir, "rev-parse", "main"); got != first {
		t.Errorf("main moved from %s to %s", first, got)
	}
}

func TestPushTellsWhatTheServerSays(t *testing.T) {
	s := serve(t)
	hook := "#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(s.dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Push(t.Context(), s.remote(), commitOf(project(t, map[string]string{"README.md": "x"}), "README.md"))
	if err == nil || !strings.Contains(err.Error(), "GH013: Repository rule violations found") {
		t.Errorf("the error is %v, want the server's reason in it", err)
	}
}

func TestPushRefusesWhatMustNotBePushed(t *testing.T) {
	dir := project(t, map[string]string{"README.md": "x", ".gitignore": "ignored\n", "ignored": "x", ".git/config": "x", "empty/.mlopsctl/x": "x", "links/a": "x"})
	outside := project(t, map[string]string{"secret": "x"})
	for link, to := range map[string]string{"link": "README.md", "links/b": "a", "out": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "big"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "big"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	for path, reason := range map[string]string{
		"../x": "leads out of", "/etc/passwd": "leads out of", "link": "symbolic link", "links": "symbolic link", "out/secret": "symbolic link",
		".git/config": "never pushed", "ignored": ".gitignore", "big": "50 MB", "empty": "hold no file", "gone": "no such file",
	} {
		_, err := collect(dir, []string{path})
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: the error is %v, want %q in it", path, err, reason)
		}
	}
}

func TestMissingNamesThePathsThatAreNotThere(t *testing.T) {
	dir := project(t, map[string]string{"README.md": "x", "docs/a": "x"})
	got, err := Missing(dir, []string{"README.md", "LICENSE", "docs", "docs/b"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"LICENSE", "docs/b"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Missing(dir, []string{"../README.md"}); err == nil {
		t.Error("a path that leads out of the folder is taken")
	}
}

func TestLocalUserIsWhatGitWouldPutOnACommit(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := t.TempDir()
	shell(t, dir, "init", "--quiet")
	shell(t, dir, "config", "user.name", "Ada")
	shell(t, dir, "config", "user.email", "ada@acme.example")
	if name, email := LocalUser(dir); name != "Ada" || email != "ada@acme.example" {
		t.Errorf("got %s <%s>", name, email)
	}
	if name, email := LocalUser(t.TempDir()); name != "mlopsctl" || email == "" {
		t.Errorf("without any, got %s <%s>", name, email)
	}
}
