package databricks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/logger"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/oauth2"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// sdk returns the SDK's client of a server, with a transport that lets writes through.
func sdk(t *testing.T, handler http.HandlerFunc) *client.DatabricksClient {
	t.Helper()
	server := httptest.NewServer(handler)
	guard := &transport.Guard{}
	guard.AllowWrites()
	l := authLogins(t, map[string]string{"DATABRICKS_HOST": server.URL, "DATABRICKS_TOKEN": "dapi-token-of-the-test"}, "")
	l.Transport = transport.New(transport.Options{Guard: guard, Secrets: l.Secrets})
	t.Cleanup(func() {
		(&http.Client{Transport: l.Transport}).CloseIdleConnections()
		server.Close()
	})
	cfg, err := l.Config(Host{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheSDKSendsAPostOnce(t *testing.T) {
	reset := func(w http.ResponseWriter) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
	}
	said := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		lost   bool
	}{
		"503":                      {said(503, `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"later"}`), true},
		"429 without Retry-After":  {said(429, `{"message":"slow down"}`), false},
		"a reset":                  {reset, true},
		"a cut answer":             {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9"); _, _ = io.WriteString(w, "{") }, true},
		"words that it retries on": {said(400, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"connection reset by peer, i/o timeout, Unexpected error, connection refused, TLS handshake timeout"}`), false},
		"more words":               {said(400, `{"message":"Timed out after 1s; deadline exceeded; ClusterNotReadyException; Unknown worker environment"}`), false},
		"an answer that is not JSON": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":`)
		}, true},
	} {
		var posts atomic.Int32
		c2 := sdk(t, func(w http.ResponseWriter, r *http.Request) {
			posts.Add(1)
			c.answer(w)
		})
		_, err := iam.NewServicePrincipalsV2(c2).Create(t.Context(), iam.CreateServicePrincipalRequest{DisplayName: "x"})
		var failed *transport.Error
		if posts.Load() != 1 || !errors.As(err, &failed) || errors.Is(err, resource.ErrLost) != c.lost {
			t.Errorf("%s: %d POSTs, %v", name, posts.Load(), err)
		}
	}
}

// Each of the two measures that keep the SDK from sending again would do alone; both are pinned.
func TestTheSDKHasNoReasonAndNoTimeToSendAgain(t *testing.T) {
	const words = "connection reset by peer, i/o timeout, Unexpected error, connection refused, TLS handshake timeout, REQUEST_LIMIT_EXCEEDED, Timed out after 1s, deadline exceeded"
	c := sdk(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, words)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Config.Host+"/api/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Config.HTTPTransport.RoundTrip(req)
	for word := range strings.SplitSeq(words, ", ") {
		if strings.Contains(fmt.Sprint(err), strings.TrimSuffix(word, "1s")) {
			t.Errorf("%v has the words %q", err, word)
		}
	}
	if got := c.Config.RetryTimeoutSeconds; got != 1 { // its first pause is 1.05 s at least
		t.Errorf("the SDK tries for %d seconds", got)
	}
}

func TestTheSDKTakesNothingFromTheEnvironment(t *testing.T) {
	for _, name := range []string{"DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_ACCOUNT_ID", "DATABRICKS_WORKSPACE_ID", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET",
		"DATABRICKS_USERNAME", "DATABRICKS_PASSWORD", "DATABRICKS_CONFIG_PROFILE", "DATABRICKS_AUTH_TYPE", "ARM_CLIENT_SECRET", "GOOGLE_CREDENTIALS"} {
		t.Setenv(name, "ambient")
	}
	h := newAuthHost(t)
	cfg, err := authLogins(t, nil, "[a]\nhost="+h.URL+"\nusername=u\npassword=p\n").Config(Host{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := ask(t.Context(), c); err != nil || who != "Basic dTpw" {
		t.Error(who, err)
	}
	if cfg.Host != h.URL || cfg.AccountID+cfg.WorkspaceID+cfg.Token+cfg.ClientID+cfg.ClientSecret+cfg.AzureClientSecret+cfg.GoogleCredentials != "" {
		t.Errorf("something came from the environment: %s, account %q", cfg.Host, cfg.AccountID)
	}
}

// loud is a logger that keeps all that it is given.
type loud struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *loud) Enabled(context.Context, logger.Level) bool { return true }

func (l *loud) write(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(&l.out, format+"\n", v...)
}

func (l *loud) Tracef(_ context.Context, format string, v ...any) { l.write(format, v...) }
func (l *loud) Debugf(_ context.Context, format string, v ...any) { l.write(format, v...) }
func (l *loud) Infof(_ context.Context, format string, v ...any)  { l.write(format, v...) }
func (l *loud) Warnf(_ context.Context, format string, v ...any)  { l.write(format, v...) }
func (l *loud) Errorf(_ context.Context, format string, v ...any) { l.write(format, v...) }

func TestTheSDKLogsNoSecretWhateverItsLevel(t *testing.T) {
	const canary = "dose-canary-in-an-answer"
	c := sdk(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"7","secret":"`+canary+`","secret_hash":"h"}`)
	})
	log := &loud{}
	ctx := logger.NewContext(t.Context(), log)
	made, err := oauth2.NewServicePrincipalSecretsProxy(c).Create(ctx, oauth2.CreateServicePrincipalSecretRequest{ServicePrincipalId: "1"})
	if err != nil || made.Secret != canary || made.Id != "7" {
		t.Fatal(made, err)
	}
	text := log.out.String()
	if !strings.Contains(text, "POST /api/2.0/accounts/servicePrincipals/1/credentials/secrets") {
		t.Fatalf("the SDK logged nothing: %q", text)
	}
	for _, secret := range []string{canary, "dapi-token-of-the-test"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the log: %s", secret, text)
		}
	}
}

func TestALoginSendsNothingUntilItIsUsed(t *testing.T) {
	h := newAuthHost(t)
	cfg, err := authLogins(t, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"}, "").Config(Host{URL: h.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.New(cfg); err != nil || len(h.requests()) != 0 {
		t.Errorf("%v, %v", h.requests(), err)
	}
}

// wireFunc is a network made of a function.
type wireFunc func(*http.Request) (*http.Response, error)

func (f wireFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAzuresOwnLoginIsLeftToTheSDK(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	network := wireFunc(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.URL.Host+r.URL.Path)
		body := `{"token_type":"Bearer","access_token":"entra-token","expires_in":"3600","expires_on":"4102444800"}`
		if r.URL.Host != "login.microsoftonline.com" {
			body = `{"caller":"` + r.Header.Get("Authorization") + `"}`
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
	const host = "https://adb-1.1.azuredatabricks.net"
	for name, l := range map[string]Logins{
		"profile":     authLogins(t, nil, "[a]\nhost="+host+"\nazure_client_id=id\nazure_client_secret=azure-secret\nazure_tenant_id=tenant\n"),
		"environment": authLogins(t, map[string]string{"ARM_CLIENT_ID": "id", "ARM_CLIENT_SECRET": "azure-secret", "ARM_TENANT_ID": "tenant"}, ""),
	} {
		l.Transport = transport.New(transport.Options{Base: network, Secrets: l.Secrets,
			Trusted: func(h string) bool { return h == "adb-1.1.azuredatabricks.net" }})
		if got := caller(t, l, Host{URL: host}); got != "Bearer entra-token" {
			t.Errorf("%s: the host saw %q", name, got)
		}
		if got := l.Secrets.Clean("azure-secret entra-token"); got != "[redacted] [redacted]" {
			t.Errorf("%s: %s", name, got)
		}
		for _, request := range seen {
			if request != "POST login.microsoftonline.com/tenant/oauth2/token" && request != "GET adb-1.1.azuredatabricks.net/api/2.0/me" {
				t.Errorf("%s: sent %s", name, request)
			}
		}
		seen = nil
	}
}
