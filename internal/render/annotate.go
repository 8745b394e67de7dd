package render

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Findings are what a check says about lines of the spec: its diagnostics, errors first, and each change of the
// pull request that takes something away, as a warning.
func Findings(r *ci.Report) diag.List {
	var list diag.List
	for _, d := range r.Diagnostics.Sorted() {
		if d.Severity == diag.Error {
			list = append(list, d)
		}
	}
	for _, row := range r.Changes {
		if !row.Grave() {
			continue
		}
		at := row.Source
		if row.Left { // a line of another file than the one that is looked at
			at = diag.Pos{File: at.File}
		}
		d := diag.Diagnostic{Severity: diag.Warning, Code: "ci/takes-away", Address: row.Address, Source: &at,
			Summary: row.Address + ": " + wordsFor(row), Detail: row.Reason}
		switch row.Danger {
		case resource.DataLoss:
			d.Code = "ci/data-loss"
		case resource.AccessLoss:
			d.Code = "ci/access-loss"
		}
		list = append(list, d)
	}
	for _, d := range r.Diagnostics.Sorted() {
		if d.Severity != diag.Error {
			list = append(list, d)
		}
	}
	return list
}

// wordsFor says in a few words what a grave row does.
func wordsFor(r ci.Row) string {
	what := string(r.Action)
	if r.Known == ci.Wish {
		what = "the wish is " + string(r.Wish)
	}
	if words := danger(r.Change); words != "" {
		what += ", which " + words
	}
	return what
}

// Annotations are the findings as commands of a GitHub runner, which shows each at its line of the spec. GitHub
// takes ten of a sort from a step; the rest stands in the summary.
func Annotations(list diag.List) string {
	const most = 10
	var b strings.Builder
	shown := map[diag.Severity]int{}
	for _, d := range list {
		if shown[d.Severity]++; shown[d.Severity] > most {
			continue
		}
		var properties []string
		if d.Source != nil && d.Source.File != "" {
			properties = append(properties, "file="+property(d.Source.File))
			if d.Source.Line > 0 {
				properties = append(properties, fmt.Sprintf("line=%d", d.Source.Line), fmt.Sprintf("col=%d", max(1, d.Source.Column)))
			}
		}
		properties = append(properties, "title="+property(d.Code))
		text := d.Summary
		if d.Detail != "" {
			text += "; " + d.Detail
		}
		fmt.Fprintf(&b, "::%s %s::%s\n", d.Severity, strings.Join(properties, ","), message(text))
	}
	return b.String()
}

// message is text as the data of a runner's command.
func message(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(Clean(text))
}

// property is text as a property of a runner's command.
func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(message(text))
}

// Commandless is text in which a runner finds no command: one begins a line with two colons, or stands anywhere
// after ##[.
func Commandless(text string) string {
	text = strings.ReplaceAll(text, "##[", `#\x23[`)
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if rest := strings.TrimLeft(line, " \t"); strings.HasPrefix(rest, "::") {
			lines[i] = line[:len(line)-len(rest)] + `\x3a` + rest[1:]
		}
	}
	return strings.Join(lines, "")
}

// Outputs are the results of a job's step, one NAME=VALUE a line, for GITHUB_OUTPUT: changes, danger, drift, known,
// a count for each action, and where the plan file is ("" where there is none).
func Outputs(r *ci.Report, planFile string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "changes=%d\ndanger=%s\ndrift=%d\nknown=%s\nvalid=%t\n", len(r.Changes), ci.Danger(r.Changes), len(r.Drift), r.Known, !r.Diagnostics.HasErrors())
	counts := ci.Count(r.Changes)
	for _, a := range plan.Actions() {
		if a != plan.None {
			fmt.Fprintf(&b, "%s=%d\n", a, counts[a])
		}
	}
	fmt.Fprintf(&b, "plan-file=%s\n", Clean(planFile))
	return b.String()
}

// part is a list of a report with its title.
type part struct {
	title string
	rows  []ci.Row
}

// parts are a report's lists, in the order in which they are shown.
func parts(r *ci.Report) []part {
	switch {
	case r.Watch:
		return []part{
			{"Drifted", r.Drift}, {"Waits for an apply: the spec changed", r.Changes}, {"Not compared, or held up", r.Held},
		}
	case r.Pull == 0 && r.Base.SHA256 == "":
		return []part{{"What would change", r.Changes}, {"Not compared, or held up", r.Held}}
	default:
		return []part{
			{"What the pull request changes", r.Changes},
			{"Differed before this pull request, and still does", r.Drift},
			{"Differed before, and is as the pull request's spec wishes", r.Settled},
			{"Not compared, or held up, with or without this pull request", r.Held},
		}
	}
}

// Check is a check for people at a terminal.
func Check(r *ci.Report, s Style) string {
	var b strings.Builder
	v := PlanView{Style: s, order: &dag.Graph{}} // the order is the plan's to show
	for _, part := range parts(r) {
		if len(part.rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s\n\n", s.paint(bold, part.title))
		for _, row := range part.rows {
			if row.Known == ci.Wish {
				row.Reason = fmt.Sprintf("the wish is %s; %s", row.Wish, row.Reason)
			}
			v.change(&b, row.Change)
		}
		b.WriteByte('\n')
	}
	text := "Nothing changes."
	if r.Watch {
		text = "Nothing drifted."
		if len(r.Drift) > 0 {
			text = plural(len(r.Drift), "object") + " drifted."
		}
	}
	if r.Diagnostics.HasErrors() {
		text = "The check did not get through."
	}
	if len(r.Changes) > 0 && !r.Watch {
		text = tally(r.Changes) + "."
	}
	if words := dangerOf(ci.Danger(r.Changes)); words != "" {
		text += " Danger: " + words + "."
	}
	if r.Known == ci.Wish && r.Why != "" {
		text += " No live state was looked at: " + Clean(r.Why) + ". The rules were held against the wishes."
	}
	fmt.Fprintf(&b, "%s %s\n", s.paint(bold, text), v.cost(r.Requests))
	return b.String()
}
