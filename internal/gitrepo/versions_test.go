package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// work is a work tree with a history of mlops.yaml in the folder stack.
func work(t *testing.T, contents ...string) string {
	t.Helper()
	dir := t.TempDir()
	shell(t, dir, "init", "--quiet", "--initial-branch=main")
	shell(t, dir, "config", "user.name", "Ada")
	shell(t, dir, "config", "user.email", "ada@acme.example")
	for _, c := range contents {
		commitSpec(t, dir, c)
	}
	return dir
}

// commitSpec commits a content of the spec; "" takes it away.
func commitSpec(t *testing.T, dir, content string) {
	t.Helper()
	file := filepath.Join(dir, "stack", "mlops.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if content == "" {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	shell(t, dir, "add", "--all")
	shell(t, dir, "commit", "--quiet", "--allow-empty", "-m", "spec "+content)
}

func contentsOf(t *testing.T, file string, most int) ([]string, error) {
	t.Helper()
	got := []string{}
	err := Versions(file, func(c []byte) bool { got = append(got, string(c)); return len(got) < most })
	return got, err
}

func TestVersionsAreTheCommittedContentsNewestFirst(t *testing.T) {
	dir := work(t, "one", "two", "one", "", "three", "three")
	file := filepath.Join(dir, "stack", "mlops.yaml")
	if err := os.WriteFile(file, []byte("not committed"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := contentsOf(t, file, 99)
	if diff := cmp.Diff([]string{"three", "one", "two"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := contentsOf(t, file, 2); len(got) != 2 || err != nil {
		t.Errorf("after it wanted no more: %v, %v", got, err)
	}
	if got, err := contentsOf(t, filepath.Join(dir, "stack", "other.yaml"), 99); len(got) != 0 || err != nil {
		t.Errorf("of a file that was never committed: %v, %v", got, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(dir, "stack"), link); err != nil {
		t.Fatal(err)
	}
	if got, err := contentsOf(t, filepath.Join(link, "mlops.yaml"), 99); len(got) != 3 || err != nil {
		t.Errorf("through a link: %v, %v", got, err)
	}
}

func TestVersionsOfMergedBranches(t *testing.T) {
	dir := work(t, "one")
	shell(t, dir, "checkout", "--quiet", "-b", "topic")
	commitSpec(t, dir, "of the topic")
	shell(t, dir, "checkout", "--quiet", "main")
	shell(t, dir, "commit", "--quiet", "--allow-empty", "-m", "meanwhile")
	shell(t, dir, "merge", "--quiet", "--no-ff", "-m", "merge", "topic")
	commitSpec(t, dir, "last")
	got, err := contentsOf(t, filepath.Join(dir, "stack", "mlops.yaml"), 99)
	if diff := cmp.Diff([]string{"last", "of the topic", "one"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestVersionsInALinkedWorktreeAndOnADetachedHead(t *testing.T) {
	dir := work(t, "one", "two")
	linked := filepath.Join(t.TempDir(), "linked")
	shell(t, dir, "worktree", "add", "--quiet", "--detach", linked, "HEAD~1")
	got, err := contentsOf(t, filepath.Join(linked, "stack", "mlops.yaml"), 99)
	if diff := cmp.Diff([]string{"one"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestVersionsOfAShallowCloneEndWhereItEnds(t *testing.T) {
	dir := work(t, "one", "two", "three")
	clone := filepath.Join(t.TempDir(), "clone")
	shell(t, dir, "clone", "--quiet", "--depth=2", "file://"+dir, clone)
	file := filepath.Join(clone, "stack", "mlops.yaml")
	got, err := contentsOf(t, file, 99)
	if diff := cmp.Diff([]string{"three", "two"}, got); diff != "" || !errors.Is(err, ErrShallow) {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := contentsOf(t, file, 1); len(got) != 1 || err != nil {
		t.Errorf("one was enough: %v, %v", got, err)
	}
}

func TestVersionsWithoutARepositoryOrACommit(t *testing.T) {
	for name, dir := range map[string]string{"no repository": t.TempDir(), "no commit": work(t)} {
		if got, err := contentsOf(t, filepath.Join(dir, "mlops.yaml"), 99); len(got) != 0 || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestVersionsLookAtABoundedNumberOfCommits(t *testing.T) {
	dir := work(t, "one", "two")
	stream := "reset refs/heads/main\nfrom refs/heads/main^0\n\n"
	for range 2000 {
		stream += "commit refs/heads/main\ncommitter Ada <a@x> 2000000000 +0000\ndata 0\n\n"
	}
	pipe(t, dir, stream, "fast-import", "--quiet")
	got, err := contentsOf(t, filepath.Join(dir, "stack", "mlops.yaml"), 99)
	if diff := cmp.Diff([]string{"two"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
