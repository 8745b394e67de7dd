package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// get sends a GET in process with the operator's token for the account.
func (d *dbxTest) get(ctx context.Context, address string) (*http.Response, error) {
	d.t.Helper()
	if d.tokens[accountHost] == "" {
		d.tokens[accountHost] = d.login(accountHost)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.tokens[accountHost])
	return d.s.RoundTripper().RoundTrip(req)
}

func TestAHostThatNobodyNamedDoesNotExist(t *testing.T) {
	d := newDatabricksTest(t, "")
	_, err := d.get(t.Context(), "https://dev.cloud.databricks.com/api/2.0/preview/scim/v2/Me")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound || dns.Name != "dev.cloud.databricks.com" {
		t.Errorf("the error is %v", err)
	}
}

func TestAPathThatNoServiceHasIsTheServicesOwn404(t *testing.T) {
	d := newDatabricksTest(t, "")
	d.message(d.do(404, "GET", prodHost+"/api/2.0/clusters/list", nil), "No API found for 'GET /2.0/clusters/list'")
	d.message(d.do(404, "POST", prodHost+unity+"/tables", map[string]any{}), "ENDPOINT_NOT_FOUND")
	log := d.s.Log()
	if last := log[len(log)-1]; last.Operation != "unknown" || last.Status != 404 {
		t.Errorf("the log says %+v", last)
	}
}

func TestTheLogTellsWhatWasAskedAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir, Now: testClock, Hosts: testHosts()})
	d := &dbxTest{t: t, s: s, id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	w := d.worker("worker", prodHost)
	w.do(200, "GET", prodHost+unity+"/catalogs?max_results=0", nil)
	type line struct {
		operation, query string
		status           int
		mutating         bool
	}
	var got []line
	for i, r := range s.Log() {
		if r.Seq != i+1 || r.Time != testClock() {
			t.Errorf("entry %d is %+v", i, r)
		}
		got = append(got, line{r.Operation, r.Query, r.Status, r.Mutating})
	}
	const below = "account %s /api/2.0/accounts/{account}"
	want := []line{
		{"account POST /oidc/accounts/{account}/v1/token", "", 200, false},
		{fmt.Sprintf(below+"/scim/v2/ServicePrincipals", "POST"), "", 201, true},
		{fmt.Sprintf(below+"/workspaces/{workspace}/permissionassignments/principals/{principal}", "PUT"), "", 200, true},
		{fmt.Sprintf(below+"/servicePrincipals/{principal}/credentials/secrets", "POST"), "", 200, true},
		{"workspace POST /oidc/v1/token", "", 200, false},
		{"workspace GET /api/2.1/unity-catalog/catalogs", "max_results=0", 200, false},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Error(diff)
	}
	holdsNone(t, dir, w.secret, operatorSecret, d.tokens[accountHost], w.tokens[prodHost])
	f, err := os.Open(filepath.Join(dir, "requests.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var onDisk []Request
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		onDisk = append(onDisk, r)
	}
	if diff := cmp.Diff(s.Log(), onDisk); diff != "" {
		t.Error(diff)
	}
}

// holdsNone wants no file of a folder to hold a secret.
func holdsNone(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds a credential", filepath.Base(file))
			}
		}
	}
}

