package gitrepo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is left out is what git leaves out, by the rules of every folder and by those of this clone alone.
func TestWhatIsIgnoredIsWhatGitIgnores(t *testing.T) {
	rules := map[string]string{
		"names":                     "*.log\n!important.log\n",
		"folders":                   "build/\n/only\n",
		"anchored":                  "/top.txt\ndocs/draft.md\n",
		"stars":                     "**/cache\ndocs/**/gen.txt\ndata/**\n",
		"one letter":                "a?c.txt\n[xy].dat\n[!k].bin\n",
		"back again":                "data/*\n!data/keep.txt\n!build/x.txt\n",
		"not below what is ignored": "data/\n!data/keep.txt\n",
		"spaces and escapes":        "top.txt  \n\\#hash\n\\!bang\n# top.txt\n\n",
		"windows":                   "*.log\r\nbuild/\r\n",
		"a mark at the beginning":   "\ufeff*.log\n",
		"everything but":            "/*\n!/docs\n!/.gitignore\n",
	}
	files := []string{"top.txt", "a.log", "important.log", "build/x.txt", "sub/build/x.txt", "only", "sub/only", "docs/draft.md", "sub/docs/draft.md",
		"cache/a", "sub/cache/a", "docs/gen.txt", "docs/a/b/gen.txt", "data/keep.txt", "data/other.txt", "data/in/keep.txt", "abc.txt", "sub/abc.txt",
		"x.dat", "z.dat", "k.bin", "m.bin", "#hash", "!bang", "sub/top.txt", "sub/important.log", "sub/b.log", "sub/local.cfg", "local.cfg", "sub/in/anchored",
		"sub/anchored", "mine.env", "sub/mine.env", "with space.txt", "ünï.txt"}
	for name, text := range rules {
		t.Run(name, func(t *testing.T) {
			all := map[string]string{".gitignore": text, "sub/.gitignore": "!b.log\nlocal.cfg\n/anchored\n"}
			for _, f := range files {
				all[f] = "x"
			}
			dir := project(t, all)
			shell(t, dir, "init", "--quiet", "--template=")
			if err := os.MkdirAll(filepath.Join(dir, ".git", "info"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, ".git", "info", "exclude"), []byte("mine.env\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			collected, err := collect(dir, []string{"."})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range collected {
				got = append(got, f.path)
			}
			want := strings.Split(strings.TrimRight(shell(t, dir, "ls-files", "--others", "--exclude-standard", "-z"), "\x00"), "\x00")
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what is pushed differs from what git takes (-git +ours):\n%s", diff)
			}
		})
	}
}

// A repository within the folder has a history of its own, which git would link and not copy.
func TestARepositoryWithinTheFolderIsNotPushed(t *testing.T) {
	for name, at := range map[string]string{"a clone": "lib/.git/HEAD", "a submodule": "lib/.git"} {
		dir := project(t, map[string]string{"README.md": "x", "lib/a.py": "x", at: "gitdir: ../.git/modules/lib\n"})
		for _, paths := range [][]string{{"."}, {"lib"}, {"lib/a.py"}} {
			if _, err := collect(dir, paths); err == nil || !strings.Contains(err.Error(), "lib is a repository of its own") {
				t.Errorf("%s by %v: %v", name, paths, err)
			}
		}
	}
}
