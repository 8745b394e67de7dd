package kindtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// drift is what somebody does to an object before a plan is made, and what somebody does to it after.
type drift struct {
	kind, address string
	before, after func()
}

func (w *world) patch(url string, body map[string]any) func() {
	return func() { w.send("PATCH", url, body) }
}

func (w *world) put(url string, body map[string]any) func() {
	return func() { w.send("PUT", url, body) }
}

// hubDrifts has an object of each kind of GitHub's that can be changed.
func hubDrifts(w *world) []drift {
	team, workflow := "https://api.github.com/orgs/acme/teams/ml-leads/repos/acme/taxi", repo+"/actions/permissions/workflow"
	variable := repo + "/environments/prod/variables/FEATURE_TABLE"
	ruleset := func(refs ...string) func() {
		return w.put(repo+"/rulesets/"+w.rulesetID("main"), map[string]any{"conditions": map[string]any{"ref_name": map[string]any{"include": refs, "exclude": []string{}}}})
	}
	opened := func(pattern string) func() {
		return func() {
			w.send("POST", repo+"/environments/prod/deployment-branch-policies", map[string]any{"name": pattern})
		}
	}
	return []drift{
		{"repository", "repository", w.patch(repo, map[string]any{"description": "x"}), w.patch(repo, map[string]any{"description": "y"})},
		{"branch", "branch/main", w.patch(repo, map[string]any{"default_branch": "release"}), w.patch(repo, map[string]any{"default_branch": "main"})},
		{"branch_protection", "branch_protection/main", ruleset("refs/heads/x"), ruleset("refs/heads/y")},
		{"team", "team/ml-leads", w.put(team, map[string]any{"permission": "pull"}), w.put(team, map[string]any{"permission": "triage"})},
		{"workflow_permissions", "workflow_permissions", w.put(workflow, map[string]any{"default_workflow_permissions": "read"}), w.put(workflow, map[string]any{"can_approve_pull_request_reviews": false})},
		{"environment", "environment/prod", opened("feature/*"), opened("fix/*")},
		{"variable", "variable/prod/FEATURE_TABLE", w.patch(variable, map[string]any{"value": "x"}), w.patch(variable, map[string]any{"value": "y"})},
	}
}

// accountDrifts has an object of each kind of Databricks' that can be changed.
func accountDrifts(w *world) []drift {
	id, application := w.principal("taxi-prod")
	revoked := func(privilege string) func() {
		return w.patch(uc+"/permissions/schema/prod.taxi", map[string]any{"changes": []any{map[string]any{"principal": application, "remove": []string{privilege}}}})
	}
	subject := func(name string) func() {
		return w.patch(account+"/servicePrincipals/"+id+"/federationPolicies/mlopsctl-taxi-prod?update_mask=oidc_policy", map[string]any{
			"oidc_policy": map[string]any{"issuer": "https://token.actions.githubusercontent.com", "subject": name, "audiences": []string{"x"}},
		})
	}
	active := func(value bool) func() {
		return w.patch(account+"/scim/v2/ServicePrincipals/"+id, map[string]any{
			"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": value}},
		})
	}
	editors := func(level string) func() {
		id := w.send("GET", prodURL+"/api/2.0/mlflow/experiments/get-by-name?experiment_name=/Shared/fares", nil)["experiment"].(map[string]any)["experiment_id"] //nolint:errcheck // the sandbox answers so
		return w.patch(fmt.Sprintf("%s/api/2.0/permissions/experiments/%v", prodURL, id), map[string]any{
			"access_control_list": []any{map[string]any{"group_name": "ml-engineers", "permission_level": level}}})
	}
	commented := func(what, text string) func() { return w.patch(uc+what, map[string]any{"comment": text}) }
	isolated := func(mode string) func() { return w.patch(uc+"/catalogs/prod", map[string]any{"isolation_mode": mode}) }
	entitled := func(without string) func() {
		return func() {
			w.send("PATCH", prodSCIM+"/ServicePrincipals/"+id, scimPatch("replace", "entitlements", []any{map[string]any{"value": without}}))
		}
	}
	gitUser := func(name string) func() {
		return func() { w.send("PATCH", gitURL+"/"+w.gitCredential(id), w.gitChange(id, "git_username", name)) }
	}
	return []drift{
		{"git_credential", "git_credential/prod/taxi-prod", gitUser("x"), gitUser("y")},
		{"entitlement", "entitlement/prod/taxi-prod", entitled("workspace-access"), entitled("allow-cluster-create")},
		{"service_principal", "service_principal/taxi-prod", active(false), active(true)},
		{"catalog", "catalog/test", commented("/catalogs/test", "x"), commented("/catalogs/test", "y")},
		{"catalog_binding", "catalog_binding/prod", isolated("OPEN"), isolated("ISOLATED")},
		{"schema", "schema/prod.taxi", commented("/schemas/prod.taxi", "x"), commented("/schemas/prod.taxi", "y")},
		{"grant", "grant/schema:prod.taxi/taxi-prod", revoked("MODIFY"), revoked("CREATE_MODEL")},
		{"permission", "permission/prod/experiment:/Shared/fares/group:ml-engineers", editors("CAN_READ"), editors("CAN_EDIT")},
		{"federation_policy", "federation_policy/taxi-prod/prod", subject("repo:x"), subject("repo:y")},
	}
}

// drifting is an installed world in which each kind that has one has a managed field that can differ.
func drifting(t *testing.T) *world {
	t.Helper()
	specText, worldText := full(t)
	w := open(t, strings.Replace(specText, "test: { schemas: { taxi: {} } }", "test: { comment: Tests, schemas: { taxi: {} } }", 1), worldText)
	w.settle()
	return w
}

