package transport

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

var kinds = map[string]error{
	"not found": resource.ErrNotFound, "forbidden": resource.ErrForbidden, "unauthorized": resource.ErrUnauthorized,
	"exists": resource.ErrExists, "conflict": resource.ErrConflict, "lost": resource.ErrLost, "not yet": resource.ErrNotYet,
}

// said is an answer of a service and what becomes of it.
type said struct {
	name, method, path string
	status             int
	headers            map[string]string
	body               string
	want, kind         string // the text after the host and path, and the kind
}

func (c said) check(t *testing.T) {
	t.Helper()
	b := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "application/json")
		for k, v := range c.headers {
			w.Header().Set(k, strings.ReplaceAll(v, "HOST", r.Host))
		}
		w.WriteHeader(c.status)
		_, _ = io.WriteString(w, c.body)
	})
	_, err := b.send(t, c.method, c.path, "")
	failed := failure(t, err)
	host := strings.TrimPrefix(b.URL, "http://")
	want := c.method + " " + host + c.path + ": " + strings.ReplaceAll(c.want, "HOST", host)
	if diff := cmp.Diff(want, failed.Error()); diff != "" {
		t.Errorf("%s: %s", c.name, diff)
	}
	for name, kind := range kinds {
		if errors.Is(err, kind) != (name == c.kind) {
			t.Errorf("%s: is %q: %v", c.name, name, errors.Is(err, kind))
		}
	}
}

