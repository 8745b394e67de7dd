package kindtest

import (
	"slices"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// TestAWriteThatGoesWrongOutside holds applies to what they report of a step that a service refuses,
// fails or leaves open. Nothing but that step, and what needs it, may suffer.
func TestAWriteThatGoesWrongOutside(t *testing.T) {
	t.Parallel()
	runAll(t, slices.Concat(refusedByGitHub(), brokenWritesToGitHub(), refusedByDatabricks(), brokenWritesToDatabricks(), lateRefusals()))
}

func refusedByGitHub() []mishap {
	return []mishap{
		{
			name: "an organisation that forbids its workflows to write", world: "databricks: {groups: [{name: ml-engineers}]}\ngithub: {workflow_permissions: {default: read, locked: true}, teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "workflow_permissions", as: failed, request: "PUT api.github.com/repos/acme/taxi/actions/permissions/workflow", status: 409,
			says: "organization", advice: "an owner can change that in the organisation's settings, Actions, General",
		},
		{
			name: "a repository's name that somebody took whom the token may not see", world: strangersRepository, env: map[string]string{"GITHUB_TOKEN": "memberstoken"},
			address: "repository", as: failed, request: "POST api.github.com/orgs/acme/repos", status: 422,
			says: "name already exists on this account", advice: "give the token access to it or choose another name",
		},
		{
			name:    "an organisation that lets nobody create repositories",
			faults:  always("POST */orgs/acme/repos", 403, `{"message":"You need admin access to the organization before adding a repository to it."}`),
			address: "repository", as: failed, request: "POST api.github.com/orgs/acme/repos", status: 403,
			says: "You need admin access to the organization", advice: "whom the organisation lets create repositories",
		},
		{
			name: "a branch whose workflows the token may not write", faults: always("POST */git/refs", 404, `{"message":"Not Found"}`),
			address: "branch/release", as: failed, request: "POST api.github.com/repos/acme/taxi/git/refs", status: 404,
			says: "Not Found", advice: "where workflow files are among them, its workflows",
		},
		{
			name: "a repository that was archived since the plan", installed: true, spec: []string{"Taxi fare model\n  first_commit", "Fares\n  first_commit"},
			between: always("PATCH api.github.com/repos/acme/taxi", 403, `{"message":"Repository was archived so is read-only."}`),
			address: "repository", as: failed, request: "PATCH api.github.com/repos/acme/taxi", status: 403,
			says: "Repository was archived so is read-only.", advice: "unarchive it first",
		},
		{
			name: "a token that was revoked since the plan", installed: true, spec: []string{"mlops-gate", "gate"},
			between: always("ANY api.github.com/*", 401, `{"message":"Bad credentials"}`),
			address: "ledger", as: failed, request: "GET api.github.com/user", status: 401,
			says: "Bad credentials", advice: "the credential for api.github.com was not accepted",
		},
	}
}

func brokenWritesToGitHub() []mishap {
	return []mishap{
		{
			name: "rules that the plan of GitHub's lacks", faults: always("POST */rulesets", 403, `{"message":"Upgrade to GitHub Pro or make this repository public to enable this feature."}`),
			address: "branch_protection/main", as: failed, request: "POST api.github.com/repos/acme/taxi/rulesets", status: 403,
			says: "Upgrade to GitHub Pro", advice: "make the repository public, or take it out of the spec", also: "branch_protection/release",
		},
		{
			name: "a team that may not be given a role", faults: always("PUT */teams/ml-leads/repos/*", 404, `{"message":"Not Found"}`),
			address: "team/ml-leads", as: failed, request: "PUT api.github.com/orgs/acme/teams/ml-leads/repos/acme/taxi", status: 404,
			says: "Not Found", advice: "where a token may not do it: it takes an administrator of the repository",
		},
		{
			name: "an environment that is refused", faults: always("PUT */environments/prod", 422, `{"message":"Validation Failed","errors":[{"resource":"Environment","field":"reviewers","code":"invalid"}]}`),
			address: "environment/prod", as: failed, request: "PUT api.github.com/repos/acme/taxi/environments/prod", status: 422,
			says: "Validation Failed; Environment.reviewers invalid", advice: "only Enterprise has reviewers there",
		},
		{
			name: "a secret that may not be written", faults: always("PUT */actions/secrets/WORKFLOW_TOKEN", 403, `{"message":"Resource not accessible by integration"}`, "X-Accepted-GitHub-Permissions", "secrets=write"),
			address: "secret/WORKFLOW_TOKEN", as: failed, request: "PUT api.github.com/repos/acme/taxi/actions/secrets/WORKFLOW_TOKEN", status: 403,
			says: "Resource not accessible by integration", advice: "the token needs secrets=write",
		},
		{
			name: "a push that is refused", faults: always("POST */git-receive-pack", 403, `{"message":"Permission to acme/taxi.git denied."}`),
			address: "ledger", as: failed, request: "POST github.com/acme/taxi.git/git-receive-pack", status: 403,
			says: "Permission to acme/taxi.git denied.", advice: "it takes a token that may write the repository's contents",
		},
		{
			name: "a limit on writes without end", faults: always("POST */actions/variables", 403, `{"message":"You have exceeded a secondary rate limit."}`, "Retry-After", "120"),
			address: "variable/MODEL_OWNER", also: "variable/MLOPSCTL_READER_CLIENT_ID", as: failed, request: "POST api.github.com/repos/acme/taxi/actions/variables", status: 403,
			says: "You have exceeded a secondary rate limit.", advice: "try again in 2m0s",
		},
		{
			name: "a variable that the service fails to make", faults: always("POST */actions/variables", 500, `{"message":"Server Error"}`),
			address: "variable/MODEL_OWNER", also: "variable/MLOPSCTL_READER_CLIENT_ID", as: failed, request: "POST api.github.com/repos/acme/taxi/actions/variables", status: 500,
			says: "Server Error", advice: "try again later",
		},
	}
}

const (
	apiPrincipals = "POST " + apiAccount + "/scim/v2/ServicePrincipals"
	anyPrincipal  = "*/accounts/*/scim/v2/ServicePrincipals"
)

func refusedByDatabricks() []mishap {
	return []mishap{
		{
			name: "a catalog that belongs to somebody else", world: "databricks: {groups: [{name: ml-engineers}], catalogs: [{name: prod, comment: theirs, owner: 'group:ml-engineers'}]}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			faults:  always("PATCH */unity-catalog/catalogs/prod", 403, `{"error_code":"PERMISSION_DENIED","message":"User is not an owner of Catalog 'prod'."}`),
			address: "catalog/prod", as: failed, request: "PATCH prod.cloud.databricks.com/api/2.1/unity-catalog/catalogs/prod", status: 403,
			says: "User is not an owner of Catalog 'prod'.", advice: "it takes the owner, or somebody with MANAGE on it", also: "catalog_binding/prod",
		},
		{
			name: "a catalog that may not be made", faults: always("POST prod*/unity-catalog/catalogs", 403, `{"error_code":"PERMISSION_DENIED","message":"User does not have CREATE CATALOG on Metastore 'primary'."}`),
			world:   "databricks: {groups: [{name: ml-engineers}]}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "catalog/prod", as: failed, request: "POST prod.cloud.databricks.com/api/2.1/unity-catalog/catalogs", status: 403,
			says: "User does not have CREATE CATALOG on Metastore 'primary'.", advice: "it takes CREATE CATALOG on the metastore",
		},
		{
			name: "a schema that may not be made", faults: always("POST prod*/unity-catalog/schemas", 403, `{"error_code":"PERMISSION_DENIED","message":"User does not have CREATE SCHEMA on Catalog 'prod'."}`),
			address: "schema/prod.taxi", as: failed, request: "POST prod.cloud.databricks.com/api/2.1/unity-catalog/schemas", status: 403,
			says: "User does not have CREATE SCHEMA on Catalog 'prod'.", advice: "it takes USE CATALOG and CREATE SCHEMA on the catalog",
		},
		{
			name: "grants that may not be made", faults: always("PATCH */permissions/schema/prod.taxi", 403, `{"error_code":"PERMISSION_DENIED","message":"User does not have MANAGE on Schema 'prod.taxi'."}`),
			address: "grant/schema:prod.taxi/taxi-prod", as: failed, request: "PATCH prod.cloud.databricks.com/api/2.1/unity-catalog/permissions/schema/prod.taxi", status: 403,
			says: "User does not have MANAGE on Schema 'prod.taxi'.", advice: "it takes the owner, somebody with MANAGE on it", also: "grant/schema:prod.taxi/*",
		},
	}
}

func brokenWritesToDatabricks() []mishap {
	return []mishap{
		{
			name: "a principal that may not be made", faults: always("POST "+anyPrincipal, 403, `{"detail":"Only account admins can create service principals","status":"403"}`),
			address: "service_principal/taxi-prod", as: failed, request: apiPrincipals, status: 403,
			says: "Only account admins can create service principals", advice: "it takes an account admin", also: "service_principal/*",
		},
		{
			name: "a create that fails without end", faults: always("POST "+anyPrincipal, 503, `{"detail":"The service is under maintenance.","status":"503"}`),
			address: "service_principal/taxi-prod", as: failed, request: apiPrincipals, status: 503,
			says: "The service is under maintenance.", advice: "try again later", also: "service_principal/*",
		},
		{
			name: "a create that is limited without end", faults: always("POST "+anyPrincipal, 429, `{"detail":"Too many requests","status":"429"}`),
			address: "service_principal/taxi-prod", as: failed, request: apiPrincipals, status: 429,
			says: "Too many requests", advice: "limits the requests of these credentials; try again later", also: "service_principal/*",
		},
		{
			name: "a federation policy that may not be made", faults: always("POST */federationPolicies", 403, `{"error_code":"PERMISSION_DENIED","message":"Only account admins can create federation policies."}`),
			address: "federation_policy/taxi-prod/prod", as: failed,
			says: "/federationPolicies: 403 PERMISSION_DENIED: Only account admins can create federation policies. (request ", advice: "it takes an account admin", also: "federation_policy/*",
		},
		{
			name: "a create whose connection is cut each time", faults: []sandbox.Fault{{Method: "POST", Path: "prod*/unity-catalog/schemas", Times: -1, Action: sandbox.FaultResetBefore}},
			address: "schema/prod.taxi", as: failed, request: "POST prod.cloud.databricks.com/api/2.1/unity-catalog/schemas",
			says: "the connection was cut: nobody knows whether it was done", advice: "try again; if it stays so, look at what stands between",
		},
		{
			name: "a catalog that is there and hidden", world: "databricks: {groups: [{name: ml-engineers}]}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			faults:  always("POST prod*/unity-catalog/catalogs", 400, `{"error_code":"CATALOG_ALREADY_EXISTS","message":"Catalog 'prod' already exists"}`),
			address: "catalog/prod", as: failed, request: "POST prod.cloud.databricks.com/api/2.1/unity-catalog/catalogs", status: 400,
			says: "Catalog 'prod' already exists", advice: "let its owner give them access, or choose another name",
		},
		{
			name: "a principal that no workspace comes to know", world: "databricks: {groups: [{name: ml-engineers}], delays: {assignment: 100000}}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "workspace_assignment/prod/taxi-prod", as: failed, says: ": 404 RESOURCE_DOES_NOT_EXIST: Principal 7", advice: "waited 55s for it; apply again in a while", also: "workspace_assignment/*",
		},
	}
}

func lateRefusals() []mishap {
	return []mishap{
		{
			name: "a principal that no catalog comes to know", faults: always("PATCH */permissions/schema/prod.taxi", 404, `{"error_code":"PRINCIPAL_DOES_NOT_EXIST","message":"Could not find principal."}`),
			address: "grant/schema:prod.taxi/taxi-prod", as: failed, request: "PATCH prod.cloud.databricks.com/api/2.1/unity-catalog/permissions/schema/prod.taxi", status: 404,
			says: "Could not find principal.", advice: "waited 55s for it; apply again in a while", also: "grant/schema:prod.taxi/*",
		},
		{
			name: "a limit on objects", faults: always("POST prod*/unity-catalog/schemas", 400, `{"error_code":"QUOTA_EXCEEDED","message":"Cannot create 1 Schema(s) in Catalog prod (estimated count: 10000, limit: 10000)."}`),
			address: "schema/prod.taxi", as: failed, request: "POST prod.cloud.databricks.com/api/2.1/unity-catalog/schemas", status: 400,
			says: "estimated count: 10000, limit: 10000", advice: "delete what nobody needs, or have the limit raised",
		},
		{
			name: "a workspace that logs in no more", between: always("ANY prod.cloud.databricks.com/api/*", 401, `{"error_code":"UNAUTHENTICATED","message":"Token is expired"}`),
			address: "catalog/prod", as: failed, request: "PATCH prod.cloud.databricks.com/api/2.1/unity-catalog/catalogs/prod", status: 401,
			says: "Token is expired", advice: "the credential for prod.cloud.databricks.com was not accepted", also: "*",
		},
		{
			name: "five secrets that are used up", installed: true, prepare: useUpSecrets,
			address: "secret/prod/PROD_CLIENT_SECRET", as: blocked, says: "taxi-prod has 5 OAuth secrets, which is the most that Databricks keeps", advice: "delete one (",
		},
		{
			name: "a secret that comes in another shape", faults: always("POST */credentials/secrets", 200, `[{"id":"x","secret":"`+wrongSecret+`"}]`),
			address: "secret/prod/PROD_CLIENT_SECRET", as: failed, says: "its form is not the one that Databricks documents", advice: "apply again", also: "secret/*",
		},
	}
}

// useUpSecrets leaves the principal of prod no place for another OAuth secret, and takes away the one
// that GitHub has stored.
func useUpSecrets(w *world) {
	id, _ := w.principal("taxi-prod")
	secrets := account + "/servicePrincipals/" + id + "/credentials/secrets"
	for range 4 {
		w.send("POST", secrets, map[string]any{})
	}
	w.send("DELETE", repo+"/environments/prod/secrets/PROD_CLIENT_SECRET", nil)
}
