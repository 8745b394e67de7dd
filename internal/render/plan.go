package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// indent is where what is said about a change begins.
const indent = "        "

// PlanView is how much of a plan is shown, and how. Elapsed is left out when it is 0.
type PlanView struct {
	Style         Style
	Elapsed       time.Duration
	ShowUnchanged bool

	order *dag.Graph // of the changes that are shown
}

// Plan is a plan for people: what changes, by host and kind, then what cannot change now and why, and
// a line that sums it up.
func Plan(p *plan.Plan, v PlanView) string {
	var b strings.Builder
	acting := v.pick(p, func(c plan.Change) bool { return shownAsChange(c.Action) })
	v.order = graphOf(acting)
	for _, host := range distinct(acting, func(c plan.Change) string { return c.Host }) {
		v.host(&b, host, acting)
	}
	v.held(&b, p, plan.Wait, "Waiting for a person")
	v.held(&b, p, plan.Blocked, "Blocked: nothing is done about these until somebody acts")
	v.held(&b, p, plan.Unknown, "Unknown: these could not be read, so nothing is said about them")
	v.unchanged(&b, p)
	b.WriteString(v.summary(p) + "\n")
	return b.String()
}

// shownAsChange: the actions that stand in the list of changes, and not under what is held up.
func shownAsChange(a plan.Action) bool {
	return a.Acts() || a == plan.Adopt || a == plan.Release
}

func (v PlanView) pick(p *plan.Plan, keep func(plan.Change) bool) []plan.Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c plan.Change) bool { return !keep(c) })
}

// distinct returns the values of key in the order in which they first occur.
func distinct(changes []plan.Change, key func(plan.Change) string) []string {
	var out []string
	for _, c := range changes {
		if k := key(c); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func (v PlanView) host(b *strings.Builder, host string, acting []plan.Change) {
	own := slices.DeleteFunc(slices.Clone(acting), func(c plan.Change) bool { return c.Host != host })
	title := host
	if title == "" {
		title = "no host of its own"
	}
	fmt.Fprintf(b, "%s\n", v.Style.paint(bold, Clean(title)))
	for _, kind := range distinct(own, func(c plan.Change) string { return c.Kind }) {
		fmt.Fprintf(b, "\n  %s\n", v.Style.paint(dim, Clean(strings.ReplaceAll(kind, "_", " "))))
		for _, c := range own {
			if c.Kind == kind {
				v.change(b, c)
			}
		}
	}
	b.WriteByte('\n')
}

func (v PlanView) change(b *strings.Builder, c plan.Change) {
	line := "  " + v.Style.sign(c.Action) + " " + Clean(c.Address)
	if c.Action != plan.Create { // that what is created is not there goes without saying
		line += "  " + v.Style.paint(dim, Clean(c.Reason))
	}
	fmt.Fprintln(b, line)
	if words := danger(c); words != "" {
		fmt.Fprintln(b, indent+v.Style.paint(red, "danger: "+words))
	}
	for _, l := range v.Style.fieldLines(c) {
		fmt.Fprintln(b, indent+l)
	}
	for _, n := range direct(v.order, c.Address) {
		if givesField(c, n.To) {
			continue // the field says so, or the address
		}
		fmt.Fprintln(b, indent+v.Style.paint(dim, v.Style.wrap(indent+"  ", "after "+Clean(n.To)+": "+Clean(n.Why))))
	}
}

// givesField reports whether a change needs an object for a value that it is made with.
func givesField(c plan.Change, address string) bool {
	return slices.ContainsFunc(c.Needs, func(n resource.Need) bool { return n.Addr == address && n.Field != "" })
}

// held lists the changes of an action that nothing is done about, with the places of their wishes in
// the spec, and each reason once below all that share it.
func (v PlanView) held(b *strings.Builder, p *plan.Plan, a plan.Action, title string) {
	list := v.pick(p, func(c plan.Change) bool { return c.Action == a })
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n\n", v.Style.paint(bold, title))
	for _, reason := range distinct(list, func(c plan.Change) string { return c.Reason }) {
		for _, c := range list {
			if c.Reason != reason {
				continue
			}
			line := "  " + v.Style.sign(a) + " " + Clean(c.Address)
			if !c.Source.IsZero() {
				line += "  " + v.Style.paint(dim, Clean(c.Source.String()))
			}
			fmt.Fprintln(b, line)
		}
		fmt.Fprintf(b, "%s%s\n", indent, v.Style.wrap(indent, Clean(reason)))
	}
	b.WriteByte('\n')
}

func (v PlanView) unchanged(b *strings.Builder, p *plan.Plan) {
	list := v.pick(p, func(c plan.Change) bool { return c.Action == plan.None })
	if !v.ShowUnchanged || len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n\n", v.Style.paint(bold, "Unchanged"))
	for _, c := range list {
		line := "      " + Clean(c.Address)
		if c.Reason != "" {
			line += "  " + v.Style.paint(dim, Clean(c.Reason))
		}
		fmt.Fprintln(b, line)
	}
	b.WriteByte('\n')
}

func (v PlanView) summary(p *plan.Plan) string {
	counts := p.Count()
	unchanged := counts[plan.None]
	var text string
	switch {
	case len(p.Changes) == 0 && p.Diagnostics.HasErrors():
		text = "No plan."
	case p.Empty():
		text = fmt.Sprintf("No changes. %s compared, all as the spec wishes.", plural(unchanged, "object"))
	case !slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return shownAsChange(c.Action) }):
		text = fmt.Sprintf("Nothing to do now: %s; %d unchanged.", toDo(p, plan.Create, plan.Update, plan.Delete), unchanged)
	default:
		text = fmt.Sprintf("Plan: %s; %d unchanged.", toDo(p), unchanged)
	}
	return v.Style.paint(bold, text) + " " + v.cost(p.Requests)
}

func (v PlanView) cost(r plan.Requests) string {
	text := plural(r.Total, "request")
	if v.Elapsed > 0 {
		text += fmt.Sprintf(" in %.2fs", v.Elapsed.Seconds())
	}
	return v.Style.paint(dim, text+".")
}