func TestWhatDatabricksSays(t *testing.T) {
	for _, c := range []said{
		{"Databricks", "GET", "/api/2.1/x", 404, nil, `{"error_code":"CATALOG_DOES_NOT_EXIST","message":"Catalog 'a' does not exist."}`,
			"404 CATALOG_DOES_NOT_EXIST: Catalog 'a' does not exist.", "not found"},
		{"a code beside another status", "GET", "/api/2.1/x", 400, nil, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no"}`, "400 RESOURCE_DOES_NOT_EXIST: no", "not found"},
		{"exists with 400", "POST", "/api/2.1/x", 400, nil, `{"error_code":"SCHEMA_ALREADY_EXISTS","message":"no"}`, "400 SCHEMA_ALREADY_EXISTS: no", "exists"},
		{"a request id", "GET", "/api/2.1/x", 403, map[string]string{"X-Request-Id": "r-1"}, `{"error_code":"PERMISSION_DENIED","message":"User is not an owner"}`,
			"403 PERMISSION_DENIED: User is not an owner (request r-1)", "forbidden"},
		{"SCIM", "POST", "/api/2.0/accounts/a/scim/v2/Groups", 409, nil, `{"schemas":["x"],"detail":"Group with name g already exists.","status":"409"}`,
			"409 Conflict: Group with name g already exists.", "exists"},
		{"SCIM without words", "POST", "/api/2.0/accounts/a/scim/v2/Groups", 409, nil, `{"scimType":"uniqueness"}`, "409 uniqueness", "exists"},
		{"a stale rule set", "PUT", "/api/2.0/preview/accounts/access-control/rule-sets", 409, nil, `{"error_code":"RESOURCE_CONFLICT","message":"etag"}`, "409 RESOURCE_CONFLICT: etag", "conflict"},
		{"OAuth", "POST", "/oidc/v1/token", 400, nil, `{"error":"invalid_client","error_description":"Client authentication failed"}`,
			"400 invalid_client: Client authentication failed; the login was refused: are the client id and secret right, not expired, and of a principal that this host knows?", "unauthorized"},
		{"an old service", "GET", "/api/1.2/x", 400, nil, `{"error":"it broke"}`, "400 Bad Request: it broke", ""},
		{"plain text", "GET", "/api/2.0/x", 400, nil, `Invalid thing`, "400 Bad Request: Invalid thing", ""},
		{"nothing", "GET", "/api/2.0/x", 403, nil, ``, "403 Forbidden", "forbidden"},
	} {
		c.check(t)
	}
}

func TestWhatGitHubSays(t *testing.T) {
	for _, c := range []said{
		{"a rejected token", "GET", "/api/v3/x", 401, map[string]string{"X-GitHub-Request-Id": "A:1"}, `{"message":"Bad credentials","documentation_url":"https://docs"}`,
			"401 Unauthorized: Bad credentials (request A:1); the credential for HOST was not accepted: it may be expired, revoked or another host's", "unauthorized"},
		{"a missing permission", "GET", "/api/v3/x", 403, map[string]string{"X-Accepted-GitHub-Permissions": "contents=write; administration=read"}, `{"message":"Resource not accessible by personal access token"}`,
			"403 Forbidden: Resource not accessible by personal access token; the token needs contents=write or administration=read", "forbidden"},
		{"single sign-on", "GET", "/api/v3/x", 403, map[string]string{"X-GitHub-SSO": "required; url=https://github.com/orgs/o/sso"}, `{"message":"Resource protected by organization SAML enforcement."}`,
			"403 Forbidden: Resource protected by organization SAML enforcement.; the organisation requires single sign-on for this token; authorise it: required; url=https://github.com/orgs/o/sso", "forbidden"},
		{"an archived repository", "PUT", "/api/v3/x", 403, nil, `{"message":"Repository was archived so is read-only."}`,
			"403 Forbidden: Repository was archived so is read-only.; the repository is archived; unarchive it first", "forbidden"},
		{"fields", "POST", "/api/v3/x", 422, nil, `{"message":"Validation Failed","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}]}`,
			"422 custom: Validation Failed; Repository.name: name already exists on this account", ""},
		{"fields without words", "POST", "/api/v3/x", 422, nil, `{"message":"Validation Failed","errors":[{"resource":"Label","code":"invalid","field":"color"}]}`,
			"422 invalid: Validation Failed; Label.color invalid", ""},
		{"errors as texts", "POST", "/api/v3/x", 422, nil, `{"message":"Invalid request.","errors":["first","second"]}`, "422 Unprocessable Entity: Invalid request.; first; second", ""},
		{"errors as one text", "POST", "/api/v3/x", 422, nil, `{"message":"Invalid request.","errors":"only"}`, "422 Unprocessable Entity: Invalid request.; only", ""},
		{"a variable that is there", "POST", "/api/v3/x", 409, nil, `{"message":"Already exists - Variable already exists"}`, "409 Conflict: Already exists - Variable already exists", "exists"},
		{"a moved branch", "PUT", "/api/v3/x", 409, nil, `{"message":"is at a but expected b"}`, "409 Conflict: is at a but expected b", "conflict"},
	} {
		c.check(t)
	}
}

func TestWhatIsNoAnswerOfAnAPI(t *testing.T) {
	for _, c := range []said{
		{"a moved repository", "GET", "/api/v3/repos/o/old", 301, map[string]string{"Location": "https://HOST/repositories/7"}, `{"message":"Moved Permanently"}`,
			"301 Moved Permanently: it points to https://HOST/repositories/7; the repository answers under another name: it was renamed or moved; put its present name into the spec", ""},
		{"a repository's address that leads elsewhere", "GET", "/api/v3/repos/o/old", 307, map[string]string{"Location": "https://other.example/repos/o/old"}, ``,
			"307 Temporary Redirect: it points to https://other.example/repos/o/old; redirects are not followed: put the host that answers itself into the spec", ""},
		{"a login page in front", "GET", "/api/2.0/x", 302, map[string]string{"Location": "https://HOST/login.html"}, ``,
			"302 Found: it points to https://HOST/login.html; it asks for a login in a browser: is HOST the right host?", ""},
		{"a page for an answer", "GET", "/api/2.0/x", 200, map[string]string{"Content-Type": "text/html"}, `<html><title>Sign in</title>`,
			"200 OK: a web page came back, not an answer of the API; is HOST the right host?", ""},
		{"an unlabelled page", "GET", "/api/2.0/x", 200, map[string]string{"Content-Type": ""}, "\n<!DOCTYPE html>\n<html>", "200 OK: a web page came back, not an answer of the API; is HOST the right host?", ""},
		{"a page for an error", "GET", "/api/2.0/x", 404, map[string]string{"Content-Type": "text/html; charset=utf-8"}, `<html>no</html>`,
			"404 Not Found: a web page came back, not an answer of the API; is HOST the right host?", ""},
		{"a gateway's page", "GET", "/api/2.0/x", 502, map[string]string{"Content-Type": "text/html"}, `<html><h1>502 Bad Gateway</h1></html>`,
			"502 Bad Gateway: a web page came back, not an answer of the API; the service failed rather than refuse: try again later; its support can look the request up", ""},
		{"a host without the API", "GET", "/api/2.1/x", 404, nil, `{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found for 'GET /x'"}`,
			"404 ENDPOINT_NOT_FOUND: No API found for 'GET /x'; it has no such API: is HOST the right host?", ""},
		{"a login that is not there", "POST", "/api/v3/app/installations/7/access_tokens", 404, nil, `{"message":"Not Found"}`,
			"404 Not Found; the App's login was refused: are its id, its private key and the id of its installation right, and this machine's clock?", "unauthorized"},
		{"an account that is not known", "GET", "/api/2.0/accounts/00000000-0000-4000-8000-000000000009/workspaces", 404, nil, `{"message":"not found"}`,
			"404 Not Found: not found; is 00000000-0000-4000-8000-000000000009 the account's id?", "not found"},
		{"a fault after a write", "POST", "/api/2.0/x", 500, nil, `{"error_code":"INTERNAL_ERROR","message":"oops"}`,
			"500 INTERNAL_ERROR: oops: nobody knows whether it was done; the service failed rather than refuse: try again later; its support can look the request up", "lost"},
		{"a fault after a read", "GET", "/api/2.0/x", 500, nil, `{"error_code":"INTERNAL_ERROR","message":"oops"}`, "500 INTERNAL_ERROR: oops; the service failed rather than refuse: try again later; its support can look the request up", ""},
	} {
		c.check(t)
	}
}

func TestFieldsCanBeRead(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(422)
		_, _ = io.WriteString(w, `{"message":"Validation Failed","errors":[{"resource":"Repository","code":"already_exists","field":"name"},"text"]}`)
	})
	_, err := b.send(t, "POST", "/x", "")
	want := []Field{{Resource: "Repository", Code: "already_exists", Field: "name"}, {Message: "text"}}
	if diff := cmp.Diff(want, failure(t, err).Fields); diff != "" {
		t.Error(diff)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		b := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { http.Redirect(w, r, "/elsewhere", status) })
		client := &http.Client{Transport: b.wire}
		_, err := client.Get(b.URL + "/x")
		var failed *Error
		if !errors.As(err, &failed) || len(b.requests()) != 1 {
			t.Errorf("%d: %v, %v", status, b.requests(), err)
		}
	}
}