func TestOnlyAMutationMutatesThroughGraphQL(t *testing.T) {
	for query, want := range map[string]bool{
		"query { viewer { login } }":                              false,
		"{ repository(owner: \"mutation\", name: \"m\") { id } }": false,
		"mutation { updateRefs(input: {}) { clientMutationId } }": true,
		"# query\nmutation M { updateRefs(input: {}) { x } }":     true,
		"query Q { viewer { login } } mutation M { a { b } }":     false,
		"this is no GraphQL":                                      false,
	} {
		body, err := json.Marshal(map[string]string{"query": query, "operationName": map[bool]string{true: "Q"}[strings.Contains(query, "Q {")]})
		if err != nil {
			t.Fatal(err)
		}
		if got := mutation(body); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	o := Options{Dir: t.TempDir(), Now: testClock, Hosts: testHosts(), World: []byte("databricks: {tables: [{name: prod.a.t}]}\nfaults: [{path: \"*/nothing\", action: hang, times: -1}]\n")}
	d := &dbxTest{t: t, s: openTest(t, o), id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	w := d.worker("worker", prodHost)
	d.grant(prodHost, "catalog/prod", w.id, "USE_CATALOG")
	if err := d.s.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	// No Close: a kill does not ask.
	again := openTest(t, Options{Dir: o.Dir, Now: testClock, Hosts: testHosts(), World: []byte("this: is not read")})
	before, err := json.Marshal(d.s.state)
	if err != nil {
		t.Fatal(err)
	}
	after, err := json.Marshal(again.state)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Error(diff)
	}
	d.s = again
	if got := d.grants(prodHost + unity + "/permissions/catalog/prod"); got[w.id] == nil {
		t.Errorf("an old token sees %v", got)
	}
}

func TestAStateThatCannotBeReadIsSaidSoAndKept(t *testing.T) {
	for name, c := range map[string]struct{ state, want string }{
		"a torn file":    {`{"format": 1, "sequ`, "is not whole"},
		"a newer format": {`{"format": 99}`, "has format 99, this version of mlopsctl writes format 1"},
		"another file":   {`{"format": 1}`, "lacks a service's part"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "state.json")
			if err := os.WriteFile(file, []byte(c.state), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(Options{Dir: dir, Hosts: testHosts()})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sandbox reset") {
				t.Errorf("the error is %v", err)
			}
			if data, err := os.ReadFile(file); err != nil || string(data) != c.state {
				t.Errorf("the file is now %q, %v", data, err)
			}
			s, err := Renew(Options{Dir: dir, Hosts: testHosts()})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			openTest(t, Options{Dir: dir, Hosts: testHosts()})
		})
	}
}

