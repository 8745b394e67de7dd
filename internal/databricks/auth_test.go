package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const authAccount = "8a2e0000-0000-4000-8000-000000000001"

// authHost is a host of Databricks that has token endpoints and an API that says who called, and no
// .well-known address.
type authHost struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []string // method and path
	tokens int
	life   int // of a token, in seconds
}

func newAuthHost(t *testing.T) *authHost {
	t.Helper()
	h := &authHost{life: 3600}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.seen = append(h.seen, r.Method+" "+r.URL.Path)
		h.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/v1/token"):
			h.token(w, r)
		case r.URL.Path == "/job-token":
			_, _ = fmt.Fprintf(w, `{"value":"jwt for %s, asked with %s"}`, r.URL.Query().Get("audience"), r.Header.Get("Authorization"))
		case strings.HasPrefix(r.URL.Path, "/api/"):
			_ = json.NewEncoder(w).Encode(map[string]string{"caller": r.Header.Get("Authorization")})
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// token hands out a token that tells what it was asked for with.
func (h *authHost) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if secret == "wrong" {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"Client authentication failed"}`)
		return
	}
	h.mu.Lock()
	h.tokens++
	n := h.tokens
	h.mu.Unlock()
	name := id + "/" + secret
	if subject := r.PostFormValue("subject_token"); subject != "" {
		name = r.PostFormValue("client_id") + "/" + subject
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("token %d of %s", n, name), "token_type": "Bearer", "expires_in": h.life})
}

func (h *authHost) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen)
}

func authLogins(t *testing.T, env map[string]string, file string) Logins {
	t.Helper()
	l := Logins{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Secrets: &transport.Scrubber{}}
	l.Transport = transport.New(transport.Options{Secrets: l.Secrets})
	t.Cleanup(func() { (&http.Client{Transport: l.Transport}).CloseIdleConnections() })
	if file != "" {
		l.ConfigFile = filepath.Join(t.TempDir(), ".databrickscfg")
		if err := os.WriteFile(l.ConfigFile, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// caller returns whom a host takes the holder of a login for.
func caller(t *testing.T, l Logins, h Host) string {
	t.Helper()
	cfg, err := l.Config(h)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	who, err := ask(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func ask(ctx context.Context, c *client.DatabricksClient) (string, error) {
	var answer struct{ Caller string }
	err := c.Do(ctx, http.MethodGet, "/api/2.0/me", map[string]string{"Accept": "application/json"}, nil, nil, &answer)
	return answer.Caller, err
}

// source is where a credential comes from and what a host sees of it.
type source struct {
	name, file string
	env        map[string]string
	account    bool
	want       string // the caller
	origin     string
	requests   []string
}

func (c source) check(t *testing.T, h *authHost) {
	t.Helper()
	h.seen, h.tokens = nil, 0
	l := authLogins(t, c.env, strings.ReplaceAll(c.file, "HOST", h.URL))
	host := Host{URL: h.URL}
	if c.account {
		host.AccountID = authAccount
	}
	if got := caller(t, l, host); got != c.want {
		t.Errorf("%s: the host saw %q, want %q", c.name, got, c.want)
	}
	login, err := l.Find(host)
	if err != nil || login.Origin != strings.ReplaceAll(c.origin, "FILE", l.ConfigFile) {
		t.Errorf("%s: origin %q, %v", c.name, login.Origin, err)
	}
	if diff := cmp.Diff(append(c.requests, "GET /api/2.0/me"), h.requests()); diff != "" {
		t.Errorf("%s: requests: %s", c.name, diff)
	}
}

// tokenFile holds an OIDC token.
func tokenFile(t *testing.T) string {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return token
}

func TestEachSourceInTheEnvironment(t *testing.T) {
	h, token := newAuthHost(t), tokenFile(t)
	audienceOf := func(path string) string { return h.URL + path }
	for _, c := range []source{
		{name: "client id and secret", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"},
			want: "Bearer token 1 of id/secret", origin: "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET", requests: []string{"POST /oidc/v1/token"}},
		{name: "client id and secret on the account", account: true, env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"},
			want: "Bearer token 1 of id/secret", origin: "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET", requests: []string{"POST /oidc/accounts/" + authAccount + "/v1/token"}},
		{name: "OIDC token", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_OIDC_TOKEN": "jwt"},
			want: "Bearer token 1 of id/jwt", origin: "the OIDC token in DATABRICKS_OIDC_TOKEN", requests: []string{"POST /oidc/v1/token"}},
		{name: "OIDC token under another name", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_OIDC_TOKEN_ENV": "MINE", "MINE": "my jwt"},
			want: "Bearer token 1 of id/my jwt", origin: "the OIDC token in MINE", requests: []string{"POST /oidc/v1/token"}},
		{name: "OIDC token in a file", env: map[string]string{"DATABRICKS_OIDC_TOKEN_FILEPATH": token},
			want: "Bearer token 1 of /jwt from a file", origin: "the OIDC token in " + token, requests: []string{"POST /oidc/v1/token"}},
		{name: "GitHub job", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "ACTIONS_ID_TOKEN_REQUEST_URL": h.URL + "/job-token?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "rt"},
			want: "Bearer token 1 of id/jwt for " + audienceOf("/oidc/v1/token") + ", asked with Bearer rt", origin: "the OIDC token of this GitHub job", requests: []string{"GET /job-token", "POST /oidc/v1/token"}},
		{name: "GitHub job on the account", account: true, env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "ACTIONS_ID_TOKEN_REQUEST_URL": h.URL + "/job-token?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "rt"},
			want: "Bearer token 1 of id/jwt for " + authAccount + ", asked with Bearer rt", origin: "the OIDC token of this GitHub job", requests: []string{"GET /job-token", "POST /oidc/accounts/" + authAccount + "/v1/token"}},
		{name: "GitHub job with an audience", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_TOKEN_AUDIENCE": "a&b=c", "ACTIONS_ID_TOKEN_REQUEST_URL": h.URL + "/job-token?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "rt"},
			want: "Bearer token 1 of id/jwt for a&b=c, asked with Bearer rt", origin: "the OIDC token of this GitHub job", requests: []string{"GET /job-token", "POST /oidc/v1/token"}},
		{name: "personal token", env: map[string]string{"DATABRICKS_HOST": h.URL + "/", "DATABRICKS_TOKEN": "dapi-mine"}, want: "Bearer dapi-mine", origin: "DATABRICKS_TOKEN"},
		{name: "user and password", env: map[string]string{"DATABRICKS_HOST": h.URL, "DATABRICKS_USERNAME": "u", "DATABRICKS_PASSWORD": "p"}, want: "Basic dTpw", origin: "DATABRICKS_USERNAME and DATABRICKS_PASSWORD"},
	} {
		c.check(t, h)
	}
}

func TestEachSortOfProfileAndWhatComesFirst(t *testing.T) {
	h, token := newAuthHost(t), tokenFile(t)
	for _, c := range []source{
		{name: "profile with a token", file: "[a]\nhost = HOST\ntoken = dapi-profile\n", want: "Bearer dapi-profile", origin: "profile a in FILE"},
		{name: "profile with a secret", file: "[a]\nhost = HOST/\nclient_id = pid\nclient_secret = ps\n", want: "Bearer token 1 of pid/ps", origin: "profile a in FILE", requests: []string{"POST /oidc/v1/token"}},
		{name: "profile with a password", file: "[a]\nhost = HOST\nusername = u\npassword = p\n", want: "Basic dTpw", origin: "profile a in FILE"},
		{name: "profile with an OIDC token's file", file: "[a]\nhost = HOST\nclient_id = pid\ndatabricks_id_token_filepath = " + token + "\n",
			want: "Bearer token 1 of pid/jwt from a file", origin: "profile a in FILE", requests: []string{"POST /oidc/v1/token"}},
		{name: "profile of the account", account: true, file: "[other]\nhost = HOST\naccount_id = x\ntoken = no\n[mine]\nhost = HOST\naccount_id = " + authAccount + "\ntoken = yes\n",
			want: "Bearer yes", origin: "profile mine in FILE"},
		{name: "the DEFAULT profile", file: "[DEFAULT]\nhost = HOST\ntoken = default\n", want: "Bearer default", origin: "profile DEFAULT in FILE"},
		{name: "profile before the environment", file: "[a]\nhost = HOST\ntoken = profile\n", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"},
			want: "Bearer profile", origin: "profile a in FILE"},
		{name: "client secret before all else in the environment", env: map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret", "DATABRICKS_OIDC_TOKEN": "jwt",
			"DATABRICKS_HOST": h.URL, "DATABRICKS_TOKEN": "t", "DATABRICKS_USERNAME": "u", "DATABRICKS_PASSWORD": "p"},
			want: "Bearer token 1 of id/secret", origin: "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET", requests: []string{"POST /oidc/v1/token"}},
		{name: "the one that is asked for", env: map[string]string{"DATABRICKS_AUTH_TYPE": "pat", "DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret",
			"DATABRICKS_HOST": h.URL, "DATABRICKS_TOKEN": "t"}, want: "Bearer t", origin: "DATABRICKS_TOKEN"},
		{name: "profile of another host beside the environment", file: "[a]\nhost = https://other.cloud.databricks.com\ntoken = no\n", env: map[string]string{"DATABRICKS_HOST": h.URL, "DATABRICKS_TOKEN": "t"},
			want: "Bearer t", origin: "DATABRICKS_TOKEN"},
	} {
		c.check(t, h)
	}
}

func TestThreeHostsWithThreeProfiles(t *testing.T) {
	account, staging, prod := newAuthHost(t), newAuthHost(t), newAuthHost(t)
	l := authLogins(t, map[string]string{"DATABRICKS_HOST": staging.URL, "DATABRICKS_TOKEN": "ambient", "DATABRICKS_ACCOUNT_ID": "ambient", "DATABRICKS_CONFIG_PROFILE": "prod"},
		fmt.Sprintf("[acct]\nhost=%s\naccount_id=%s\nclient_id=a\nclient_secret=as\n[staging]\nhost=%s\ntoken=st\n[prod]\nhost=%s\nclient_id=p\nclient_secret=ps\n[prod2]\nhost=%s\ntoken=no\n",
			account.URL, authAccount, staging.URL, prod.URL, prod.URL))
	for i := range 2 { // twice: nothing of one login is in the way of another
		for _, c := range []struct {
			host Host
			want string
		}{
			{Host{URL: account.URL, AccountID: authAccount}, fmt.Sprintf("Bearer token %d of a/as", i+1)},
			{Host{URL: staging.URL}, "Bearer st"},
			{Host{URL: prod.URL}, fmt.Sprintf("Bearer token %d of p/ps", i+1)}, // DATABRICKS_CONFIG_PROFILE says which of two
			{Host{URL: prod.URL, Profile: "prod2"}, "Bearer no"},
		} {
			if got := caller(t, l, c.host); got != c.want {
				t.Errorf("%s saw %q, want %q", c.host.URL, got, c.want)
			}
		}
	}
}

func TestAPersonalTokenBreaksNoOtherHost(t *testing.T) {
	a, b := newAuthHost(t), newAuthHost(t)
	l := authLogins(t, map[string]string{"DATABRICKS_HOST": a.URL, "DATABRICKS_TOKEN": "dapi-a", "DATABRICKS_CLIENT_ID": "id"}, "[b]\nhost="+b.URL+"\nclient_id=b\nclient_secret=bs\n")
	if got := caller(t, l, Host{URL: a.URL}); got != "Bearer dapi-a" {
		t.Error(got)
	}
	if got := caller(t, l, Host{URL: b.URL}); got != "Bearer token 1 of b/bs" {
		t.Error(got)
	}
	_, err := l.Config(Host{URL: "https://c.cloud.databricks.com"})
	if !errors.Is(err, resource.ErrUnauthorized) || strings.Contains(fmt.Sprint(err), "dapi-a") {
		t.Error(err)
	}
}

func TestWithoutACredentialItIsSaidWhereItWasLookedFor(t *testing.T) {
	l := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_TOKEN": "dapi"}, "[x]\nhost=https://x.cloud.databricks.com\ntoken=t\n")
	for _, c := range []struct {
		host Host
		want []string
	}{
		{Host{URL: "https://dbc-1.cloud.databricks.com"}, []string{"no credentials for https://dbc-1.cloud.databricks.com", l.ConfigFile,
			"DATABRICKS_CLIENT_ID is set without DATABRICKS_CLIENT_SECRET", "databricks auth login --host https://dbc-1.cloud.databricks.com"}},
		{Host{URL: "https://accounts.cloud.databricks.com", AccountID: authAccount}, []string{"with account_id " + authAccount, "--account-id " + authAccount}},
		{Host{URL: "https://dbc-1.cloud.databricks.com", Profile: "y"}, []string{`no profile "y"`, l.ConfigFile + " has x"}},
		{Host{URL: "https://dbc-1.cloud.databricks.com", Profile: "x"}, []string{`profile "x" does not serve https://dbc-1.cloud.databricks.com`, "https://x.cloud.databricks.com"}},
	} {
		_, err := l.Config(c.host)
		if !errors.Is(err, resource.ErrUnauthorized) {
			t.Errorf("%+v: %v", c.host, err)
		}
		for _, part := range c.want {
			if !strings.Contains(fmt.Sprint(err), part) {
				t.Errorf("%+v: %v\nsays nothing of %q", c.host, err, part)
			}
		}
	}
	none := authLogins(t, nil, "")
	none.ConfigFile = filepath.Join(t.TempDir(), "missing")
	if _, err := none.Config(Host{URL: "https://dbc-1.cloud.databricks.com"}); !errors.Is(err, resource.ErrUnauthorized) || !strings.Contains(err.Error(), "no config file is there") {
		t.Error(err)
	}
}

