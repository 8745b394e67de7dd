package github

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// FuzzListings has GitHub answer every read with anything: no read falls over or goes on for ever, and
// none takes for a listing what is none.
func FuzzListings(f *testing.F) {
	f.Add(`{"total_count":1,"environments":[{"id":1,"name":"prod","protection_rules":[{"type":"wait_timer","wait_timer":3}],"deployment_branch_policy":null}]}`, "")
	f.Add(`[{"id":1,"name":"a","target":"branch","enforcement":"active","rules":[{"type":"deletion","parameters":{}}],"bypass_actors":null}]`, `<https://api.github.com/x?page=2>; rel="next"`)
	f.Add(`{"id":456789,"name":"taxi","full_name":"Acme/taxi","owner":{"id":1,"login":"Acme","type":"Organization"}}`, `<https://api.github.com/x?page=1>; rel="next"`)
	f.Add(`{"total_count":2,"secrets":[{"name":"A","updated_at":"2026-11-23T09:00:00Z"}],"variables":[{"name":"A","value":"1"}]}`, `<x?page=-1>; rel="next", <`)
	for _, body := range []string{`null`, `{}`, `[]`, `[null]`, `{"environments":null}`, `{"environments":{}}`, `{"secrets":[null]}`, `"x"`, `{"use_default":false,"include_claim_keys":[null]}`} {
		f.Add(body, `<https://api.github.com/x?page=99999999999999999999>; rel="next"`)
	}
	f.Fuzz(func(t *testing.T, body, link string) {
		sent := 0
		clock := virtual.NewClock(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), 0)
		c, err := New(Options{
			Host: "https://github.com", Owner: "acme", Repo: "taxi", Now: clock.Now,
			Token: func(context.Context) (string, error) { return "a-token", nil },
			Transport: transport.New(transport.Options{Clock: clock, Trusted: func(string) bool { return true }, Base: network(func(r *http.Request) (*http.Response, error) {
				sent++
				h := http.Header{"Content-Type": {"application/json"}, "Link": {link}}
				return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})}),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		for field, read := range map[string]func() error{
			"environments":    func() error { _, err := c.Environments(ctx); return err },
			"secrets":         func() error { _, err := c.Secrets(ctx, ""); return err },
			"variables":       func() error { _, err := c.Variables(ctx, "prod"); return err },
			"branch_policies": func() error { _, err := c.BranchPolicies(ctx, "prod"); return err },
			"a list": func() error {
				_, err := c.Ruleset(ctx, "mlopsctl")
				if errors.Is(err, resource.ErrNotFound) {
					return nil // in the listing
				}
				return err
			},
			"a list of teams": func() error { _, err := c.OrganizationTeams(ctx); return err },
			"":                func() error { _, err := c.Repository(ctx); return err },
			"permissions":     func() error { _, err := c.WorkflowPermissions(ctx); return err },
			"key":             func() error { _, err := c.PublicKey(ctx, ""); return err },
			"subject":         func() error { _, err := c.Subject(ctx, Job{}); return err },
		} {
			sent = 0
			err := read()
			if sent > 30 {
				t.Errorf("%s: %d requests", field, sent)
			}
			if errors.Is(err, resource.ErrNotFound) {
				t.Errorf("%s: %q reads as absent: %v", field, body, err)
			}
			if err == nil && !lists(body, field) {
				t.Errorf("%s: %q reads as a listing", field, body)
			}
		}
	})
}

// lists reports whether a body is a listing, by its field; what has no field is none, and anything goes.
func lists(body, field string) bool {
	var list []json.RawMessage
	if strings.HasPrefix(field, "a list") {
		return json.Unmarshal([]byte(body), &list) == nil && list != nil
	}
	if field != "environments" && field != "secrets" && field != "variables" && field != "branch_policies" {
		return true
	}
	var wrapped map[string]json.RawMessage
	return json.Unmarshal([]byte(body), &wrapped) == nil && json.Unmarshal(wrapped[field], &list) == nil && list != nil
}
