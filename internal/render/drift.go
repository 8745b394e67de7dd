package render

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// DriftTitle is the title of the issue about a stack that differs from its spec.
func DriftTitle(r *ci.Report) string {
	return fmt.Sprintf("mlopsctl: %s differs from its spec", Clean(r.Stack))
}

// DriftIssue is the text of that issue, with the marker by which it is found again: what somebody changed, what the
// service changed by itself, and what only waits for an apply.
func DriftIssue(r *ci.Report, p Place) string {
	foot := footer(r, p)
	marker := Marker("drift", r.Stack) + "\n"
	s := &sheet{place: p, left: commentLimit - len(foot) - len(marker) - 200}
	s.put(marker + fmt.Sprintf("%s of %s %s from the spec. An apply would put back what the spec wishes; what is meant to stay belongs into the spec.\n",
		plural(len(r.Drift), "object"), code(r.Stack), map[bool]string{true: "differs", false: "differ"}[len(r.Drift) == 1]))
	s.diagnostics(r.Diagnostics)
	for _, part := range []struct {
		title string
		rows  []ci.Row
	}{
		{"Somebody changed", pickRows(r.Drift, func(row ci.Row) bool { return row.Cause == plan.Outside })},
		{"The service changed by itself", pickRows(r.Drift, func(row ci.Row) bool { return row.Cause == plan.ByService })},
		{"Differs, and the ledger does not tell why", pickRows(r.Drift, func(row ci.Row) bool { return row.Cause == "" })},
		{"Waits for an apply: the spec changed", r.Changes},
		{"Not compared, or held up", r.Held},
	} {
		if len(part.rows) > 0 {
			s.put(fmt.Sprintf("\n#### %s\n", part.title))
			if s.table(part.rows) {
				s.fields(part.rows)
			}
		}
	}
	if s.lost > 0 {
		fmt.Fprintf(&s.text, "\n**%s left out here; the step summary holds the rest.**\n", plural(s.lost, "row"))
	}
	return s.text.String() + foot
}

// footer says what was compared, and where.
func footer(r *ci.Report, p Place) string {
	parts := []string{"spec " + code(r.File)}
	for _, v := range []struct{ what, commit string }{{"head", r.Head.Commit}, {"base", r.Base.Commit}} {
		if v.commit != "" {
			parts = append(parts, v.what+" "+code(v.commit[:min(len(v.commit), 10)]))
		}
	}
	parts = append(parts, plural(r.Requests.Total, "request"))
	if p.Run != "" {
		parts = append(parts, fmt.Sprintf("[run](%s)", p.Run))
	}
	return Commandless("\n<sub>" + strings.Join(parts, " · ") + "</sub>\n")
}
