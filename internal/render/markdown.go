package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// PlanMarkdown is a plan for a review: a line that sums it up, a table of what changes or is held up,
// and the text of the plan to unfold. Nothing in it can format, link or call anybody by itself.
func PlanMarkdown(p *plan.Plan) string {
	var b strings.Builder
	for _, s := range p.Specs {
		fmt.Fprintf(&b, "### mlopsctl plan for %s\n\n", code(s.Name))
	}
	view := PlanView{}
	fmt.Fprintf(&b, "%s\n", view.summary(p))
	markdownTable(&b, view.pick(p, func(c plan.Change) bool { return c.Action != plan.None }))
	markdownDiagnostics(&b, p.Diagnostics)
	if !p.Empty() {
		text := Plan(p, view)
		fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
		fmt.Fprintf(&b, "\n<details><summary>Every field</summary>\n\n%stext\n%s%s\n\n</details>\n", fence, text, fence)
	}
	return b.String()
}

func markdownTable(b *strings.Builder, changes []plan.Change) {
	if len(changes) == 0 {
		return
	}
	b.WriteString("\n| | change | why |\n|---|---|---|\n")
	for _, c := range changes {
		why := cell(c.Reason)
		if words := danger(c); words != "" {
			why += " **danger: " + words + "**"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", cell(markOf(c.Action).symbol+" "+string(c.Action)), cell(c.Address), why)
	}
}

func markdownDiagnostics(b *strings.Builder, list diag.List) {
	if len(list) == 0 {
		return
	}
	b.WriteByte('\n')
	for _, d := range list.Sorted() {
		place := ""
		if d.Source != nil && !d.Source.IsZero() {
			place = code(d.Source.String()) + ": "
		}
		fmt.Fprintf(b, "- **%s** %s%s %s\n", d.Severity, place, code(d.Summary), code(d.Code))
		if d.Detail != "" {
			fmt.Fprintf(b, "  %s\n", code(d.Detail))
		}
	}
}

// code is text as a code span, the one place where markdown formats nothing, links nothing and calls
// nobody. Its fence is longer than any run of backticks inside.
func code(text string) string {
	text = Clean(text)
	if text == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(text, '`')+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// cell is code in a table, whose bars end a cell even there. A backslash before one would take that back, so that
// such texts are written in HTML.
func cell(text string) string {
	if strings.ContainsAny(text, "|\\`") {
		return inHTML(text)
	}
	return code(text)
}

// inHTML is code where markdown has no code spans: each character that could mean something stands as a number.
func inHTML(text string) string {
	var b strings.Builder
	for _, r := range Clean(text) {
		if r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) && r != '-' {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return "<code>" + b.String() + "</code>"
}

// pathInURL is a file's path as a part of an address in markdown.
func pathInURL(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c == '/' || c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func longestRun(text string, of rune) int {
	longest, run := 0, 0
	for _, r := range text {
		if r != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
