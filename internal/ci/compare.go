package ci

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Sides are the plans that a report compares, each made in this process. Base is nil where nothing is
// compared with: outside of a pull request.
type Sides struct {
	Base, Head *plan.Plan
	Types      map[string]resource.Type
}

// Compare sorts what the two plans say into the lists of a report, the gravest first. What both plans
// say alike was so before the pull request. What could not be read is compared wish with wish.
func (r *Report) Compare(s Sides) error {
	base := map[string]plan.Change{}
	if s.Base != nil {
		for _, c := range s.Base.Changes {
			base[c.Address] = c
		}
	}
	seen := map[string]bool{}
	for _, c := range s.Head.Changes {
		seen[c.Address] = true
		was, there := base[c.Address]
		if !there {
			r.alone(s, c)
			continue
		}
		if err := r.both(s, was, c); err != nil {
			return fmt.Errorf("comparing %s of the two specs: %w", c.Address, err)
		}
	}
	if s.Base != nil {
		for _, c := range s.Base.Changes {
			if !seen[c.Address] && !c.Leaving {
				r.gone(s, c)
			}
		}
	}
	r.place(base)
	gravestFirst(r.Changes)
	gravestFirst(r.Drift)
	r.Requests = s.Head.Requests
	if s.Base != nil {
		r.Requests = sum(s.Base.Requests, s.Head.Requests)
	}
	return nil
}

// place says of what leaves where the base's spec has it, or that no line is about it.
func (r *Report) place(base map[string]plan.Change) {
	for _, rows := range [][]Row{r.Changes, r.Drift, r.Settled, r.Held} {
		for i := range rows {
			row := &rows[i]
			was, there := base[row.Address]
			switch {
			case row.Wish == Removed && there && !was.Leaving:
				row.Source, row.Left = was.Source, true
			case row.Leaving:
				row.Source = diag.Pos{File: row.Source.File}
			}
		}
	}
}

func sum(a, b plan.Requests) plan.Requests {
	all := plan.Requests{Total: a.Total + b.Total, ByHost: map[string]int{}}
	for _, r := range []plan.Requests{a, b} {
		for host, n := range r.ByHost {
			all.ByHost[host] += n
		}
	}
	return all
}

// alone is an object that the base's plan does not know.
func (r *Report) alone(s Sides, c plan.Change) {
	row := Row{Change: c, Known: Live, Wish: Added}
	if c.Action == plan.Unknown {
		row.Known, row.Fields = Wish, wished(s.Types[c.Kind], c.Want, nil)
	}
	switch {
	case c.Action == plan.None && s.Base == nil:
	case s.Base == nil && !c.Action.Acts():
		r.Held = append(r.Held, row)
	default:
		r.Changes = append(r.Changes, row)
	}
}

// both is an object that both plans know.
func (r *Report) both(s Sides, was, c plan.Change) error {
	row := Row{Change: c, Known: Live, Wish: Kept}
	t := s.Types[c.Kind]
	fields := wished(t, c.Want, was.Want)
	if len(fields) > 0 {
		row.Wish = Changed
	}
	if c.Leaving && !was.Leaving {
		row.Wish = Removed
	}
	if unseen(c) && row.Wish == Changed {
		row.Known, row.Fields = Wish, fields
		if t.Danger != nil {
			danger, err := t.Danger(was.Want, plan.Merge(c.Want, was.Want))
			if err != nil {
				return err
			}
			row.Danger = danger
		}
	}
	switch {
	case unseen(c) && row.Wish == Kept && unseen(was), !c.Action.Acts() && c.Action != plan.None && alike(was, c) && row.Wish == Kept:
		r.Held = append(r.Held, row)
	case row.Wish == Kept && unseen(was) || alike(was, c) && row.Known == Live:
		r.before(row)
	case c.Action == plan.None && was.Action != plan.None && !unseen(was):
		r.Settled = append(r.Settled, Row{Change: was, Known: Live, Wish: row.Wish})
	default:
		r.Changes = append(r.Changes, row)
	}
	return nil
}

// before keeps a difference that is not the pull request's.
func (r *Report) before(row Row) {
	if row.Action != plan.None && !row.Ageing {
		r.Drift = append(r.Drift, row)
	}
}

// unseen: nothing is known of the object itself.
func unseen(c plan.Change) bool {
	return c.Action == plan.Unknown || c.Action == plan.Blocked && c.Before == nil && len(c.Fields) == 0
}

// alike reports whether two plans do the same with an object.
func alike(a, b plan.Change) bool {
	return a.Action == b.Action && a.Danger == b.Danger && a.Leaving == b.Leaving && reflect.DeepEqual(a.Fields, b.Fields)
}

// gone is an object that the pull request's spec wishes no longer, and of which its plan says nothing: the
// ledger does not hold it, or could not be read.
func (r *Report) gone(s Sides, was plan.Change) {
	row := Row{Change: was, Known: Wish, Wish: Removed}
	row.Fields, row.DependsOn, row.Needs = []plan.Field{}, []string{}, []resource.Need{}
	row.Action, row.Danger = plan.None, resource.Unguarded
	row.Reason = "it leaves the spec; nothing shows that this stack made it, so it stays as it is"
	if r.Known == Wish || unseen(was) {
		row.Action, row.Danger = plan.Unknown, s.Types[was.Kind].Takes()
		row.Reason = "it leaves the spec; it is deleted if this stack made it"
	}
	r.Changes = append(r.Changes, row)
}

// wished are the fields in which two wishes for one object differ; was is nil where there was none.
func wished(t resource.Type, want, was resource.Object) []plan.Field {
	want, was = named(want), named(was)
	for key, value := range was {
		if _, still := want[key]; !still {
			want[key] = nil // it is managed no longer
		} else if slices.Contains(t.Identity, key) {
			want[key] = value // found by it, both times
		}
	}
	fields := plan.Diff(want, was)
	if fields == nil {
		return []plan.Field{}
	}
	return fields
}

// named is a wish with words in place of what other objects will say: two wishes are compared, and no value is
// known of either.
func named(o resource.Object) resource.Object {
	out, _ := resource.Resolve(o, func(r resource.Ref) (any, bool) { return fmt.Sprintf("(%s of %s)", r.Field, r.Addr), true })
	if out == nil {
		return resource.Object{}
	}
	return out
}

// Drifted sorts what a plan of the base branch's spec says into what drifted and what only waits for an apply, as the
// spec changed since the last one.
func (r *Report) Drifted(p *plan.Plan) {
	r.Watch = true
	defer r.place(nil)
	for _, c := range p.Changes {
		row := Row{Change: c, Known: Live, Wish: Kept}
		switch {
		case c.Action == plan.None || c.Ageing:
		case !c.Action.Acts():
			r.Held = append(r.Held, row)
		case c.Cause == plan.BySpec:
			r.Changes = append(r.Changes, row)
		default:
			r.Drift = append(r.Drift, row)
		}
	}
	gravestFirst(r.Changes)
	gravestFirst(r.Drift)
	r.Requests = p.Requests
}
