package kindtest

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/outsider"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// A dependency of the Databricks SDK starts a goroutine for good when it is imported. A random world
// takes many requests, so fewer of them are drawn than elsewhere unless -rapid.checks says how many.
func TestMain(m *testing.M) {
	checks := flag.Lookup("rapid.checks")
	if err := checks.Value.Set("20"); err != nil {
		panic("rapid.checks is a number: " + err.Error())
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// everyKind is the list of the kinds that the contract speaks of in this version. A kind that the full
// spec does not exercise would pass every test below in silence.
var everyKind = []string{
	"branch", "branch_protection", "catalog", "catalog_binding", "directory", "entitlement", "environment", "federation_policy", "first_commit", "git_credential", "grant", "group",
	"group_member", "permission", "principal_user", "repository", "schema", "secret", "service_principal", "team", "variable", "workflow_permissions", "workspace_assignment",
}

func TestTheFullSpecHasEveryKindAndIsInstalledByOneApply(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	kinds := map[string]bool{}
	for _, c := range w.plan().Changes {
		kinds[c.Kind] = true
		if c.Action == plan.Unknown || c.Action == plan.Blocked {
			t.Errorf("%s is %s: %s", c.Address, c.Action, c.Reason)
		}
	}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, everyKind) {
		t.Errorf("the spec has the kinds %v, want %v", got, everyKind)
	}
	w.settle()
	if sent := w.sent(func() { w.apply() }); len(sent) > 0 {
		t.Errorf("an apply with nothing to do sent %v", sent)
	}
}

// outside is a change that somebody makes behind our back: what it sends, and what the plan says then.
type outside struct {
	name         string
	method, url  string
	body         any
	address      string
	action       plan.Action
	field        string
	alsoAffected []string // globs of further addresses that may change with it
}

const (
	repo     = "https://api.github.com/repos/acme/taxi"
	account  = "https://accounts.cloud.databricks.com/api/2.0/accounts/11111111-2222-3333-4444-555555555555"
	prodSCIM = "https://prod.cloud.databricks.com/api/2.0/preview/scim/v2"
	ruleSets = "https://accounts.cloud.databricks.com/api/2.0/preview/accounts/11111111-2222-3333-4444-555555555555/access-control/rule-sets"
	uc       = "https://prod.cloud.databricks.com/api/2.1/unity-catalog"
)

// send makes one request as the operator and returns the answer.
func (w *world) send(method, url string, body any) map[string]any {
	w.t.Helper()
	return outsider.Person{Base: w.sandbox.RoundTripper(), Env: w.sandbox.Operator(), AccountID: w.stack.Account.ID}.Send(w.t, method, url, body)
}

// principal returns the numeric id and the application id of a principal.
func (w *world) principal(name string) (id, application string) {
	w.t.Helper()
	list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter="+"displayName%20eq%20%22"+name+"%22", nil)
	found, _ := list["Resources"].([]any)
	if len(found) != 1 {
		w.t.Fatalf("%d principals are called %s", len(found), name)
	}
	p, _ := found[0].(map[string]any)
	return fmt.Sprint(p["id"]), fmt.Sprint(p["applicationId"])
}

// group returns the numeric id of a group of the account.
func (w *world) group(name string) string {
	w.t.Helper()
	list := w.send("GET", account+"/scim/v2/Groups?startIndex=1&count=100&filter="+"displayName%20eq%20%22"+name+"%22", nil)
	found, _ := list["Resources"].([]any)
	if len(found) != 1 {
		w.t.Fatalf("%d groups are called %s", len(found), name)
	}
	g, _ := found[0].(map[string]any)
	return fmt.Sprint(g["id"])
}

// rules is the body of a PUT that lets these use a principal, and nobody else.
func (w *world) rules(application string, users ...string) any {
	w.t.Helper()
	name := "accounts/11111111-2222-3333-4444-555555555555/servicePrincipals/" + application + "/ruleSets/default"
	set := w.send("GET", ruleSets+"?etag=&name="+name, nil)
	set["grant_rules"] = []any{map[string]any{"role": "roles/servicePrincipal.user", "principals": users}}
	return map[string]any{"name": name, "rule_set": set}
}

// scimPatch is the body of a PATCH with one operation.
func scimPatch(op, path string, value any) any {
	operation := map[string]any{"op": op, "path": path}
	if value != nil {
		operation["value"] = value
	}
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{operation}}
}

