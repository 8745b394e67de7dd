package render

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func TestAPlanForPeople(t *testing.T) {
	golden(t, "plan.txt", Plan(sample(), PlanView{}))
	golden(t, "plan_all.txt", Plan(sample(), PlanView{ShowUnchanged: true, Elapsed: 412 * time.Millisecond, Style: Style{Width: 60}}))
	golden(t, "plan_color.txt", Plan(sample(), PlanView{Style: Style{Color: true}}))
}

func TestAPlanWithoutChangesSaysHowMuchWasCompared(t *testing.T) {
	p := &plan.Plan{Changes: []plan.Change{{Address: "a", Action: plan.None}, {Address: "b", Action: plan.None}}, Requests: plan.Requests{Total: 1}}
	const want = "No changes. 2 objects compared, all as the spec wishes. 1 request in 0.41s.\n"
	if got := Plan(p, PlanView{Elapsed: 412 * time.Millisecond}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAPlanThatCanOnlyWaitSaysSo(t *testing.T) {
	p := &plan.Plan{Changes: []plan.Change{{Address: "a", Action: plan.None}, {Address: "b", Action: plan.Blocked, Reason: "no table"}}}
	const want = "Nothing to do now: 1 blocked; 1 unchanged. 0 requests.\n"
	if got := Plan(p, PlanView{}); !strings.HasSuffix(got, want) {
		t.Errorf("%q, want it to end in %q", got, want)
	}
}

func TestAPlanForReviews(t *testing.T) { golden(t, "plan.md", PlanMarkdown(sample())) }

func TestAPlanForPrograms(t *testing.T) {
	data, err := PlanJSON(sample())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", string(data))
	var back plan.Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if got, want := back.Changes[0].Fields[0].After, sample().Changes[0].Fields[0].After; got != want {
		t.Errorf("a text became %q on its way through JSON, was %q", got, want)
	}
}

func TestAPlanAsAPicture(t *testing.T) {
	golden(t, "plan.mmd", Mermaid(sample()))
	golden(t, "plan.dot", Dot(sample()))
}

func TestAPictureLeavesOutWhatALongerWayImplies(t *testing.T) {
	p := sample()
	p.Changes[5].Needs = append(p.Changes[5].Needs, need("repository", "it is part of it"))
	if got := Mermaid(p); strings.Contains(got, "n0 --> n5") || !strings.Contains(got, "n2 --> n5") {
		t.Errorf("want n5 behind n2 alone:\n%s", got)
	}
	if got := Dot(p); !strings.Contains(got, "n0 -> n5") {
		t.Errorf("want every need in dot:\n%s", got)
	}
}

func TestDiagnosticsForPeople(t *testing.T) {
	list := diag.List{
		{Severity: diag.Warning, Code: "policy/shared-principal", Summary: "staging and prod share a principal", Source: new(at(1, 1))},
		{Severity: diag.Error, Code: "spec/unknown-env", Summary: `unknown environment "prd"`, Detail: `did you mean "prod"?`, Source: new(at(3, 7))},
		{Severity: diag.Error, Code: "plan/read-failed", Summary: "GET github.com: 500 \x07", Detail: "not read because of it: repository"},
		{Severity: diag.Error, Code: "spec/x", Summary: "beyond the line", Source: new(at(2, 300))},
	}
	file := []string{"version: 1", strings.Repeat("é", 200), "  env:\x1bprd"}
	lines := func(_ string, line int) (string, bool) { return file[line-1], true }
	golden(t, "diagnostics.txt", Diagnostics(list, lines, Style{}))
	golden(t, "diagnostics_color.txt", Diagnostics(list[:2], nil, Style{Color: true}))
}

func TestValidAnswersForPrograms(t *testing.T) {
	data, err := ValidJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = "{\n  \"format_version\": \"1.0\",\n  \"valid\": true,\n  \"diagnostics\": []\n}\n"
	if got := string(data); got != want {
		t.Errorf("got %s", cmp.Diff(want, got))
	}
}

func TestAReportOfWhatFailed(t *testing.T) {
	golden(t, "report.txt", Report(report(), sample(), ReportView{Ended: "interrupted"}))
}

func TestAReportOfWhatWasDone(t *testing.T) {
	r := report()
	r.Results = r.Results[:1]
	golden(t, "report_done.txt", Report(r, &plan.Plan{}, ReportView{}))
}

func TestEventsForPeopleAndPrograms(t *testing.T) {
	events := []apply.Event{
		{Time: noon, Type: apply.TypePlan, Plan: &plan.Plan{}},
		{Time: noon, Type: apply.TypeStart, Address: "repository", Action: plan.Create},
		{Time: noon, Type: apply.TypeProgress, Address: "repository", Message: "not visible yet"},
		{Time: noon, Type: apply.TypeDone, Address: "repository", Action: plan.Create, Message: "lost"},
		{Time: noon, Type: apply.TypeFailed, Address: "team/a", Action: plan.Update, Error: "403\nforged line"},
		{Time: noon, Type: apply.TypeSkipped, Address: "secret/B", Action: plan.Create, Cause: "team/a"},
		{Time: noon, Type: apply.TypeSummary, Counts: map[apply.Status]int{apply.Done: 1, apply.Failed: 1, apply.Skipped: 1, apply.NotStarted: 0}},
	}
	var text, lines strings.Builder
	for _, e := range events {
		text.WriteString(EventLine(e, Style{}))
		data, err := EventJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(data)
	}
	golden(t, "events.txt", text.String())
	golden(t, "events.jsonl", lines.String())
}

func TestALivePictureShowsWhatRunsAndFitsTheTerminal(t *testing.T) {
	l := NewLive(12, Style{Width: 40})
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		l.Note(apply.Event{Time: noon, Type: apply.TypeStart, Address: "thing/" + name, Action: plan.Create})
	}
	l.Note(apply.Event{Type: apply.TypeProgress, Address: "thing/b", Message: "not visible yet, looking again in 2s"})
	l.Note(apply.Event{Type: apply.TypeDone, Address: "thing/a"})
	l.Note(apply.Event{Type: apply.TypeFailed, Address: "thing/c"})
	frame := l.Frame(noon.Add(3 * time.Second))
	for _, line := range frame {
		if utf8.RuneCountInString(line) >= 40 {
			t.Errorf("%q does not fit 40 columns", line)
		}
	}
	golden(t, "live.txt", strings.Join(frame, "\n")+"\n")
}

func TestCleanLeavesNothingThatATerminalActsOn(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 漢 ✓":        "plain é 漢 ✓",
		"a\nb\r\tc":          `a\nb\r\tc`,
		"\x1b[2J\x00\x7f":    `\x1b[2J\x00\x7f`,
		"\u202egnp.exe":      `\u202egnp.exe`,
		"\u0085\u200b\u00a0": `\u0085\u200b\u00a0`,
		"\xff\U000e0041":     `\xff\U000e0041`,
	} {
		if got := Clean(text); got != want {
			t.Errorf("Clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestMarkdownCodeHoldsAnyText(t *testing.T) {
	for text, want := range map[string]string{
		"plain @acme": "`plain @acme`",
		"a`b``c":      "```a`b``c```",
		"`":           "`` ` ``",
		"":            "",
	} {
		if got := code(text); got != want {
			t.Errorf("code(%q) = %q, want %q", text, got, want)
		}
	}
	// A backslash before the bar would escape the backslash that escapes it, and end the cell.
	for text, want := range map[string]string{"plain": "`plain`", "a|b": "<code>a&#124;b</code>", `a\|b`: "<code>a&#92;&#124;b</code>", "`<b>@x": "<code>&#96;&#60;b&#62;&#64;x</code>"} {
		if got := cell(text); got != want {
			t.Errorf("cell(%q) = %q, want %q", text, got, want)
		}
	}
}
