package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Mermaid is a plan's graph as a picture: an arrow leads from what comes first to what comes after,
// and an arrow that a longer way implies is left out, so that it can be read.
func Mermaid(p *plan.Plan) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := nodeIDs(p)
	for h, host := range distinct(p.Changes, func(c plan.Change) string { return c.Host }) {
		fmt.Fprintf(&b, "  subgraph host%d[\"%s\"]\n", h, mermaidText(host))
		for _, c := range p.Changes {
			if c.Host == host {
				fmt.Fprintf(&b, "    %s[\"%s\"]:::%s\n", ids[c.Address], mermaidText(label(c)), c.Action)
			}
		}
		b.WriteString("  end\n")
	}
	g := graphOf(p.Changes)
	for _, c := range p.Changes {
		for _, need := range direct(g, c.Address) {
			fmt.Fprintf(&b, "  %s --> %s\n", ids[need.To], ids[c.Address])
		}
	}
	used := distinct(p.Changes, func(c plan.Change) string { return string(c.Action) })
	slices.Sort(used)
	for _, a := range used {
		look := lookOf(plan.Action(a))
		fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:#1f2328\n", a, look.fill, look.stroke)
	}
	return b.String()
}

// Dot is a plan's graph for graphviz, with every need and its reason as the edge's tooltip.
func Dot(p *plan.Plan) string {
	var b strings.Builder
	b.WriteString("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n")
	ids := nodeIDs(p)
	for h, host := range distinct(p.Changes, func(c plan.Change) string { return c.Host }) {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s;\n", h, dotText(host))
		for _, c := range p.Changes {
			if c.Host == host {
				look := lookOf(c.Action)
				fmt.Fprintf(&b, "    %s [label=%s, tooltip=%s, fillcolor=%q, color=%q];\n",
					ids[c.Address], dotText(label(c)), dotText(string(c.Action)+": "+c.Reason), look.fill, look.stroke)
			}
		}
		b.WriteString("  }\n")
	}
	for _, c := range p.Changes {
		for _, n := range c.Needs {
			if from, known := ids[n.Addr]; known {
				fmt.Fprintf(&b, "  %s -> %s [tooltip=%s];\n", from, ids[c.Address], dotText(n.Why))
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func nodeIDs(p *plan.Plan) map[string]string {
	ids := map[string]string{}
	for i, c := range p.Changes {
		ids[c.Address] = fmt.Sprintf("n%d", i)
	}
	return ids
}

func label(c plan.Change) string {
	if symbol := strings.TrimSpace(markOf(c.Action).symbol); symbol != "" {
		return symbol + " " + c.Address
	}
	return c.Address
}

func graphOf(changes []plan.Change) *dag.Graph {
	g := &dag.Graph{}
	for _, c := range changes {
		var edges []dag.Edge
		for _, n := range c.Needs {
			edges = append(edges, dag.Edge{To: n.Addr, Why: n.Why})
		}
		g.Add(c.Address, edges...)
	}
	return g
}

// direct returns what the node needs and nothing else that it needs needs already.
func direct(g *dag.Graph, node string) []dag.Edge {
	implied := map[string]bool{}
	needs := g.Needs(node)
	for _, n := range needs {
		for _, further := range g.Closure([]string{n.To}) {
			implied[further] = implied[further] || further != n.To
		}
	}
	var out []dag.Edge
	for _, n := range needs {
		if !implied[n.To] {
			out = append(out, n)
		}
	}
	return out
}

type look struct{ fill, stroke string }

func lookOf(a plan.Action) look {
	switch a {
	case plan.Create, plan.Adopt:
		return look{"#dafbe1", "#1a7f37"}
	case plan.Update, plan.Rotate, plan.Replace:
		return look{"#fff8c5", "#9a6700"}
	case plan.Delete, plan.Release:
		return look{"#ffebe9", "#cf222e"}
	case plan.Wait, plan.Blocked:
		return look{"#ddf4ff", "#0969da"}
	case plan.Unknown:
		return look{"#fbefff", "#8250df"}
	default:
		return look{"#f6f8fa", "#8c959f"}
	}
}

// mermaidText writes what could end or format a label as mermaid's own entities.
func mermaidText(text string) string {
	var b strings.Builder
	for _, r := range Clean(text) {
		if strings.ContainsRune("\"#<>&;`\\*", r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// dotText is a quoted string of dot in which a backslash is one.
func dotText(text string) string {
	text = strings.ReplaceAll(Clean(text), `\`, `\\`)
	return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
}
