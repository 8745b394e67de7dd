package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// EventLine is an event of an apply as one line for people, "" for those that say nothing new to
// somebody who reads along.
func EventLine(e apply.Event, s Style) string {
	m := markOf(e.Action)
	address := Clean(e.Address)
	switch e.Type {
	case apply.TypeDone:
		line := s.sign(e.Action) + " " + address + "  " + m.done
		if e.Message != "" {
			line += " (" + Clean(e.Message) + ")"
		}
		return line + "\n"
	case apply.TypeProgress:
		return "    " + address + "  " + s.paint(dim, Clean(e.Message)) + "\n"
	case apply.TypeFailed:
		return s.paint(red, "  x") + " " + address + "  failed: " + Clean(e.Error) + "\n"
	case apply.TypeSkipped:
		return s.paint(dim, "    "+address+"  skipped: it needs "+Clean(e.Cause)+", which failed") + "\n"
	default:
		return ""
	}
}

// ReportView is what stands around a report. Ended says why a run ended early, "" for one that did
// not.
type ReportView struct {
	Style Style
	Ended string
}

// Report tells what became of a plan's steps: all of it when something is left to do, a line when
// nothing is.
func Report(r apply.Report, p *plan.Plan, v ReportView) string {
	var b strings.Builder
	s := v.Style
	if !r.Complete() {
		v.section(&b, "Done", ofStatus(r, apply.Done), func(x apply.Result) string { return markOf(x.Action).done })
		v.section(&b, "Failed", ofStatus(r, apply.Failed), func(x apply.Result) string { return Clean(fmt.Sprint(x.Err)) })
		v.section(&b, "Skipped", ofStatus(r, apply.Skipped), func(x apply.Result) string { return "needs " + Clean(x.Cause) + ", which failed" })
		v.section(&b, "Not started", ofStatus(r, apply.NotStarted), func(x apply.Result) string { return markOf(x.Action).undone })
	}
	noted := slices.DeleteFunc(ofStatus(r, apply.Done), func(x apply.Result) bool { return x.Note == "" })
	v.section(&b, "Went otherwise than planned", noted, func(x apply.Result) string { return Clean(x.Note) })
	v.left(&b, p)
	b.WriteString(s.paint(bold, v.outcome(r)) + "\n")
	return b.String()
}

func ofStatus(r apply.Report, status apply.Status) []apply.Result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(x apply.Result) bool { return x.Status != status })
}

func (v ReportView) section(b *strings.Builder, title string, results []apply.Result, say func(apply.Result) string) {
	if len(results) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", v.Style.paint(bold, fmt.Sprintf("%s (%d)", title, len(results))))
	for _, x := range results {
		fmt.Fprintf(b, "%s %s  %s\n", v.Style.sign(x.Action), Clean(x.Address), say(x))
	}
	b.WriteByte('\n')
}

// left names what an apply leaves to others. That does not fail it.
func (v ReportView) left(b *strings.Builder, p *plan.Plan) {
	list := slices.DeleteFunc(slices.Clone(p.Changes), func(c plan.Change) bool {
		return c.Action != plan.Blocked && c.Action != plan.Wait && c.Action != plan.Unknown
	})
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", v.Style.paint(bold, fmt.Sprintf("Left as it is (%d)", len(list))))
	for _, c := range list {
		fmt.Fprintf(b, "%s %s  %s: %s\n", v.Style.sign(c.Action), Clean(c.Address), markOf(c.Action).undone, Clean(c.Reason))
	}
	b.WriteByte('\n')
}

func (v ReportView) outcome(r apply.Report) string {
	if r.Complete() {
		return "Applied: " + doneCounts(r) + "."
	}
	text := fmt.Sprintf("Applied in part: %d of %d done, %d failed, %d skipped, %d not started.",
		r.Count(apply.Done), len(r.Results), r.Count(apply.Failed), r.Count(apply.Skipped), r.Count(apply.NotStarted))
	if r.Count(apply.Done) == 0 {
		text = fmt.Sprintf("Nothing was finished: %d failed, %d skipped, %d not started.",
			r.Count(apply.Failed), r.Count(apply.Skipped), r.Count(apply.NotStarted))
	}
	if v.Ended != "" {
		text += " Ended early: " + Clean(v.Ended) + "."
	}
	return text + " Apply again to go on from here: what is done stays done."
}

func doneCounts(r apply.Report) string {
	counts := map[plan.Action]int{}
	for _, x := range r.Results {
		counts[x.Action]++
	}
	var parts []string
	for _, a := range plan.Actions() {
		if counts[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[a], markOf(a).done))
		}
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

// Moved says why a saved plan is refused.
func Moved(moved []plan.Moved, s Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s.paint(bold, fmt.Sprintf("The saved plan is out of date: %s moved since it was made.", plural(len(moved), "step"))))
	for _, m := range moved {
		fmt.Fprintf(&b, "  %s  %s\n", Clean(m.Address), Clean(m.Why))
	}
	b.WriteString("Nothing was changed. Make a new plan and look at it.\n")
	return b.String()
}