func (w *world) rulesetID(name string) string {
	w.t.Helper()
	items, _ := w.send("GET", repo+"/rulesets?per_page=100", nil)["items"].([]any)
	for _, item := range items {
		if r, _ := item.(map[string]any); strings.HasSuffix(fmt.Sprint(r["name"]), name) {
			return fmt.Sprintf("%.0f", r["id"])
		}
	}
	w.t.Fatalf("no ruleset for %s", name)
	return ""
}

func outsideChanges(w *world) []outside {
	prodID, prodApp := w.principal("taxi-prod")
	stagingID, _ := w.principal("taxi-staging")
	revoke := func(application string, privileges ...string) any {
		return map[string]any{"changes": []any{map[string]any{"principal": application, "remove": privileges}}}
	}
	levels := func(entries ...any) any { return map[string]any{"access_control_list": entries} }
	policy := account + "/servicePrincipals/" + prodID + "/federationPolicies/mlopsctl-taxi-prod"
	oidc := func(change map[string]any) any {
		p := map[string]any{
			"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:other/repo:environment:prod",
			"audiences": []string{"11111111-2222-3333-4444-555555555555", "https://prod.cloud.databricks.com/oidc/v1/token"},
		}
		maps.Copy(p, change)
		return map[string]any{"oidc_policy": p}
	}
	return []outside{
		{name: "a repository's description", method: "PATCH", url: repo, body: map[string]any{"description": "other"}, address: "repository", action: plan.Update, field: "description"},
		{name: "a repository's visibility", method: "PATCH", url: repo, body: map[string]any{"visibility": "internal"}, address: "repository", action: plan.Update, field: "visibility"},
		{name: "the default branch", method: "PATCH", url: repo, body: map[string]any{"default_branch": "release"}, address: "branch/main", action: plan.Update, field: "default"},
		{name: "a team's role", method: "PUT", url: "https://api.github.com/orgs/acme/teams/ml-leads/repos/acme/taxi", body: map[string]any{"permission": "pull"}, address: "team/ml-leads", action: plan.Update, field: "role"},
		{name: "a team's access", method: "DELETE", url: "https://api.github.com/orgs/acme/teams/ml-engineers/repos/acme/taxi", address: "team/ml-engineers", action: plan.Create},
		{name: "workflow permissions", method: "PUT", url: repo + "/actions/permissions/workflow", body: map[string]any{"default_workflow_permissions": "read"}, address: "workflow_permissions", action: plan.Update, field: "default"},
		{name: "workflows' pull requests", method: "PUT", url: repo + "/actions/permissions/workflow", body: map[string]any{"can_approve_pull_request_reviews": false}, address: "workflow_permissions", action: plan.Update, field: "create_pull_requests"},
		{name: "an environment's reviewers", method: "PUT", url: repo + "/environments/prod", body: map[string]any{"reviewers": nil, "deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true}}, address: "environment/prod", action: plan.Update, field: "reviewers"},
		{name: "an environment's branches", method: "POST", url: repo + "/environments/prod/deployment-branch-policies", body: map[string]any{"name": "feature/*"}, address: "environment/prod", action: plan.Update, field: "branches"},
		{name: "an environment's policy", method: "PUT", url: repo + "/environments/staging", body: map[string]any{"deployment_branch_policy": nil}, address: "environment/staging", action: plan.Update, field: "branches"},
		{name: "a variable", method: "PATCH", url: repo + "/environments/prod/variables/FEATURE_TABLE", body: map[string]any{"value": "x"}, address: "variable/prod/FEATURE_TABLE", action: plan.Update, field: "value"},
		{name: "an implied variable", method: "PATCH", url: repo + "/environments/prod/variables/DATABRICKS_CLIENT_ID", body: map[string]any{"value": "x"}, address: "variable/prod/DATABRICKS_CLIENT_ID", action: plan.Update, field: "value"},
		{name: "a variable's existence", method: "DELETE", url: repo + "/actions/variables/MODEL_OWNER", address: "variable/MODEL_OWNER", action: plan.Create},
		{name: "a secret's existence", method: "DELETE", url: repo + "/actions/secrets/WORKFLOW_TOKEN", address: "secret/WORKFLOW_TOKEN", action: plan.Create},
		{name: "a ruleset's existence", method: "DELETE", url: repo + "/rulesets/" + w.rulesetID("release"), address: "branch_protection/release", action: plan.Create},
		{name: "a principal that is switched off", method: "PATCH", url: account + "/scim/v2/ServicePrincipals/" + prodID, body: map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}}}, address: "service_principal/taxi-prod", action: plan.Update, field: "active"},
		{name: "a workspace assignment", method: "DELETE", url: account + "/workspaces/" + w.workspaceID("https://prod.cloud.databricks.com") + "/permissionassignments/principals/" + prodID, address: "workspace_assignment/prod/taxi-prod", action: plan.Create, alsoAffected: []string{"entitlement/prod/*", "git_credential/prod/*"}},
		{name: "a catalog's comment", method: "PATCH", url: uc + "/catalogs/prod", body: map[string]any{"comment": "x"}, address: "catalog/prod", action: plan.Update, field: "comment"},
		{name: "a catalog's isolation", method: "PATCH", url: uc + "/catalogs/prod", body: map[string]any{"isolation_mode": "OPEN"}, address: "catalog_binding/prod", action: plan.Update, field: "isolation_mode"},
		{name: "a schema's comment", method: "PATCH", url: uc + "/schemas/prod.taxi", body: map[string]any{"comment": "x"}, address: "schema/prod.taxi", action: plan.Update, field: "comment"},
		{name: "a schema's existence", method: "DELETE", url: uc + "/schemas/prod.taxi", address: "schema/prod.taxi", action: plan.Create, alsoAffected: []string{"grant/schema:prod.taxi/*"}},
		{name: "a privilege", method: "PATCH", url: uc + "/permissions/schema/prod.taxi", body: revoke(prodApp, "MODIFY"), address: "grant/schema:prod.taxi/taxi-prod", action: plan.Update, field: "privileges"},
		{name: "all privileges", method: "PATCH", url: uc + "/permissions/catalog/prod", body: revoke(prodApp, "USE_CATALOG"), address: "grant/catalog:prod/taxi-prod", action: plan.Create},
		{name: "a group's privileges", method: "PATCH", url: uc + "/permissions/schema/prod.taxi", body: revoke("account users", "EXECUTE"), address: "grant/schema:prod.taxi/group:account users", action: plan.Update, field: "privileges"},
		{name: "a policy's subject", method: "PATCH", url: policy + "?update_mask=oidc_policy", body: oidc(nil), address: "federation_policy/taxi-prod/prod", action: plan.Update, field: "subject"},
		{name: "a policy's issuer", method: "PATCH", url: policy + "?update_mask=oidc_policy", body: oidc(map[string]any{"issuer": "https://elsewhere.example"}), address: "federation_policy/taxi-prod/prod", action: plan.Update, field: "issuer"},
		{name: "a policy's audiences", method: "PATCH", url: policy + "?update_mask=oidc_policy", body: oidc(map[string]any{"audiences": []string{"x"}}), address: "federation_policy/taxi-prod/prod", action: plan.Update, field: "audiences"},
		{name: "an entitlement", method: "PATCH", url: prodSCIM + "/ServicePrincipals/" + prodID, body: scimPatch("remove", `entitlements[value eq "workspace-access"]`, nil), address: "entitlement/prod/taxi-prod", action: plan.Update, field: "entitlements"},
		{name: "all entitlements", method: "PATCH", url: prodSCIM + "/ServicePrincipals/" + prodID, body: scimPatch("remove", "entitlements", nil), address: "entitlement/prod/taxi-prod", action: plan.Create},
		{name: "a Git credential's user", method: "PATCH", url: gitURL + "/" + w.gitCredential(prodID), body: w.gitChange(prodID, "git_username", "somebody"), address: "git_credential/prod/taxi-prod", action: plan.Update, field: "username"},
		{name: "a Git credential's address", method: "PATCH", url: gitURL + "/" + w.gitCredential(prodID), body: w.gitChange(prodID, "git_email", "a@b.example"), address: "git_credential/prod/taxi-prod", action: plan.Update, field: "email"},
		{name: "a Git credential's existence", method: "DELETE", url: gitURL + "/" + w.gitCredential(prodID) + "?principal_id=" + prodID, address: "git_credential/prod/taxi-prod", action: plan.Create},
		{name: "a principal's user", method: "PUT", url: ruleSets, body: w.rules(prodApp, "groups/taxi-principals", "users/ada@acme.com"), address: "principal_user/taxi-prod/group:ml-engineers", action: plan.Create},
		{name: "a membership", method: "PATCH", url: account + "/scim/v2/Groups/" + w.group("taxi-principals"), body: scimPatch("remove", "members[value eq \""+prodID+"\"]", nil), address: "group_member/taxi-principals/taxi-prod", action: plan.Create},
		{name: "a group's existence", method: "DELETE", url: account + "/scim/v2/Groups/" + w.group("taxi-principals"), address: "group/taxi-principals", action: plan.Create, alsoAffected: []string{"group_member/taxi-principals/*", "grant/*/group:taxi-principals", "principal_user/*/group:taxi-principals"}},
		{name: "a policy's existence", method: "DELETE", url: policy, address: "federation_policy/taxi-prod/prod", action: plan.Create},
		{name: "a directory's existence", method: "POST", url: prodURL + "/api/2.0/workspace/delete", body: map[string]any{"path": "/Shared/taxi"}, address: "directory/prod/Shared/taxi", action: plan.Create, alsoAffected: []string{"permission/prod/directory:*"}},
		{name: "a level that is lower", method: "PATCH", url: w.accessURL("/Shared/taxi"), body: levels(map[string]any{"group_name": "ml-engineers", "permission_level": "CAN_READ"}), address: "permission/prod/directory:/Shared/taxi/group:ml-engineers", action: plan.Update, field: "levels"},
		{name: "all levels", method: "PUT", url: w.accessURL("/Shared/taxi"), body: levels(), address: "permission/prod/directory:/Shared/taxi/group:ml-engineers", action: plan.Create, alsoAffected: []string{"permission/prod/directory:*"}},
		{name: "all credentials of a principal", method: "secrets", url: account + "/servicePrincipals/" + stagingID + "/credentials/secrets", address: "secret/staging/DATABRICKS_CLIENT_SECRET", action: plan.Rotate, alsoAffected: []string{"secret/*"}},
	}
}

