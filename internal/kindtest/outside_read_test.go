package kindtest

import (
	"slices"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

const (
	apiRepo     = "GET api.github.com/repos/acme/taxi"
	apiAccount  = "accounts.cloud.databricks.com/api/2.0/accounts/11111111-2222-3333-4444-555555555555"
	apiCatalogs = "GET prod.cloud.databricks.com/api/2.1/unity-catalog/catalogs"
	principals  = "*/scim/v2/ServicePrincipals"
	page        = "<!doctype html><html><title>Sign in</title></html>"
)

// TestAReadThatGoesWrongOutside holds plans to what they say of services that do not answer as they
// should. Nothing may be sent that changes anything, and nothing may be taken for absent.
func TestAReadThatGoesWrongOutside(t *testing.T) {
	t.Parallel()
	runAll(t, slices.Concat(refusedReads(), repositoriesOutOfReach(), missingParents(), misplacedReads(), brokenReads(), strangeAnswers()))
}

func refusedReads() []mishap {
	return []mishap{
		{
			name: "not an account admin", faults: always("GET "+principals, 403, `{"schemas":["x"],"detail":"User is not an account admin","status":"403"}`),
			address: "service_principal/taxi-prod", as: unknown, request: "GET " + apiAccount + "/scim/v2/ServicePrincipals", status: 403,
			says: "User is not an account admin", advice: "it takes an account admin",
		},
		{
			name: "no right to see a catalog's grants", installed: true,
			faults:  always("GET */permissions/catalog/prod", 403, `{"error_code":"PERMISSION_DENIED","message":"User does not have MANAGE on Catalog 'prod'."}`),
			address: "grant/catalog:prod/taxi-prod", as: unknown, request: "GET prod.cloud.databricks.com/api/2.1/unity-catalog/permissions/catalog/prod", status: 403,
			says: "User does not have MANAGE on Catalog 'prod'.", advice: "it takes the owner, somebody with MANAGE on it, or a metastore admin",
		},
		{
			name: "a principal that may not enter a workspace", faults: always("GET prod*/unity-catalog/catalogs", 403, `{"error_code":"PERMISSION_DENIED","message":"Principal x is not assigned to workspace 7."}`),
			address: "catalog/prod", as: unknown, request: apiCatalogs, status: 403,
			says: "is not assigned to workspace", advice: "it takes a principal that is assigned to the workspace",
		},
		{
			name: "a fine grained token without a permission", installed: true,
			faults:  always("GET */taxi/environments", 403, `{"message":"Resource not accessible by personal access token"}`, "X-Accepted-GitHub-Permissions", "actions=read; environments=read"),
			address: "environment/prod", as: unknown, request: apiRepo + "/environments", status: 403,
			says: "Resource not accessible by personal access token", advice: "the token needs actions=read or environments=read",
		},
		{
			name: "a classic token without a scope", installed: true,
			faults:  always("GET */actions/variables", 403, `{"message":"Must have admin rights to Repository."}`),
			address: "variable/MODEL_OWNER", as: unknown, request: apiRepo + "/actions/variables", status: 403,
			says: "Must have admin rights to Repository.", advice: "it takes an administrator of the repository",
		},
		{
			name: "single sign on that the token is not authorised for", installed: true,
			faults:  always("GET api.github.com/repos/acme/taxi", 403, `{"message":"Resource protected by organization SAML enforcement."}`, "X-GitHub-SSO", "required; url=https://github.com/orgs/acme/sso?authorization_request=A1"),
			address: "repository", as: unknown, request: apiRepo, status: 403,
			says: "SAML enforcement", advice: "authorise it: required; url=https://github.com/orgs/acme/sso?authorization_request=A1",
		},
	}
}

func repositoriesOutOfReach() []mishap {
	return []mishap{
		{
			name: "a listing that a 404 hides", installed: true, faults: always("GET */taxi/environments", 404, `{"message":"Not Found"}`),
			address: "environment/prod", as: unknown, request: apiRepo + "/environments", status: 404,
			says: "Not Found", advice: "hides from a token what it may not see",
		},
		{
			name: "teams that a 404 hides", faults: always("GET */orgs/acme/teams", 404, `{"message":"Not Found"}`),
			address: "team/ml-leads", as: unknown, request: "GET api.github.com/orgs/acme/teams", status: 404,
			says: "Not Found", advice: "read:org",
		},
		{
			name: "a repository that may be hidden", world: strangersRepository, env: map[string]string{"GITHUB_TOKEN": "memberstoken"},
			address: "repository", as: hidden, says: "acme/taxi is not there, or is private and hidden from this token", advice: "nothing is adopted",
		},
		{
			name: "an archived repository", world: "github: {teams: [{slug: ml-leads}, {slug: ml-engineers}], repositories: [{name: acme/taxi, archived: true, files: {a: b}}]}",
			address: "repository", as: blocked, says: "acme/taxi is archived", advice: "unarchive it",
		},
		{
			name: "a repository that was renamed", world: "github: {teams: [{slug: ml-leads}, {slug: ml-engineers}], repositories: [{name: acme/fares, renamed_from: acme/taxi, files: {a: b}}]}",
			address: "repository", as: readFailed, request: apiRepo, status: 301,
			says: "it points to", advice: "put its present name into the spec",
		},
		{
			name: "a repository that answers under another name", installed: true,
			faults:  always("GET api.github.com/repos/acme/taxi", 200, `{"id":7,"name":"fares","full_name":"acme/fares"}`),
			address: "repository", as: readFailed, says: "the repository acme/taxi answers under another name, acme/fares", advice: "set git.repository to that name",
		},
	}
}

func missingParents() []mishap {
	return []mishap{
		{
			name: "a plan of GitHub's without reviewers", world: "databricks: {groups: [{name: ml-engineers}]}\ngithub: {plan: team, teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "environment/prod", as: blocked, says: `the GitHub plan "team" of acme has no required reviewers`, advice: "upgrade the plan",
		},
		{
			name: "a team that is not there", world: "github: {teams: [{slug: ml-engineers}]}",
			address: "team/ml-leads", as: blocked, says: "the organisation acme has no team ml-leads", advice: "create it, or correct its slug",
		},
		{
			name: "a reviewer who is not there", spec: []string{`["team:ml-leads"]`, `["user:nobody"]`},
			address: "environment/prod", as: blocked, says: "GitHub has no user nobody", advice: "correct the login",
		},
		{
			name: "a group that is not there", world: "github: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "grant/catalog:prod/group:ml-engineers", as: blocked, says: `group "ml-engineers" does not exist in the Databricks account`, advice: "check its name, or have it made there",
		},
		{
			name: "an input table that is not there", world: "databricks: {groups: [{name: ml-engineers}]}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "grant/table:prod.shared.batch_input/taxi-prod", as: blocked, says: "table prod.shared.batch_input does not exist yet", advice: "it can be granted on once somebody has made it",
		},
	}
}

func misplacedReads() []mishap {
	return []mishap{
		{
			name: "a workspace without a metastore", faults: always("GET prod*/unity-catalog/*", 404, `{"error_code":"METASTORE_DOES_NOT_EXIST","message":"No metastore assigned for the current workspace."}`),
			address: "catalog/prod", as: blocked, request: apiCatalogs, status: 404, says: "No metastore assigned", advice: "an account administrator assigns one",
		},
		{
			name: "a metastore without storage", world: "databricks: {metastores: [{name: bare, storage_root: none, workspaces: ['https://staging.cloud.databricks.com', 'https://prod.cloud.databricks.com']}]}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "catalog/prod", as: blocked, says: "has no storage of its own", advice: "set `catalogs.prod.storage_root`",
		},
		{
			name: "two principals of one name", world: "databricks: {groups: [{name: ml-engineers}], service_principals: [{name: taxi-prod}, {name: taxi-prod}]}\ngithub: {teams: [{slug: ml-leads}, {slug: ml-engineers}]}",
			address: "service_principal/taxi-prod", as: readFailed, says: `2 service principals are called "taxi-prod"`, advice: "set `service_principals.taxi-prod.id`",
		},
		{
			name: "a wrong account id", spec: []string{"11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555556"},
			address: "service_principal/taxi-prod", as: unauthorized,
			request: "POST accounts.cloud.databricks.com/oidc/accounts/11111111-2222-3333-4444-555555555556/v1/token", status: 401,
			says: "Client authentication failed", advice: "is 11111111-2222-3333-4444-555555555556 the account's id?",
		},
		{
			name:    "an account id that the account does not know",
			faults:  always("GET "+principals, 404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Account 11111111-2222-3333-4444-555555555555 does not exist."}`),
			address: "service_principal/taxi-prod", as: readFailed, request: "GET " + apiAccount + "/scim/v2/ServicePrincipals", status: 404,
			says: "does not exist", advice: "is 11111111-2222-3333-4444-555555555555 the account's id?",
		},
	}
}

// strangersRepository has a repository of the spec's name that the token of a member may not see.
const strangersRepository = `
databricks: {groups: [{name: ml-engineers}]}
github:
  base_permission: none
  users: [{login: member, role: member, token: memberstoken}]
  teams: [{slug: ml-leads}, {slug: ml-engineers}]
  repositories: [{name: acme/taxi, visibility: private, files: {a: b}}]
`

func brokenReads() []mishap {
	return []mishap{
		{
			name: "a limit without end that says how long", faults: always("GET prod*/unity-catalog/catalogs", 429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Too many requests."}`, "Retry-After", "30"),
			address: "catalog/prod", as: readFailed, request: apiCatalogs, status: 429,
			says: "Too many requests.", advice: "try again in 30s",
		},
		{
			name: "a limit without end that says nothing", faults: always("GET "+principals, 429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Too many requests."}`),
			address: "service_principal/taxi-prod", as: readFailed, request: "GET " + apiAccount + "/scim/v2/ServicePrincipals", status: 429,
			says: "Too many requests.", advice: "limits the requests of these credentials; try again in",
		},
		{
			name: "a primary rate limit that is far away", installed: true,
			faults:  always("GET */rulesets", 403, `{"message":"API rate limit exceeded for user ID 7."}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1793538000"),
			address: "branch_protection/main", as: readFailed, request: apiRepo + "/rulesets", status: 403,
			says: "API rate limit exceeded for user ID 7.", advice: "try again in", more: "requests of these credentials",
		},
		{
			name: "a secondary rate limit", installed: true,
			faults:  always("GET */rulesets", 403, `{"message":"You have exceeded a secondary rate limit."}`),
			address: "branch_protection/main", as: readFailed, request: apiRepo + "/rulesets", status: 403,
			says: "You have exceeded a secondary rate limit.", advice: "try again in 1m0s",
		},
		{
			name: "a service that is down", faults: always("GET prod*/unity-catalog/catalogs", 503, `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"The service is under maintenance."}`),
			address: "catalog/prod", as: readFailed, request: apiCatalogs, status: 503,
			says: "The service is under maintenance.", advice: "try again later",
		},
		{
			name: "a service that breaks", installed: true, faults: always("GET */taxi/teams", 500, `{"message":"Server Error"}`),
			address: "team/ml-leads", as: readFailed, request: apiRepo + "/teams", status: 500,
			says: "Server Error", advice: "try again later",
		},
	}
}

func strangeAnswers() []mishap {
	return []mishap{
		{
			name: "a login page with status 200", faults: always("GET prod*/unity-catalog/catalogs", 200, page),
			address: "catalog/prod", as: readFailed, request: apiCatalogs, status: 200,
			says: "a web page came back, not an answer of the API", advice: "is prod.cloud.databricks.com the right host?",
		},
		{
			name: "a page with status 404", faults: always("GET api.github.com/repos/acme/taxi", 404, page),
			address: "repository", as: readFailed, request: apiRepo, status: 404,
			says: "a web page came back, not an answer of the API", advice: "is api.github.com the right host?",
		},
		{
			name: "a login in a browser", faults: always("GET prod*/unity-catalog/catalogs", 302, "{}", "Location", "https://prod.cloud.databricks.com/login.html"),
			address: "catalog/prod", as: readFailed, request: apiCatalogs, status: 302,
			says: "it points to https://prod.cloud.databricks.com/login.html", advice: "is prod.cloud.databricks.com the right host?",
		},
		{
			name: "a redirect to another host", faults: always("GET prod*/unity-catalog/catalogs", 307, "{}", "Location", "https://elsewhere.example/api"),
			address: "catalog/prod", as: readFailed, request: apiCatalogs, status: 307,
			says: "it points to https://elsewhere.example/api", advice: "put the host that answers itself into the spec",
		},
		{
			name: "an answer that is cut off", faults: always("GET prod*/unity-catalog/catalogs", 200, `{"catalogs":[{"name":`),
			address: "catalog/prod", as: readFailed, request: apiCatalogs,
			says: "the connection was closed before the answer was complete", advice: "try again; if it stays so, look at what stands between",
		},
		{
			name: "an answer whose end never comes", faults: []sandbox.Fault{{Method: "GET", Path: "prod*/unity-catalog/catalogs", Times: -1, Action: sandbox.FaultTruncate}},
			address: "catalog/prod", as: readFailed, request: apiCatalogs,
			says: "the connection was closed before the answer was complete", advice: "try again; if it stays so, look at what stands between",
		},
		{
			name: "a connection that is cut each time", faults: []sandbox.Fault{{Method: "GET", Path: "*/taxi/teams", Times: -1, Action: sandbox.FaultResetBefore}}, installed: true,
			address: "team/ml-leads", as: readFailed, request: apiRepo + "/teams",
			says: "the connection was cut", advice: "try again; if it stays so, look at what stands between",
		},
		{
			name: "an answer of another shape", faults: always("GET prod*/unity-catalog/catalogs", 200, `{"catalogs":{"name":"prod"}}`),
			address: "catalog/prod", as: readFailed,
			says: "listing the catalogs of https://prod.cloud.databricks.com: the answer was lost: its form is not the one that Databricks documents", advice: "is the host right",
		},
		{
			name: "an answer of GitHub's of another shape", installed: true, faults: always("GET */taxi/teams", 200, `{"teams":"none"}`),
			address: "team/ml-leads", as: readFailed, request: apiRepo + "/teams",
			says: "with an answer that is not as GitHub documents it (request ", advice: "is api.github.com GitHub's",
		},
	}
}
