package transport

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAPlanSendsNothingThatCouldChangeAnything(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		goesOut            bool
	}{
		{"GET", "/api/2.1/unity-catalog/catalogs", "", true},
		{"HEAD", "/api/v3/repos/a/b", "", true},
		{"POST", "/oidc/v1/token", "grant_type=client_credentials", true},
		{"POST", "/oidc/accounts/8a2e/v1/token", "grant_type=client_credentials", true},
		{"POST", "/a/b.git/git-upload-pack", "0000", true},
		{"POST", "/app/installations/7/access_tokens", "", true},
		{"POST", "/api/v3/app/installations/7/access_tokens", "", true},
		{"POST", "/api/2.0/mlflow/runs/search", "{}", true},
		{"POST", "/graphql", `{"query":"query($n:Int){viewer{login}}"}`, true},
		{"POST", "/api/graphql", `{"query":"{viewer{login}}"}`, true},
		{"POST", "/graphql", `{"query":"mutation{deleteRef(input:{refId:\"x\"}){clientMutationId}}"}`, false},
		{"POST", "/graphql", `{"query":"query a{viewer{login}} mutation b{deleteRef(input:{refId:\"x\"}){clientMutationId}}"}`, false},
		{"POST", "/graphql", `{"query":"# query\n mutation b{x}"}`, false},
		{"POST", "/graphql", `not json`, false},
		{"POST", "/graphql", `{"query":""}`, false},
		{"POST", "/api/2.0/accounts/x/scim/v2/ServicePrincipals", "{}", false},
		{"POST", "/oidc/v1/token/more", "", false},
		{"POST", "/oidc/accounts/a/b/v1/token", "", false},
		{"POST", "/a/b.git/git-receive-pack", "0000", false},
		{"POST", "/app/installations/7/8/access_tokens", "", false},
		{"PUT", "/api/v3/repos/a/b/topics", "{}", false},
		{"PATCH", "/api/2.1/unity-catalog/catalogs/x", "{}", false},
		{"DELETE", "/api/v3/repos/a/b", "", false},
		{"LINK", "/", "", false},
	} {
		b := answers(t, http.StatusOK)
		shut := New(Options{Clock: b.clock, Guard: &Guard{}}).(*wire)
		t.Cleanup(shut.CloseIdleConnections)
		_, err := shut.RoundTrip(request(t, c.method, b.URL+c.path, c.body))
		if wentOut := len(b.requests()) == 1; wentOut != c.goesOut || c.goesOut != (err == nil) {
			t.Errorf("%s %s %s: went out %v, error %v", c.method, c.path, c.body, wentOut, err)
		}
		if !c.goesOut {
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.method+" "+strings.TrimPrefix(b.URL, "http://")+c.path) {
				t.Errorf("the refusal does not say what was refused: %v", err)
			}
		}
	}
}

func TestAnOpenGuardLetsWritesThrough(t *testing.T) {
	b := answers(t, http.StatusOK)
	if _, err := b.send(t, "DELETE", "/api/v3/repos/a/b", ""); err != nil {
		t.Error(err)
	}
}

func TestAMutationInABodyThatCannotBeReadTwiceIsRefused(t *testing.T) {
	b := answers(t, http.StatusOK)
	req := request(t, "POST", b.URL+"/graphql", "")
	req.Body = io.NopCloser(strings.NewReader(`{"query":"{viewer{login}}"}`))
	if _, err := New(Options{}).RoundTrip(req); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestACredentialGoesToTrustedHostsAlone(t *testing.T) {
	for _, c := range []struct {
		name, address, header string
		goesOut               bool
	}{
		{"a trusted host", "https://dbc-1.cloud.databricks.com/api/2.0/x", "Authorization", true},
		{"its name in capitals", "https://DBC-1.cloud.databricks.com/api/2.0/x", "Authorization", true},
		{"another host", "https://evil.example/api/2.0/x", "Authorization", false},
		{"another host, by another header", "https://evil.example/api/2.0/x", "X-Databricks-Azure-SP-Management-Token", false},
		{"another port of a trusted host", "https://dbc-1.cloud.databricks.com:8443/api/2.0/x", "Authorization", false},
		{"another host without a credential", "https://evil.example/api/2.0/x", "Accept", true},
		{"a token endpoint elsewhere, its secret in the body", "https://evil.example/oidc/v1/token", "Accept", false},
		{"loopback", "http://127.0.0.1:1/api", "Authorization", true},
		{"a name that only begins like loopback", "https://127.0.0.1.evil.example/api", "Authorization", false},
		{"the issuer of a GitHub job's tokens", "https://run-actions-1.actions.githubusercontent.com/x", "Authorization", true},
		{"a name that only ends like it", "https://evilactions.githubusercontent.com/x", "Authorization", false},
	} {
		sent := false
		via := New(Options{
			Base:    sender(func(r *http.Request) (*http.Response, error) { sent = true; return ok(r) }),
			Trusted: func(host string) bool { return host == "dbc-1.cloud.databricks.com" },
		})
		req := request(t, "GET", c.address, "")
		if strings.HasSuffix(c.address, "/token") {
			req.Method = "POST"
		}
		req.Header.Set(c.header, "Bearer x")
		_, err := via.RoundTrip(req)
		if sent != c.goesOut || c.goesOut != (err == nil) {
			t.Errorf("%s: sent %v, error %v", c.name, sent, err)
		}
	}
}

func TestPlainHTTPIsForLoopbackAlone(t *testing.T) {
	for address, goesOut := range map[string]bool{
		"http://127.0.0.1:1/x": true, "http://[::1]:1/x": true, "http://localhost:1/x": true,
		"http://example.com/x": false, "http://10.0.0.1/x": false, "http://localhost.example.com/x": false,
		"http://169.254.169.254/latest/meta-data": false, "http://169.254.169.254/metadata/identity/oauth2/token": true,
	} {
		sent := false
		via := New(Options{Base: sender(func(r *http.Request) (*http.Response, error) { sent = true; return ok(r) })})
		if _, err := read(t, via, address); sent != goesOut || goesOut != (err == nil) {
			t.Errorf("%s: sent %v, error %v", address, sent, err)
		}
	}
}
