package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// mark is how an action looks: a symbol of one to three columns, its colour, and the words around it.
type mark struct {
	symbol   string
	colour   colour
	done     string // "created"
	doing    string // "creating"
	undone   string // "to create"
	optional bool   // left out of a summary when there are none
}

func markOf(a plan.Action) mark {
	switch a {
	case plan.Create:
		return mark{symbol: "+", colour: green, done: "created", doing: "creating", undone: "to create"}
	case plan.Update:
		return mark{symbol: "~", colour: yellow, done: "updated", doing: "updating", undone: "to update"}
	case plan.Replace:
		return mark{symbol: "-/+", colour: red, done: "replaced", doing: "replacing", undone: "to replace", optional: true}
	case plan.Delete:
		return mark{symbol: "-", colour: red, done: "deleted", doing: "deleting", undone: "to delete"}
	case plan.Rotate:
		return mark{symbol: "↻", colour: yellow, done: "renewed", doing: "renewing", undone: "to renew", optional: true}
	case plan.Adopt:
		return mark{symbol: "=", colour: cyan, done: "adopted", doing: "adopting", undone: "to adopt", optional: true}
	case plan.Release:
		return mark{symbol: "o", colour: cyan, done: "released", doing: "releasing", undone: "to release", optional: true}
	case plan.Wait:
		return mark{symbol: "…", colour: cyan, undone: "waiting for a person", optional: true}
	case plan.Blocked:
		return mark{symbol: "!", colour: yellow, undone: "blocked", optional: true}
	case plan.Unknown:
		return mark{symbol: "?", colour: red, undone: "unknown", optional: true}
	default:
		return mark{symbol: " ", colour: dim, undone: string(a), optional: true}
	}
}

// sign is an action's symbol in three columns.
func (s Style) sign(a plan.Action) string {
	const columns = 3
	m := markOf(a)
	return strings.Repeat(" ", columns-utf8.RuneCountInString(m.symbol)) + s.paint(m.colour, m.symbol)
}

// toDo counts what a plan would do: "2 to create, 0 to update, 0 to delete", and more where there is
// more. The actions in without are left out.
func toDo(p *plan.Plan, without ...plan.Action) string {
	counts := p.Count()
	var parts []string
	for _, a := range plan.Actions() {
		m := markOf(a)
		if a == plan.None || slices.Contains(without, a) || m.optional && counts[a] == 0 {
			continue
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[a], m.undone))
	}
	return strings.Join(parts, ", ")
}

// danger says in words what a change takes away, or "".
func danger(c plan.Change) string {
	deletes := c.Action == plan.Delete
	switch {
	case c.Danger == resource.DataLoss && c.Kind == "branch":
		return "destroys commits that are on no other branch"
	case c.Danger == resource.DataLoss && c.Kind == "environment":
		return "destroys its secrets and variables"
	case c.Danger == resource.AccessLoss && c.Kind == "catalog_binding":
		return "locks out workspaces that are not named"
	case c.Danger == resource.AccessLoss && c.Kind == "branch_protection" && deletes:
		return "lets through what was refused before"
	case c.Danger == resource.AccessLoss && c.Kind == "branch_protection":
		return "lets fewer people go past it"
	case c.Danger == resource.AccessLoss && c.Kind == "secret":
		return "takes it away from the workflows that use it"
	default:
		return dangerOf(c.Danger)
	}
}

// dangerOf is what several changes take away at worst, or "".
func dangerOf(g resource.Guard) string {
	switch g {
	case resource.DataLoss:
		return "destroys data"
	case resource.AccessLoss:
		return "takes access away"
	default:
		return ""
	}
}

// plural is "1 object" or "2 objects".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
