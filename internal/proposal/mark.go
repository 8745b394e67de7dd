package proposal

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// Mark is what a pull request's description says, unseen, of what was pushed to its branch: so that an edit of
// somebody else's is told from a version of ours that has grown old. Whoever can edit it can push to the branch.
type Mark struct {
	Stack  string            `json:"stack"`
	Files  map[string]string `json:"files"`            // the objects of the generated files, by path
	Head   string            `json:"head,omitempty"`   // the commit that was pushed, as long as nobody else has pushed to the branch
	Closed bool              `json:"closed,omitempty"` // by us, as it was needless
}

var markForm = regexp.MustCompile(`<!-- mlopsctl (\{.*\}) -->`)

// mark is the mark of what is pushed.
func mark(stack string, generated []gitrepo.File) Mark {
	m := Mark{Stack: stack, Files: map[string]string{}}
	for _, f := range generated {
		m.Files[f.Path] = f.Entry().Hash
	}
	return m
}

// ReadMark returns the mark of a description; the zero Mark where there is none.
func ReadMark(body string) Mark {
	var m Mark
	if found := markForm.FindStringSubmatch(body); found != nil {
		if err := json.Unmarshal([]byte(found[1]), &m); err != nil {
			return Mark{}
		}
	}
	return m
}

// write puts the mark into a description in the place of the one that it has.
func (m Mark) write(body string) string {
	data, err := json.Marshal(m) // it escapes <, > and &, so that no path ends the comment
	if err != nil {
		return body // impossible for strings
	}
	text := "<!-- mlopsctl " + string(data) + " -->"
	if markForm.MatchString(body) {
		return markForm.ReplaceAllLiteralString(body, text)
	}
	return strings.TrimRight(body, "\n") + "\n\n" + text + "\n"
}

// state sorts the generated files of a branch: those that have to be written, those that somebody else has
// edited, and whether the mark is as it has to be. A file that no mark knows is somebody else's, unless it is the
// base's.
func (m Mark) state(d Draft, on map[string]gitrepo.Entry) (outdated, edited []string, current bool) {
	outdated, edited, current = []string{}, []string{}, true
	for _, f := range d.Generated {
		wished, live, known := f.Entry(), on[f.Path], m.Files[f.Path]
		foreign := known == "" && live.Hash != "" && live != d.On[f.Path]
		switch {
		case live == wished:
			current = current && known == wished.Hash
		case foreign, known != "" && live.Hash != known:
			edited = append(edited, f.Path)
		default:
			outdated = append(outdated, f.Path)
		}
	}
	slices.Sort(outdated)
	slices.Sort(edited)
	return outdated, edited, current
}

// leftovers are the workflows on a branch that are not the draft's any more: those that are as they were pushed there, or
// as they are on the default branch that is to lose them, are to go; what somebody else has edited is not.
func (m Mark) leftovers(d Draft, on map[string]gitrepo.Entry) (gone, edited []string) {
	wished := map[string]bool{}
	for _, f := range d.Files() {
		wished[f.Path] = true
	}
	for _, at := range slices.Sorted(maps.Keys(on)) {
		live, known, leaves := on[at], m.Files[at], slices.Contains(d.Gone, at)
		switch {
		case wished[at], !workflows.MayWrite(at), known == "" && !leaves:
		case live == d.On[at] && !leaves: // it is no part of what the branch brings
		case live.Hash == known, leaves && live == d.On[at]:
			gone = append(gone, at)
		default:
			edited = append(edited, at)
		}
	}
	return gone, edited
}

func holds(on map[string]gitrepo.Entry, paths []string) bool {
	return slices.ContainsFunc(paths, func(at string) bool { return on[at].Hash != "" })
}

// with is the mark once these files are written; what others have edited stays known as it was.
func (m Mark) with(stack string, generated []gitrepo.File, edited []string) Mark {
	next := mark(stack, generated)
	next.Head = m.Head
	for _, at := range edited {
		delete(next.Files, at)
		if was, ok := m.Files[at]; ok {
			next.Files[at] = was
		}
	}
	return next
}
