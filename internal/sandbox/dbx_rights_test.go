package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryCallNeedsAGoodToken(t *testing.T) {
	d := newDatabricksTest(t, "")
	at := prodHost + "/api/2.0/preview/scim/v2/Me"
	for name, header := range map[string]http.Header{
		"no header": {}, "another scheme": {"Authorization": {"Basic abc"}}, "garbage": {"Authorization": {"Bearer garbage"}},
	} {
		if status, o := d.send("GET", at, nil, header); status != 401 {
			t.Errorf("%s: %d %v", name, status, o)
		}
	}
	token := http.Header{"Authorization": {"Bearer " + d.login(prodHost)}}
	if status, o := d.send("GET", at, nil, token); status != 200 || o["userName"] != operatorID {
		t.Errorf("a good token: %d %v", status, o)
	}
	if status, _ := d.send("GET", stagingHost+"/api/2.0/preview/scim/v2/Me", nil, token); status != 401 {
		t.Errorf("another workspace's token: %d", status)
	}
	account := http.Header{"Authorization": {"Bearer " + d.login(accountHost)}}
	if status, _ := d.send("GET", stagingHost+"/api/2.0/preview/scim/v2/Me", nil, account); status != 200 {
		t.Errorf("the account's token at a workspace: %d", status)
	}
	if status, _ := d.send("GET", accountAPI+"/workspaces", nil, token); status != 401 {
		t.Errorf("a workspace's token at the account: %d", status)
	}
	if err := d.s.Advance(tokenLife); err != nil {
		t.Fatal(err)
	}
	if status, _ := d.send("GET", at, nil, token); status != 401 {
		t.Errorf("an expired token: %d", status)
	}
}

func TestTheAccountIsForItsAdmins(t *testing.T) {
	d := newDatabricksTest(t, "  service_principals: [{name: reader, application_id: reader-id, client_secret: reader-secret}]\n")
	reader := d.as("reader-id", "reader-secret")
	for _, at := range []string{"/workspaces", "/scim/v2/ServicePrincipals", "/scim/v2/Groups"} {
		reader.message(reader.do(403, "GET", accountAPI+at, nil), "account admin")
	}
	id, _ := d.principal("worker")
	reader.do(403, "POST", accountAPI+"/servicePrincipals/"+id+"/credentials/secrets", nil)
	d.message(d.do(403, "GET", strings.Replace(accountAPI, testAccount, "99999999-2222-3333-4444-555555555555", 1)+"/workspaces", nil), "not a member of account")
}