func TestASpecThatGrowsFindsItsNewHosts(t *testing.T) {
	dir := t.TempDir()
	small := testHosts()
	small.Workspaces = small.Workspaces[:1]
	openTest(t, Options{Dir: dir, Now: testClock, Hosts: small})
	grown := testHosts()
	grown.Owner = "other"
	s := openTest(t, Options{Dir: dir, Now: testClock, Hosts: grown})
	d := &dbxTest{t: t, s: s, id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	d.do(200, "GET", prodHost+unity+"/metastore_summary", nil)
	if owner := s.state.GitHub.account("other"); owner == nil || owner.member(s.state.GitHub.operator().Login) == nil {
		t.Errorf("the new owner is %+v", owner)
	}
}

func TestAWrongWorldFileIsRefusedAndCostsNothing(t *testing.T) {
	d := newDatabricksTest(t, "")
	d.principal("kept")
	for text, want := range map[string]string{
		"databricks: {grups: []}":                                              "grups",
		"databricks: {tables: [{name: a.b}]}":                                  "3 parts",
		"databricks: {tables: [{name: a.b.c}, {name: A.b.c}]}":                 "twice",
		"databricks: {tables: [{name: a.b.c, owner: \"user:x\"}]}":             "user:x",
		"databricks: {groups: [{name: g, members: [\"group:h\"]}]}":            "group:h",
		"databricks: {users: [{name: u, workspaces: [\"https://no.where\"]}]}": "no workspace",
		"databricks: {grants: [{on: \"catalog:a\", principal: \"user:x\"}]}":   "catalog:a",
		"faults: [{path: \"*\", action: explode}]":                             "unknown action",
		"faults: [{action: hang}]":                                             "path is missing",
		"faults: [{path: \"*\", action: status}]":                              "status 0",
		"databricks: {metastores: [{name: a}, {name: a}]}":                     "name of its own",
		"databricks: {catalogs: [{name: c, metastore: none}]}":                 "no metastore",
		"databricks: {}\n---\ngithub: {}":                                      "more than one document",
		"github: {owner_type: robot}":                                          "owner_type",
	} {
		if err := d.s.Reset([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q in it", text, err, want)
		}
	}
	if d.s.state.Databricks.principal(d.s.state.Databricks.Principals[1].ID).DisplayName != "kept" {
		t.Error("a refused reset lost the state")
	}
	if err := d.s.Reset(nil); err != nil {
		t.Fatal(err)
	}
	if n := len(d.s.state.Databricks.Principals); n != 1 || len(d.s.Log()) != 0 {
		t.Errorf("after a reset there are %d principals and %d requests", n, len(d.s.Log()))
	}
}

func TestFaultsComeWhenTheirRuleSays(t *testing.T) {
	d := newDatabricksTest(t, "")
	inject(t, d.s, Fault{Method: "get", Path: "*/scim/v2/Users*", Nth: 2, Times: 2, Action: FaultStatus, Status: 429, Header: map[string]string{"Retry-After": "7"}})
	var got []int
	for range 5 {
		resp, err := d.get(t.Context(), accountAPI+"/scim/v2/Users?count=1")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		got = append(got, resp.StatusCode)
		if resp.StatusCode == 429 && resp.Header.Get("Retry-After") != "7" {
			t.Error("the header is missing")
		}
	}
	if !slices.Equal(got, []int{200, 429, 429, 200, 200}) {
		t.Errorf("the answers are %v", got)
	}
	d.do(200, "GET", accountAPI+"/scim/v2/Groups", nil)
	counts := map[FaultAction]int{}
	for _, r := range d.s.Log() {
		counts[r.Fault]++
	}
	if counts[FaultStatus] != 2 {
		t.Errorf("the log shows %v", counts)
	}
}

func inject(t *testing.T, s *Sandbox, f ...Fault) {
	t.Helper()
	if err := s.Inject(f...); err != nil {
		t.Fatal(err)
	}
}

func TestAFaultsAnswerHasTheServicesFormOrOnesOwn(t *testing.T) {
	d := newDatabricksTest(t, "")
	inject(t, d.s, Fault{Path: "*/workspaces", Action: FaultStatus, Status: 503}, Fault{Path: "*/workspaces", Action: FaultStatus, Status: 502, Body: "<html>"})
	d.message(d.do(503, "GET", accountAPI+"/workspaces", nil), "TEMPORARILY_UNAVAILABLE")
	resp, err := d.get(t.Context(), accountAPI+"/workspaces")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "<html>" || resp.Header.Get("Content-Type") != "text/html" || resp.StatusCode != 502 {
		t.Errorf("%d %s %q %v", resp.StatusCode, resp.Header, body, err)
	}
}

func TestARefusalCanComeAfterTheEffect(t *testing.T) {
	d := newDatabricksTest(t, "")
	inject(t, d.s, Fault{Method: "POST", Path: "*/scim/v2/ServicePrincipals", Action: FaultStatusAfter, Status: 503})
	d.do(503, "POST", accountAPI+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "worker"})
	if o := d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals", nil); o["totalResults"] != 2.0 {
		t.Errorf("%v principals, want 2", o["totalResults"])
	}
}

func TestASuccessCanBeWithoutEffect(t *testing.T) {
	d := newDatabricksTest(t, "")
	inject(t, d.s, Fault{Method: "POST", Path: "*/scim/v2/ServicePrincipals", Action: FaultIgnore})
	d.do(201, "POST", accountAPI+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "ignored"})
	d.do(201, "POST", accountAPI+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "made"})
	if o := d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals", nil); o["totalResults"] != 2.0 {
		t.Errorf("%v principals, want the operator's and one more", o["totalResults"])
	}
}

