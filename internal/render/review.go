package render

import (
	"fmt"
	"html"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// What GitHub takes: a comment has 65,536 characters at most, a step's summary a mebibyte. What is cut is said,
// with room to say it.
const (
	commentLimit = 65_000
	summaryLimit = 1_000_000
)

// Place is where a check ran and what its lines are linked to; the zero Place links nothing.
type Place struct {
	Blob string // the address of the repository's files at the head's commit, without a trailing slash
	Base string // the same at the base's
	Run  string // the address of the run, whose summary holds what a comment has no room for
}

// Marker is the line by which a check finds its own comment, or its issue, again.
func Marker(what, stack string) string {
	return fmt.Sprintf("<!-- mlopsctl:%s:%s -->", what, html.EscapeString(strings.ReplaceAll(Clean(stack), "--", "- -")))
}

// Comment is a check for a pull request's conversation: what takes something away first, the rest by host, then what
// differed before. It has at most as many characters as GitHub takes; what is left out is said.
func Comment(r *ci.Report, p Place) string {
	return review(r, p, commentLimit, Marker("ci", r.Stack)+"\n")
}

// Stale is said above a check of a commit that is not the pull request's newest any longer.
func Stale(r *ci.Report) string {
	return fmt.Sprintf("> :hourglass: This is about %s, and the pull request has got other commits since.\n", code(r.Head.Commit[:min(len(r.Head.Commit), 10)]))
}

// Summary is a check for a step's summary: the same as in the comment, and whole.
func Summary(r *ci.Report, p Place) string { return review(r, p, summaryLimit, "") }

// sheet is a markdown text of a bounded length, in parts that are taken whole or not at all.
type sheet struct {
	text  strings.Builder
	left  int
	place Place
	lost  int // rows that had no room
}

func review(r *ci.Report, p Place, limit int, marker string) string {
	foot := footer(r, p)
	s := &sheet{place: p, left: limit - len(foot) - len(marker) - 200} // the words about what was cut
	s.put(marker + title(r))
	s.put(headline(r))
	s.diagnostics(r.Diagnostics)
	all := parts(r)
	if !r.Watch {
		s.grave(r.Changes)
		s.byHost(r.Changes)
		all = all[1:] // the changes are shown by now
	}
	for _, p := range all {
		if len(p.rows) > 0 {
			s.fold(fmt.Sprintf("%s: %d", p.title, len(p.rows)), p.rows)
		}
	}
	if s.lost > 0 {
		where := "the step summary holds the rest"
		if p.Run != "" {
			where = fmt.Sprintf("[the step summary](%s) holds the rest", p.Run)
		}
		if limit == summaryLimit {
			where = "`mlopsctl plan` shows all of it"
		}
		fmt.Fprintf(&s.text, "\n**%s left out here; %s.**\n", plural(s.lost, "row"), where)
	}
	return s.text.String() + foot
}

func title(r *ci.Report) string {
	what := "what this pull request changes in"
	switch {
	case r.Watch:
		what = "drift of"
	case r.Pull == 0:
		what = "plan for"
	}
	return fmt.Sprintf("### mlopsctl: %s %s\n\n", what, code(r.Stack))
}

// headline sums the report up in a line or two.
func headline(r *ci.Report) string {
	text := "**Nothing changes.**"
	if r.Watch {
		text = "**Nothing drifted.**"
	}
	switch {
	case r.Watch && len(r.Drift) > 0:
		text = "**" + plural(len(r.Drift), "object") + " drifted.**"
	case r.Diagnostics.HasErrors() && len(r.Changes) == 0:
		text = "**The spec is not valid; nothing was compared.**"
		if r.Head.SHA256 != "" {
			text = "**The check did not get through.**"
		}
	case len(r.Changes) > 0 && !r.Watch:
		text = "**" + tally(r.Changes) + "**"
	}
	if words := dangerOf(ci.Danger(r.Changes)); words != "" && !r.Watch {
		text += " · :warning: **" + words + "**"
	}
	if r.Known == ci.Wish && r.Why != "" {
		text += "\n\n> No live state was looked at: " + code(r.Why) + ". This compares what the two specs wish, and judges the wishes by the rules."
	}
	return text + "\n"
}

// tally counts rows: what is known from live state by its action, the rest by what becomes of the wish.
func tally(rows []ci.Row) string {
	acts, wishes := map[plan.Action]int{}, map[ci.Turn]int{}
	for _, r := range rows {
		if r.Known == ci.Wish {
			wishes[r.Wish]++
		} else {
			acts[r.Action]++
		}
	}
	var parts []string
	for _, a := range plan.Actions() {
		if n := acts[a]; n > 0 && a != plan.None {
			parts = append(parts, fmt.Sprintf("%d %s", n, markOf(a).undone))
		}
	}
	for _, w := range []ci.Turn{ci.Added, ci.Changed, ci.Removed} {
		if n := wishes[w]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", plural(n, "wish"), w))
		}
	}
	return strings.ReplaceAll(strings.Join(parts, ", "), "wishs", "wishes")
}

