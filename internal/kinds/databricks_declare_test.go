package kinds

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// privilegesBy maps the addresses of grants to where they are asked from and what is granted.
func privilegesBy(w resource.Wishes) map[string]string {
	return wished(declareGrants(w), func(g grant) string {
		return strings.TrimPrefix(g.Host, "https://") + " " + g.WhenMissing + " " + strings.Join(g.Privileges, ",")
	})
}

const recipes = `version: 1
name: demo
git: { repository: acme/demo }
branches: { main: { default: true } }
targets:
  staging: { host: https://staging.cloud.databricks.com, branch: main, service_principal: p-staging }
  prod: { host: https://prod.cloud.databricks.com, branch: main, service_principal: p-prod }
catalogs:
  staging: { schemas: { demo: {}, raw: {} } }
  prod: { exists: true, schemas: { demo: {} } }
permissions:
  - { grant: training, targets: [staging, prod], schema: demo, input: raw.rides }
  - { grant: batch_inference, targets: [prod], input: raw.rides, output: demo.fares }
  - { principal: "service_principal:p-prod", on: "table:prod.raw.rides", privileges: [MODIFY] }
`

func TestRecipesResolveAsTheGuideSays(t *testing.T) {
	want := map[string]string{
		"grant/catalog:staging/p-staging":         "staging.cloud.databricks.com made_first USE_CATALOG",
		"grant/schema:staging.demo/p-staging":     "staging.cloud.databricks.com made_first CREATE_MODEL,CREATE_TABLE,MODIFY,USE_SCHEMA",
		"grant/schema:staging.raw/p-staging":      "staging.cloud.databricks.com made_first USE_SCHEMA",
		"grant/table:staging.raw.rides/p-staging": "staging.cloud.databricks.com blocks SELECT",
		"grant/catalog:prod/p-prod":               "prod.cloud.databricks.com blocks USE_CATALOG",
		"grant/schema:prod.demo/p-prod":           "prod.cloud.databricks.com made_first CREATE_MODEL,CREATE_TABLE,MODIFY,USE_SCHEMA",
		"grant/schema:prod.raw/p-prod":            "prod.cloud.databricks.com blocks USE_SCHEMA",
		"grant/table:prod.raw.rides/p-prod":       "prod.cloud.databricks.com blocks MODIFY,SELECT",
		"grant/table:prod.demo.fares/p-prod":      "prod.cloud.databricks.com moot MODIFY",
	}
	got := privilegesBy(resource.Wishes{Stack: parse(t, recipes)})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAGrantSaysWhatItComesAfter(t *testing.T) {
	w := resource.Wishes{Stack: parse(t, strings.Replace(recipes, "  staging: { schemas", "  staging: { isolated_to: [staging], schemas", 1))}
	for _, d := range declareGrants(w) {
		if d.Addr.String() != "grant/schema:staging.demo/p-staging" {
			continue
		}
		want := []resource.Need{
			{Addr: "schema/staging.demo", Why: "it is granted on this schema"},
			{Addr: "catalog/staging", Why: "it lies in this catalog"},
			{Addr: "catalog_binding/staging", Why: "it is made from a workspace that must be able to see the catalog"},
			{Addr: "workspace_assignment/staging/p-staging", Why: "the workspace knows a principal once it is assigned to it"},
		}
		if diff := cmp.Diff(want, d.Needs); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return
	}
	t.Error("there is no such grant")
}

const shared = `version: 1
name: demo
git: { repository: acme/demo }
branches: { main: { default: true } }
targets:
  staging: { host: https://staging.cloud.databricks.com, branch: main, service_principal: p, catalog: main }
  prod: { host: https://prod.cloud.databricks.com, branch: main, service_principal: p, catalog: main }
catalogs:
  main: { isolated_to: [prod], schemas: { demo: {} } }
permissions:
  - { grant: training, targets: [staging, prod], schema: demo }
  - { principal: "group:ml", on: "schema:main.demo", privileges: [EXECUTE], target: prod }
`

func TestOneMetastoreIsOneCatalogSeenFromWhereItIsVisible(t *testing.T) {
	w := resource.Wishes{Stack: parse(t, shared), Metastores: map[string]string{stagingHost: "m", prodHost: "m"}}
	host := func(c catalog) string { return c.Host }
	if diff := cmp.Diff(map[string]string{"catalog/main": prodHost}, wished(declareCatalogs(w), host)); diff != "" {
		t.Errorf("catalogs (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"grant/catalog:main/p":            "prod.cloud.databricks.com made_first USE_CATALOG",
		"grant/schema:main.demo/p":        "prod.cloud.databricks.com made_first CREATE_MODEL,CREATE_TABLE,MODIFY,USE_SCHEMA",
		"grant/schema:main.demo/group:ml": "prod.cloud.databricks.com made_first EXECUTE",
	}
	if diff := cmp.Diff(want, privilegesBy(w)); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
}

func TestTwoMetastoresAreTwoCatalogsByTheirTargets(t *testing.T) {
	w := resource.Wishes{Stack: parse(t, shared), Metastores: map[string]string{stagingHost: "one", prodHost: "two"}}
	got := wished(declareCatalogs(w), func(c catalog) string { return c.Host })
	for address, host := range wished(declareSchemas(w), func(s schema) string { return s.Host }) {
		got[address] = host
	}
	for address, binding := range wished(declareCatalogBindings(w), func(b catalogBinding) string { return strings.Join(b.Workspaces, ",") }) {
		got[address] = binding
	}
	want := map[string]string{
		"catalog/staging/main": stagingHost, "catalog/prod/main": prodHost,
		"schema/staging/main.demo": stagingHost, "schema/prod/main.demo": prodHost,
		"catalog_binding/prod/main": prodHost,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	grants := map[string]string{
		"grant/staging/catalog:main/p":         "staging.cloud.databricks.com made_first USE_CATALOG",
		"grant/staging/schema:main.demo/p":     "staging.cloud.databricks.com made_first CREATE_MODEL,CREATE_TABLE,MODIFY,USE_SCHEMA",
		"grant/prod/catalog:main/p":            "prod.cloud.databricks.com made_first USE_CATALOG",
		"grant/prod/schema:main.demo/p":        "prod.cloud.databricks.com made_first CREATE_MODEL,CREATE_TABLE,MODIFY,USE_SCHEMA",
		"grant/prod/schema:main.demo/group:ml": "prod.cloud.databricks.com made_first EXECUTE",
	}
	if diff := cmp.Diff(grants, privilegesBy(w)); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
}

func TestPoliciesLogInByTheEnvironmentOrElseTheBranch(t *testing.T) {
	stack := parse(t, strings.Replace(shared, "staging: { host: https://staging.cloud.databricks.com,", "staging: { host: https://staging.cloud.databricks.com, environment: {},", 1))
	got := wished(declareFederationPolicies(resource.Wishes{Stack: stack}), func(p federationPolicy) string {
		return shown(p.PrincipalID) + " " + shown(p.Issuer) + " " + shown(p.Subject) + " " + p.PolicyID
	})
	want := map[string]string{
		"federation_policy/p/staging": "<service_principal/p id> <environment/staging oidc_issuer> <environment/staging oidc_subject> mlopsctl-demo-staging",
		"federation_policy/p/prod":    "<service_principal/p id> <branch/main oidc_issuer> <branch/main oidc_subject> mlopsctl-demo-prod",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPolicyIDsFitAndStayApart(t *testing.T) {
	fits := regexp.MustCompile(`^[a-z0-9-/]{2,63}$`)
	seen := map[string]string{}
	long := strings.Repeat("x", 60)
	for _, target := range []string{"prod", "Prod", "pro_d", "pro.d", "pro-d", "prød", long + "a", long + "b"} {
		id := policyID("demo", target)
		if !fits.MatchString(id) {
			t.Errorf("%q is no id", id)
		}
		if other, taken := seen[id]; taken {
			t.Errorf("%s and %s are both %s", target, other, id)
		}
		seen[id] = target
	}
}
