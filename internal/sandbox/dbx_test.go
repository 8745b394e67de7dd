package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	accountHost = "https://accounts.cloud.databricks.com"
	stagingHost = "https://staging.cloud.databricks.com"
	prodHost    = "https://prod.cloud.databricks.com"
	testAccount = "11111111-2222-3333-4444-555555555555"
	accountAPI  = accountHost + "/api/2.0/accounts/" + testAccount
)

// testHosts are an account with two workspaces, and GitHub.
func testHosts() Hosts {
	return Hosts{Account: accountHost, AccountID: testAccount, Workspaces: []string{stagingHost, prodHost}, GitHub: "https://github.com", Owner: "acme"}
}

// testClock begins at one moment and goes forward only by Advance.
func testClock() time.Time { return time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC) }

// dbxTest is a caller of the Databricks APIs in process. Every answer is held against the published
// description.
type dbxTest struct {
	t      *testing.T
	s      *Sandbox
	id     string
	secret string
	tokens map[string]string // by host
}

func newDatabricksTest(t *testing.T, world string) *dbxTest {
	t.Helper()
	o := Options{Now: testClock, Hosts: testHosts()}
	if world != "" {
		o.World = []byte("databricks:\n" + world)
	}
	return &dbxTest{t: t, s: openTest(t, o), id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
}

func openTest(t *testing.T, o Options) *Sandbox {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// as is the same sandbox for another principal.
func (d *dbxTest) as(id, secret string) *dbxTest {
	return &dbxTest{t: d.t, s: d.s, id: id, secret: secret, tokens: map[string]string{}}
}

// do sends a request with a fresh login and wants a status; the answer is JSON or nothing.
func (d *dbxTest) do(status int, method, address string, body any) map[string]any {
	d.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		d.t.Fatal(err)
	}
	host := u.Scheme + "://" + u.Host
	if d.tokens[host] == "" {
		d.tokens[host] = d.login(host)
	}
	got, object := d.send(method, address, body, http.Header{"Authorization": {"Bearer " + d.tokens[host]}})
	if got != status {
		d.t.Fatalf("%s %s: status %d, want %d: %v", method, address, got, status, object)
	}
	return object
}

func (d *dbxTest) login(host string) string {
	d.t.Helper()
	path := "/oidc/v1/token"
	if host == accountHost {
		path = "/oidc/accounts/" + testAccount + "/v1/token"
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {d.id}, "client_secret": {d.secret}}
	status, o := d.form(host+path, form)
	if status != http.StatusOK {
		d.t.Fatalf("logging in at %s: %d %v", host, status, o)
	}
	return o["access_token"].(string)
}

func (d *dbxTest) form(address string, form url.Values) (int, map[string]any) {
	d.t.Helper()
	return d.send(http.MethodPost, address, []byte(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// send is one request in process. A body that is not bytes is sent as JSON.
func (d *dbxTest) send(method, address string, body any, header http.Header) (int, map[string]any) {
	d.t.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		sent = b
	default:
		text, err := json.Marshal(b)
		if err != nil {
			d.t.Fatal(err)
		}
		sent = text
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, address, bytes.NewReader(sent))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header = header
	resp, err := d.s.RoundTripper().RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	var answer any
	if len(got) > 0 {
		if err := json.Unmarshal(got, &answer); err != nil {
			d.t.Fatalf("%s %s: the answer is not JSON: %s", method, address, got)
		}
	}
	describedDatabricks(d.t, d.s, exchange{request: req, sent: sent, status: resp.StatusCode, answer: answer})
	object, ok := answer.(map[string]any)
	if !ok {
		object = map[string]any{"": answer}
	}
	return resp.StatusCode, object
}

// principal makes a service principal in the account and assigns it to hosts.
func (d *dbxTest) principal(name string, hosts ...string) (id, application string) {
	d.t.Helper()
	o := d.do(http.StatusCreated, "POST", accountAPI+"/scim/v2/ServicePrincipals", map[string]any{"displayName": name, "active": true})
	id, application = o["id"].(string), o["applicationId"].(string)
	for _, host := range hosts {
		d.do(http.StatusOK, "PUT", d.assignment(host, id), map[string]any{"permissions": []string{"USER"}})
	}
	return id, application
}

// worker is a service principal that can log in at hosts, with no other right.
func (d *dbxTest) worker(name string, hosts ...string) *dbxTest {
	d.t.Helper()
	id, application := d.principal(name, hosts...)
	o := d.do(http.StatusOK, "POST", accountAPI+"/servicePrincipals/"+id+"/credentials/secrets", nil)
	return d.as(application, o["secret"].(string))
}

func (d *dbxTest) assignment(host, id string) string {
	return fmt.Sprintf("%s/workspaces/%d/permissionassignments/principals/%s", accountAPI, workspaceID(host), id)
}

// message wants a refusal to say something.
func (d *dbxTest) message(o map[string]any, want string) {
	d.t.Helper()
	said := fmt.Sprint(o["error_code"], " ", o["message"], o["detail"], o["error"], " ", o["error_description"])
	if !strings.Contains(said, want) {
		d.t.Errorf("the answer says %q, want %q in it", said, want)
	}
}

func TestDisplayNamesOfPrincipalsAreNobodysOwn(t *testing.T) {
	d := newDatabricksTest(t, "")
	_, first := d.principal("twin")
	_, second := d.principal("twin")
	if first == second {
		t.Error("two principals share an application id")
	}
	o := d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals?filter="+url.QueryEscape(`displayName eq "twin"`), nil)
	if o["totalResults"] != 2.0 {
		t.Errorf("%v principals, want 2", o["totalResults"])
	}
	d.message(d.do(409, "POST", accountAPI+"/scim/v2/ServicePrincipals", map[string]any{"applicationId": first}), "already exists")
}

func TestGroupNamesAreUniqueInAnyCase(t *testing.T) {
	d := newDatabricksTest(t, "  groups: [{name: ml-engineers}]\n")
	o := d.do(409, "POST", accountAPI+"/scim/v2/Groups", map[string]any{"displayName": "ML-Engineers"})
	if diff := cmp.Diff(map[string]any{
		"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:Error"}, "detail": "Group with name ML-Engineers already exists.", "status": "409",
	}, o); diff != "" {
		t.Error(diff)
	}
}

func TestSCIMListingsFilterAndPage(t *testing.T) {
	d := newDatabricksTest(t, "")
	for _, name := range []string{"alpha", `be"ta`, "gamma"} {
		d.principal(name)
	}
	list := func(query string) []string {
		o := d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals?"+query, nil)
		names := []string{}
		for _, r := range o["Resources"].([]any) {
			name, _ := r.(map[string]any)["displayName"].(string)
			names = append(names, name)
		}
		return names
	}
	filter := func(f string) string { return "filter=" + url.QueryEscape(f) }
	for query, want := range map[string][]string{
		filter(`displayName eq "alpha" or displayName eq "be\"ta"`):         {"alpha", `be"ta`},
		filter(`displayName eq "ALPHA"`):                                    {"alpha"},
		filter(`displayName co "amm" and active eq true`):                   {"gamma"},
		filter(`not (displayName sw "sandbox") and displayName ne "gamma"`): {"alpha", `be"ta`},
		filter(`displayName eq "nobody"`):                                   {},
		"startIndex=2&count=2":                                              {"alpha", `be"ta`},
		"startIndex=5&count=2":                                              {},
		"attributes=displayName&startIndex=4":                               {"gamma"},
		"attributes=applicationId&startIndex=4":                             {""},
	} {
		if diff := cmp.Diff(want, list(query)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	many := strings.Repeat(`displayName eq "x" or `, 100) + `displayName eq "x"`
	d.message(d.do(400, "GET", accountAPI+"/scim/v2/ServicePrincipals?"+filter(many), nil), "200 nodes")
	d.do(400, "GET", accountAPI+"/scim/v2/ServicePrincipals?"+filter(`displayName eq alpha`), nil)
}

func TestAPatchChangesOnlyWhatItNamesAndAPutReplaces(t *testing.T) {
	d := newDatabricksTest(t, "")
	id, _ := d.principal("worker")
	at := accountAPI + "/scim/v2/ServicePrincipals/" + id
	patch := func(status int, ops ...map[string]any) map[string]any {
		return d.do(status, "PATCH", at, map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": ops})
	}
	patch(204, map[string]any{"op": "replace", "path": "active", "value": "false"},
		map[string]any{"op": "add", "path": "roles", "value": []any{map[string]any{"value": "account_admin"}}})
	o := d.do(200, "GET", at, nil)
	if o["active"] != false || o["displayName"] != "worker" || o["roles"] == nil {
		t.Errorf("after the patch: %v", o)
	}
	patch(400, map[string]any{"op": "replace", "path": "displayName", "value": "renamed"}, map[string]any{"op": "remove", "path": "nothing"})
	if o = d.do(200, "GET", at, nil); o["displayName"] != "worker" {
		t.Errorf("half of a refused patch was applied: %v", o)
	}
	o = d.do(200, "PUT", at, map[string]any{"displayName": "replaced"})
	if o["roles"] != nil || o["active"] != true {
		t.Errorf("a put keeps what it does not name: %v", o)
	}
}

func TestAccountGroupListingsHaveNoMembers(t *testing.T) {
	d := newDatabricksTest(t, "  groups: [{name: ml, members: [\"user:ana@acme.com\"]}]\n  users: [{name: ana@acme.com}]\n")
	o := d.do(200, "GET", accountAPI+"/scim/v2/Groups?filter="+url.QueryEscape(`displayName eq "ml"`), nil)
	group := o["Resources"].([]any)[0].(map[string]any)
	if group["members"] != nil {
		t.Error("the listing shows members")
	}
	at := accountAPI + "/scim/v2/Groups/" + group["id"].(string)
	if one := d.do(200, "GET", at, nil); len(one["members"].([]any)) != 1 {
		t.Errorf("the group shows %v", one["members"])
	}
	id, application := d.principal("bot")
	add := func(status int, value string) {
		d.do(status, "PATCH", at, map[string]any{"Operations": []any{map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": value}}}}})
	}
	add(204, id)
	add(204, id)
	add(400, application)
	d.do(204, "PATCH", at, map[string]any{"Operations": []any{map[string]any{"op": "remove", "path": `members[value eq "` + id + `"]`}}})
	if one := d.do(200, "GET", at, nil); len(one["members"].([]any)) != 1 {
		t.Errorf("after add, add, remove the group shows %v", one["members"])
	}
}

func TestAnAssignmentWithoutKnownPermissionsIsTakenAway(t *testing.T) {
	for name, body := range map[string]any{
		"an empty list": map[string]any{"permissions": []string{}}, "no list": map[string]any{},
		"a wrong case": map[string]any{"permissions": []string{"user"}}, "one unknown": map[string]any{"permissions": []string{"USER", "OWNER"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabricksTest(t, "")
			id, _ := d.principal("worker", prodHost)
			d.do(200, "PUT", d.assignment(prodHost, id), body)
			o := d.do(200, "GET", strings.TrimSuffix(d.assignment(prodHost, id), "/principals/"+id), nil)
			if strings.Contains(fmt.Sprint(o), "worker") {
				t.Errorf("the principal is still assigned: %v", o)
			}
		})
	}
}

func TestAnAdminIsNoUserBesideIt(t *testing.T) {
	d := newDatabricksTest(t, "")
	id, _ := d.principal("worker")
	o := d.do(200, "PUT", d.assignment(prodHost, id), map[string]any{"permissions": []string{"USER", "ADMIN"}})
	if diff := cmp.Diff([]any{"ADMIN"}, o["permissions"]); diff != "" {
		t.Error(diff)
	}
	d.message(d.do(404, "PUT", d.assignment(prodHost, "4242"), map[string]any{"permissions": []string{"USER"}}), "Principal 4242 not in workspace")
}

func TestANewPrincipalIsSeenLaterElsewhere(t *testing.T) {
	d := newDatabricksTest(t, "  delays: {assignment: 1, grant: 1}\n  catalogs: [{name: prod}]\n")
	id, application := d.principal("worker")
	d.message(d.do(404, "PUT", d.assignment(prodHost, id), map[string]any{"permissions": []string{"USER"}}), "not in workspace")
	d.do(200, "PUT", d.assignment(prodHost, id), map[string]any{"permissions": []string{"USER"}})
	change := map[string]any{"changes": []any{map[string]any{"principal": application, "add": []string{"USE_CATALOG"}}}}
	d.message(d.do(404, "PATCH", prodHost+"/api/2.1/unity-catalog/permissions/catalog/prod", change), "Could not find principal with name "+application)
	d.do(200, "PATCH", prodHost+"/api/2.1/unity-catalog/permissions/catalog/prod", change)
}

func TestDeletingAPrincipalLeavesItsGrantsWithoutAName(t *testing.T) {
	d := newDatabricksTest(t, "  catalogs: [{name: prod}]\n")
	id, application := d.principal("worker", prodHost)
	d.grant(prodHost, "catalog/prod", application, "USE_CATALOG")
	d.do(204, "DELETE", accountAPI+"/scim/v2/ServicePrincipals/"+id, nil)
	o := d.do(200, "GET", prodHost+"/api/2.1/unity-catalog/permissions/catalog/prod", nil)
	want := []any{map[string]any{"privileges": []any{"USE_CATALOG"}}}
	if diff := cmp.Diff(want, o["privilege_assignments"]); diff != "" {
		t.Error(diff)
	}
	if status, _ := d.form(prodHost+"/oidc/v1/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {application}}); status != 401 {
		t.Errorf("a deleted principal's login answers %d", status)
	}
}

func (d *dbxTest) grant(host, securable, principal string, privileges ...string) {
	d.t.Helper()
	d.do(200, "PATCH", host+"/api/2.1/unity-catalog/permissions/"+securable,
		map[string]any{"changes": []any{map[string]any{"principal": principal, "add": privileges}}})
}