const gitURL = prodURL + "/api/2.0/git-credentials"

// gitCredential returns the id of the only Git credential of a principal in prod.
func (w *world) gitCredential(principal string) string {
	w.t.Helper()
	list, _ := w.send("GET", gitURL+"?principal_id="+principal, nil)["credentials"].([]any)
	if len(list) != 1 {
		w.t.Fatalf("principal %s has %d Git credentials", principal, len(list))
	}
	g, _ := list[0].(map[string]any)
	return fmt.Sprintf("%.0f", w.number(g["credential_id"]))
}

// gitChange is the body of a PATCH of a Git credential for GitHub.
func (w *world) gitChange(principal, field, value string) any {
	w.t.Helper()
	id, err := strconv.ParseInt(principal, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return map[string]any{"git_provider": "gitHub", "principal_id": id, field: value}
}

// accessURL is where the permissions API has the list of a directory of prod.
func (w *world) accessURL(path string) string {
	w.t.Helper()
	id := w.number(w.send("GET", prodURL+"/api/2.0/workspace/get-status?path="+path, nil)["object_id"])
	return fmt.Sprintf("%s/api/2.0/permissions/directories/%.0f", prodURL, id)
}

func (w *world) workspaceID(host string) string {
	return fmt.Sprintf("%.0f", w.number(w.send("GET", host+"/api/2.1/unity-catalog/current-metastore-assignment", nil)["workspace_id"]))
}

func (w *world) number(v any) float64 {
	n, ok := v.(float64)
	if !ok {
		w.t.Fatalf("%v is no number", v)
	}
	return n
}

func (w *world) make(o outside) {
	if o.method != "secrets" {
		w.send(o.method, o.url, o.body)
		return
	}
	secrets, _ := w.send("GET", o.url, nil)["secrets"].([]any)
	for _, item := range secrets {
		s, _ := item.(map[string]any)
		w.send("DELETE", fmt.Sprintf("%s/%v", o.url, s["id"]), nil)
	}
}

// TestAnOutsideChangeOfEachFieldIsSeenAndHealed changes each managed field of each kind behind the
// program's back: the plan names it, one apply heals it, nothing else changes.
func TestAnOutsideChangeOfEachFieldIsSeenAndHealed(t *testing.T) {
	t.Parallel()
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	for i := range outsideChanges(w) {
		o := outsideChanges(w)[i] // ids change when an object is made again
		t.Run(o.name, func(t *testing.T) {
			w.t = t
			w.make(o)
			for _, c := range w.plan().Changes {
				expected := c.Address == o.address
				tolerated := slices.ContainsFunc(o.alsoAffected, func(glob string) bool { return plan.MatchAddress(glob, c.Address) })
				switch {
				case expected && c.Action != o.action:
					t.Errorf("%s is %s (%s), want %s", c.Address, c.Action, c.Reason, o.action)
				case expected && o.field != "" && !slices.ContainsFunc(c.Fields, func(f plan.Field) bool { return f.Path == o.field }):
					t.Errorf("%s differs in %+v, want %s", c.Address, c.Fields, o.field)
				case !expected && !tolerated && c.Action != plan.None:
					t.Errorf("%s is %s, too: %s", c.Address, c.Action, c.Reason)
				}
			}
			w.settle()
		})
	}
}

// TestAMissingPermissionIsUnknownAndNeverACreate refuses the reads behind each kind.
func TestAMissingPermissionIsUnknownAndNeverACreate(t *testing.T) {
	reads := map[string]string{ // a kind's read, by host and path; what it is found through stays readable
		"repository": "api.github.com/repos/acme/taxi", "first_commit": "*/git/matching-refs/heads*", "branch": "*/git/matching-refs/heads*",
		"branch_protection": "*/rulesets*", "team": "api.github.com/repos/acme/taxi/teams*", "workflow_permissions": "*/actions/permissions/workflow",
		"environment": "*/taxi/environments", "variable": "*/variables", "secret": "*/secrets",
		"entitlement": "prod*/scim/v2/ServicePrincipals*", "git_credential": "*/git-credentials*", "principal_user": "*/access-control/rule-sets*",
		"group": "*/scim/v2/Groups", "group_member": "*/scim/v2/Groups/*", "service_principal": "*/accounts/*/scim/v2/ServicePrincipals", "workspace_assignment": "*/permissionassignments",
		"catalog": "*/unity-catalog/catalogs*", "schema": "*/unity-catalog/schemas*", "catalog_binding": "*/unity-catalog/bindings/*",
		"directory": "*/workspace/get-status*", "permission": "*/api/2.0/permissions/*",
		"grant": "*/unity-catalog/permissions/*", "federation_policy": "*/federationPolicies",
	}
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	for _, kind := range everyKind {
		t.Run(kind, func(t *testing.T) {
			w.t = t
			if err := w.sandbox.Inject(sandbox.Fault{Method: "GET", Path: reads[kind], Times: -1, Action: sandbox.FaultStatus, Status: 403}); err != nil {
				t.Fatal(err)
			}
			unknown := 0
			for _, c := range w.planWith(w.engine()).Changes {
				if c.Action.Acts() {
					t.Errorf("%s is %s: %s", c.Address, c.Action, c.Reason)
				}
				if c.Kind == kind && c.Action == plan.Unknown {
					unknown++
				}
			}
			if unknown == 0 {
				t.Errorf("no %s is unknown", kind)
			}
			if err := w.sandbox.ClearFaults(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestNothingSeenHoldsASecretsValue looks for the canary and for every credential that the sandbox
// knows in all that an engine says.
func TestNothingSeenHoldsASecretsValue(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	var seen bytes.Buffer
	e := w.engine()
	for range 2 {
		p, err := e.Plan(context.Background(), engine.Aim{})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(&seen).Encode(p); err != nil {
			t.Fatal(err)
		}
		w.apply()
		e = w.engine()
	}
	if !strings.Contains(seen.String(), "WORKFLOW_TOKEN") {
		t.Fatal("the plan does not speak of the secret at all")
	}
	for _, secret := range []string{canary, w.sandbox.Operator()["GITHUB_TOKEN"], w.sandbox.Operator()["DATABRICKS_CLIENT_SECRET"]} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("a plan holds the secret %q", secret)
		}
	}
}

// TestASavedPlanStandsAfterItWasWrittenAndRead makes the same plan twice, before a first install and
// when there is nothing left: what was saved of the one stands in the other, for every kind.
func TestASavedPlanStandsAfterItWasWrittenAndRead(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	for _, install := range []bool{true, false} {
		data, err := json.Marshal(w.plan())
		if err != nil {
			t.Fatal(err)
		}
		var saved plan.Plan
		if err := json.Unmarshal(data, &saved); err != nil {
			t.Fatal(err)
		}
		steps, moved := plan.Witness(&saved, w.plan())
		if len(moved) > 0 || (len(steps) > 0) != install {
			t.Errorf("%d steps, of which moved: %+v", len(steps), moved)
		}
		w.settle()
	}
}