func TestFaultsCountAcrossProcesses(t *testing.T) {
	o := Options{Dir: t.TempDir(), Now: testClock, Hosts: testHosts(), World: []byte("faults: [{path: \"*/Users\", action: status, status: 503, nth: 3}]\n")}
	var got []int
	for range 4 {
		d := &dbxTest{t: t, s: openTest(t, o), id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
		resp, err := d.get(t.Context(), accountAPI+"/scim/v2/Users")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		got = append(got, resp.StatusCode)
	}
	if !slices.Equal(got, []int{200, 200, 503, 200}) {
		t.Errorf("the answers are %v", got)
	}
}

func TestAResetComesBeforeOrAfterTheEffect(t *testing.T) {
	for action, want := range map[FaultAction]int{FaultResetBefore: 0, FaultResetAfter: 1} {
		d := newDatabricksTest(t, "")
		token := d.login(accountHost)
		inject(t, d.s, Fault{Method: "POST", Path: "*/scim/v2/ServicePrincipals", Action: action})
		req, err := http.NewRequestWithContext(t.Context(), "POST", accountAPI+"/scim/v2/ServicePrincipals", strings.NewReader(`{"displayName": "worker"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if _, err := d.s.RoundTripper().RoundTrip(req); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the error is %v", action, err)
		}
		o := d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals", nil)
		if got := len(o["Resources"].([]any)) - 1; got != want {
			t.Errorf("%s: %d principals were made, want %d", action, got, want)
		}
	}
}

func TestAHangLastsUntilTheCallerGivesUpAndHoldsNobodyElse(t *testing.T) {
	d := newDatabricksTest(t, "")
	inject(t, d.s, Fault{Path: "*/workspaces", Action: FaultHang})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	d.login(accountHost)
	d.do(200, "GET", accountAPI+"/scim/v2/Users", nil)
	go func() {
		_, err := d.get(ctx, accountAPI+"/workspaces")
		done <- err
	}()
	for len(d.s.Log()) < 4 { // until the hanging request is in the log
		d.s.Describe()
	}
	d.do(200, "GET", accountAPI+"/scim/v2/Groups", nil)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestATruncatedAnswerEndsTooEarly(t *testing.T) {
	d := newDatabricksTest(t, "")
	inject(t, d.s, Fault{Path: "*/workspaces", Action: FaultTruncate})
	resp, err := d.get(t.Context(), accountAPI+"/workspaces")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(body)) >= resp.ContentLength {
		t.Errorf("%d of %d bytes, %v", len(body), resp.ContentLength, err)
	}
}

func TestAStaleAnswerIsTheOneBeforeTheLastChange(t *testing.T) {
	d := newDatabricksTest(t, "")
	at := accountAPI + "/scim/v2/ServicePrincipals"
	total := func() float64 { return d.do(200, "GET", at, nil)["totalResults"].(float64) }
	total()
	d.principal("worker")
	inject(t, d.s, Fault{Method: "GET", Path: "*/ServicePrincipals", Action: FaultStale})
	if first, second := total(), total(); first != 1 || second != 2 {
		t.Errorf("the reads show %v and %v principals", first, second)
	}
}

func TestServedOnLoopbackItAnswersUnderBothNames(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := openTest(t, Options{Now: testClock, Hosts: testHosts()})
	server, err := s.Serve(t.Context(), ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]string{}
	for _, a := range server.Addresses {
		hosts[a.Host] = a.URL
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	fetch := func(address string) (map[string]any, int) {
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var o map[string]any
		_ = json.NewDecoder(resp.Body).Decode(&o) // some answers are no JSON
		return o, resp.StatusCode
	}
	o, _ := fetch(hosts[prodHost] + "/.well-known/databricks-config")
	if o["workspace_id"] != numeral(workspaceID(prodHost)) || o["oidc_endpoint"] != hosts[prodHost]+"/oidc" || o["host_type"] != "workspace" {
		t.Errorf("prod says %v", o)
	}
	if o, _ = fetch(hosts[accountHost] + "/.well-known/databricks-config"); o["host_type"] != "account" {
		t.Errorf("the account says %v", o)
	}
	if _, status := fetch(hosts[prodHost] + "/api/2.0/accounts/" + testAccount + "/workspaces"); status != 404 {
		t.Errorf("the workspace answers the account's paths: %d", status)
	}
	if _, status := fetch(hosts["https://github.com"] + "/api/v3/users/acme"); status != 200 {
		t.Errorf("GitHub answers %d", status)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Serve(t.Context(), ServeOptions{Listen: []string{"0.0.0.0:0"}}); err == nil {
		t.Error("it serves beyond loopback")
	}
}

func TestOneAddressCanBeEverything(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	here := "http://" + address
	s := openTest(t, Options{Now: testClock, Hosts: Hosts{Account: here, AccountID: testAccount, Workspaces: []string{here}, GitHub: here, Owner: "acme"}})
	d := &dbxTest{t: t, s: s, id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	d.do(200, "GET", here+"/api/2.0/accounts/"+testAccount+"/workspaces", nil)
	d.do(200, "GET", here+unity+"/metastore_summary", nil)
	d.message(d.do(404, "GET", here+"/api/2.0/none", nil), "ENDPOINT_NOT_FOUND")
	if status, o := d.send("GET", here+"/api/v3/users/acme", nil, http.Header{}); status != 200 || o["login"] != "acme" {
		t.Errorf("GitHub answers %d %v", status, o)
	}
	if status, o := d.send("GET", here+"/api/v3/none", nil, http.Header{}); status != 404 || o["message"] != "Not Found" {
		t.Errorf("GitHub's 404 is %d %v", status, o)
	}
}

func TestAServedSandboxIsSteeredFromOutside(t *testing.T) {
	s := openTest(t, Options{Now: testClock, Hosts: testHosts()})
	server, err := s.Serve(t.Context(), ServeOptions{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	base := server.Addresses[0].URL
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(method, path, body, host string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return resp.StatusCode, err.Error()
		}
		return resp.StatusCode, string(text)
	}
	const config = "/.well-known/databricks-config"
	for _, c := range []struct {
		method, path, body, host string
		status                   int
		want                     string
	}{
		{"POST", "/_sandbox/faults", `[{"path": "*/databricks-config", "action": "reset_after", "times": 1}, {"path": "*/databricks-config", "action": "truncate"}]`, "", 200, ""},
		{"GET", config, "", "", 0, "connection reset by peer"},
		{"GET", config, "", "", 200, "unexpected EOF"},
		{"GET", config, "", "", 200, "workspace_id"},
		{"POST", "/_sandbox/faults", `[{"path": "*", "action": "explode"}]`, "", 400, "unknown action"},
		{"POST", "/_sandbox/faults", `[{"where": "*"}]`, "", 400, "where"},
		{"POST", "/_sandbox/clock", `{"advance": "1h"}`, "", 200, ""},
		{"POST", "/_sandbox/clock", `{"advance": "-1h"}`, "", 400, "only goes forward"},
		{"GET", "/_sandbox/requests", "", "", 200, "reset_after"},
		{"GET", "/_sandbox/state", "", "", 200, "sandbox operator"},
		{"DELETE", "/_sandbox/faults", "", "", 200, ""},
		{"GET", "/_sandbox/state", "", "evil.example:80", 421, "no such host"},
	} {
		if status, text := send(c.method, c.path, c.body, c.host); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s %s: %d %s, want %d and %q", c.method, c.path, c.body, status, text, c.status, c.want)
		}
	}
	if got := s.now(); !got.Equal(testClock().Add(time.Hour)) {
		t.Errorf("the clock shows %s", got)
	}
}

func TestTheStateReadsAsText(t *testing.T) {
	d := newDatabricksTest(t, "  users: [{name: ana@acme.com, display_name: Ana}]\n  tables: [{name: prod.a.t, owner: \"user:ana@acme.com\"}]\n")
	w := d.worker("worker", prodHost)
	d.grant(prodHost, "table/prod.a.t", w.id, "SELECT")
	inject(t, d.s, Fault{Path: "*/none", Action: FaultHang})
	text := strings.Join(d.s.Describe().Lines(), "\n")
	for _, want := range []string{"account " + testAccount, prodHost, "worker  id ", "1 OAuth secrets", "table:prod.a.t  owner Ana", "table:prod.a.t  worker: SELECT", "*/none: hang"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, w.secret) {
		t.Error("the text holds a secret")
	}
}