func TestSeveralProfilesForAHostAreAQuestion(t *testing.T) {
	file := "[b]\nhost=https://x.cloud.databricks.com\ntoken=1\n[a]\nhost=x.cloud.databricks.com\ntoken=2\n"
	_, err := authLogins(t, nil, file).Config(Host{URL: "https://x.cloud.databricks.com"})
	if err == nil || !strings.Contains(err.Error(), "the profiles a, b in") {
		t.Error(err)
	}
	login, err := authLogins(t, nil, file+"[__settings__]\ndefault_profile = b\n").Find(Host{URL: "https://x.cloud.databricks.com"})
	if err != nil || !strings.HasPrefix(login.Origin, "profile b ") {
		t.Error(login.Origin, err)
	}
}

func TestOneTokenForAHost(t *testing.T) {
	h := newAuthHost(t)
	cfg, err := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"}, "").Config(Host{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if who, err := ask(t.Context(), c); err != nil || who != "Bearer token 1 of id/secret" {
				t.Error(who, err)
			}
		})
	}
	wg.Wait()
	if h.tokens != 1 {
		t.Errorf("%d tokens were asked for", h.tokens)
	}
}

func TestATokenThatIsAboutToExpireIsRenewed(t *testing.T) {
	h := newAuthHost(t)
	h.life = int((early - time.Minute).Seconds())
	cfg, err := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"}, "").Config(Host{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if who, err := ask(t.Context(), c); err != nil || who != fmt.Sprintf("Bearer token %d of id/secret", i+1) {
			t.Error(who, err)
		}
	}
}

