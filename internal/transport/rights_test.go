package transport

import (
	"net/http"
	"strings"
	"testing"
)

func TestAMissingPermissionIsNamed(t *testing.T) {
	for _, c := range []struct{ request, want string }{
		{"GET https://a/api/2.0/accounts/x/scim/v2/ServicePrincipals", "it takes an account admin"},
		{"POST https://a/api/2.0/accounts/x/servicePrincipals/7/credentials/secrets", "it takes an account admin, or a manager of the service principal"},
		{"GET https://w/api/2.0/preview/permissionassignments", "it takes a workspace admin"},
		{"GET https://w/api/2.1/unity-catalog/permissions/schema/a.b", "it takes the owner, somebody with MANAGE on it, or a metastore admin"},
		{"POST https://w/api/2.1/unity-catalog/catalogs", "it takes CREATE CATALOG on the metastore"},
		{"POST https://w/api/2.1/unity-catalog/schemas", "it takes USE CATALOG and CREATE SCHEMA on the catalog"},
		{"PATCH https://w/api/2.1/unity-catalog/catalogs/a", "it takes the owner, or somebody with MANAGE on it"},
		{"GET https://w/api/2.1/unity-catalog/tables/a.b.c", "it takes a principal that is assigned to the workspace and may see the object (BROWSE, or USE CATALOG and USE SCHEMA)"},
		{"POST https://api.github.com/orgs/o/repos", "it takes a member whom the organisation lets create repositories"},
		{"GET https://ghe/api/v3/orgs/o/teams", "it takes a member of the organisation whose token has the scope read:org, or members: read"},
		{"PUT https://api.github.com/orgs/o/teams/t/repos/o/r", "it takes an administrator of the repository, whose token has the scope repo or the permission for it"},
		{"GET https://api.github.com/repos/o/r/environments", "it takes an administrator of the repository, whose token has the scope repo or the permission for it"},
		{"POST https://api.github.com/repos/o/r/git/refs", contents},
		{"POST https://github.com/o/r.git/git-receive-pack", contents},
		{"GET https://w/api/2.0/jobs/list", ""},
	} {
		t.Run(c.request, func(t *testing.T) {
			method, address, _ := strings.Cut(c.request, " ")
			req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := rights(req); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
