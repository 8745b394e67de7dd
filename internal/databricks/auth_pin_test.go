package databricks

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/logger"
	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// over returns the SDK's client of a host, with what it sends answered by a function.
func over(t *testing.T, network wireFunc) *client.DatabricksClient {
	t.Helper()
	const host = "https://dbc-1.cloud.databricks.com"
	guard := &transport.Guard{}
	guard.AllowWrites()
	l := authLogins(t, map[string]string{"DATABRICKS_HOST": host, "DATABRICKS_TOKEN": "dapi-token-of-the-test"}, "")
	l.Transport = transport.New(transport.Options{Base: network, Guard: guard, Secrets: l.Secrets, Trusted: func(string) bool { return true }})
	cfg, err := l.Config(Host{URL: host})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answered(r *http.Request, status int, header http.Header) (*http.Response, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(`{"id":"1"}`)), Request: r}, nil
}

// listen returns what the standard logger, which is the SDK's, is given from now on.
func listen(t *testing.T) *bytes.Buffer {
	said, before := &bytes.Buffer{}, log.Writer()
	log.SetOutput(said)
	t.Cleanup(func() { log.SetOutput(before) })
	return said
}

// The SDK lets 15 requests a second through unless it is told otherwise.
func TestTheSDKSlowsNothingDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := over(t, func(r *http.Request) (*http.Response, error) { sent++; return answered(r, 200, nil) })
		began := time.Now()
		for range 60 {
			if _, err := ask(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); sent != 60 || took != 0 {
			t.Errorf("%d requests took %v", sent, took)
		}
	})
}

// The SDK does not know Retry-After, and waits by a law of its own.
func TestTheSDKWaitsForNothingButTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := over(t, func(r *http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				return answered(r, 429, http.Header{"Retry-After": {"7"}})
			}
			return answered(r, 200, nil)
		})
		began := time.Now()
		_, err := ask(t.Context(), c)
		if took := time.Since(began); err != nil || sent != 2 || took != 7*time.Second {
			t.Errorf("%d requests took %v: %v", sent, took, err)
		}
	})
}

func TestTheSDKAsksNothingThatNobodyAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		account string
		env     map[string]string
		want    []string
	}{
		"a token":                {"", map[string]string{"DATABRICKS_TOKEN": "dapi"}, []string{"GET /api/2.0/me"}},
		"a secret":               {"", map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "s"}, []string{"POST /oidc/v1/token", "GET /api/2.0/me"}},
		"a secret on an account": {authAccount, map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "s"}, []string{"POST /oidc/accounts/" + authAccount + "/v1/token", "GET /api/2.0/me"}},
		"an OIDC token":          {"", map[string]string{"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_OIDC_TOKEN": "jwt"}, []string{"POST /oidc/v1/token", "GET /api/2.0/me"}},
	} {
		h := newAuthHost(t)
		c.env["DATABRICKS_HOST"] = h.URL
		cfg, err := authLogins(t, c.env, "").Config(Host{URL: h.URL, AccountID: c.account})
		if err != nil {
			t.Fatal(err)
		}
		made, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if before := h.requests(); len(before) > 0 {
			t.Errorf("%s: making a client sent %v", name, before)
		}
		if _, err := ask(t.Context(), made); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(c.want, h.requests()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheSDKLogsNoHeaderWhateverTheEnvironmentSays(t *testing.T) {
	for name, value := range map[string]string{"DATABRICKS_DEBUG_HEADERS": "true", "DATABRICKS_DEBUG_TRUNCATE_BYTES": "1000000", "DATABRICKS_LOG_LEVEL": "trace", "DATABRICKS_LOG": "trace"} {
		t.Setenv(name, value)
	}
	said := listen(t)
	c := over(t, func(r *http.Request) (*http.Response, error) { return answered(r, 200, nil) })
	if _, err := ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("it said %q", said.String())
	}
	loud := &loud{}
	if _, err := ask(logger.NewContext(t.Context(), loud), c); err != nil {
		t.Fatal(err)
	}
	text := loud.out.String()
	if !strings.Contains(text, "GET /api/2.0/me") || strings.Contains(text, "dapi-token-of-the-test") || strings.Contains(text, "Authorization") {
		t.Errorf("the log: %s", text)
	}
}

func TestALoginOfTheSDKsOwnSaysNothing(t *testing.T) {
	said := listen(t)
	var mu sync.Mutex
	var seen []string
	const host = "https://adb-1.1.azuredatabricks.net"
	l := authLogins(t, map[string]string{"ARM_CLIENT_ID": "the-client-id", "ARM_CLIENT_SECRET": "azure-secret", "ARM_TENANT_ID": "tenant"}, "")
	l.Transport = transport.New(transport.Options{Secrets: l.Secrets, Trusted: func(string) bool { return true }, Base: wireFunc(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.URL.Host)
		body := fmt.Sprintf(`{"token_type":"Bearer","access_token":"entra-token","expires_in":"3600","expires_on":"4102444800","caller":%q}`, "x")
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	caller(t, l, Host{URL: host})
	if said.Len() > 0 || !slices.Contains(seen, "login.microsoftonline.com") {
		t.Errorf("asked %v, it said %q", seen, said.String())
	}
}