func TestARefusedLoginNamesHostAndOrigin(t *testing.T) {
	h := newAuthHost(t)
	cfg, err := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "wrong"}, "").Config(Host{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ask(t.Context(), c)
	if !errors.Is(err, resource.ErrUnauthorized) {
		t.Fatal(err)
	}
	for _, part := range []string{h.URL, "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET", "401 invalid_client: Client authentication failed"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\nsays nothing of %q", err, part)
		}
	}
}

func TestWhoStopsWaitingForATokenLetsTheNextOneAsk(t *testing.T) {
	h := newAuthHost(t)
	cfg, err := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"}, "").Config(Host{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(gone, c); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if who, err := ask(t.Context(), c); err != nil || who != "Bearer token 1 of id/secret" {
		t.Error(who, err)
	}
}

func TestWhatALoginLearnsIsSecret(t *testing.T) {
	h := newAuthHost(t)
	l := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "client-secret-1", "DATABRICKS_HOST": h.URL, "DATABRICKS_TOKEN": "dapi-other-host"}, "")
	got := caller(t, l, Host{URL: h.URL})
	if cleaned := l.Secrets.Clean("a client-secret-1 b " + strings.TrimPrefix(got, "Bearer ") + " c " + url.QueryEscape("client-secret-1")); cleaned != "a [redacted] b [redacted] c [redacted]" {
		t.Error(cleaned)
	}
}

func TestAProfilesTokenStaysWithItsHost(t *testing.T) {
	for name, file := range map[string]string{
		"another host": "[p]\nhost=https://mine.cloud.databricks.com\ntoken=t\n",
		"no host":      "[p]\ntoken=t\n",
	} {
		if _, err := authLogins(t, nil, file).Config(Host{URL: "https://theirs.cloud.databricks.com", Profile: "p"}); !errors.Is(err, resource.ErrUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
