package credentials

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// Wherever a delivery fails, its error holds no value: not even one that the scrubber would take out later.
func TestNoErrorHoldsAValue(t *testing.T) {
	for name, f := range map[string]sandbox.Fault{
		"the key is refused":     {Method: "GET", Path: "*/public-key", Status: http.StatusForbidden},
		"the key is none":        {Method: "GET", Path: "*/public-key", Status: http.StatusOK, Body: `{"key_id":"1","key":"c2hvcnQ="}`},
		"it cannot be stored":    {Method: "PUT", Path: "*/secrets/*", Status: http.StatusForbidden},
		"it is not taken":        {Method: "PUT", Path: "*/secrets/*", Status: http.StatusUnprocessableEntity},
		"nobody knows":           {Method: "PUT", Path: "*/secrets/*", Status: http.StatusInternalServerError},
		"it does not log in":     {Method: "POST", Path: "*/oidc/v1/token", Status: http.StatusUnauthorized},
		"logging in is answered": {Method: "POST", Path: "*/oidc/v1/token", Status: http.StatusOK, Body: `{"token_type":"Bearer"}`},
	} {
		for _, issue := range []Issue{OAuthSecret, AccessToken, ""} {
			b := openBank(t)
			f.Times, f.Action = -1, sandbox.FaultStatus
			b.inject(f)
			s := b.source
			s.Issue = issue
			if issue == "" {
				b.env["MLOPS_X"] = "dose-from-outside"
				s = Source{Env: "MLOPS_X"}
			}
			if _, err := b.Store(t.Context(), github.Place{Environment: "prod", Name: "X"}, s); err != nil && strings.Contains(err.Error(), "dose") {
				t.Errorf("%s, %q: %v", name, issue, err)
			}
		}
	}
}

// echo is a service that answers a login by what it was sent.
type echo struct{ base http.RoundTripper }

func (e echo) RoundTrip(r *http.Request) (*http.Response, error) {
	name, secret, basic := r.BasicAuth()
	if !basic || !strings.HasPrefix(secret, "dose") {
		return e.base.RoundTrip(r)
	}
	body := fmt.Sprintf(`{"error":"invalid_client","error_description":"no %s:%s, %s"}`, name, secret, r.Header.Get("Authorization"))
	return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestALoginThatEchoesTheSecretShowsNothingOfIt(t *testing.T) {
	for _, issue := range []Issue{OAuthSecret, AccessToken} {
		b := openBank(t)
		guard := &transport.Guard{}
		guard.AllowWrites()
		b.wire = transport.New(transport.Options{Base: echo{b.sandbox.RoundTripper()}, Guard: guard, Clock: b.clock, Secrets: b.secrets, Trusted: func(string) bool { return true }})
		b.renew(t)
		s := b.source
		s.Issue = issue
		_, err := b.Store(t.Context(), github.Place{Environment: "prod", Name: "X"}, s)
		if err == nil || !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), "dose") || strings.Contains(err.Error(), "Basic M") {
			t.Errorf("%s: %v", issue, err)
		}
	}
}
