package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// Excerpts gives the text of a line of a file, so that it can be shown under what is said about it.
type Excerpts func(file string, line int) (text string, ok bool)

// Diagnostics is a list for people: errors, then warnings, each with its place, its code, what to do
// and, where it is known, the line of the file that it is about.
func Diagnostics(list diag.List, lines Excerpts, s Style) string {
	sorted := list.Sorted()
	slices.SortStableFunc(sorted, func(a, b diag.Diagnostic) int { return rank(a) - rank(b) })
	var b strings.Builder
	for _, d := range sorted {
		s.diagnostic(&b, d, lines)
	}
	if len(sorted) > 1 {
		fmt.Fprintf(&b, "%s\n", s.paint(bold, Counts(list)))
	}
	return b.String()
}

// Counts is "2 errors, 1 warning.", of what there is.
func Counts(list diag.List) string {
	errors, warnings := 0, 0
	for _, d := range list.Sorted() {
		if d.Severity == diag.Error {
			errors++
		} else {
			warnings++
		}
	}
	var parts []string
	if errors > 0 {
		parts = append(parts, plural(errors, "error"))
	}
	if warnings > 0 {
		parts = append(parts, plural(warnings, "warning"))
	}
	return strings.Join(parts, ", ") + "."
}

func rank(d diag.Diagnostic) int {
	if d.Severity == diag.Error {
		return 0
	}
	return 1
}

func (s Style) diagnostic(b *strings.Builder, d diag.Diagnostic, lines Excerpts) {
	place := ""
	if d.Source != nil && !d.Source.IsZero() {
		place = s.paint(bold, Clean(d.Source.String())+":") + " "
	}
	word := s.paint(red, "error: ")
	if d.Severity == diag.Warning {
		word = s.paint(yellow, "warning: ")
	}
	if d.Severity == diag.Error && place != "" {
		word = "" // a place and a code say that it is one, as compilers do
	}
	fmt.Fprintf(b, "%s%s%s %s", place, word, Clean(d.Summary), s.paint(dim, "["+Clean(d.Code)+"]"))
	if d.Detail != "" {
		b.WriteString("; " + Clean(d.Detail))
	}
	b.WriteByte('\n')
	s.excerpt(b, d, lines)
}

// excerpt shows the line with a caret below the column. A place is counted in characters, so the
// caret stands right only as long as each is one column wide; what Clean makes longer moves it.
func (s Style) excerpt(b *strings.Builder, d diag.Diagnostic, lines Excerpts) {
	if lines == nil || d.Source == nil || d.Source.Line == 0 {
		return
	}
	text, ok := lines(d.Source.File, d.Source.Line)
	if !ok || strings.TrimSpace(text) == "" {
		return
	}
	runes := []rune(text)
	column := min(max(d.Source.Column-1, 0), len(runes))
	const longest = 120
	from := 0
	if column > longest-20 {
		from = column - longest/2
	}
	shown := Clean(string(runes[from:min(len(runes), from+longest)]))
	caret := strings.Repeat(" ", len([]rune(Clean(string(runes[from:column])))))
	number := fmt.Sprintf("%5d", d.Source.Line)
	fmt.Fprintf(b, "%s %s\n", s.paint(dim, number+" |"), shown)
	fmt.Fprintf(b, "%s %s%s\n", s.paint(dim, "      |"), caret, s.paint(red, "^"))
}
