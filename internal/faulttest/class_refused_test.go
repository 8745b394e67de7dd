package faulttest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// refusals are missing permissions, 404s that hide, and requests that are refused for what is in them.
func refusals(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		f := r.status(403, -1)
		c := faultCase{class: "F15", name: r.String(), row: r, faults: []sandbox.Fault{f}, codes: []int{0, 1, 6}}
		if r.kind == "ledger" {
			c.codes = []int{1, 4, 6}
		}
		list = append(list, c)
		f = r.status(422, 1)
		f.Body = `{"message":"Validation Failed","errors":[{"resource":"Thing","field":"name","code":"custom","message":"the plan does not allow it"}]}`
		if !r.github() {
			f.Status, f.Body = 400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"Nothing to update; the field is not supported."}`
		}
		list = append(list, faultCase{class: "F17", name: r.String(), row: r, faults: []sandbox.Fault{f}, codes: []int{0, 1, 6}})
	}
	for _, r := range reads() {
		list = append(list, lookCase("F15", r.name, r.fault(403, -1)))
		c := lookCase("F16", r.name, r.fault(404, -1))
		if r.name == "repository" || !r.github() {
			c.act = nil // there a 404 may be the truth
			c.codes, c.lies = []int{0, 1, 4, 6}, true
		}
		list = append(list, c)
	}
	return list
}

// logins end in the middle of runs.
func logins() []faultCase {
	var list []faultCase
	hosts := map[string]string{"github": "api.github.com/*", "account": accountHost + "/api/*", "workspace": "prod.cloud.databricks.com/api/*"}
	for who, path := range hosts {
		for _, nth := range []int{1, 3, 8} {
			f := sandbox.Fault{Path: path, Nth: nth, Times: -1, Action: sandbox.FaultStatus, Status: 401}
			list = append(list, faultCase{class: "F14", name: fmt.Sprintf("create/%s_revoked_at_%d", who, nth), faults: []sandbox.Fault{f}, codes: []int{1, 4, 6}})
			f.Times = 1
			list = append(list, faultCase{class: "F14", name: fmt.Sprintf("create/%s_once_at_%d", who, nth), faults: []sandbox.Fault{f}, codes: []int{0, 1, 4, 6}})
		}
		c := lookCase("F14", who, sandbox.Fault{Path: path, Times: -1, Action: sandbox.FaultStatus, Status: 401})
		c.codes = []int{4}
		list = append(list, c)
	}
	for who, path := range map[string]string{"account": accountHost + "/oidc/*", "workspace": "prod.cloud.databricks.com/oidc/*"} {
		f := sandbox.Fault{Path: path, Times: -1, Action: sandbox.FaultStatus, Status: 401, Body: `{"error":"invalid_client","error_description":"Client authentication failed"}`}
		c := lookCase("F14", who+"_login", f)
		c.codes, c.says = []int{4}, []string{"Client authentication failed"}
		list = append(list, c)
	}
	return append(list, quotas()...)
}

// quotas end after so many requests, and begin anew after a while.
func quotas() []faultCase {
	var list []faultCase
	for who, host := range map[string]string{"github": "api.github.com/*", "workspace": "prod.cloud.databricks.com/api/*"} {
		for _, left := range []int{3, 8, 15} {
			list = append(list, faultCase{class: "F13", name: fmt.Sprintf("create/%s_after_%d", who, left), codes: []int{0}, arrange: func(w *world) {
				var until time.Time
				w.wire.add(&rule{path: host, nth: left + 1, times: -1, do: func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
					now := w.clock.Peek()
					if until.IsZero() {
						until = now.Add(90 * time.Second)
					}
					if now.After(until) {
						return send()
					}
					if who == "github" {
						return answered(r, 403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", fmt.Sprint(until.Unix()+1)), nil
					}
					return answered(r, 429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Too many"}`, "Retry-After", "91"), nil
				}})
			}})
		}
	}
	return list
}

// answered is an answer of our own.
func answered(r *http.Request, status int, body string, header ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	if r.Body != nil {
		_ = r.Body.Close() // as the contract of a RoundTripper has it
	}
	return resp
}

// reworded is an answer whose body is another one.
func reworded(resp *http.Response, change func([]byte) []byte) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = change(body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}
