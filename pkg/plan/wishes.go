package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Declare asks every type what the spec wishes, and makes one wish of those that mean one live
// object (the first one's address stays; references to the others follow it). Two wishes for one
// object that contradict each other are an error in the spec.
func Declare(types []resource.Type, w resource.Wishes) ([]resource.Wish, diag.List, error) {
	var wishes []resource.Wish
	var problems diag.List
	byKey, byAddr, moved := map[string]int{}, map[string]int{}, map[string]string{}
	for _, t := range types {
		declared, err := t.Declare(w)
		if err != nil {
			return nil, nil, err
		}
		for _, d := range declared {
			key := t.Name + " " + d.Key
			if d.Key == "" {
				key = t.Name + "@" + d.Addr.String()
			}
			first, known := byKey[key]
			if !known {
				if other, clash := byAddr[d.Addr.String()]; clash {
					problems = append(problems, contradiction(wishes[other], d, "both are called so"))
					continue
				}
				byKey[key], byAddr[d.Addr.String()] = len(wishes), len(wishes)
				wishes = append(wishes, d)
				continue
			}
			moved[d.Addr.String()] = wishes[first].Addr.String()
			if fields := Diff(d.Want, wishes[first].Want, append(t.Identity, t.CreateOnly...)...); len(fields) > 0 {
				problems = append(problems, contradiction(wishes[first], d, "their "+fields[0].Path+" differs"))
			}
			wishes[first].Needs = append(slices.Clone(wishes[first].Needs), d.Needs...)
		}
	}
	for i := range wishes {
		follow(&wishes[i], moved)
	}
	return wishes, problems, nil
}

func contradiction(first, second resource.Wish, why string) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Error, Code: "plan/contradiction",
		Summary: fmt.Sprintf("two wishes for %s: %s", first.Addr, why),
		Detail:  fmt.Sprintf("the other stands at %s; keep one of them", first.At),
		Address: first.Addr.String(), Source: &second.At,
	}
}

// follow points a wish's references and needs at the addresses that remained.
func follow(w *resource.Wish, moved map[string]string) {
	w.Want, _ = resource.Resolve(w.Want, func(r resource.Ref) (any, bool) {
		to, ok := moved[r.Addr]
		return map[string]any{"$ref": to, "field": r.Field}, ok
	})
	w.Needs = slices.Clone(w.Needs)
	for i, n := range w.Needs {
		if to, ok := moved[n.Addr]; ok {
			w.Needs[i].Addr = to
		}
	}
}

// Needs returns what a wish needs, with the reasons: what it declares, then what its references say.
func Needs(w resource.Wish) []resource.Need {
	needs := slices.Clone(w.Needs)
	for _, key := range slices.Sorted(maps.Keys(w.Want)) {
		for _, r := range resource.Refs(resource.Object{key: w.Want[key]}) {
			needs = append(needs, resource.Need{Addr: r.Addr, Field: key, Why: fmt.Sprintf("its %s is that one's %s", key, r.Field)})
		}
	}
	self := w.Addr.String()
	seen := map[string]bool{self: true}
	return slices.DeleteFunc(needs, func(n resource.Need) bool {
		again := seen[n.Addr]
		seen[n.Addr] = true
		return again
	})
}

// Graph returns the graph of the wishes and their needs.
func Graph(wishes []resource.Wish) *dag.Graph {
	g := &dag.Graph{}
	for _, w := range wishes {
		var edges []dag.Edge
		for _, n := range Needs(w) {
			edges = append(edges, dag.Edge{To: n.Addr, Why: n.Why})
		}
		g.Add(w.Addr.String(), edges...)
	}
	return g
}

// Select returns the wishes that keep chooses, with all that they need, in their order.
func Select(wishes []resource.Wish, keep func(resource.Wish) bool) []resource.Wish {
	var chosen []string
	for _, w := range wishes {
		if keep(w) {
			chosen = append(chosen, w.Addr.String())
		}
	}
	in := map[string]bool{}
	for _, address := range Graph(wishes).Closure(chosen) {
		in[address] = true
	}
	return slices.DeleteFunc(slices.Clone(wishes), func(w resource.Wish) bool { return !in[w.Addr.String()] })
}

// MatchAddress reports whether a glob means an address: * stands for any run of characters, ? for
// one; everything else for itself, in any case.
func MatchAddress(glob, address string) bool {
	return matchGlob(strings.ToLower(glob), strings.ToLower(address))
}

func matchGlob(glob, text string) bool {
	for len(glob) > 0 {
		switch {
		case glob[0] == '*':
			for i := 0; i <= len(text); i++ {
				if matchGlob(glob[1:], text[i:]) {
					return true
				}
			}
			return false
		case len(text) == 0 || (glob[0] != '?' && glob[0] != text[0]):
			return false
		}
		glob, text = glob[1:], text[1:]
	}
	return len(text) == 0
}
