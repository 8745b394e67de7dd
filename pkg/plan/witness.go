package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Moved is a step of a saved plan that does not stand in the new one. Done says that there is nothing left of it
// to do.
type Moved struct {
	Address, Why string
	Done         bool
}

// Witness compares a saved plan with one made now. A saved plan is no order: its steps run only if
// every one of them stands in the new plan unchanged; drift elsewhere does not matter. It returns
// the addresses of the saved steps, and those that moved.
func Witness(saved, now *Plan) (steps []string, moved []Moved) {
	for _, s := range saved.Changes {
		if !s.Action.Acts() {
			continue
		}
		steps = append(steps, s.Address)
		if why := differ(s, now.Find(s.Address)); why != "" {
			moved = append(moved, Moved{Address: s.Address, Why: why, Done: finished(s, now.Find(s.Address))})
		}
	}
	return steps, moved
}

// finished reports whether a saved step has nothing left to do.
func finished(saved Change, now *Change) bool {
	if now == nil {
		return saved.Action == Delete || saved.Action == Release
	}
	return now.Action == None
}

// Same reports whether two plans have the same steps.
func Same(a, b *Plan) bool {
	ours, moved := Witness(a, b)
	theirs, _ := Witness(b, a)
	return len(moved) == 0 && len(ours) == len(theirs)
}

func differ(saved Change, now *Change) string {
	switch {
	case now == nil:
		return "the spec no longer wishes it"
	case now.Action == None:
		return "it is done already, or somebody else did it"
	case now.Action != saved.Action:
		return fmt.Sprintf("the plan said %s, now it would be %s: %s", saved.Action, now.Action, now.Reason)
	case text(saved.Before) != text(now.Before):
		return "what is there changed: " + strings.Join(paths(Diff(saved.Before, now.Before), Diff(now.Before, saved.Before)), ", ")
	case text(saved.After) != text(now.After) || text(saved.Fields) != text(now.Fields):
		return "what it would become changed: " + strings.Join(paths(Diff(saved.After, now.After), Diff(now.After, saved.After)), ", ")
	case text(saved.DependsOn) != text(now.DependsOn):
		return "what it depends on changed"
	case saved.Kind != now.Kind || saved.Host != now.Host || saved.Danger != now.Danger || saved.Batch != now.Batch:
		return "it is not the change that this program planned"
	}
	return ""
}

func paths(lists ...[]Field) []string {
	seen := map[string]bool{}
	var out []string
	for _, list := range lists {
		for _, f := range list {
			if !seen[f.Path] {
				seen[f.Path] = true
				out = append(out, f.Path)
			}
		}
	}
	return out
}

// text is v as canonical JSON, whatever Go types it went through.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("not JSON: %v", err) // impossible for what a plan holds; differs from all JSON
	}
	return string(data)
}

// Restrict returns the plan with only those steps acting; every other change stays as it is, so that
// its live values can still be referred to.
func (p *Plan) Restrict(steps []string) *Plan {
	out := *p
	out.Changes = slices.Clone(p.Changes)
	for i, c := range out.Changes {
		if c.Action.Acts() && !slices.Contains(steps, c.Address) {
			out.Changes[i].Action = None
			out.Changes[i].Reason = "the saved plan does not name it; before: " + c.Reason
		}
	}
	return &out
}
