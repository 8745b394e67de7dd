package kinds

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

const fullSpec = `version: 1
name: demo
git: { repository: acme/demo }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches: { main: { default: true }, release: { from: main } }
targets:
  test:
    host: https://staging.cloud.databricks.com
    service_principal: demo-test
    environment: {}
  staging:
    host: https://staging.cloud.databricks.com
    service_principal: demo-staging
    environment: { branches: [main] }
  prod:
    host: https://prod.cloud.databricks.com
    branch: release
    service_principal: demo-prod
catalogs:
  test: { schemas: { demo: {} } }
  staging: { schemas: { demo: {} } }
  prod:
    comment: Production
    isolated_to: [prod]
    schemas: { demo: { comment: Taxi fares } }
permissions:
  - { grant: training, targets: [test, staging, prod], schema: demo, input: demo.rides }
  - { grant: batch_inference, targets: [prod], input: demo.rides, output: demo.fares }
  - { principal: "group:ml", on: "schema:prod.demo", privileges: [USE_SCHEMA, EXECUTE] }
  - { principal: "group:account users", on: "schema:prod.demo", privileges: [EXECUTE] }
  - { principal: "service_principal:watcher", on: "catalog:prod", privileges: [USE_CATALOG] }
`

const fullWorld = `databricks:
  groups: [{ name: ml }]
  service_principals:
  - { name: watcher }
`

func TestTheGuideIsPlannedAppliedAndThenEmpty(t *testing.T) {
	r := newRig(t, fullWorld, fullSpec)
	p, failures := r.plan()
	if len(failures) > 0 {
		t.Fatal(failures[0].Err)
	}
	want := map[string]plan.Action{
		"service_principal/demo-test":                  "create",
		"service_principal/demo-staging":               "create",
		"service_principal/demo-prod":                  "create",
		"workspace_assignment/test/demo-test":          "create",
		"workspace_assignment/staging/demo-staging":    "create",
		"workspace_assignment/prod/demo-prod":          "create",
		"catalog/test":                                 "create",
		"catalog/staging":                              "create",
		"catalog/prod":                                 "create",
		"catalog_binding/prod":                         "create",
		"schema/test.demo":                             "create",
		"schema/staging.demo":                          "create",
		"schema/prod.demo":                             "create",
		"grant/catalog:test/demo-test":                 "create",
		"grant/schema:test.demo/demo-test":             "create",
		"grant/table:test.demo.rides/demo-test":        "blocked",
		"grant/catalog:staging/demo-staging":           "create",
		"grant/schema:staging.demo/demo-staging":       "create",
		"grant/table:staging.demo.rides/demo-staging":  "blocked",
		"grant/catalog:prod/demo-prod":                 "create",
		"grant/schema:prod.demo/demo-prod":             "create",
		"grant/table:prod.demo.rides/demo-prod":        "blocked",
		"grant/schema:prod.demo/group:ml":              "create",
		"grant/schema:prod.demo/group:account users":   "create",
		"grant/catalog:prod/service_principal:watcher": "create",
		"federation_policy/demo-test/test":             "create",
		"federation_policy/demo-staging/staging":       "create",
		"federation_policy/demo-prod/prod":             "create",
	}
	if diff := cmp.Diff(want, actions(p)); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if sent := r.sent(mutating); len(sent) > 0 {
		t.Errorf("a plan sent %v", sent)
	}

	r.mustApply()
	// One request for each securable, however many principals are given something on it.
	if sent := r.sent(to("PATCH", "/permissions/schema/prod.demo")); len(sent) != 1 {
		t.Errorf("the grants on one schema took %d requests", len(sent))
	}

	p, _ = r.plan()
	left := actions(p)
	for address, action := range left {
		if action != plan.Blocked || !strings.Contains(address, "rides") {
			t.Errorf("after the apply %s is still %s: %s", address, action, p.Find(address).Reason)
		}
	}
	if sent := r.apply(); len(sent.Results) > 0 {
		t.Errorf("a second apply has steps: %+v", sent.Results)
	}
}

func TestAPlanAsksOncePerListing(t *testing.T) {
	r := newRig(t, fullWorld, fullSpec)
	r.mustApply()
	r.plan()
	for _, once := range []struct{ what, part string }{
		{"principals", "/scim/v2/ServicePrincipals"},
		{"workspaces' own ids", "/current-metastore-assignment"},
		{"assignments", "/permissionassignments"},
		{"catalogs", "/unity-catalog/catalogs"},
		{"grants on a schema", "/permissions/schema/prod.demo"},
		{"groups", "/scim/v2/Groups"},
	} {
		hosts := map[string]int{}
		for _, q := range r.box.Log()[r.before:] {
			if strings.Contains(q.Path, once.part) {
				hosts[q.Host+q.Path]++
			}
		}
		for address, n := range hosts {
			if n != 1 {
				t.Errorf("%s: %s was asked %d times", once.what, address, n)
			}
		}
	}
	for _, q := range r.box.Log()[r.before:] {
		if q.Status >= 400 && !strings.Contains(q.Path, "/permissions/table/") {
			t.Errorf("%s %s%s was answered %d", q.Method, q.Host, q.Path, q.Status)
		}
	}
}

func TestWhatIsOutOfSightIsUnknownAndNeverACreate(t *testing.T) {
	r := newRig(t, fullWorld+`  - name: outsider
    client_secret: outsider-secret
    application_id: 99999999-0000-4000-8000-000000000001
    workspaces: [https://staging.cloud.databricks.com, https://prod.cloud.databricks.com]
`, fullSpec)
	r.mustApply()
	r.login = map[string]string{"DATABRICKS_CLIENT_ID": "99999999-0000-4000-8000-000000000001", "DATABRICKS_CLIENT_SECRET": "outsider-secret"}
	p, _ := r.plan()
	for _, c := range p.Changes {
		if c.Action != plan.Unknown && c.Kind != "environment" && c.Kind != "branch" {
			t.Errorf("%s is %s for somebody without any right: %s", c.Address, c.Action, c.Reason)
		}
	}
}

func TestALostAnswerMakesNoSecondPrincipal(t *testing.T) {
	r := newRig(t, fullWorld, fullSpec)
	err := r.box.Inject(sandbox.Fault{Method: "POST", Path: "*/ServicePrincipals", Action: sandbox.FaultResetAfter})
	if err != nil {
		t.Fatal(err)
	}
	r.mustApply()
	if sent := r.sent(to("POST", "/ServicePrincipals")); len(sent) != 3 {
		t.Errorf("three principals took %d requests", len(sent))
	}
	p, _ := r.plan()
	if c := p.Find("service_principal/demo-prod"); c.Action != plan.None {
		t.Errorf("the principal is %s: %s", c.Action, c.Reason)
	}
}