func TestAnErrorIsOneBoundedLineThatATerminalCanShow(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("X-Request-Id", "a\tb")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error_code":"X\u001b[31m","message":"a\u001b[2Jb\u0007 c\u202Ed\u200b\r\n::error::e \u001b]8;;http://evil\u0007f \u0000 s3cr3t-value `+strings.Repeat("long ", 1000)+`"}`)
	})
	b.wire.opt.Secrets.Add("s3cr3t-value")
	_, err := b.send(t, "GET", "/x", "")
	text := err.Error()
	host := strings.TrimPrefix(b.URL, "http://")
	want := "GET " + host + "/x: 400 X: ab cd ::error::e f [redacted] long long"
	if !strings.HasPrefix(text, want) {
		t.Errorf("got  %.120q\nwant %q…", text, want)
	}
	if len(text) > 1000 || strings.ContainsAny(text, "\x1b\n\r\t\x00\u202e\u200b") {
		t.Errorf("%d bytes: %.200q", len(text), text)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	b.wire.bound = 1 << 20
	if resp, err := b.send(t, "GET", "/x", ""); err != nil || resp.ContentLength != 1<<20 {
		t.Errorf("an answer at the bound: %v", err)
	}
	b.wire.bound = 1<<20 - 1
	if _, err := b.send(t, "GET", "/x", ""); err == nil || !strings.Contains(err.Error(), "larger than") || errors.Is(err, resource.ErrLost) {
		t.Errorf("an answer beyond it: %v", err)
	}
	if _, err := b.send(t, "POST", "/x", ""); !errors.Is(err, resource.ErrLost) {
		t.Errorf("an answer to a write beyond it: %v", err)
	}
	if got := len(b.requests()); got != 3 {
		t.Errorf("%d requests", got)
	}
}

// endless is a body without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Close() error               { return nil }

func TestNoMoreOfAnAnswerIsReadThanItsBound(t *testing.T) {
	body := &endless{}
	via := New(Options{Base: sender(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r}, nil
	})}).(*wire)
	via.bound = 1 << 20
	if _, err := read(t, via, "https://example.com/x"); err == nil || body.read > 2<<20 {
		t.Errorf("%d bytes were read, %v", body.read, err)
	}
}

func TestACertificateThatDoesNotVerifyIsExplained(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	defer server.Close()
	via := New(Options{Clock: newClock()}).(*wire)
	defer via.CloseIdleConnections()
	_, err := read(t, via, server.URL+"/x")
	var unverified *tls.CertificateVerificationError
	if !errors.As(err, &unverified) || !strings.Contains(err.Error(), "certificate does not verify") || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Error(err)
	}
}

func TestAServerWithoutTLSIsExplained(t *testing.T) {
	b := answers(t, 200)
	_, err := read(t, b.wire, strings.Replace(b.URL, "http:", "https:", 1)+"/x")
	if err == nil || !strings.Contains(err.Error(), "it does not speak TLS") {
		t.Error(err)
	}
}

func TestAHostThatDoesNotExistIsExplainedAtOnce(t *testing.T) {
	sent := 0
	via := New(Options{Clock: newClock(), Base: sender(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "dbc.cloud.databricks.example", IsNotFound: true}}
	})})
	_, err := read(t, via, "https://dbc.cloud.databricks.example/api")
	if err == nil || !strings.Contains(err.Error(), "no address is known for the host dbc.cloud.databricks.example") || sent != 1 {
		t.Errorf("%d requests, %v", sent, err)
	}
}
