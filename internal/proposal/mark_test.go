package proposal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
)

func text(at, content string) gitrepo.File { return gitrepo.File{Path: at, Content: []byte(content)} }

// branch is what a branch with these files holds.
func branch(files ...gitrepo.File) map[string]gitrepo.Entry {
	on := map[string]gitrepo.Entry{}
	for _, f := range files {
		on[f.Path] = f.Entry()
	}
	return on
}

const (
	ci     = ".github/workflows/mlops-ci.yml"
	deploy = ".github/workflows/taxi-deploy.yml"
	theirs = ".github/workflows/lint.yml"
)

// A description keeps its mark whatever a path holds, and whatever people write around it.
func TestAMarkIsReadAsItWasWritten(t *testing.T) {
	m := Mark{Stack: "taxi", Head: "abc", Closed: true, Files: map[string]string{ci: "1", "a --> <!-- mlopsctl {} -->": "2"}}
	body := m.write("The workflows.\n")
	if diff := cmp.Diff(m, ReadMark(body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	body = "Edited by a person.\n" + body + "\nAnd below.\n"
	next := Mark{Stack: "taxi", Files: map[string]string{deploy: "3"}}
	again := next.write(body)
	if diff := cmp.Diff(next, ReadMark(again)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := strings.Count(again, "<!-- mlopsctl"); n != 1 || !strings.HasPrefix(again, "Edited by a person.\n") || !strings.HasSuffix(again, "\nAnd below.\n") {
		t.Errorf("%d marks in\n%s", n, again)
	}
	for _, body := range []string{"", "nothing", "<!-- mlopsctl {broken} -->"} {
		if m := ReadMark(body); m.Stack != "" || len(m.Files) > 0 {
			t.Errorf("%q has the mark %+v", body, m)
		}
	}
}

// What has grown old is written anew; what somebody else has edited is left; what the mark does not know yet is remembered.
func TestAnEditIsToldFromWhatHasGrownOld(t *testing.T) {
	wished := text(ci, "new")
	for name, c := range map[string]struct {
		known, there, base string // contents; "" is none
		outdated, edited   bool
		current            bool
	}{
		"it is as wished":                     {known: "new", there: "new", current: true},
		"it is as wished, and not remembered": {known: "old", there: "new"},
		"it has grown old":                    {known: "old", there: "old", outdated: true, current: true},
		"somebody has edited it":              {known: "old", there: "mine", edited: true, current: true},
		"somebody has deleted it":             {known: "old", edited: true, current: true},
		"it was never there":                  {outdated: true, current: true},
		"it is the base's":                    {there: "base", base: "base", outdated: true, current: true},
		"somebody else has added it":          {there: "mine", edited: true, current: true},
	} {
		on, base, m := map[string]gitrepo.Entry{}, map[string]gitrepo.Entry{}, Mark{Files: map[string]string{}}
		if c.there != "" {
			on = branch(text(ci, c.there))
		}
		if c.base != "" {
			base = branch(text(ci, c.base))
		}
		if c.known != "" {
			m.Files[ci] = text(ci, c.known).Entry().Hash
		}
		outdated, edited, current := m.state(Draft{On: base, Generated: []gitrepo.File{wished}}, on)
		if (len(outdated) == 1) != c.outdated || (len(edited) == 1) != c.edited || current != c.current {
			t.Errorf("%s: outdated %q, edited %q, current %t", name, outdated, edited, current)
		}
	}
}

// Of the workflows that are not wished any more those go that are as they were pushed, or as the default branch is to lose them.
func TestWhatIsNeedlessGoesUnlessSomebodyHasEditedIt(t *testing.T) {
	pushed := map[string]string{deploy: text(deploy, "pushed").Entry().Hash}
	for name, c := range map[string]struct {
		known        map[string]string
		on, base     map[string]gitrepo.Entry
		leaves       []string
		gone, edited []string
	}{
		"pushed here, and needless now":        {known: pushed, on: branch(text(deploy, "pushed")), gone: []string{deploy}},
		"pushed here, and edited here":         {known: pushed, on: branch(text(deploy, "mine")), edited: []string{deploy}},
		"pushed here, and gone already":        {known: pushed, on: branch()},
		"the base's, which is to go":           {on: branch(text(deploy, "old")), base: branch(text(deploy, "old")), leaves: []string{deploy}, gone: []string{deploy}},
		"the base's, which stays":              {on: branch(text(deploy, "old")), base: branch(text(deploy, "old"))},
		"the base's, edited on the branch":     {on: branch(text(deploy, "mine")), base: branch(text(deploy, "old")), leaves: []string{deploy}, edited: []string{deploy}},
		"somebody else's workflow":             {known: map[string]string{theirs: text(theirs, "x").Entry().Hash}, on: branch(text(theirs, "x"))},
		"one that nobody has pushed from here": {on: branch(text(deploy, "mine"))},
	} {
		gone, edited := Mark{Files: c.known}.leftovers(Draft{On: c.base, Generated: []gitrepo.File{text(ci, "x")}, Gone: c.leaves}, c.on)
		if diff := cmp.Diff([][]string{c.gone, c.edited}, [][]string{gone, edited}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is generated stands for what is here, and a draft is needless once the default branch has all of it and nothing to lose.
func TestADraftIsNeedlessOnceAllOfItIsThere(t *testing.T) {
	d := Draft{Code: []gitrepo.File{text("taxi/databricks.yml", "here"), text("taxi/a.py", "a")}, Generated: []gitrepo.File{text("taxi/databricks.yml", "aligned")}}
	d.On = branch(text("taxi/databricks.yml", "aligned"), text("taxi/a.py", "a"), text("README.md", "x"))
	if !d.Needless() {
		t.Errorf("outdated are %q", Outdated(d.On, d.Files()))
	}
	d.Gone = []string{deploy}
	if d.Needless() {
		t.Error("a file is to go, and the draft is needless")
	}
	d.Gone, d.On = nil, branch(text("taxi/databricks.yml", "here"), gitrepo.File{Path: "taxi/a.py", Content: []byte("a"), Executable: true})
	if diff := cmp.Diff([]string{"taxi/a.py", "taxi/databricks.yml"}, Outdated(d.On, d.Files())); diff != "" {
		t.Errorf("a mode and a content differ (-want +got):\n%s", diff)
	}
}
