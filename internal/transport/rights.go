package transport

import (
	"net/http"
	"strings"
)

// onGitHub reports whether a request goes to GitHub's API, on github.com or on a server of its own.
func onGitHub(req *http.Request) bool {
	p := req.URL.Path
	return strings.HasPrefix(req.URL.Host, "api.") || strings.HasPrefix(p, "/api/v3/") || p == "/api/graphql"
}

const contents = "it takes a token that may write the repository's contents and, where workflow files are among them, its workflows"

// rights says what a request takes that was refused for want of a permission: the least that the
// services document, or "" where nothing is known.
func rights(req *http.Request) string {
	switch p := req.URL.Path; {
	case onGitHub(req):
		return rightsOnGitHub(req)
	case strings.Contains(p, "/unity-catalog/"):
		return rightsInCatalogs(req)
	case strings.Contains(p, ".git/"):
		return contents
	case strings.HasPrefix(p, "/api/2.0/accounts/") && strings.HasSuffix(p, "/credentials/secrets"):
		return "it takes an account admin, or a manager of the service principal"
	case strings.HasPrefix(p, "/api/2.0/accounts/"):
		return "it takes an account admin"
	case strings.Contains(p, "/scim/v2/"), strings.HasSuffix(p, "/permissionassignments"):
		return "it takes a workspace admin"
	default:
		return ""
	}
}

func rightsInCatalogs(req *http.Request) string {
	_, p, _ := strings.Cut(req.URL.Path, "/unity-catalog/")
	switch write := req.Method != http.MethodGet; {
	case strings.HasPrefix(p, "permissions/"), strings.HasPrefix(p, "bindings/"):
		return "it takes the owner, somebody with MANAGE on it, or a metastore admin"
	case write && p == "catalogs":
		return "it takes CREATE CATALOG on the metastore"
	case write && p == "schemas":
		return "it takes USE CATALOG and CREATE SCHEMA on the catalog"
	case write:
		return "it takes the owner, or somebody with MANAGE on it"
	default:
		return "it takes a principal that is assigned to the workspace and may see the object (BROWSE, or USE CATALOG and USE SCHEMA)"
	}
}

func rightsOnGitHub(req *http.Request) string {
	p := strings.TrimPrefix(req.URL.Path, "/api/v3")
	write := req.Method != http.MethodGet
	switch {
	case strings.HasPrefix(p, "/orgs/") && strings.HasSuffix(p, "/repos") && write:
		return "it takes a member whom the organisation lets create repositories"
	case strings.HasPrefix(p, "/orgs/") && !strings.Contains(p, "/repos/"):
		return "it takes a member of the organisation whose token has the scope read:org, or members: read"
	case strings.Contains(p, "/git/") && write:
		return contents
	case strings.HasPrefix(p, "/repos/"), strings.HasPrefix(p, "/orgs/"):
		return "it takes an administrator of the repository, whose token has the scope repo or the permission for it"
	default:
		return ""
	}
}
