package kinds

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

const head = `version: 1
name: demo
git: { repository: acme/demo }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches: { main: { default: true } }
targets:
  prod: { host: https://prod.cloud.databricks.com, branch: main, service_principal: demo-prod }
`

const onProd = prodHost + "/api/2.1/unity-catalog"

// change returns the change of an address in a new plan.
func (r *rig) change(address string) plan.Change {
	r.t.Helper()
	p, _ := r.plan()
	c := p.Find(address)
	if c == nil {
		r.t.Fatalf("no %s in the plan", address)
	}
	return *c
}

func (r *rig) expect(address string, action plan.Action, reason string) {
	r.t.Helper()
	if c := r.change(address); c.Action != action || !strings.Contains(c.Reason, reason) {
		r.t.Errorf("%s is %s (%s), want %s (… %s …)", address, c.Action, c.Reason, action, reason)
	}
}

func TestTwoPrincipalsOfOneNameAreAnErrorUntilOneIsPicked(t *testing.T) {
	world := `databricks:
  service_principals:
    - { name: demo-prod, application_id: 99999999-0000-4000-8000-000000000002 }
    - { name: demo-prod, application_id: 99999999-0000-4000-8000-000000000001 }
`
	r := newRig(t, world, head)
	_, failures := r.plan()
	if len(failures) != 1 || failures[0].Wish.Addr.String() != "service_principal/demo-prod" {
		t.Fatalf("failures: %v", failures)
	}
	text := failures[0].Err.Error()
	for _, part := range []string{"99999999-0000-4000-8000-000000000001, 99999999-0000-4000-8000-000000000002", "`service_principals.demo-prod.id`"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
	picked := "service_principals: { demo-prod: { id: 99999999-0000-4000-8000-000000000002 } }\n"
	r.stack = parse(t, head+picked)
	if c := r.change("service_principal/demo-prod"); c.Action != plan.None || c.Before["application_id"] != "99999999-0000-4000-8000-000000000002" {
		t.Errorf("%s: %v", c.Action, c.Before)
	}
	r.stack = parse(t, head+strings.ReplaceAll(picked, "002", "003"))
	r.expect("service_principal/demo-prod", plan.Blocked, "99999999-0000-4000-8000-000000000003")
}

func TestAPrincipalThatWasSwitchedOffIsSwitchedOn(t *testing.T) {
	r := newRig(t, "databricks: { service_principals: [{ name: demo-prod, inactive: true }] }", head)
	r.expect("service_principal/demo-prod", plan.Update, "active differs")
	r.mustApply()
	r.expect("service_principal/demo-prod", plan.None, "")
}

func TestNewPrincipalsAreWaitedFor(t *testing.T) {
	r := newRig(t, "databricks: { delays: { assignment: 2, grant: 2 } }", head+`catalogs: { prod: { schemas: { demo: {} } } }
permissions: [{ grant: training, targets: [prod], schema: demo }]
`)
	r.mustApply()
	p, _ := r.plan()
	if left := actions(p); len(left) > 0 {
		t.Errorf("after the apply there is still %v", left)
	}
}

func TestAnAdminOfAWorkspaceIsAUserOfIt(t *testing.T) {
	r := newRig(t, "databricks: { service_principals: [{ name: demo-prod, workspace_admin: [https://prod.cloud.databricks.com] }] }", head)
	r.expect("workspace_assignment/prod/demo-prod", plan.None, "")
}

func TestWithoutAnAccountPeopleAreToldWhatToAskFor(t *testing.T) {
	bare := strings.Replace(head, "account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }\n", "", 1)
	r := newRig(t, "", bare)
	r.expect("service_principal/demo-prod", plan.Blocked, `create the service principal "demo-prod" and assign it to https://prod.cloud.databricks.com`)

	r = newRig(t, "databricks: { service_principals: [{ name: demo-prod, workspaces: [https://prod.cloud.databricks.com] }] }", bare)
	r.expect("service_principal/demo-prod", plan.None, "")
	r.expect("workspace_assignment/prod/demo-prod", plan.None, "")
	r.expect("federation_policy/demo-prod/prod", plan.Blocked, "subject repo:acme/demo:branch:main and the audiences https://prod.cloud.databricks.com/oidc/v1/token")
	for _, q := range r.box.Log() {
		if "https://"+q.Host == accountHost {
			t.Errorf("the account was asked: %s %s", q.Method, q.Path)
		}
	}
}

func TestWithoutAnAccountAPrincipalOfAnotherWorkspaceStillNeedsThisOne(t *testing.T) {
	r := newRig(t, "databricks: { service_principals: [{ name: p, workspaces: [https://staging.cloud.databricks.com] }] }", `version: 1
name: demo
git: { repository: acme/demo }
branches: { main: { default: true } }
targets:
  staging: { host: https://staging.cloud.databricks.com, branch: main, service_principal: p }
  prod: { host: https://prod.cloud.databricks.com, branch: main, service_principal: p }
`)
	r.expect("service_principal/p", plan.None, "")
	r.expect("workspace_assignment/staging/p", plan.None, "")
	r.expect("workspace_assignment/prod/p", plan.Blocked, "assign the service principal")
}

func TestAForeignCatalogIsOnlyAPrerequisite(t *testing.T) {
	spec := strings.Replace(head, "service_principal: demo-prod", "service_principal: demo-prod, catalog: shared", 1) +
		"catalogs: { shared: { exists: true, schemas: { demo: {} } } }\n"
	r := newRig(t, "", spec)
	r.expect("catalog/shared", plan.Blocked, "`exists: true`")
	r.expect("schema/shared.demo", plan.Blocked, "catalog/shared")

	r = newRig(t, "databricks: { catalogs: [{ name: shared, comment: theirs }] }", spec)
	r.expect("catalog/shared", plan.None, "")
	r.expect("schema/shared.demo", plan.Create, "")
}

func TestAMetastoreWithoutStorageAsksForAStorageRoot(t *testing.T) {
	world := "databricks: { metastores: [{ name: m, storage_root: none, workspaces: [https://prod.cloud.databricks.com, https://staging.cloud.databricks.com] }] }"
	r := newRig(t, world, head+"catalogs: { prod: {} }\n")
	r.expect("catalog/prod", plan.Blocked, "`catalogs.prod.storage_root`")

	r = newRig(t, world, head+"catalogs: { prod: { storage_root: s3://acme/uc/ } }\n")
	r.mustApply()
	r.expect("catalog/prod", plan.None, "")
	r.stack = parse(t, head+"catalogs: { prod: { storage_root: s3://acme/elsewhere } }\n")
	r.expect("catalog/prod", plan.Blocked, "cannot be changed")
}

func TestCommentsChangeAndCanBeCleared(t *testing.T) {
	r := newRig(t, "", head+"catalogs: { prod: { comment: one, schemas: { demo: { comment: one } } } }\n")
	r.mustApply()
	r.stack = parse(t, head+"catalogs: { prod: { comment: '', schemas: { demo: { comment: two } } } }\n")
	r.expect("catalog/prod", plan.Update, "comment differs")
	r.expect("schema/prod.demo", plan.Update, "comment differs")
	r.mustApply()
	p, _ := r.plan()
	if left := actions(p); len(left) > 0 {
		t.Errorf("after the apply there is still %v", left)
	}
	r.stack = parse(t, head+"catalogs: { prod: { schemas: { demo: {} } } }\n")
	r.expect("schema/prod.demo", plan.None, "") // what the spec does not say is not managed
}

func TestIsolationBindsBeforeItLocksOutAndLeavesOthersBound(t *testing.T) {
	isolated := head + "catalogs: { prod: { isolated_to: [prod] } }\n"
	r := newRig(t, "databricks: { catalogs: [{ name: prod }] }", isolated)
	c := r.change("catalog_binding/prod")
	if c.Action != plan.Update || c.Danger != "access_loss" {
		t.Errorf("isolating a catalog that everybody uses is %s with danger %s", c.Action, c.Danger)
	}
	r.mustApply()
	order := r.sent(func(q sandbox.Request) bool { return q.Method == "PATCH" })
	want := []string{"PATCH /api/2.1/unity-catalog/bindings/catalog/prod", "PATCH /api/2.1/unity-catalog/catalogs/prod"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("the order of requests (-want +got):\n%s", diff)
	}
	r.expect("catalog_binding/prod", plan.None, "")

	r = newRig(t, "databricks: { catalogs: [{ name: prod, isolated_to: [https://staging.cloud.databricks.com] }] }", isolated)
	c = r.change("catalog_binding/prod")
	if c.Action != plan.Update || c.Danger == "access_loss" {
		t.Errorf("binding one more workspace is %s with danger %s", c.Action, c.Danger)
	}
	r.mustApply()
	r.expect("catalog_binding/prod", plan.None, "")
	r.stack = parse(t, strings.Replace(isolated, "targets:\n", "targets:\n  staging: { host: https://staging.cloud.databricks.com }\n", 1))
	r.stack.Catalogs[0].IsolatedTo = []string{"prod", "staging"}
	r.homes = map[string]string{prodHost: "m", stagingHost: "m"}
	r.expect("catalog_binding/prod", plan.None, "") // the other workspace was not unbound
}

const grantSpec = head + `catalogs: { prod: { schemas: { demo: {} } } }
permissions:
  - { grant: training, targets: [prod], schema: demo, input: demo.rides }
  - { grant: batch_inference, targets: [prod], input: demo.rides, output: demo.fares }
`

const principalWorld = `databricks:
  service_principals: [{ name: demo-prod, workspaces: [https://prod.cloud.databricks.com] }]
  users: [{ name: ada@acme.com }]
  groups: [{ name: ml }]
  catalogs: [{ name: prod, schemas: [demo] }]
`

func TestTheOwnerAndAllPrivilegesSatisfyAWish(t *testing.T) {
	r := newRig(t, principalWorld+`  tables: [{ name: prod.demo.rides, owner: "service_principal:demo-prod" }, { name: prod.demo.fares }]
  grants:
    - { on: "catalog:prod", principal: "service_principal:demo-prod", privileges: [ALL_PRIVILEGES] }
    - { on: "schema:prod.demo", principal: "service_principal:demo-prod", privileges: [USE_SCHEMA, MODIFY, SELECT] }
    - { on: "table:prod.demo.fares", principal: "service_principal:demo-prod", privileges: [MODIFY] }
`, grantSpec)
	r.expect("grant/catalog:prod/demo-prod", plan.None, "")
	r.expect("grant/table:prod.demo.rides/demo-prod", plan.None, "")
	r.expect("grant/table:prod.demo.fares/demo-prod", plan.None, "")
	c := r.change("grant/schema:prod.demo/demo-prod")
	want := []plan.Field{{Path: "privileges", Before: []any{"MODIFY", "USE_SCHEMA"}, After: []any{"CREATE_MODEL", "CREATE_TABLE", "MODIFY", "USE_SCHEMA"}}}
	if diff := cmp.Diff(want, c.Fields); c.Action != plan.Update || diff != "" {
		t.Errorf("%s (-want +got):\n%s", c.Action, diff)
	}
}

func TestAllPrivilegesLeavesManageOut(t *testing.T) {
	r := newRig(t, principalWorld+`  grants: [{ on: "schema:prod.demo", principal: "group:ml", privileges: [ALL_PRIVILEGES] }]
`, head+`catalogs: { prod: { schemas: { demo: {} } } }
permissions: [{ principal: "group:ml", on: "schema:prod.demo", privileges: [SELECT, MANAGE] }]
`)
	c := r.change("grant/schema:prod.demo/group:ml")
	if diff := cmp.Diff([]any{"SELECT"}, c.Before["privileges"]); c.Action != plan.Update || diff != "" {
		t.Errorf("%s, and it holds (-want +got):\n%s", c.Action, diff)
	}
}

func TestGrantsAddAndTakeNothingAway(t *testing.T) {
	r := newRig(t, principalWorld+`  tables: [{ name: prod.demo.rides }, { name: prod.demo.fares }]
  grants:
    - { on: "schema:prod.demo", principal: "service_principal:demo-prod", privileges: [SELECT] }
    - { on: "schema:prod.demo", principal: "user:ada@acme.com", privileges: [MODIFY] }
`, grantSpec)
	r.mustApply()
	r.expect("grant/table:prod.demo.fares/demo-prod", plan.None, "")
	grants, err := r.fleet(reading()).Grants(t.Context(), prodHost, grant{SecurableType: "schema", Securable: "prod.demo"}.securable())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, g := range grants {
		got[g.Principal] = g.Privileges
	}
	principals := slices.Sorted(maps.Keys(got))
	if len(principals) != 2 || !slices.Contains(principals, "ada@acme.com") {
		t.Fatalf("grants: %v", got)
	}
	delete(got, "ada@acme.com")
	for _, privileges := range got {
		if diff := cmp.Diff([]string{"CREATE_MODEL", "CREATE_TABLE", "MODIFY", "SELECT", "USE_SCHEMA"}, privileges); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestARevokedPrivilegeIsSeen(t *testing.T) {
	r := newRig(t, principalWorld, grantSpec)
	r.mustApply()
	id, _ := r.change("service_principal/demo-prod").Before["application_id"].(string)
	r.call("PATCH", onProd+"/permissions/schema/prod.demo", `{"changes":[{"principal":"`+id+`","remove":["CREATE_MODEL"]}]}`)
	r.expect("grant/schema:prod.demo/demo-prod", plan.Update, "privileges differs")
	r.mustApply()
	r.expect("grant/schema:prod.demo/demo-prod", plan.None, "")
}

func TestALostAnswerOfAGrantIsMadeGood(t *testing.T) {
	r := newRig(t, principalWorld, grantSpec)
	if err := r.box.Inject(sandbox.Fault{Method: "PATCH", Path: "*/permissions/schema/*", Action: sandbox.FaultResetAfter}); err != nil {
		t.Fatal(err)
	}
	r.mustApply()
	r.expect("grant/schema:prod.demo/demo-prod", plan.None, "")
}

func TestWhoDoesNotExistIsNamed(t *testing.T) {
	r := newRig(t, "", head+`catalogs: { prod: { schemas: { demo: {} } } }
permissions:
  - { principal: "group:nobody", on: "schema:prod.demo", privileges: [SELECT] }
  - { principal: "user:no@acme.com", on: "catalog:prod", privileges: [USE_CATALOG] }
  - { principal: "service_principal:none", on: "catalog:prod", privileges: [USE_CATALOG] }
  - { principal: "service_principal:demo-prod", on: "metastore", target: prod, privileges: [CREATE_CATALOG] }
`)
	r.expect("grant/schema:prod.demo/group:nobody", plan.Blocked, `group "nobody"`)
	r.expect("grant/catalog:prod/user:no@acme.com", plan.Blocked, `user "no@acme.com"`)
	r.expect("grant/catalog:prod/service_principal:none", plan.Blocked, `service principal "none"`)
	r.expect("grant/metastore/demo-prod", plan.Create, "")
	r.mustApply()
	r.expect("grant/metastore/demo-prod", plan.None, "")
}

func TestModelsVolumesAndFunctionsAreGrantedOn(t *testing.T) {
	r := newRig(t, principalWorld+`  models: [{ name: prod.demo.model }]
  volumes: [{ name: prod.demo.files }]
  functions: [{ name: prod.demo.f, owner: "group:ml" }]
`, head+`catalogs: { prod: { schemas: { demo: {} } } }
permissions:
  - { principal: "group:ml", on: "model:prod.demo.model", privileges: [EXECUTE] }
  - { principal: "group:ml", on: "volume:prod.demo.files", privileges: [READ_VOLUME] }
  - { principal: "group:ml", on: "function:prod.demo.f", privileges: [EXECUTE] }
  - { principal: "group:ml", on: "table:prod.demo.none", privileges: [SELECT] }
`)
	r.expect("grant/function:prod.demo.f/group:ml", plan.None, "") // its owner
	r.expect("grant/table:prod.demo.none/group:ml", plan.Blocked, "does not exist yet")
	r.mustApply()
	r.expect("grant/model:prod.demo.model/group:ml", plan.None, "")
	r.expect("grant/volume:prod.demo.files/group:ml", plan.None, "")
}

func TestAFederationPolicyIsBroughtBack(t *testing.T) {
	r := newRig(t, "", head)
	r.mustApply()
	principal, _ := r.change("service_principal/demo-prod").Before["id"].(string)
	policy := accountHost + "/api/2.0/accounts/" + accountID + "/servicePrincipals/" + principal + "/federationPolicies/mlopsctl-demo-prod"
	r.call("PATCH", policy+"?update_mask=oidc_policy", `{"oidc_policy":{"issuer":"https://evil.example","subject":"anybody","subject_claim":"repository","audiences":["x"],"jwks_uri":"https://keys.example"}}`)
	c := r.change("federation_policy/demo-prod/prod")
	var fields []string
	for _, f := range c.Fields {
		fields = append(fields, f.Path)
	}
	if diff := cmp.Diff([]string{"audiences", "issuer", "keys", "subject", "subject_claim"}, fields); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r.mustApply()
	r.expect("federation_policy/demo-prod/prod", plan.None, "")

	// An Enterprise Server may be out of Databricks' reach: then its keys are given, and stay.
	r.stack.Git.Host = "https://github.acme.com"
	r.call("PATCH", policy+"?update_mask=oidc_policy", `{"oidc_policy":{"issuer":"https://evil.example","subject":"anybody","jwks_uri":"https://keys.example"}}`)
	r.mustApply()
	if c := r.change("federation_policy/demo-prod/prod"); c.Action != plan.None || c.Before["keys"] != "given" {
		t.Errorf("%s, keys %v", c.Action, c.Before["keys"])
	}
}

func TestSomebodyElsesFederationPolicyServesAsWell(t *testing.T) {
	r := newRig(t, "databricks: { service_principals: [{ name: demo-prod }] }", head)
	principal, _ := r.change("service_principal/demo-prod").Before["id"].(string)
	policies := accountHost + "/api/2.0/accounts/" + accountID + "/servicePrincipals/" + principal + "/federationPolicies"
	body := func(audiences string) string {
		return `{"oidc_policy":{"issuer":"https://token.actions.githubusercontent.com","subject":"repo:acme/demo:branch:main","audiences":[` + audiences + `]}}`
	}
	r.call("POST", policies+"?policy_id=narrower", body(`"`+accountID+`"`))
	r.expect("federation_policy/demo-prod/prod", plan.Create, "")
	r.call("POST", policies+"?policy_id=theirs", body(`"`+accountID+`","https://prod.cloud.databricks.com/oidc/v1/token","other"`))
	r.expect("federation_policy/demo-prod/prod", plan.None, "")
}