func TestLoggingInNeedsTheSecretTheAssignmentAndAnActivePrincipal(t *testing.T) {
	d := newDatabricksTest(t, "")
	w := d.worker("worker", prodHost)
	login := func(host, id, secret string) int {
		status, _ := d.form(host+"/oidc/v1/token", url.Values{
			"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {id}, "client_secret": {secret}})
		return status
	}
	if got := []int{login(prodHost, w.id, w.secret), login(stagingHost, w.id, w.secret), login(prodHost, w.id, "wrong"), login(prodHost, w.id, "")}; !slices.Equal(got, []int{200, 401, 401, 401}) {
		t.Errorf("logins answer %v", got)
	}
	basic := http.Header{"Authorization": {"Basic " + basicAuth(w.id, w.secret)}}
	if status, o := d.send("POST", prodHost+"/oidc/v1/token", []byte("grant_type=client_credentials&scope=all-apis"), basic); status != 200 || o["expires_in"] != 3600.0 {
		t.Errorf("with a Basic header: %d %v", status, o)
	}
	p := d.s.state.Databricks.byLogin(w.id)
	d.do(204, "PATCH", accountAPI+"/scim/v2/ServicePrincipals/"+numeral(p.ID),
		map[string]any{"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}}})
	if got := login(prodHost, w.id, w.secret); got != 401 {
		t.Errorf("a deactivated principal's login answers %d", got)
	}
}

func basicAuth(user, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

func TestOAuthSecretsAreShownOnceLimitedAndExpire(t *testing.T) {
	d := newDatabricksTest(t, "")
	id, application := d.principal("worker", prodHost)
	at := accountAPI + "/servicePrincipals/" + id + "/credentials/secrets"
	for _, lifetime := range []string{"0s", "-1s", "90d", "3600", "63072001s", "x"} {
		d.message(d.do(400, "POST", at, map[string]any{"lifetime": lifetime}), "Lifetime")
	}
	short := d.do(200, "POST", at, map[string]any{"lifetime": "3600s"})
	if short["expire_time"] != "2026-09-01T13:00:00.000Z" {
		t.Errorf("it expires at %v", short["expire_time"])
	}
	for range 4 {
		d.do(200, "POST", at, nil)
	}
	d.message(d.do(400, "POST", at, nil), "at most 5")
	list := func() []any { return d.do(200, "GET", at, nil)["secrets"].([]any) }
	for _, s := range list() {
		if s.(map[string]any)["secret"] != nil {
			t.Error("the listing shows a value")
		}
	}
	if err := d.s.Advance(2 * tokenLife); err != nil {
		t.Fatal(err)
	}
	d.tokens = map[string]string{}
	if got := len(list()); got != 4 {
		t.Errorf("%d secrets are listed after one expired, want 4", got)
	}
	if status, _ := d.form(prodHost+"/oidc/v1/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"},
		"client_id": {application}, "client_secret": {short["secret"].(string)}}); status != 401 {
		t.Errorf("an expired secret logs in: %d", status)
	}
	last := list()[3].(map[string]any)["id"].(string)
	d.do(200, "DELETE", at+"/"+last, nil)
	d.do(404, "DELETE", at+"/"+last, nil)
	d.message(d.do(400, "GET", accountAPI+"/servicePrincipals/"+application+"/credentials/secrets", nil), "not a number")
	if got := len(d.do(200, "GET", prodHost+"/api/2.0/accounts/servicePrincipals/"+id+"/credentials/secrets", nil)["secrets"].([]any)); got != 3 {
		t.Errorf("the workspace lists %d secrets, want 3", got)
	}
	d.do(404, "GET", stagingHost+"/api/2.0/accounts/servicePrincipals/"+id+"/credentials/secrets", nil)
}

func TestStoredGrantsAreEnforced(t *testing.T) {
	d := newDatabricksTest(t, "  tables: [{name: prod.a.t}, {name: prod.a.u}]\n  catalogs: [{name: other}]\n")
	w := d.worker("worker", prodHost)
	table := prodHost + unity + "/tables/prod.a.t"
	w.message(w.do(403, "GET", table, nil), "USE CATALOG")
	w.do(403, "GET", table+"/exists", nil)
	w.do(403, "GET", prodHost+unity+"/catalogs/prod", nil)
	d.grant(prodHost, "catalog/prod", w.id, "USE_CATALOG")
	w.message(w.do(403, "GET", table, nil), "USE SCHEMA")
	d.grant(prodHost, "schema/prod.a", w.id, "USE_SCHEMA")
	w.do(403, "GET", table, nil)
	d.grant(prodHost, "table/prod.a.t", w.id, "SELECT")
	w.do(200, "GET", table, nil)
	w.do(403, "GET", prodHost+unity+"/tables/prod.a.u", nil)

	var names []string
	for _, c := range w.do(200, "GET", prodHost+unity+"/catalogs", nil)["catalogs"].([]any) {
		names = append(names, c.(map[string]any)["name"].(string))
	}
	if diff := cmp.Diff([]string{"prod"}, names); diff != "" {
		t.Error("catalogs that the worker sees: " + diff)
	}
	w.message(w.do(403, "POST", prodHost+unity+"/schemas", map[string]any{"catalog_name": "prod", "name": "mine"}), "CREATE SCHEMA")
	d.grant(prodHost, "catalog/prod", w.id, "CREATE_SCHEMA")
	w.do(200, "POST", prodHost+unity+"/schemas", map[string]any{"catalog_name": "prod", "name": "mine"})
	w.do(200, "PATCH", prodHost+unity+"/schemas/prod.mine", map[string]any{"comment": "an owner may"})
	w.message(w.do(403, "PATCH", prodHost+unity+"/schemas/prod.a", map[string]any{"comment": "a stranger may not"}), "not an owner")
	w.message(w.do(403, "POST", prodHost+unity+"/catalogs", map[string]any{"name": "new"}), "CREATE CATALOG")
	w.message(w.do(403, "PATCH", prodHost+unity+"/permissions/table/prod.a.t", map[string]any{"changes": []any{}}), "MANAGE")
}

func TestWhoDoesNotManageASecurableSeesOnlyTheirOwnGrants(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: ana@acme.com}]\n  groups: [{name: ml}]\n  catalogs: [{name: prod}]\n")
	w := d.worker("worker", prodHost)
	group := d.s.state.Databricks.groupNamed("ml")
	group.Members = append(group.Members, d.s.state.Databricks.byLogin(w.id).ID)
	d.grant(prodHost, "catalog/prod", "ana@acme.com", "USE_CATALOG")
	at := prodHost + unity + "/permissions/catalog/prod"
	w.do(403, "GET", at, nil)
	d.grant(prodHost, "catalog/prod", "ml", "USE_CATALOG")
	if diff := cmp.Diff(map[string]any{"ml": []any{"USE_CATALOG"}}, w.grants(at)); diff != "" {
		t.Error(diff)
	}
	d.grant(prodHost, "catalog/prod", w.id, "MANAGE")
	if got := w.grants(at); len(got) != 3 {
		t.Errorf("a holder of MANAGE sees %v", got)
	}
}

func TestAllPrivilegesAreNotManage(t *testing.T) {
	d := newDatabricksTest(t, "  schemas: [{name: prod.a}]\n")
	w := d.worker("worker", prodHost)
	d.grant(prodHost, "catalog/prod", w.id, "ALL_PRIVILEGES")
	w.do(200, "GET", prodHost+unity+"/schemas/prod.a", nil)
	w.do(200, "POST", prodHost+unity+"/schemas", map[string]any{"catalog_name": "prod", "name": "b"})
	w.do(403, "PATCH", prodHost+unity+"/permissions/schema/prod.a", map[string]any{"changes": []any{}})
	w.do(403, "DELETE", prodHost+unity+"/schemas/prod.a", nil)
}

func TestAMetastoreAdminChangesTheOwnerOfAnothersCatalogAndNothingElse(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: ana@acme.com}]\n  catalogs: [{name: prod, owner: \"user:ana@acme.com\"}]\n")
	at := prodHost + unity + "/catalogs/prod"
	d.message(d.do(403, "PATCH", at, map[string]any{"comment": "mine"}), "not an owner")
	d.message(d.do(404, "PATCH", at, map[string]any{"owner": "nobody"}), "Could not find principal")
	d.do(200, "PATCH", at, map[string]any{"owner": operatorID})
	d.do(200, "PATCH", at, map[string]any{"comment": "mine"})
}

