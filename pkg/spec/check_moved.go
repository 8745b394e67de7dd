package spec

import (
	"fmt"
	"slices"
	"strings"
)

// move is an entry of moved whose addresses are sound.
type move struct {
	*node
	kind, from, to string
}

// checkMoved holds the entries of moved against each other and against what the spec wishes.
func (r *reading) checkMoved() {
	var moves []move
	for _, n := range r.root.get("moved").children() {
		if m, ok := r.checkMove(n, moves); ok {
			moves = append(moves, m)
		}
	}
	r.checkMovedCircles(moves)
	moves = slices.DeleteFunc(moves, func(m move) bool { return m.broken })
	wished := r.wishedAddresses()
	for _, m := range moves {
		if slices.Contains(wished, m.from) {
			r.fail(m.get("from"), found("spec/moved", fmt.Sprintf("the spec still wishes %s where it was", m.get("from").quote()),
				"a rename leaves nothing under the old name; rename it there, or leave the entry out"))
			continue
		}
		r.checkOwnName(m, moves)
	}
	r.hintMoved(moves, wished)
}

// checkMove looks at one entry, beside those before it.
func (r *reading) checkMove(n *node, before []move) (move, bool) {
	from, to := n.get("from"), n.get("to")
	kind, was, sound := r.checkAddress(from)
	if said, ok := to.value(); ok && !isMovable(kind) && strings.HasPrefix(said+"/", kind+"/") {
		to.broken = true // of the same kind, of which all is said
	}
	other, is, ok := r.checkAddress(to)
	if !sound || !ok {
		return move{}, false
	}
	refuse := func(n *node, summary, advice string) (move, bool) {
		r.fail(n, found("spec/moved", summary, advice))
		return move{}, false
	}
	switch {
	case kind != other:
		return refuse(to, fmt.Sprintf("%s is of another kind than %s", to.quote(), from.quote()), "a rename leaves the kind as it is")
	case was == is:
		return refuse(to, fmt.Sprintf("%s moves to where it was", to.quote()), "leave the entry out, or write the new address")
	}
	for _, m := range before {
		switch {
		case m.from == was:
			return refuse(from, fmt.Sprintf("%s moves a second time", from.quote()),
				fmt.Sprintf("the first entry stands in line %d; keep one", m.keyAt.Line))
		case m.to == is:
			return refuse(to, fmt.Sprintf("a second thing moves to %s", to.quote()),
				fmt.Sprintf("the first entry stands in line %d; keep one", m.keyAt.Line))
		}
	}
	return move{node: n, kind: kind, from: was, to: is}, true
}

// checkOwnName holds the end of a rename of the stack, or of its repository, against the spec's name.
func (r *reading) checkOwnName(m move, all []move) {
	own := map[string]*node{"stack": r.root.get("name"), "repository": r.root.find("git", "repository")}[m.kind]
	name, ok := own.value()
	to := m.get("to")
	owner := func(address string) string { return strings.ToLower(strings.Split(address, "/")[1]) }
	switch {
	case m.kind == "repository" && owner(m.from) != owner(m.to):
		r.fail(to, found("spec/moved", fmt.Sprintf("%s has another owner than %s", to.quote(), m.get("from").quote()),
			"hand the repository over on GitHub; its ledger goes with it, and no entry is needed"))
	case !ok || slices.ContainsFunc(all, func(next move) bool { return next.from == m.to }):
	case m.to != m.kind+"/"+name:
		r.fail(to, found("spec/moved", fmt.Sprintf("%s is not what the spec is about", to.quote()),
			fmt.Sprintf("write %s/ and the spec's own name, %s", m.kind, own.quote())))
	}
}

// checkMovedCircles reports each circle of renames once, at the first of its entries in the file.
func (r *reading) checkMovedCircles(moves []move) {
	next := map[string]move{}
	for _, m := range moves {
		next[m.from] = m
	}
	done := map[string]bool{}
	for _, m := range moves {
		var way []string
		for at := m.from; at != "" && !done[at]; at = next[at].to {
			if i := slices.Index(way, at); i >= 0 {
				r.fail(next[at].node, found("spec/moved", fmt.Sprintf("%s moves in a circle, over %d entries", next[at].where(), len(way)-i),
					"what changes places takes two applies, with a name between"))
				for _, of := range way[i:] {
					next[of].broken = true
				}
				break
			}
			way = append(way, at)
		}
		for _, w := range way {
			done[w] = true
		}
	}
}

// hintMoved warns of a rename to what the spec does not wish: most likely a slip, and then what was
// there is deleted and something else created. Kinds that the spec also implies are left alone.
func (r *reading) hintMoved(moves []move, wished []string) {
	section := map[string][]string{
		"branch": {"branches"}, "branch_protection": {"branches"}, "team": {"git", "teams"}, "environment": {"targets"},
		"service_principal": {"targets"}, "group": {"groups"}, "catalog": {"catalogs"}, "schema": {"catalogs"},
	}
	for _, m := range moves {
		where, told := section[m.kind]
		of := r.root.find(where...)
		inChain := slices.ContainsFunc(moves, func(next move) bool { return next.from == m.to })
		if !told || inChain || m.get("from").broken || slices.Contains(wished, m.to) || strings.Count(m.to, "/") > 1 && m.kind != "branch" ||
			of == nil && !r.absent(r.root.find(where[:len(where)-1]...), where[len(where)-1]) || !of.whole() {
			continue
		}
		alike := slices.DeleteFunc(slices.Clone(wished), func(address string) bool { return !strings.HasPrefix(address, m.kind+"/") })
		r.warn(m.get("to"), found("spec/moved", fmt.Sprintf("the spec wishes no %s", m.get("to").quote()),
			orNearest("write the address that it has now, or leave the entry out", m.to, alike)))
	}
}

// whole reports whether n and all below it can be relied on.
func (n *node) whole() bool {
	sound := true
	n.walk(func(c *node) { sound = sound && !c.broken && !c.misnamed && !c.strange })
	return sound
}