// put takes a text as it stands in a job's log as well: what is made harmless to a runner is longer.
func (s *sheet) put(text string) bool {
	text = Commandless(text)
	if len(text) > s.left {
		return false
	}
	s.left -= len(text)
	s.text.WriteString(text)
	return true
}

func (s *sheet) diagnostics(list diag.List) {
	const most = 50
	if len(list) == 0 {
		return
	}
	s.put("\n")
	for i, d := range list.Sorted() {
		var b strings.Builder
		markdownDiagnostics(&b, diag.List{d})
		if i == most || !s.put(strings.TrimPrefix(b.String(), "\n")) {
			s.lost += len(list) - i
			return
		}
	}
}

// grave lists what takes something away, open, before all else.
func (s *sheet) grave(rows []ci.Row) {
	first := pickRows(rows, ci.Row.Grave)
	if len(first) == 0 {
		return
	}
	s.put("\n#### Look at these first\n")
	s.table(first)
}

func pickRows(rows []ci.Row, keep func(ci.Row) bool) []ci.Row {
	var out []ci.Row
	for _, r := range rows {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}

// byHost folds the rows of each host away, with their fields.
func (s *sheet) byHost(rows []ci.Row) {
	for _, host := range rowHosts(rows) {
		own := pickRows(rows, func(r ci.Row) bool { return r.Host == host })
		name := host
		if name == "" {
			name = "no host of its own"
		}
		s.fold(fmt.Sprintf("%s: %s", inHTML(name), plural(len(own), "change")), own)
	}
}

func rowHosts(rows []ci.Row) []string {
	changes := make([]plan.Change, len(rows))
	for i, r := range rows {
		changes[i] = r.Change
	}
	return distinct(changes, func(c plan.Change) string { return c.Host })
}

// fold writes a section to unfold: a table of all rows, then the fields of those for which there is room.
func (s *sheet) fold(title string, rows []ci.Row) {
	const end = "\n</details>\n"
	head := fmt.Sprintf("\n<details><summary>%s</summary>\n", title)
	if len(head)+len(end) > s.left {
		s.lost += len(rows)
		return
	}
	s.left -= len(end)
	s.put(head)
	if s.table(rows) {
		s.fields(rows)
	}
	s.text.WriteString(end)
}

// table lists rows until there is no more room, and reports whether all of them had some.
func (s *sheet) table(rows []ci.Row) bool {
	head := "\n| | object | what | line |\n|---|---|---|---|\n"
	if !s.put(head) {
		s.lost += len(rows)
		return false
	}
	for i, r := range rows {
		if !s.put(s.row(r)) {
			s.lost += len(rows) - i
			return false
		}
	}
	return true
}

func (s *sheet) row(r ci.Row) string {
	what := cell(r.Reason)
	if r.Known == ci.Wish {
		what = fmt.Sprintf("the wish is %s: %s", r.Wish, what)
	}
	if r.Action == plan.Rotate {
		what = "a new value replaces the stored one: " + what
	}
	if words := danger(r.Change); words != "" {
		what += " :warning: **" + words + "**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", cell(markOf(r.Action).symbol+" "+string(r.Action)), cell(r.Address), what, s.line(r))
}

// line is a place in the spec, linked where the file can be looked at.
func (s *sheet) line(r ci.Row) string {
	at, blob, before := r.Source, s.place.Blob, ""
	if at.Line == 0 {
		return ""
	}
	if r.Left {
		blob, before = s.place.Base, " before"
	}
	text := cell(fmt.Sprintf("%s:%d", at.File, at.Line))
	if blob != "" {
		text = fmt.Sprintf("[%s](%s/%s#L%d)", text, blob, pathInURL(at.File), at.Line)
	}
	return text + before
}

// fields is the text of rows with their fields, as a plan shows them, as far as there is room.
func (s *sheet) fields(rows []ci.Row) {
	var b strings.Builder
	for _, r := range rows {
		lines := Style{}.fieldLines(r.Change)
		if len(lines) == 0 {
			continue
		}
		text := Clean(r.Address) + "\n"
		for _, l := range lines {
			text += "    " + l + "\n"
		}
		if text = Commandless(text); b.Len()+len(text)+200 > s.left {
			b.WriteString("… and more\n")
			break
		}
		b.WriteString(text)
	}
	if b.Len() == 0 {
		return
	}
	fence := strings.Repeat("`", max(3, longestRun(b.String(), '`')+1))
	s.put("\n" + fence + "text\n" + b.String() + fence + "\n")
}
