package faulttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// echoes are services that repeat in their answers what they were sent, or just made: no word of it may
// come any further.
func echoes(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		if !slices.Contains([]string{"secret", "git_credential", "service_principal", "variable"}, r.kind) {
			continue
		}
		for word, status := range map[string]int{"refused": 400, "failed": 500} {
			list = append(list, faultCase{class: "F45", name: fmt.Sprintf("%s/%s", r, word), row: r, arrange: func(w *world) {
				w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: func(q *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
					resp, err := send()
					if err != nil {
						return resp, err
					}
					made, err := io.ReadAll(resp.Body)
					if err != nil {
						return nil, err
					}
					words := fmt.Sprintf("%s said %s and %s", q.Header.Get("Authorization"), made, envCanary)
					text, err := json.Marshal(map[string]string{"message": words, "error_code": "X", "detail": words})
					return answered(q, status, string(text), "X-Request-Id", "r-1"), err
				}})
			}})
		}
	}
	for name, args := range map[string][]string{
		"plan": {"plan"}, "plan_json": {"plan", "-o", "json"}, "plan_markdown": {"plan", "-o", "markdown"}, "graph": {"graph"}, "apply": {"apply", "--auto-approve"},
		"apply_json": {"apply", "--auto-approve", "-o", "json"}, "validate": {"validate"}, "validate_json": {"validate", "-o", "json"},
	} {
		for _, s := range []start{fresh, quiet, aged} {
			list = append(list, faultCase{class: "F45", name: string(s) + "/" + name, start: s, codes: []int{0}, act: func(w *world) outcome {
				w.run(context.Background(), "plan", "--out", filepath.Join(w.dir, "plan.json"))
				return w.run(context.Background(), args...)
			}})
		}
	}
	return list
}

// rotations end, for good, at each request of a rotation: a credential that works is there all the time.
func rotations(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		if r.start != aged || r.kind != "secret" || r.address == "secret/STAGING_WORKSPACE_TOKEN" {
			continue
		}
		for word, sent := range map[string]bool{"before": false, "after": true} {
			list = append(list, faultCase{class: "F46", name: fmt.Sprintf("%s/gone_%s", r, word), row: r, codes: []int{0, 1, 4, 6}, arrange: func(w *world) {
				w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, times: -1, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
					w.wire.add(&rule{path: "*", times: -1, do: func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
						return nil, syscall.ENETDOWN
					}})
					if sent {
						if _, err := send(); err != nil {
							return nil, err
						}
					}
					return nil, syscall.ECONNRESET
				}})
			}, act: func(w *world) outcome {
				o := w.apply()
				w.logsIn()
				return o
			}, after: func(w *world, _ outcome) { w.logsIn() }})
		}
		list = append(list, faultCase{class: "F46", name: fmt.Sprintf("%s/the_check_fails", r), row: r, faults: []sandbox.Fault{
			{Path: "*.cloud.databricks.com/oidc/v1/token", Nth: 3, Times: 2, Action: sandbox.FaultStatus, Status: 503},
		}, act: func(w *world) outcome {
			o := w.apply()
			w.logsIn()
			return o
		}})
	}
	stale := `{"message":"Validation Failed","errors":["key_id does not match the public key"]}`
	for _, r := range rows {
		if r.kind != "secret" || r.method != "PUT" {
			continue
		}
		f := r.status(422, 1)
		f.Body = stale
		list = append(list, faultCase{class: "F47", name: r.String(), row: r, faults: []sandbox.Fault{f}})
	}
	return list
}

// logsIn holds the long-lived credentials that are stored to one of each principal's working now.
func (w *world) logsIn() {
	w.t.Helper()
	for _, place := range []struct{ environment, name, principal string }{
		{"staging", "DATABRICKS_CLIENT_SECRET", "taxi-staging"}, {"prod", "PROD_CLIENT_SECRET", "taxi-prod"},
	} {
		value := w.stored(place.environment, place.name)
		list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter=displayName%20eq%20%22"+place.principal+"%22", nil)
		application := fmt.Sprint(outsider.Items(list, "Resources")[0]["applicationId"])
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://"+place.environment+".cloud.databricks.com/oidc/v1/token", strings.NewReader(form.Encode()))
		if err != nil {
			w.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(application, value)
		resp, err := w.sandbox.RoundTripper().RoundTrip(req)
		if err != nil {
			w.t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			w.t.Errorf("the credential in %s of %s does not log in: %d", place.name, place.environment, resp.StatusCode)
		}
	}
}

// stored is the value that GitHub holds, of all that were issued; "" is none of them.
func (w *world) stored(environment, name string) string {
	w.t.Helper()
	for value := range w.wire.known() {
		if w.sandbox.HoldsSecret("acme/taxi", environment, name, value) {
			return value
		}
	}
	return ""
}

// subjects are what GitHub puts into a job's token, in its variants: the policy lets in the target's own
// job, or is blocked where nobody can tell, and lets in nobody else.
func subjects() []faultCase {
	const old = "  repositories: [{name: acme/taxi, created: '2024-01-01', files: {README.md: hello}}, "
	older := strings.Replace(worldText, "  repositories: [", old, 1)
	custom := func(keys ...string) func(*world) {
		return func(w *world) {
			w.send("PUT", repo+"/actions/oidc/customization/sub", map[string]any{"use_default": false, "include_claim_keys": keys})
		}
	}
	orgs := strings.Replace(older, "github:\n", "github:\n  oidc_subject_keys: [repo, context]\n", 1)
	list := []faultCase{
		{name: "immutable"},
		{name: "plain", world: older},
		{name: "the_organisations", world: orgs, arrange: func(w *world) {
			w.send("PUT", repo+"/actions/oidc/customization/sub", map[string]any{"use_default": false})
		}},
		{name: "of_the_repository", world: older, arrange: custom("repo", "context")},
		{name: "with_the_owner", world: older, arrange: custom("repository_owner", "repo", "context")},
		{name: "of_a_reusable_workflow", world: older, arrange: custom("repo", "job_workflow_ref"), settles: true, says: []string{"job_workflow_ref"}},
	}
	for i := range list {
		c := &list[i]
		if c.world != "" {
			c.remade = "the repository was there"
		}
		c.class, c.codes, c.name = "F48", []int{0}, "create/"+c.name
		c.after = func(w *world, _ outcome) {
			if status := w.job("acme/taxi", "prod", "release"); (status == http.StatusOK) == c.settles {
				w.t.Errorf("prod's own job is answered %d", status)
			}
			if status := w.job("acme/taxi", "staging", "main"); status == http.StatusOK {
				w.t.Error("staging's job logs in as prod's principal")
			}
		}
	}
	return list
}

// job mints a job's token and exchanges it for a login of prod's principal.
func (w *world) job(repository, environment, ref string) int {
	w.t.Helper()
	token, err := w.sandbox.Mint(sandbox.MintRequest{Repository: repository, Environment: environment, Ref: ref, Audience: accountID})
	if err != nil {
		w.t.Fatal(err)
	}
	list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter=displayName%20eq%20%22taxi-prod%22", nil)
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token": {token}, "client_id": {fmt.Sprint(outsider.Items(list, "Resources")[0]["applicationId"])}, "scope": {"all-apis"},
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://prod.cloud.databricks.com/oidc/v1/token", strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.sandbox.RoundTripper().RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode
}
