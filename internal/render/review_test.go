package render

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// checked is a check with rows of every sort, some of them with hostile texts.
func checked() *ci.Report {
	r := &ci.Report{Stack: "mlops-stack-demo", File: "mlops.yaml", Repository: "acme/demo", Pull: 7, Known: ci.Live,
		Base: ci.Version{Commit: strings.Repeat("b", 40), SHA256: "b"}, Head: ci.Version{Commit: strings.Repeat("a", 40), SHA256: "a"}}
	p := sample()
	r.Diagnostics, r.Requests = p.Diagnostics, p.Requests
	for _, c := range p.Changes {
		row := ci.Row{Change: c, Known: ci.Live, Wish: ci.Kept}
		switch c.Action {
		case plan.None:
		case plan.Unknown, plan.Blocked:
			r.Held = append(r.Held, row)
		default:
			r.Changes = append(r.Changes, row)
		}
	}
	wish := ci.Row{Change: p.Changes[3], Known: ci.Wish, Wish: ci.Changed}
	wish.Action, wish.Reason = plan.Unknown, "403"
	drift := ci.Row{Change: p.Changes[3], Known: ci.Live, Wish: ci.Kept}
	drift.Cause = plan.Outside
	r.Changes, r.Drift = append(r.Changes, wish), []ci.Row{drift}
	return r
}

const nasty = "a|b\\|c `x` </code></summary><img src=x onerror=alert(1)> @acme/all ::error::x ##[error]x [l](javascript:x) <!-- mlopsctl:ci:x -->\n\x1b[31m\u202e"

func nastyReport() *ci.Report {
	r := checked()
	for i := range r.Changes {
		r.Changes[i].Address, r.Changes[i].Reason, r.Changes[i].Host = nasty, nasty, nasty
		r.Changes[i].Fields = []plan.Field{{Path: nasty, Before: nasty, After: nasty}}
	}
	r.Stack, r.File, r.Why = nasty, nasty, nasty
	r.Diagnostics = diag.List{{Severity: diag.Error, Code: "spec/x", Summary: nasty, Detail: nasty, Source: &diag.Pos{File: nasty, Line: 3, Column: 2}}}
	return r
}

var somewhere = Place{Blob: "https://github.com/acme/demo/blob/" + strings.Repeat("a", 40), Run: "https://github.com/acme/demo/actions/runs/1"}

func TestACommentForReviewers(t *testing.T) {
	golden(t, "comment.md", Comment(checked(), somewhere))
	golden(t, "drift.md", DriftIssue(&ci.Report{Stack: "demo", File: "mlops.yaml", Watch: true, Drift: checked().Drift, Changes: checked().Changes[:1]}, somewhere))
	golden(t, "annotations.txt", Annotations(Findings(checked())))
	golden(t, "outputs.txt", Outputs(checked(), "plan.json"))
}

// Outside of code nothing of a text from outside is left but what is numbered.
func TestNamesInACommentDoNothing(t *testing.T) {
	text := Comment(nastyReport(), somewhere)
	if strings.Count(text, "<!--") != 1 && !strings.Contains(text, "`") {
		t.Errorf("a second marker:\n%s", text)
	}
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if fenced || strings.HasPrefix(line, "<!-- mlopsctl:ci:") {
			continue
		}
		bare := outsideCode(line)
		for _, bad := range []string{"<img", "@acme", "](javascript", "onerror", "\x1b", "\u202e", "::error"} {
			if strings.Contains(bare, bad) {
				t.Errorf("%q is left in %q", bad, bare)
			}
		}
		if cells := strings.Count(bare, "|"); strings.HasPrefix(line, "| ") && cells != 5 {
			t.Errorf("a row has %d bars: %s", cells, line)
		}
	}
}

// outsideCode is a line without its code spans and without what stands in HTML's code elements.
func outsideCode(line string) string {
	var b strings.Builder
	for len(line) > 0 {
		if rest, ok := strings.CutPrefix(line, "<code>"); ok {
			_, line, _ = strings.Cut(rest, "</code>")
			continue
		}
		if line[0] != '`' {
			b.WriteByte(line[0])
			line = line[1:]
			continue
		}
		rest := strings.TrimLeft(line, "`")
		fence := line[:len(line)-len(rest)]
		for {
			i := strings.Index(rest, fence)
			if i < 0 {
				return b.String()
			}
			end := rest[i:]
			run := len(end) - len(strings.TrimLeft(end, "`"))
			rest = end[run:]
			if run == len(fence) {
				break
			}
		}
		line = rest
	}
	return b.String()
}

func TestTextsInAJobsLogAreNoCommands(t *testing.T) {
	text := Commandless(Check(nastyReport(), Style{}) + "::error::x\n  ::warning::y\n")
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("a runner would obey %q", line)
		}
	}
	got := Annotations(nastyReport().Diagnostics)
	if strings.Count(got, "\n") != 1 || strings.Count(got[len("::error "):], "::") < 1 || strings.Contains(strings.SplitN(got, "::", 3)[1], "file="+nasty[:3]+":") {
		t.Errorf("one annotation is one line: %q", got)
	}
	if properties := strings.SplitN(got[len("::error "):], "::", 2)[0]; strings.Count(properties, ",") != 3 {
		t.Errorf("a file's name adds properties: %q", properties)
	}
}

func TestAPlanOf5000ChangesFits(t *testing.T) {
	r := checked()
	r.Changes = nil
	for i := range 5000 {
		r.Changes = append(r.Changes, ci.Row{Known: ci.Live, Wish: ci.Added, Change: plan.Change{
			Address: fmt.Sprintf("variable/NAME_%04d", i), Kind: "variable", Action: plan.Create, Reason: "it is not there", Host: hub, Source: at(i+1, 3),
			Fields: []plan.Field{{Path: "value", After: "x"}},
		}})
	}
	comment, summary := Comment(r, somewhere), Summary(r, Place{})
	if n := utf8.RuneCountInString(comment); n > 65_536 || len(comment) > 65_536 || n < 50_000 {
		t.Errorf("the comment has %d characters", n)
	}
	if !strings.Contains(comment, "left out here; [the step summary](") {
		t.Errorf("the comment does not say that something is missing: %s", comment[len(comment)-400:])
	}
	for i := range r.Changes { // what is made harmless is longer, in any characters
		r.Changes[i].Reason, r.Changes[i].Fields[0].After = strings.Repeat("##[error]", 9), strings.Repeat("##[é]", 9)
	}
	if n, m := len(Commandless(Comment(r, somewhere))), len(Commandless(Summary(r, somewhere))); n > 65_536 || n < 50_000 || m > 1<<20 || m < 900_000 {
		t.Errorf("the comment has %d bytes, the summary %d", n, m)
	}
	if strings.Count(comment, "<details>") != strings.Count(comment, "</details>") {
		t.Error("a section is not closed")
	}
	if len(summary) > 1<<20 {
		t.Errorf("the summary has %d bytes", len(summary))
	}
	for i := range 5000 {
		if !strings.Contains(summary, fmt.Sprintf("`variable/NAME_%04d`", i)) {
			t.Fatalf("the summary lacks number %d", i)
		}
	}
}
