package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/config"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// hurried is a clock on which waiting takes no time.
type hurried struct{}

func (hurried) Now() time.Time                                   { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }
func (hurried) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }
func (hurried) Await(ctx context.Context, _ time.Time) error     { return ctx.Err() }

// answering returns a fleet whose hosts answer everything with one body, and counts what it sends.
func answering(body string) (f *Fleet, sent *int) {
	const host = "https://dbc-1.cloud.databricks.com"
	sent = new(int)
	wire := transport.New(transport.Options{Clock: hurried{}, Trusted: func(string) bool { return true }, Base: wireFunc(func(r *http.Request) (*http.Response, error) {
		*sent++
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	env := map[string]string{"DATABRICKS_HOST": host, "DATABRICKS_TOKEN": "a-token"}
	l := Logins{Transport: wire, Secrets: &transport.Scrubber{}, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	return New(Options{
		Account: &Host{URL: host, AccountID: authAccount}, Workspaces: []Host{{URL: host}},
		Config: func(h Host) (*config.Config, error) { return l.Config(h) },
	}), sent
}

func reads(ctx context.Context, f *Fleet) map[string]func() error {
	const host = "https://dbc-1.cloud.databricks.com"
	return map[string]func() error{
		"Resources": func() error { _, err := f.Principals(ctx, "", "a"); return err },
		"Groups":    func() error { _, err := f.HasGroup(ctx, "", "g"); return err },
		"catalogs":  func() error { _, err := f.Catalog(ctx, host, "prod"); return err },
		"schemas":   func() error { _, err := f.Schema(ctx, host, "prod", "taxi"); return err },
		"policies":  func() error { _, err := f.FederationPolicies(ctx, "7"); return err },
		"secrets":   func() error { _, err := f.OAuthSecrets(ctx, "7"); return err },
		"grants":    func() error { _, err := f.Grants(ctx, host, Securable{Type: "catalog", Name: "prod"}); return err },
		"metastore": func() error { _, err := f.Metastore(ctx, host); return err },
	}
}

// FuzzListings has Databricks answer every read with anything: no read falls over or goes on for ever,
// and nothing is absent by an answer that is none.
func FuzzListings(f *testing.F) {
	for _, body := range []string{
		`{"totalResults":1,"Resources":[{"id":"1","applicationId":"x","displayName":"a","active":true}]}`, `{"totalResults":0}`, `{"totalResults":5}`,
		`{"totalResults":-1,"Resources":null}`, `{"totalResults":9007199254740993,"Resources":[]}`, `{"Resources":[]}`,
		`{"catalogs":[{"name":"prod","properties":{"a":"b"}}],"next_page_token":"x"}`, `{"schemas":[{"name":"taxi","full_name":"prod.taxi"}]}`, `{"catalogs":{}}`,
		`{"policies":[{"uid":"1","oidc_policy":{"issuer":"i","subject":"s","audiences":[null]}}]}`, `{"secrets":[{"id":"1","create_time":"never"}]}`,
		`{"privilege_assignments":[{"principal":"p","privileges":[{"privilege":"SELECT"}]}],"next_page_token":"x"}`, `{"metastore_id":7}`, `null`, `[]`, `{}`, `""`, `[{}]`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fleet, sent := answering(body)
		for name, read := range reads(t.Context(), fleet) {
			*sent = 0
			err := read()
			if *sent > 30 {
				t.Errorf("%s: %d requests", name, *sent)
			}
			if (name == "Resources" || name == "Groups") && err == nil && !counts(body) {
				t.Errorf("%s: %q reads as a listing", name, body)
			}
			if errors.Is(err, resource.ErrNotFound) && !object(body) {
				t.Errorf("%s: %q reads as absent: %v", name, body, err)
			}
		}
	})
}

func object(body string) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal([]byte(body), &fields) == nil && fields != nil
}

// counts reports whether a body says how many results there are, as every listing of SCIM does.
func counts(body string) bool {
	var fields map[string]any
	if json.Unmarshal([]byte(body), &fields) != nil {
		return false
	}
	for key, value := range fields {
		if _, ok := value.(float64); ok && strings.EqualFold(key, "totalResults") {
			return true
		}
	}
	return false
}

func TestAListingThatIsNotWholeLacksNothing(t *testing.T) {
	for body, says := range map[string]string{
		`{"totalResults":5}`:                 "of 5 results only 0 came",
		`{}`:                                 "does not say how many results there are",
		`{"Resources":[]}`:                   "does not say how many results there are",
		`null`:                               "no object or list",
		`[]`:                                 "is not the one that Databricks documents",
		`{"totalResults":1,"Resources":"x"}`: "is not the one that Databricks documents",
	} {
		f, _ := answering(body)
		if found, err := f.Principals(t.Context(), "", "a"); err == nil || !strings.Contains(err.Error(), says) || errors.Is(err, resource.ErrNotFound) {
			t.Errorf("%s: %v, %v; want it to say %q", body, found, err, says)
		}
	}
}

func TestAListingThatGoesRoundInACircleIsEnded(t *testing.T) {
	const body = `{"catalogs":[{"name":"other"}],"schemas":[{"name":"x"}],"policies":[],"privilege_assignments":[],"name":"prod","next_page_token":"again"}`
	for _, name := range []string{"catalogs", "schemas", "grants", "policies"} {
		f, sent := answering(body)
		if err := reads(t.Context(), f)[name](); err == nil || !strings.Contains(err.Error(), "goes round in a circle") || *sent > 6 {
			t.Errorf("%s: %d requests: %v", name, *sent, err)
		}
	}
}

func TestALongerCircleIsEndedAndAListingAnewIsNone(t *testing.T) {
	sent := 0
	s := &single{next: wireFunc(func(r *http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})}
	ask := func(query string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://prod.cloud.databricks.com/api/2.1/unity-catalog/schemas?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.RoundTrip(req) //nolint:bodyclose // it has none
		return err
	}
	for _, query := range []string{"catalog_name=a", "catalog_name=a&page_token=1", "catalog_name=b&page_token=1", "catalog_name=a&page_token=2", "catalog_name=b", "catalog_name=b&page_token=1"} {
		if err := ask(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	if err := ask("catalog_name=a&page_token=1"); !errors.Is(err, errCircle) || sent != 6 {
		t.Errorf("page 1 a second time, as request %d: %v", sent+1, err)
	}
}
