package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/policy"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// stack is a spec with a production target that is deployed from release, and these further lines.
func stack(t *testing.T, more string) *spec.Stack {
	t.Helper()
	text := `version: 1
name: demo
git: { repository: acme/demo }
branches:
  main: { default: true }
  release: { from: main }
  guarded: { from: main, protection: { required_approvals: 1 } }
targets:
  staging: { host: "https://staging.cloud.databricks.com", branch: main, catalog: staging }
  prod: { host: "https://prod.cloud.databricks.com", branch: release, catalog: prod }
  prod-eu: { host: "https://prod.cloud.databricks.com", branch: guarded, catalog: prod }
catalogs: { prod: {}, staging: {} }
` + more + `
account: { host: "https://accounts.cloud.databricks.com", id: 11111111-2222-3333-4444-555555555555 }
ci: { operator: mlopsctl }
`
	s, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{})
	if list.HasErrors() {
		t.Fatal(list)
	}
	return s
}

func change(address, kind string, after map[string]any) plan.Change {
	return plan.Change{Address: address, Kind: kind, Action: plan.Create, After: after}
}

// judged returns what is said, each as CODE ADDRESS, errors with an exclamation mark.
func judged(list diag.List) []string {
	var all []string
	for _, d := range list {
		mark := ""
		if d.Severity == diag.Error {
			mark = "!"
		}
		all = append(all, strings.TrimSpace(mark+d.Code+" "+d.Address))
	}
	return all
}

func list(items ...any) []any { return items }

func TestEachBuiltInRuleWarnsOfWhatItIsAboutAndOfNothingElse(t *testing.T) {
	month := float64(30 * 24 * 3600)
	for _, c := range []struct {
		code    string
		violate plan.Change
		pass    []plan.Change
	}{
		{"policy/all-privileges", change("grant/catalog:prod/group:a", "grant", map[string]any{"privileges": list("ALL_PRIVILEGES")}),
			[]plan.Change{
				change("grant/catalog:prod/group:a", "grant", map[string]any{"privileges": list("SELECT")}),
				{Address: "grant/catalog:prod/group:a", Kind: "grant", Action: plan.Delete, Before: map[string]any{"privileges": list("ALL_PRIVILEGES")}, Leaving: true},
			}},
		{"policy/account-users", change("grant/schema:prod.demo/group:account users", "grant",
			map[string]any{"principal_type": "group", "principal": "account users", "securable": "prod.demo"}),
			[]plan.Change{
				change("grant/schema:staging.demo/group:account users", "grant", map[string]any{"principal_type": "group", "principal": "account users", "securable": "staging.demo"}),
				change("grant/schema:prod.demo/group:a", "grant", map[string]any{"principal_type": "group", "principal": "a", "securable": "prod.demo"}),
			}},
		{"policy/bypass-actors", plan.Change{Address: "branch_protection/main", Kind: "branch_protection", Action: plan.None,
			Before: map[string]any{"bypass_actors": list("team 7")}, After: map[string]any{"name": "x"}},
			[]plan.Change{
				{Address: "branch_protection/main", Kind: "branch_protection", Action: plan.None, Before: map[string]any{"bypass_actors": list()}},
				{Address: "branch_protection/main", Kind: "branch_protection", Action: plan.Update, Before: map[string]any{"bypass_actors": list("team 7")}, After: map[string]any{"bypass_actors": list()}},
			}},
		{"policy/stored-secret", change("secret/prod/S", "secret", map[string]any{"issue": "oauth_secret", "lifetime_seconds": month}),
			[]plan.Change{change("secret/prod/S", "secret", map[string]any{"env": "MLOPS_S"})}},
		{"policy/unguarded-environment", change("environment/prod", "environment", map[string]any{"branches": list("release")}),
			[]plan.Change{
				change("environment/prod", "environment", map[string]any{"branches": list("release"), "reviewers": list("team:ml")}),
				change("environment/staging", "environment", map[string]any{}),
				{Address: "environment/prod", Kind: "environment", Action: plan.None, After: map[string]any{"branches": list("release")}, Before: map[string]any{"reviewers": list("user:ada")}},
			}},
		{"policy/unguarded-environment", change("environment/mlopsctl-apply", "environment", map[string]any{"branches": list("main")}),
			[]plan.Change{
				change("environment/mlopsctl-plan", "environment", map[string]any{"branches": list("main")}), // a plan changes nothing
				{Address: "environment/mlopsctl-apply", Kind: "environment", Action: plan.None, Before: map[string]any{"reviewers": list("user:ada")}},
				{Address: "environment/mlopsctl-apply", Kind: "environment", Action: plan.Unknown, Want: map[string]any{"branches": list("main")}}, // it may have some
			}},
		{"policy/unprotected-branch", change("branch/release", "branch", map[string]any{}),
			[]plan.Change{change("branch/guarded", "branch", nil), change("branch/main", "branch", nil)}},
		{"policy/wide-workflow-permissions", change("workflow_permissions", "workflow_permissions", map[string]any{"default": "write"}),
			[]plan.Change{change("workflow_permissions", "workflow_permissions", map[string]any{"default": "read"})}},
	} {
		t.Run(c.code, func(t *testing.T) {
			got := judged(policy.Judge(policy.Input{Stack: stack(t, ""), Changes: []plan.Change{c.violate}}))
			if want := []string{c.code + " " + c.violate.Address}; !slices.Equal(got, want) {
				t.Errorf("what it is about: %q, want %q", got, want)
			}
			if got := judged(policy.Judge(policy.Input{Stack: stack(t, ""), Changes: c.pass})); len(got) > 0 {
				t.Errorf("what is sound: %q", got)
			}
		})
	}
	long := change("secret/prod/S", "secret", map[string]any{"issue": "oauth_secret", "lifetime_seconds": 4 * month})
	got := judged(policy.Judge(policy.Input{Stack: stack(t, ""), Changes: []plan.Change{long}}))
	if want := []string{"policy/long-lived-secret secret/prod/S", "policy/stored-secret secret/prod/S"}; !slices.Equal(got, want) {
		t.Errorf("a secret of 120 days: %q", got)
	}
}

