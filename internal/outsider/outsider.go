// Package outsider is, for tests, a person with the operator's rights who works past the program: by plain
// requests, without any code of a client.
package outsider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// accountHost is where the account is asked for a token; all other hosts of Databricks are workspaces.
const accountHost = "accounts.cloud.databricks.com"

// T is what testing and rapid have in common. A request is made even when its context has ended: what a test did is
// undone then.
type T interface {
	Helper()
	Context() context.Context
	Fatalf(string, ...any)
}

// Person sends requests over Base with the logins of Env: GITHUB_TOKEN, and DATABRICKS_CLIENT_ID and
// DATABRICKS_CLIENT_SECRET for the account AccountID and its workspaces.
type Person struct {
	Base      http.RoundTripper
	Env       map[string]string
	AccountID string
}

// Send makes one request and returns the answer as Try does. One that is refused fails the test.
func (p Person) Send(t T, method, url string, body any) map[string]any {
	t.Helper()
	status, answer := p.Try(t, method, url, body)
	if status >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %v", method, url, status, answer)
	}
	return answer
}

// Try is Send for what may be refused. A list comes as the answer's items, and what is no JSON as its text.
func (p Person) Try(t T, method, url string, body any) (int, map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token(t, req.URL.Host))
	status, text, err := p.exchange(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return status, decode(text)
}

// Items are the objects of a list in an answer.
func Items(answer map[string]any, key string) []map[string]any {
	list, _ := answer[key].([]any)
	var out []map[string]any
	for _, item := range list {
		if o, ok := item.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

func decode(text []byte) map[string]any {
	var out any
	if len(text) > 0 && json.Unmarshal(text, &out) != nil {
		return map[string]any{"text": string(text)}
	}
	if list, ok := out.([]any); ok {
		return map[string]any{"items": list}
	}
	answer, _ := out.(map[string]any)
	return answer
}

func (p Person) exchange(req *http.Request) (int, []byte, error) {
	resp, err := p.Base.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, errors.Join(err, resp.Body.Close())
}

// token logs in to a host.
func (p Person) token(t T, host string) string {
	t.Helper()
	if strings.HasSuffix(host, "github.com") {
		return p.Env["GITHUB_TOKEN"]
	}
	token, err := p.login(t, host)
	if err != nil {
		t.Fatalf("logging in to %s: %v", host, err)
	}
	return token
}

func (p Person) login(t T, host string) (string, error) {
	path := "/oidc/v1/token"
	if host == accountHost {
		path = "/oidc/accounts/" + p.AccountID + "/v1/token"
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, "https://"+host+path,
		strings.NewReader("grant_type=client_credentials&scope=all-apis"))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(p.Env["DATABRICKS_CLIENT_ID"], p.Env["DATABRICKS_CLIENT_SECRET"])
	status, text, err := p.exchange(req)
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("no token in an answer of status %d: %v", status, err)
	}
	return answer.Token, nil
}
