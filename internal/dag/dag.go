// Package dag orders nodes by what they need and walks them in parallel. Edges bear a label, so that
// a cycle explains itself.
package dag

import (
	"fmt"
	"slices"
	"strings"
)

// Graph is a set of nodes and what each of them needs. The zero Graph is empty and ready to use.
// Nodes keep the order in which they were added; it breaks every tie.
type Graph struct {
	order []string
	needs map[string][]Edge
}

// Edge is a need: To must be settled first, because of Why.
type Edge struct{ To, Why string }

// Add adds a node with its needs, or more needs to a node that is there. A need that is never added
// as a node itself is ignored.
func (g *Graph) Add(id string, needs ...Edge) {
	if g.needs == nil {
		g.needs = map[string][]Edge{}
	}
	if _, known := g.needs[id]; !known {
		g.order = append(g.order, id)
	}
	for _, n := range needs {
		if !slices.ContainsFunc(g.needs[id], func(e Edge) bool { return e.To == n.To }) {
			g.needs[id] = append(g.needs[id], n)
		}
	}
	if g.needs[id] == nil {
		g.needs[id] = []Edge{}
	}
}

// Has reports whether the node was added.
func (g *Graph) Has(id string) bool { _, ok := g.needs[id]; return ok }

// Needs returns what the node needs, of the nodes that were added.
func (g *Graph) Needs(id string) []Edge {
	var out []Edge
	for _, e := range g.needs[id] {
		if g.Has(e.To) {
			out = append(out, e)
		}
	}
	return out
}

// Nodes returns every node in the order in which they were added.
func (g *Graph) Nodes() []string { return slices.Clone(g.order) }

// Closure returns ids and all that they need, directly or not, in the graph's order.
func (g *Graph) Closure(ids []string) []string {
	in := map[string]bool{}
	todo := slices.Clone(ids)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if in[id] || !g.Has(id) {
			continue
		}
		in[id] = true
		for _, e := range g.Needs(id) {
			todo = append(todo, e.To)
		}
	}
	return slices.DeleteFunc(g.Nodes(), func(id string) bool { return !in[id] })
}

// CycleError is a graph that cannot be ordered: every step needs the next, the last the first.
type CycleError struct{ Steps []CycleStep }

// CycleStep is a node of a cycle and why it needs the next one.
type CycleStep struct{ Node, Why string }

// Error names the whole way round.
func (c *CycleError) Error() string {
	var b strings.Builder
	b.WriteString("a cycle: ")
	for i, s := range c.Steps {
		if i > 0 {
			b.WriteString(", ")
		}
		next := c.Steps[(i+1)%len(c.Steps)].Node
		fmt.Fprintf(&b, "%s needs %s (%s)", s.Node, next, s.Why)
	}
	return b.String()
}

// Sort returns the nodes so that each comes after all that it needs, otherwise in the order in which
// they were added; or a *CycleError.
func (g *Graph) Sort() ([]string, error) {
	const visiting, visited = 1, 2
	state := map[string]int{}
	var sorted []string
	var trail []CycleStep
	var visit func(id string) error
	visit = func(id string) error {
		switch state[id] {
		case visited:
			return nil
		case visiting:
			from := slices.IndexFunc(trail, func(s CycleStep) bool { return s.Node == id })
			return &CycleError{Steps: slices.Clone(trail[from:])}
		}
		state[id] = visiting
		for _, e := range g.Needs(id) {
			trail = append(trail, CycleStep{Node: id, Why: e.Why})
			if err := visit(e.To); err != nil {
				return err
			}
			trail = trail[:len(trail)-1]
		}
		state[id] = visited
		sorted = append(sorted, id)
		return nil
	}
	for _, id := range g.order {
		if err := visit(id); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}