// What kinds and the spec's checks find under a built-in rule's code is silenced and enforced like the rest.
func TestEveryBuiltInRuleCanBeSilencedAndEnforced(t *testing.T) {
	s := stack(t, "")
	for _, code := range spec.BuiltInPolicies() {
		found := diag.List{{Severity: diag.Warning, Code: code, Summary: "x", Address: "secret/prod/S"}}
		for name, c := range map[string]struct {
			rules []spec.PolicyRule
			want  []string
		}{
			"as it is":            {nil, []string{code + " secret/prod/S"}},
			"silent there":        {[]spec.PolicyRule{{Ignore: code, At: "secret/prod/*"}}, nil},
			"silent elsewhere":    {[]spec.PolicyRule{{Ignore: code, At: "secret/staging/*"}}, []string{code + " secret/prod/S"}},
			"enforced":            {[]spec.PolicyRule{{Enforce: code}}, []string{"!" + code + " secret/prod/S"}},
			"enforced but silent": {[]spec.PolicyRule{{Enforce: code}, {Ignore: code, At: "*"}}, nil},
		} {
			if got := judged(policy.Judge(policy.Input{Stack: s, Rules: c.rules, Diagnostics: found})); !slices.Equal(got, c.want) {
				t.Errorf("%s %s: %q, want %q", code, name, got, c.want)
			}
		}
	}
	other := diag.List{{Severity: diag.Warning, Code: "plan/read-failed", Summary: "x"}}
	if got := judged(policy.Judge(policy.Input{Stack: s, Diagnostics: other})); !slices.Equal(got, []string{"plan/read-failed"}) {
		t.Errorf("what is no rule's: %q", got)
	}
}

