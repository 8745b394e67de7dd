package rule_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/rule"
)

// change is a change of a ruleset with so many approvals, as a plan has it.
func change(after map[string]any) map[string]any {
	if after == nil {
		after = map[string]any{}
	}
	return map[string]any{
		"address": "branch_protection/release", "kind": "branch_protection", "action": "update", "reason": "", "host": "https://github.com",
		"danger": "access_loss", "before": map[string]any{}, "after": after, "fields": []any{},
	}
}

func TestARuleDenies(t *testing.T) {
	grant := map[string]any{
		"address": "grant/schema:prod.taxi/group:all", "kind": "grant", "action": "create", "reason": "", "host": "", "danger": "none",
		"before": map[string]any{}, "after": map[string]any{"privileges": []any{"SELECT", "MODIFY"}},
		"fields": []any{map[string]any{"path": "privileges", "before": []any{}, "after": []any{"SELECT"}}},
	}
	for _, c := range []struct {
		name, rule string
		of         map[string]any
		want       bool
	}{
		{"too few approvals", `change.kind == "branch_protection" && change.after.required_approvals < 2`, change(map[string]any{"required_approvals": 1.0}), true},
		{"enough approvals", `change.kind == "branch_protection" && change.after.required_approvals < 2`, change(map[string]any{"required_approvals": 2.0}), false},
		{"another kind lacks the field", `change.after.required_approvals < 2`, grant, false},
		{"an item of a list", `change.kind == "grant" && "MODIFY" in change.after.privileges`, grant, true},
		{"a macro over a list", `change.after.privileges.exists(p, p.startsWith("MOD"))`, grant, true},
		{"the fields that differ", `change.fields.exists(f, f.path == "privileges")`, grant, true},
		{"what is absent, asked for", `has(change.after.required_checks)`, change(nil), false},
		{"what is absent, guarded", `!has(change.after.required_checks) || change.after.required_checks.size() == 0`, change(nil), true},
		{"an address by a pattern", `change.address.matches("^branch_protection/")`, change(nil), true},
		{"danger", `change.danger != "none" && change.action in ["update", "delete"]`, change(nil), true},
		{"the plan as a whole", `summary.delete > 3`, nil, true},
		{"the stack", `stack.name == "taxi" && summary.create == 0`, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, issues := rule.Compile(c.rule)
			if len(issues) > 0 {
				t.Fatal(issues)
			}
			if r.OfChange() != (c.of != nil) {
				t.Errorf("it is about one change: %v", r.OfChange())
			}
			got, err := r.Denies(rule.Input{Change: c.of, Stack: map[string]any{"name": "taxi"}, Summary: map[string]int{"delete": 4, "create": 0}})
			if err != nil || got != c.want {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestWhatCannotBeDecidedIsNoPermission(t *testing.T) {
	r, issues := rule.Compile(`change.kind == "branch_protection" && change.after.required_approvals < 2`)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	if denied, err := r.Denies(rule.Input{Change: change(nil)}); !errors.Is(err, rule.ErrAbsent) || !strings.Contains(err.Error(), "required_approvals") {
		t.Errorf("got %v, %v", denied, err)
	}
}

func TestARuleThatIsWrongIsFoundAtItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, rule   string
		line, column int
		text         string
	}{
		{"a misspelt field", `change.after.requird_approvals < 2`, 1, 13, "undefined field"},
		{"a misspelt field of a change", `change.kin == "grant"`, 1, 7, "undefined field"},
		{"two types", `change.after.required_approvals < "2"`, 1, 33, "no matching overload"},
		{"no such variable", `changes.kind == "grant"`, 1, 1, "undeclared reference"},
		{"no such function", `size(change.after.privileges) > 1 && lenght(change.kind) > 1`, 1, 44, "undeclared reference"},
		{"not true or false", `change.kind`, 1, 1, "a rule is true or false"},
		{"a number", `1 + 1`, 1, 1, "a rule is true or false"},
		{"no such kind", `change.kind == "branch_protction"`, 1, 16, `there is no kind "branch_protction"`},
		{"no such kind in a list", `change.kind in ["grant", "grants"]`, 1, 26, `there is no kind "grants"`},
		{"no such action", `change.action != "remove"`, 1, 18, `there is no action "remove"`},
		{"cut off", `change.kind ==`, 1, 15, "Syntax error"},
		{"a bracket too many", `(change.kind == "grant"))`, 1, 25, "Syntax error"},
		{"text without quotes", `change.kind == grant`, 1, 16, "undeclared reference"},
		{"in its second line", "change.kind == \"grant\" &&\n  change.after.privilges.size() > 1", 2, 15, "undefined field"},
		{"a summary compared with text", `summary.delete == "3"`, 1, 16, "no matching overload"},
		{"a list compared with a number", `change.fields > 2`, 1, 15, "no matching overload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, issues := rule.Compile(c.rule)
			if r != nil || len(issues) == 0 {
				t.Fatal("it was taken")
			}
			if i := issues[0]; i.Line != c.line || i.Column != c.column || !strings.Contains(i.Text, c.text) || i.Advice == "" && c.text != "Syntax error" {
				t.Errorf("got %+v", i)
			}
		})
	}
}

func TestARuleThatWouldRunAwayIsStopped(t *testing.T) {
	items := strings.TrimSuffix(strings.Repeat("1,", 60), ",")
	literal := "[" + items + "].all(a, [" + items + "].all(b, [" + items + "].all(c, [" + items + "].all(d, a + b + c + d > 0))))"
	r, issues := rule.Compile(literal)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	if _, err := r.Denies(rule.Input{Change: change(nil)}); !errors.Is(err, rule.ErrCost) {
		t.Errorf("got %v", err)
	}

	r, issues = rule.Compile(`change.fields.all(a, change.fields.all(b, change.fields.all(c, a.path + b.path + c.path != "")))`)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	of := change(nil)
	var fields []any
	for range 500 {
		fields = append(fields, map[string]any{"path": "x", "before": "", "after": ""})
	}
	of["fields"] = fields
	if _, err := r.Denies(rule.Input{Change: of}); !errors.Is(err, rule.ErrCost) {
		t.Errorf("got %v", err)
	}
	for name, text := range map[string]string{
		"long":   "change.kind == \"grant\"" + strings.Repeat(" || true", 1000),
		"nested": strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200),
	} {
		if _, issues := rule.Compile(text); len(issues) == 0 {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestARuleIsDecidedWithoutWhatItDoesNotHangOn(t *testing.T) {
	of := change(map[string]any{"required_approvals": 1.0})
	for text, want := range map[string]error{
		`change.after.required_approvals < 2`:                                                     nil,
		`change.after.required_approvals < 2 || change.before.required_approvals > 2`:             nil,
		`change.after.required_approvals < 2 && change.before.required_approvals > 2`:             rule.ErrUnseen,
		`change.after.required_approvals < change.before.required_approvals`:                      rule.ErrUnseen,
		`has(change.before.required_approvals)`:                                                   rule.ErrUnseen,
		`change.action == "delete"`:                                                               rule.ErrUnseen,
		`change.fields.exists(f, f.path == "x")`:                                                  rule.ErrUnseen,
		`summary.delete > 0`:                                                                      rule.ErrUnseen,
		`change.action == "delete" ? true : change.after.required_approvals == 1`:                 rule.ErrUnseen,
		`change.kind == "branch_protection" || change.action == "delete"`:                         nil,
		`stack.name == "" || change.after.required_approvals < 2 || change.danger == "data_loss"`: nil,
	} {
		r, issues := rule.Compile(text)
		if len(issues) > 0 {
			t.Fatalf("%s: %v", text, issues)
		}
		in := rule.Input{Change: of, Stack: map[string]any{"name": "demo"}, Unseen: []string{"change.before", "change.action", "change.fields", "change.danger", "summary"}}
		denied, err := r.Denies(in)
		if !errors.Is(err, want) || denied != (want == nil) {
			t.Errorf("%s: %v, %v; want %v", text, denied, err, want)
		}
	}
	r, _ := rule.Compile(`change.kind == "team" && change.before.role == "admin"`)
	if denied, err := r.Denies(rule.Input{Change: of, Unseen: []string{"change.before"}}); denied || err != nil {
		t.Errorf("a rule about another kind: %v, %v", denied, err)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`change.kind == "grant" && change.after.privileges.exists(p, p == "MODIFY")`)
	f.Add("summary.delete > 1 ?\n true : false")
	f.Add(`change.after.required_approvals < "2"`)
	f.Fuzz(func(t *testing.T, text string) {
		r, issues := rule.Compile(text)
		if (r == nil) == (len(issues) == 0) {
			t.Fatalf("a rule is taken or not: %v, %v", r, issues)
		}
		for _, i := range issues {
			if i.Line < 1 || i.Column < 1 || i.Text == "" {
				t.Fatalf("%+v", i)
			}
		}
		if r != nil {
			_, _ = r.Denies(rule.Input{Change: change(nil)}) // whatever it says, it ends
		}
	})
}
