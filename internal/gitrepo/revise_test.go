package gitrepo

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// entriesOf is what git lists of a commit on the server.
func (s *server) entriesOf(t *testing.T, commit string) []Entry {
	t.Helper()
	var all []Entry
	for line := range strings.Lines(shell(t, s.dir, "ls-tree", "-r", commit)) {
		fields := strings.Fields(line)
		all = append(all, Entry{Mode: fields[0], Hash: fields[2], Path: fields[3]})
	}
	return all
}

// A revision is one commit on top of what the server has: the files that are given are as they are given, all others stay as they
// are, executable or not, and a file that is left out of the tree is gone.
func TestARevisionChangesItsFilesAndNoOther(t *testing.T) {
	s := serve(t)
	dir := project(t, map[string]string{"README.md": "# Taxi\n", "run.sh*": "#!/bin/sh\n", "src/a.py": "print(1)\n", "old.yml": "x\n"})
	first, err := Push(t.Context(), s.remote(), commitOf(dir, "README.md", "run.sh", "src", "old.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var kept []Entry
	for _, e := range s.entriesOf(t, first) {
		if e.Path != "old.yml" {
			kept = append(kept, e)
		}
	}
	author := commitOf(dir, "README.md").Author
	r := Revision{Branch: "add-code", Parent: first, Tree: kept, Message: "Add ML Code", Author: author,
		Files: []File{{Path: "src/a.py", Content: []byte("print(2)\n")}, {Path: "deep/er/b.sh", Content: []byte("true\n"), Executable: true}}}
	made, err := Revise(t.Context(), s.remote(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got := shell(t, s.dir, "rev-parse", "add-code"); got != made {
		t.Errorf("the branch stands at %s, want %s", got, made)
	}
	const changes = "A\tdeep/er/b.sh\nD\told.yml\nM\tsrc/a.py"
	if got := shell(t, s.dir, "diff-tree", "-r", "--name-status", first, made); got != changes {
		t.Errorf("it changes\n%s\nwant\n%s", got, changes)
	}
	modes := map[string]string{}
	for _, e := range s.entriesOf(t, made) {
		modes[e.Path] = e.Mode
	}
	if modes["run.sh"] != "100755" || modes["deep/er/b.sh"] != "100755" || modes["README.md"] != "100644" {
		t.Errorf("the modes are %v", modes)
	}
	const log = "Add ML Code|Ada|ada@acme.example|Ada"
	if got := shell(t, s.dir, "log", "-1", "--format=%B|%an|%ae|%cn", "add-code"); strings.ReplaceAll(got, "\n", "") != log {
		t.Errorf("git log shows %q, want %q", got, log)
	}
	shell(t, s.dir, "fsck", "--strict")
	again := s.entriesOf(t, made)
	for _, f := range r.Files {
		found := false
		for _, e := range again {
			found = found || e == f.Entry()
		}
		if !found {
			t.Errorf("%s is not what its Entry says: %+v", f.Path, again)
		}
	}
}

// A branch that is there though it must not be, or that has moved, is left where it stands.
func TestARevisionOverridesNobody(t *testing.T) {
	s := serve(t)
	dir := project(t, map[string]string{"README.md": "# Taxi\n"})
	first, err := Push(t.Context(), s.remote(), commitOf(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := Revision{Branch: "main", Parent: first, Tree: s.entriesOf(t, first), Message: "x", Author: commitOf(dir, "README.md").Author,
		Files: []File{{Path: "a", Content: []byte("a")}}}
	if _, err := Revise(t.Context(), s.remote(), r); !errors.Is(err, resource.ErrExists) {
		t.Errorf("a branch that is there: %v", err)
	}
	r.Old = strings.Repeat("1", 40)
	if _, err := Revise(t.Context(), s.remote(), r); !errors.Is(err, ErrMoved) || errors.Is(err, resource.ErrExists) {
		t.Errorf("a branch that has moved: %v", err)
	}
	if got := shell(t, s.dir, "rev-parse", "main"); got != first {
		t.Errorf("the branch stands at %s, want %s", got, first)
	}
}