// fifteen are rules as a team would write them, with a change that each denies and one that it lets pass.
func TestATeamsOwnRules(t *testing.T) {
	protection := func(approvals any) plan.Change {
		return change("branch_protection/release", "branch_protection", map[string]any{"required_approvals": approvals, "required_checks": list("mlops-gate"), "bypass_actors": list()})
	}
	grant := func(privileges ...any) plan.Change {
		return change("grant/schema:prod.demo/group:a", "grant", map[string]any{"privileges": privileges, "securable": "prod.demo", "securable_type": "schema"})
	}
	update := grant("SELECT")
	update.Action, update.Fields = plan.Update, []plan.Field{{Path: "privileges", Before: list("MODIFY"), After: list("SELECT")}}
	deleted := plan.Change{Address: "catalog/prod", Kind: "catalog", Action: plan.Delete, Danger: "data_loss", Before: map[string]any{"name": "prod"}}
	env := func(reviewers ...any) plan.Change {
		return change("environment/prod", "environment", map[string]any{"reviewers": reviewers, "branches": list("release")})
	}
	repo := func(visibility string) plan.Change {
		return change("repository", "repository", map[string]any{"visibility": visibility, "name": "demo"})
	}
	for i, c := range []struct {
		deny       string
		bad, sound plan.Change
	}{
		{`change.kind == "branch_protection" && change.after.required_approvals < 2`, protection(1.0), protection(2.0)},
		{`change.kind == "branch_protection" && !("mlops-gate" in change.after.required_checks)`, change("branch_protection/x", "branch_protection", map[string]any{"required_checks": list()}), protection(1.0)},
		{`change.kind == "grant" && "ALL_PRIVILEGES" in change.after.privileges`, grant("ALL_PRIVILEGES"), grant("SELECT")},
		{`change.kind == "grant" && change.after.privileges.exists(p, p.startsWith("CREATE_"))`, grant("CREATE_TABLE"), grant("SELECT")},
		{`change.kind == "grant" && change.after.securable.startsWith("prod.") && change.after.privileges.size() > 1`, grant("SELECT", "MODIFY"), grant("SELECT")},
		{`change.action == "delete" && change.danger == "data_loss"`, deleted, grant()},
		{`change.action in ["delete", "replace"] && change.kind in ["catalog", "schema"]`, deleted, repo("private")},
		{`change.kind == "environment" && change.address == "environment/prod" && change.after.reviewers.size() == 0`, env(), env("team:ml")},
		{`change.kind == "environment" && change.after.reviewers.all(r, r.startsWith("user:"))`, env("user:ada"), env("team:ml")},
		{`change.kind == "repository" && change.after.visibility != "private"`, repo("public"), repo("private")},
		{`change.kind == "repository" && has(change.after.visibility) && change.after.visibility == "public"`, repo("public"), change("repository", "repository", map[string]any{})},
		{`change.fields.exists(f, f.path == "privileges" && f.before != f.after)`, update, grant()},
		{`change.kind == "secret" && change.after.lifetime_seconds > 90 * 24 * 3600`, change("secret/S", "secret", map[string]any{"lifetime_seconds": 9e6}), change("secret/S", "secret", map[string]any{"lifetime_seconds": 3600.0})},
		{`change.address.matches("^variable/.*TOKEN")`, change("variable/A_TOKEN", "variable", nil), change("variable/A", "variable", nil)},
		{`stack.repository == "acme/demo" && change.host == "" && change.kind == "team" && change.after.role == "admin"`, change("team/a", "team", map[string]any{"role": "admin"}), change("team/a", "team", map[string]any{"role": "push"})},
	} {
		s := stack(t, fmt.Sprintf("policy:\n  - { name: mine, deny: %q }\n", c.deny))
		for want, of := range map[string]plan.Change{"[!policy/denied " + c.bad.Address + "]": c.bad, "[]": c.sound} {
			var got []string
			for _, said := range judged(policy.Judge(policy.Input{Stack: s, Rules: s.Policy, Changes: []plan.Change{of}})) {
				if strings.HasPrefix(said, "!") {
					got = append(got, said)
				}
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%d %s: %v, want %s", i, c.deny, got, want)
			}
		}
	}
}

