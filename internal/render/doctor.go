package render

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Doctor is a report for people: each host with who one is there and what is needed, then what else is
// missing, then the sum of it.
func Doctor(r rights.Report, requests int, s Style) string {
	var b strings.Builder
	for _, h := range r.Hosts {
		fmt.Fprintf(&b, "%s\n", s.paint(bold, Clean(h.URL)))
		width := utf8.RuneCountInString("login")
		for _, f := range h.Facts {
			width = max(width, utf8.RuneCountInString(f.Name))
		}
		s.login(&b, h.Login, width)
		for _, f := range h.Facts {
			fmt.Fprintf(&b, "  %s  %s\n", pad(Clean(f.Name), width), Clean(f.Value))
		}
		if len(h.Rights) > 0 {
			b.WriteByte('\n')
		}
		for _, f := range h.Rights {
			s.finding(&b, f)
		}
		b.WriteByte('\n')
	}
	if len(r.Prerequisites) > 0 {
		fmt.Fprintf(&b, "%s\n", s.paint(bold, "prerequisites"))
		for _, f := range r.Prerequisites {
			s.finding(&b, f)
		}
		b.WriteByte('\n')
	}
	b.WriteString(doctorSum(r, requests))
	return b.String()
}

func (s Style) login(b *strings.Builder, f rights.Finding, width int) {
	if f.State == rights.OK {
		fmt.Fprintf(b, "  %s  %s\n", pad("login", width), Clean(f.Why))
		return
	}
	s.finding(b, f)
}

// finding is one line for what is fine, and a short paragraph for what is not.
func (s Style) finding(b *strings.Builder, f rights.Finding) {
	const indent = "           "
	line := func(text string) { fmt.Fprintf(b, "%s%s\n", indent, s.wrap(indent, Clean(text))) }
	switch f.State {
	case rights.OK:
		fmt.Fprintf(b, "  %s       %s: %s\n", s.paint(green, "ok"), Clean(f.What), Clean(f.Why))
		return
	case rights.Missing:
		fmt.Fprintf(b, "  %s  %s\n", s.paint(red, "missing"), Clean(f.What))
	case rights.Failed:
		fmt.Fprintf(b, "  %s   %s\n", s.paint(red, "failed"), Clean(f.What))
	default:
		fmt.Fprintf(b, "  %s        %s, which cannot be checked\n", s.paint(yellow, "?"), Clean(f.What))
	}
	line(f.Why)
	if f.Fix != "" {
		line("fix: " + f.Fix)
	}
	if len(f.For) > 0 {
		line("for: " + some(f.For))
	}
}

// some are the first few of a list, and how many more there are.
func some(list []string) string {
	const shown = 4
	if len(list) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown-1], ", "), len(list)-shown+1)
}

func doctorSum(r rights.Report, requests int) string {
	missing, unchecked := r.Count(rights.Missing), r.Count(rights.Unchecked)
	text := "Nothing is missing"
	if missing > 0 {
		text = fmt.Sprintf("%d missing", missing)
	}
	if unchecked > 0 {
		text += fmt.Sprintf(", %d cannot be checked", unchecked)
	}
	return fmt.Sprintf("%s; %d fine. %s.\n", text, r.Count(rights.OK), plural(requests, "request"))
}

// DoctorJSON is a report for programs.
func DoctorJSON(r rights.Report, requests plan.Requests, list diag.List) ([]byte, error) {
	if list == nil {
		list = diag.List{}
	}
	return JSON(struct {
		Format string `json:"format_version"`
		rights.Report
		Summary     map[rights.State]int `json:"summary"`
		Diagnostics diag.List            `json:"diagnostics"`
		Requests    plan.Requests        `json:"requests"`
	}{plan.FormatVersion, r, map[rights.State]int{
		rights.OK: r.Count(rights.OK), rights.Missing: r.Count(rights.Missing), rights.Unchecked: r.Count(rights.Unchecked),
	}, list, requests})
}
