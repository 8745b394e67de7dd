package credentials

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
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