func TestARuleAboutThePlanAsAWholeIsAskedOnce(t *testing.T) {
	s := stack(t, "policy:\n  - { name: few, deny: summary.create > 1, message: too many at once }\n")
	changes := []plan.Change{change("team/a", "team", nil), change("team/b", "team", nil)}
	got := policy.Judge(policy.Input{Stack: s, Rules: s.Policy, Changes: changes})
	if len(got) != 1 || got[0].Summary != "too many at once" || got[0].Source.Line != 14 || !strings.Contains(got[0].Detail, `"few" stands at mlops.yaml:14:5`) {
		t.Errorf("%+v", got)
	}
	if got := policy.Judge(policy.Input{Stack: s, Rules: s.Policy, Changes: changes[:1]}); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// A rule that cannot be decided refuses, but not where the object leaves or is not come to.
func TestWhatCannotBeDecidedIsRefused(t *testing.T) {
	s := stack(t, `policy: [{ name: approvals, deny: 'change.kind == "branch_protection" && change.after.required_approvals < 2' }]`+"\n")
	for action, want := range map[plan.Action]int{
		plan.Create: 1, plan.Update: 1, plan.None: 1, plan.Adopt: 1,
		plan.Delete: 0, plan.Release: 0, plan.Blocked: 0, plan.Wait: 0,
	} {
		got := policy.Judge(policy.Input{Stack: s, Rules: s.Policy, Changes: []plan.Change{{Address: "branch_protection/main", Kind: "branch_protection", Action: action}}})
		if len(got) != want || want == 1 && (got[0].Code != "policy/undecided" || !strings.Contains(got[0].Summary, "required_approvals")) {
			t.Errorf("%s: %+v", action, got)
		}
	}
	runaway := stack(t, `policy: [{ name: runaway, deny: 'change.fields.all(a, change.fields.all(b, change.fields.all(c, a.path + b.path + c.path != "")))' }]`+"\n")
	of := plan.Change{Address: "team/a", Kind: "team", Action: plan.Update, Fields: make([]plan.Field, 500)}
	for i := range of.Fields {
		of.Fields[i].Path = "x"
	}
	if got := judged(policy.Judge(policy.Input{Stack: runaway, Rules: runaway.Policy, Changes: []plan.Change{of}})); !slices.Equal(got, []string{"!policy/undecided team/a"}) {
		t.Errorf("a rule that would run away: %q", got)
	}
}

// What was not seen is judged by its wish; what a rule needs beyond that is said, and refuses nothing.
func TestWhatWasNotSeenIsJudgedByItsWish(t *testing.T) {
	wished := func(address string, want map[string]any) plan.Change {
		kind, _, _ := strings.Cut(address, "/")
		return plan.Change{Address: address, Kind: kind, Action: plan.Unknown, Want: want}
	}
	gone := wished("team/b", nil)
	gone.Leaving = true
	changes := []plan.Change{
		wished("branch_protection/main", map[string]any{"required_approvals": 1.0, "name": map[string]any{"$ref": "repository", "field": "id"}}),
		wished("team/a", map[string]any{"role": "admin"}), gone,
	}
	for _, c := range []struct {
		deny string
		want []string
	}{
		{`change.kind == "branch_protection" && change.after.required_approvals < 2`, []string{"!policy/denied branch_protection/main"}},
		{`change.kind == "branch_protection" && change.after.required_approvals < 1`, nil},
		{`change.kind == "branch_protection" && change.after.required_approvals < change.before.required_approvals`, []string{"policy/unseen"}},
		{`change.kind == "branch_protection" && change.after.name == "x"`, []string{"policy/unseen"}},
		{`change.kind == "team" && change.action == "delete"`, []string{"policy/unseen"}},
		{`change.kind == "team" && change.after.role == "admin" && change.action == "create"`, []string{"policy/unseen"}},
		{`change.danger == "access_loss"`, []string{"policy/unseen"}},
		{`summary.delete > 0`, []string{"policy/unseen"}},
		{`summary.unknown > 0`, []string{"policy/unseen"}},
		{`change.action == "unknown"`, []string{"policy/unseen"}},
		{`stack.name == "demo"`, []string{"!policy/denied"}},
	} {
		s := stack(t, "policy: [{ name: mine, deny: '"+c.deny+"' }]\n")
		in := policy.Input{Stack: s, Rules: s.Policy, Changes: changes, Blind: true}
		if got := judged(policy.Judge(in)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.deny, got, c.want)
		}
	}
	// Where some of it was looked at, that an object is unknown is known.
	s := stack(t, "policy: [{ name: all is seen, deny: 'change.action == \"unknown\"' }, { name: few, deny: 'summary.unknown > 1' }, { name: none goes, deny: 'summary.delete > 0' }]\n")
	got := judged(policy.Judge(policy.Input{Stack: s, Rules: s.Policy, Changes: append(changes, change("team/c", "team", nil))}))
	want := []string{"policy/unseen", "!policy/denied", "!policy/denied branch_protection/main", "!policy/denied team/a", "!policy/denied team/b"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPullRequestCannotWeakenTheRulesOfItsBase(t *testing.T) {
	base := stack(t, `policy:
  - { name: mine, deny: summary.delete > 3 }
  - { enforce: policy/stored-secret }
  - { ignore: policy/all-privileges, at: "grant/a*", reason: known }
`).Policy
	head := stack(t, `policy:
  - { name: mine, deny: summary.delete > 300 }
  - { ignore: policy/stored-secret, at: "*", reason: mine }
  - { ignore: policy/all-privileges, at: "*", reason: mine }
  - { enforce: policy/account-users }
`).Policy
	var got []string
	for _, r := range policy.Together(base, head) {
		got = append(got, strings.TrimSpace(r.Deny+r.Enforce+r.Ignore+" "+r.At))
	}
	want := []string{"summary.delete > 3", "policy/stored-secret", "policy/all-privileges grant/a*", "summary.delete > 300", "policy/account-users"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := policy.Together(base, base); len(again) != len(base) {
		t.Errorf("the same rules twice: %d", len(again))
	}
}
