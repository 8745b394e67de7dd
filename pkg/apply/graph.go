package apply

import (
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// prepare makes the graph to walk: a node for each step, and one for each batch. What is deleted comes
// after everything that is made or changed, so that nothing is taken away before what replaces it stands.
func (r *run) prepare(p *plan.Plan) (*dag.Graph, error) {
	r.units = map[string][]string{}
	unitOf := map[string]string{}
	for _, c := range p.Changes {
		r.values[c.Address] = c.Before
		if c.Before == nil {
			r.values[c.Address] = c.After
		}
		if !c.Action.Acts() {
			continue
		}
		r.changes[c.Address] = c
		unit := c.Address
		if c.Batch != "" {
			unit = "batch " + c.Batch
		}
		r.units[unit] = append(r.units[unit], c.Address)
		unitOf[c.Address] = unit
	}
	g := &dag.Graph{}
	for _, c := range p.Changes {
		unit, acts := unitOf[c.Address]
		if !acts {
			continue
		}
		g.Add(unit)
		for _, n := range c.Needs {
			if to := unitOf[n.Addr]; to != "" && to != unit && c.Action.Sends() {
				g.Add(unit, dag.Edge{To: to, Why: n.Why})
			}
		}
	}
	r.foundFirst(g, unitOf[r.options.Founding])
	r.deleteLast(g)
	if _, err := g.Sort(); err != nil {
		return nil, fmt.Errorf("ordering the steps: %w", err)
	}
	return g, nil
}

func (r *run) foundFirst(g *dag.Graph, first string) {
	for _, unit := range g.Nodes() {
		if first != "" && unit != first {
			g.Add(unit, dag.Edge{To: first, Why: "it comes before all others"})
		}
	}
}

// deletion is the node that stands between what is made and what is deleted.
const deletion = "what is deleted"

func (r *run) deleteLast(g *dag.Graph) {
	r.last = map[string]bool{}
	var first []dag.Edge
	for _, unit := range g.Nodes() {
		deletes := func(address string) bool { return r.changes[address].Action == plan.Delete }
		if slices.IndexFunc(r.units[unit], func(a string) bool { return !deletes(a) }) < 0 {
			r.last[unit] = true
			continue
		}
		first = append(first, dag.Edge{To: unit, Why: "nothing is deleted before what replaces it stands"})
	}
	if len(first) == 0 || len(r.last) == 0 {
		return
	}
	for unit := range r.last {
		g.Add(unit, dag.Edge{To: deletion, Why: "it is deleted"})
	}
	g.Add(deletion, first...)
}

// unfounded returns the founding step if it failed and this is another one, or "".
func (r *run) unfounded(address string) string {
	first := r.options.Founding
	if address != first && r.results[first].Status == Failed {
		return first
	}
	return ""
}

// failedBefore returns the first step that failed of all those that come before a deletion, or "".
func (r *run) failedBefore(unit string) string {
	if !r.last[unit] {
		return ""
	}
	failed := ""
	for address, result := range r.results {
		missing := result.Status == Failed || result.Status == Skipped
		if missing && result.Action != plan.Delete && (failed == "" || address < failed) {
			failed = address
		}
	}
	return failed
}