func TestMeShowsWhoTheCallerIsAndWhereItIs(t *testing.T) {
	d := newDatabricksTest(t, "")
	w := d.worker("worker", prodHost)
	groups := func(c *dbxTest) []string {
		var names []string
		for _, g := range c.do(200, "GET", prodHost+"/api/2.0/preview/scim/v2/Me", nil)["groups"].([]any) {
			names = append(names, g.(map[string]any)["display"].(string))
		}
		return names
	}
	if diff := cmp.Diff([]string{"users"}, groups(w)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"users", "admins", "metastore-admins"}, groups(d)); diff != "" {
		t.Error(diff)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", prodHost+"/api/2.0/preview/scim/v2/Me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.login(prodHost))
	resp, err := d.s.RoundTripper().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if got := resp.Header.Get("X-Databricks-Org-Id"); got != numeral(workspaceID(prodHost)) {
		t.Errorf("the workspace's id is %q", got)
	}
}

func TestAWorkspaceShowsAndChangesWhoIsAssignedToIt(t *testing.T) {
	d := newDatabricksTest(t, "")
	id, application := d.principal("worker", prodHost)
	at := "/api/2.0/preview/scim/v2/ServicePrincipals"
	find := func(host string) any {
		return d.do(200, "GET", host+at+"?filter="+url.QueryEscape(`displayName eq "worker"`), nil)["totalResults"]
	}
	if find(prodHost) != 1.0 || find(stagingHost) != 0.0 {
		t.Errorf("prod shows %v, staging %v", find(prodHost), find(stagingHost))
	}
	patch := func(status int, op map[string]any) {
		d.do(status, "PATCH", prodHost+at+"/"+id, map[string]any{"Operations": []any{op}})
	}
	patch(400, map[string]any{"op": "remove", "path": "entitlements"})
	patch(204, map[string]any{"op": "add", "path": "entitlements", "value": []any{map[string]any{"value": "allow-cluster-create"}}})
	patch(400, map[string]any{"op": "add", "path": "entitlements", "value": []any{map[string]any{"value": "fly"}}})
	patch(400, map[string]any{"op": "replace", "path": "displayName", "value": "renamed"})
	o := d.do(200, "GET", prodHost+at+"/"+id, nil)
	if diff := cmp.Diff([]any{map[string]any{"value": "allow-cluster-create"}}, o["entitlements"]); diff != "" {
		t.Error(diff)
	}
	d.do(201, "POST", stagingHost+at, map[string]any{"applicationId": application})
	d.do(409, "POST", stagingHost+at, map[string]any{"applicationId": application})
	d.do(204, "DELETE", stagingHost+at+"/"+id, nil)
	d.do(404, "GET", stagingHost+at+"/"+id, nil)
	w := d.worker("other", prodHost)
	w.do(403, "POST", prodHost+at, map[string]any{"displayName": "x"})
	for _, g := range d.do(200, "GET", prodHost+"/api/2.0/preview/scim/v2/Groups", nil)["Resources"].([]any) {
		d.do(200, "GET", prodHost+"/api/2.0/preview/scim/v2/Groups/"+g.(map[string]any)["id"].(string), nil)
	}
	d.do(200, "GET", prodHost+"/api/2.0/preview/scim/v2/Users", nil)
}
