package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// remember adds to a change what the ledger knows of the object: that it becomes the stack's, that somebody
// deleted it, and who changed the fields that differ.
func remember(c *Change, in Input, t resource.Type, want resource.Object) error {
	ownable, err := Ownable(t, want)
	if err != nil || in.Owned == nil {
		return err
	}
	if c.Before == nil {
		o := in.Owned.object(c.Address)
		if c.Action == Create && o == nil && !in.Applied {
			c.Cause = BySpec
		}
		if o != nil && c.Action == Create {
			c.Cause = Outside
			c.Reason = fmt.Sprintf("it is not there any longer: somebody deleted what this stack %s on %s", verb(o.Origin), day(o.Since))
		}
		return nil
	}
	record := in.Owned.byIdentity(t, c.Before)
	if len(t.LiveIdentity) == 0 {
		record = in.Owned.object(c.Address)
	}
	if record != nil {
		if c.Action == Update {
			c.Reason = cmp.Or(blame(c.Fields, *record, "somebody else"), c.Reason)
			if c.Cause = causeOf(in, c.Fields, *record); c.Cause == Outside {
				c.Was = record
			}
		}
		return nil
	}
	if !ownable || in.Owned.intends(c.Address) {
		return nil
	}
	other := ""
	if o := in.Owned.object(c.Address); o != nil {
		other = fmt.Sprintf("; what this stack %s on %s has gone, and another has its place", verb(o.Origin), day(o.Since))
	}
	switch c.Action {
	case None:
		c.Action, c.Reason = Adopt, "it is there already, as wished; it becomes this stack's"+other
	case Update:
		c.Reason += "; it was there already and becomes this stack's" + other
	}
	return nil
}

func verb(o ledger.Origin) string {
	if o == ledger.Adopted {
		return "adopted"
	}
	return "made"
}

// BlameService says of what somebody outside was thought to have changed that it was the service: nobody has touched the object.
func (c *Change) BlameService() {
	c.Cause, c.Reason = ByService, cmp.Or(blame(c.Fields, *c.Was, "the service"), c.Reason)
}

// blame says of the fields that differ whether the spec or another changed them; "" where the ledger does not know.
func blame(fields []Field, o ledger.Object, other string) string {
	var by []string
	others := false
	for _, f := range fields {
		was, known := at(o.Live, f.Path)
		switch {
		case !known || f.KnownAfterApply:
			return ""
		case reflect.DeepEqual(was, f.Before):
			by = append(by, fmt.Sprintf("%s: the spec changed", f.Path))
		default:
			others = true
			by = append(by, meddled(f.Path, other, was))
		}
	}
	if !others {
		return "" // nothing that the fields do not say themselves
	}
	return strings.Join(by, "; ")
}

// meddled says who changed a field, and what it was when the ledger recorded it.
func meddled(path, who string, was any) string {
	return fmt.Sprintf("%s: %s changed it since this stack's last apply, when it was %s", path, who, brief(was))
}

// meddling is what somebody changed of an object that is about to go; "" where it is as it was recorded. What others
// added to the list of an object stays, and is none of it.
func meddling(t resource.Type, o ledger.Object, live resource.Object) string {
	var by strings.Builder
	for _, field := range slices.Sorted(maps.Keys(live)) {
		was, known := o.Live[field]
		if known && field != t.Items && encoded(was) != encoded(live[field]) {
			by.WriteString("; " + meddled(field, "somebody else", was))
		}
	}
	return by.String()
}

// causeOf is what a difference comes from, the least expected of its fields' causes: somebody else, the service, the
// spec. With the spec as it was applied last, a field that nobody changed was left over by an apply, and has none.
func causeOf(in Input, fields []Field, o ledger.Object) Cause {
	causes := map[Cause]bool{}
	for _, f := range fields {
		was, known := at(o.Live, f.Path)
		switch {
		case known && !reflect.DeepEqual(was, f.Before) && !f.KnownAfterApply:
			return Outside
		case !known && in.Applied && f.Before != nil:
			causes[ByService] = true
		case !in.Applied:
			causes[BySpec] = true
		}
	}
	switch {
	case causes[ByService]:
		return ByService
	case causes[BySpec]:
		return BySpec
	default:
		return ""
	}
}

func at(o resource.Object, path string) (any, bool) {
	var v any = map[string]any(o)
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// brief is a value in at most a few words.
func brief(v any) string {
	const longest = 60
	text := encoded(v)
	if r := []rune(text); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return text
}

func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "something else" // impossible for what is JSON already
	}
	return string(data)
}

// sortedByNeeds orders changes so that each comes after all that it needs.
func sortedByNeeds(changes []Change) []Change {
	var g dag.Graph
	byAddr := map[string]Change{}
	for _, c := range changes {
		var edges []dag.Edge
		for _, n := range c.Needs {
			edges = append(edges, dag.Edge{To: n.Addr, Why: n.Why})
		}
		g.Add(c.Address, edges...)
		byAddr[c.Address] = c
	}
	order, err := g.Sort()
	if err != nil {
		return changes // a forged ledger can say so; the walk refuses it, and names the cycle
	}
	out := make([]Change, 0, len(changes))
	for _, address := range order {
		if c, ok := byAddr[address]; ok {
			out = append(out, c)
		}
	}
	return out
}
