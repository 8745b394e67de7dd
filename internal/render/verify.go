package render

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Verify is what was found of each target, for people.
func Verify(all []rights.Verdict, requests int, s Style) string {
	if len(all) == 0 {
		return "No target has a principal.\n"
	}
	var b strings.Builder
	for _, v := range all {
		fmt.Fprintf(&b, "%s  %s on %s, by %s, seen by %s\n", s.paint(bold, Clean(v.Target)), Clean(v.Principal), Clean(v.Host), Clean(v.CIAuth), Clean(v.As))
		for _, f := range v.Findings {
			s.finding(&b, f)
		}
		b.WriteByte('\n')
	}
	text := "Everything that could be checked holds"
	if n := rights.CountVerdicts(all, rights.Failed); n > 0 {
		text = fmt.Sprintf("%d failed", n)
	}
	if n := rights.CountVerdicts(all, rights.Unchecked); n > 0 {
		text += fmt.Sprintf(", %d could not be checked", n)
	}
	fmt.Fprintf(&b, "%s; %d fine. %s.\n", text, rights.CountVerdicts(all, rights.OK), plural(requests, "request"))
	return b.String()
}

// VerifyJSON is the same for programs.
func VerifyJSON(all []rights.Verdict, requests plan.Requests, list diag.List) ([]byte, error) {
	if all == nil {
		all = []rights.Verdict{}
	}
	if list == nil {
		list = diag.List{}
	}
	return JSON(struct {
		Format      string               `json:"format_version"`
		Targets     []rights.Verdict     `json:"targets"`
		Summary     map[rights.State]int `json:"summary"`
		Diagnostics diag.List            `json:"diagnostics"`
		Requests    plan.Requests        `json:"requests"`
	}{plan.FormatVersion, all, map[rights.State]int{
		rights.OK: rights.CountVerdicts(all, rights.OK), rights.Failed: rights.CountVerdicts(all, rights.Failed), rights.Unchecked: rights.CountVerdicts(all, rights.Unchecked),
	}, list, requests})
}