// saved plans, and returns the plan as a file holds it.
func (w *world) saved() *plan.Plan {
	w.t.Helper()
	return w.inFile(w.plan())
}

func (w *world) inFile(made *plan.Plan) *plan.Plan {
	w.t.Helper()
	data, err := json.Marshal(made)
	if err != nil {
		w.t.Fatal(err)
	}
	var p plan.Plan
	if err := json.Unmarshal(data, &p); err != nil {
		w.t.Fatal(err)
	}
	return &p
}

// refuses returns why a saved plan is refused because of an address, and fails if it is not.
func (w *world) refuses(t *testing.T, saved *plan.Plan, address string) string {
	t.Helper()
	steps, moved := plan.Witness(saved, w.planWith(w.engine()))
	if !slices.Contains(steps, address) {
		t.Fatalf("the saved plan has no step for %s, only for %v", address, steps)
	}
	i := slices.IndexFunc(moved, func(m plan.Moved) bool { return m.Address == address })
	if i < 0 {
		t.Errorf("%s moved and nobody says so: %+v", address, moved)
		return ""
	}
	return moved[i].Why
}

// TestAPlanThatWentStaleIsRefusedForEveryKind plans to change an object of each kind. Before it is applied
// somebody changes it once more, or deletes it, or makes another one in its place that is just like it.
func TestAPlanThatWentStaleIsRefusedForEveryKind(t *testing.T) {
	t.Parallel()
	first := drifting(t)
	for i, d := range append(hubDrifts(first), accountDrifts(first)...) {
		t.Run(d.kind, func(t *testing.T) {
			w := drifting(t)
			d := append(hubDrifts(w), accountDrifts(w)...)[i]
			d.before()
			saved := w.saved()
			d.after()
			w.refuses(t, saved, d.address)
			made := w.plan()
			saved = w.inFile(made)
			kind := kindOf(w, d.kind)
			if kind.Delete == nil || d.kind == "service_principal" || d.kind == "branch" {
				return // what was done to those two after the plan was right; they are deleted below
			}
			w.empties(t, d.address)
			before := find(t, saved, d.address).Before
			if err := kind.Delete(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			w.refuses(t, saved, d.address)
			w.replaces(t, made, d)
		})
	}
}

// replaces makes an object that was deleted once more, as it was when the plan was made.
func (w *world) replaces(t *testing.T, was *plan.Plan, d drift) {
	t.Helper()
	before := was.Find(d.address).Before
	want := wish(was, d.address)
	for field := range want {
		if value, shown := before[field]; shown {
			want[field] = value
		}
	}
	kind := kindOf(w, d.kind)
	made, err := kind.Create(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if identity(kind, made) == identity(kind, before) {
		return // the services do not tell such a one from the first, and neither does anybody
	}
	if why := w.refuses(t, w.inFile(was), d.address); !names(kind, why) {
		t.Errorf("%s has another in its place, and the reason is %q", d.address, why)
	}
}

// names reports whether a reason names a field of the live identity.
func names(t resource.Type, why string) bool {
	return slices.ContainsFunc(t.LiveIdentity, func(field string) bool { return strings.Contains(why, field) })
}

func TestAPlanToMakeWhatIsMadeByNowIsRefusedForEveryKind(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	saved := w.saved()
	w.settle()
	steps, moved := plan.Witness(saved, w.plan())
	kinds := map[string]bool{}
	for _, address := range steps {
		if !slices.ContainsFunc(moved, func(m plan.Moved) bool { return m.Address == address }) {
			t.Errorf("%s is there by now, and the plan to make it stands", address)
		}
		kinds[saved.Find(address).Kind] = true
	}
	if len(kinds) != len(everyKind) {
		t.Errorf("the plan makes objects of %d kinds, want %d", len(kinds), len(everyKind))
	}
}

func TestAPlanToChangeWhatIsMissingByNowIsRefused(t *testing.T) {
	for _, address := range []string{"service_principal/taxi-prod", "branch/main"} {
		w := drifting(t)
		for _, d := range append(hubDrifts(w), accountDrifts(w)...) {
			if d.address != address {
				continue
			}
			d.before()
			saved := w.saved()
			if err := kindOf(w, d.kind).Delete(t.Context(), find(t, saved, address).Before); err != nil {
				t.Fatal(err)
			}
			w.refuses(t, saved, address)
		}
	}
}

// TestAPlanStandsWhateverChangesElsewhere makes 40 changes, one after another, of which none is of what the
// plan changes.
func TestAPlanStandsWhateverChangesElsewhere(t *testing.T) {
	t.Parallel()
	w := drifting(t)
	hubDrifts(w)[6].before() // a variable
	saved := w.saved()
	var done int
	stands := func(what string) {
		t.Helper()
		done++
		if _, moved := plan.Witness(saved, w.planWith(w.engine())); len(moved) > 0 {
			t.Fatalf("after %s the plan does not stand: %+v", what, moved)
		}
	}
	for _, o := range outsideChanges(w) {
		needed := []string{"a schema's existence", "a directory's existence", "a workspace assignment"} // by what follows
		if o.address != "variable/prod/FEATURE_TABLE" && !slices.Contains(needed, o.name) {
			w.make(o)
			stands(o.name)
		}
	}
	for i := 0; done < 40; i++ {
		w.send("POST", repo+"/actions/variables", map[string]any{"name": fmt.Sprintf("V%03d", i), "value": "x"})
		stands("a new variable")
		w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": fmt.Sprintf("p%03d", i)})
		stands("a new principal")
		w.send("POST", uc+"/schemas", map[string]any{"name": fmt.Sprintf("s%03d", i), "catalog_name": "prod"})
		stands("a new schema")
	}
	if steps, _ := plan.Witness(saved, saved); len(steps) != 1 {
		t.Errorf("the plan has the steps %v", steps)
	}
}
