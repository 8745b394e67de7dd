package proposal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// desk is one for a folder with these files; a name that ends in * is executable.
func desk(t *testing.T, files map[string]string) *Desk {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		mode := os.FileMode(0o600)
		if bare, ok := strings.CutSuffix(name, "*"); ok {
			name, mode = bare, 0o700
		}
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	hub, err := github.New(github.Options{Host: "https://github.com", Owner: "acme", Repo: "taxi", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return New(hub, &spec.Stack{Name: "taxi"})
}

var taxi = spec.Project{Name: "taxi", Path: "taxi"}

func TestAProjectsFilesArePushedAsTheyAre(t *testing.T) {
	k := desk(t, map[string]string{
		"taxi/databricks.yml": "bundle: {name: taxi}\n", "taxi/run.sh*": "#!/bin/sh\n", "taxi/.gitignore": "*.log\n", "taxi/a.log": "x",
		"taxi/.mlopsctl/sandbox/state.json": "{}", "other/b.py": "x", "README.md": "x",
	})
	files, err := k.local(taxi)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Entry().Mode+" "+f.Path)
	}
	want := []string{"100644 taxi/.gitignore", "100644 taxi/databricks.yml", "100755 taxi/run.sh"}
	if !slices.Equal(got, want) {
		t.Errorf("it pushes %q, want %q", got, want)
	}
}

// What cannot be pushed is named, and nothing is left out in silence.
func TestAFileThatIsNoCodeBlocksThePush(t *testing.T) {
	const bundle = "taxi/databricks.yml"
	for name, c := range map[string]struct {
		files map[string]string
		link  string
		says  string
	}{
		"large":             {files: map[string]string{bundle: "", "taxi/data.csv": strings.Repeat("a,b\n", 3<<19)}, says: "taxi/data.csv has 6 MB, and files over 5 MB are data"},
		"binary":            {files: map[string]string{bundle: "", "taxi/model.pkl": "\x80\x04\x00x"}, says: "taxi/model.pkl is binary"},
		"no text":           {files: map[string]string{bundle: "", "taxi/a.py": "\xff\xfe"}, says: "taxi/a.py is binary"},
		"a credential":      {files: map[string]string{bundle: "", "taxi/a.py": "# a\ntoken = 'dapi" + strings.Repeat("0123456789abcdef", 2) + "'\n"}, says: "taxi/a.py:2 looks like"},
		"a link":            {files: map[string]string{bundle: "", "taxi/a.py": "x"}, link: "taxi/b.py", says: "taxi/b.py"},
		"no databricks.yml": {files: map[string]string{"taxi/a.py": "x"}, says: "taxi/databricks.yml is not here"},
		"no folder":         {files: map[string]string{"README.md": "x"}, says: "the project's folder taxi is not here"},
	} {
		k := desk(t, c.files)
		if c.link != "" {
			if err := os.Symlink("a.py", filepath.Join(k.Hub.Dir(), c.link)); err != nil {
				t.Fatal(err)
			}
		}
		files, err := k.local(taxi)
		var blocked *resource.Blocked
		if !errors.As(err, &blocked) || !strings.Contains(blocked.Reason, c.says) || files != nil {
			t.Errorf("%s: %d files, %v; want %q", name, len(files), err, c.says)
		}
		if strings.Contains(name, "credential") && strings.Contains(err.Error(), "0123456789abcdef") {
			t.Errorf("%s: it is shown: %v", name, err)
		}
	}
}

// The pull request of the template's workflow is known by the names that it gives, and no other project's is.
func TestThePullRequestOfTheRepositorysWorkflowIsKnown(t *testing.T) {
	k := desk(t, nil)
	for name, c := range map[string]struct {
		head, title, from string
		want              bool
	}{
		"by its branch":            {"add-cicd-for-taxi-1790000000", "x", "acme/taxi", true},
		"by its title":             {"cicd", "Deploy CICD for taxi", "Acme/Taxi", true},
		"another project's":        {"add-cicd-for-taxi-two-1790000000", "Deploy CICD for taxi-two", "acme/taxi", false},
		"without a time":           {"add-cicd-for-taxi-", "x", "acme/taxi", false},
		"from a fork":              {"add-cicd-for-taxi-1790000000", "Deploy CICD for taxi", "eve/taxi", false},
		"from a fork that is gone": {"add-cicd-for-taxi-1790000000", "Deploy CICD for taxi", "", false},
	} {
		p := github.PullRequest{Title: c.title, Head: github.Tip{Ref: c.head}}
		if c.from != "" {
			p.Head.Repo = &struct {
				FullName string `json:"full_name"`
			}{c.from}
		}
		if got := k.adds(p, "taxi"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestChecksAreSummedUp(t *testing.T) {
	done := func(name, conclusion string) github.Check {
		return github.Check{Name: name, Status: "completed", Conclusion: conclusion}
	}
	bot := github.PullRequest{}
	bot.Author.Login = "github-actions[bot]"
	for want, c := range map[string]struct {
		checks []github.Check
		pull   github.PullRequest
	}{
		"no checks": {},
		"no checks, as a workflow's own token opened it: approve its runs there, or close it and open it again, to start them": {pull: bot},
		"all 3 checks passed":  {checks: []github.Check{done("a", "success"), done("b", "skipped"), done("c", "neutral")}, pull: bot},
		"1 of 2 checks passed": {checks: []github.Check{done("a", "success"), {Name: "b", Status: "queued"}}},
		"checks failed: b, c":  {checks: []github.Check{done("a", "success"), done("b", "failure"), done("c", "timed_out"), {Name: "d", Status: "queued"}}},
	} {
		if got := told(c.checks, c.pull); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
