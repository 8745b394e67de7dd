package transport

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// says serves one answer for ever.
func says(t *testing.T, status int, contentType, body string) *bench {
	return serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header()["Content-Type"] = nil // nothing is guessed
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestWhatIsNotTheAPIsOwnWordIsNoAbsence(t *testing.T) {
	const jsonType = "application/json"
	for _, c := range []struct {
		name, contentType, body string
		absent                  bool
	}{
		{"GitHub's", jsonType, `{"message":"Not Found","documentation_url":"https://docs"}`, true},
		{"Databricks'", jsonType, `{"error_code":"CATALOG_DOES_NOT_EXIST","message":"no"}`, true},
		{"Databricks', unlabelled", "", `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`, true},
		{"SCIM's", "application/scim+json", `{"detail":"Group not found","status":"404"}`, true},
		{"nothing", "", ``, false},
		{"a gateway's words", "text/plain", "default backend - 404", false},
		{"a page", "text/html", "<html>no</html>", false},
		{"an empty object", jsonType, `{}`, false},
		{"another object", jsonType, `{"timestamp":"2026-09-21","path":"/x"}`, false},
		{"null", jsonType, `null`, false},
		{"a list", jsonType, `[]`, false},
		{"a text", jsonType, `"gone"`, false},
		{"half an object", jsonType, `{"message":"Not Fo`, false},
		{"too much", jsonType, `{"message":"` + strings.Repeat("x", 1<<20) + `"}`, false},
	} {
		b := says(t, 404, c.contentType, c.body)
		_, err := b.send(t, "GET", "/api/2.1/x", "")
		if errors.Is(err, resource.ErrNotFound) != c.absent || failure(t, err).Status != 404 {
			t.Errorf("%s: absent %v: %v", c.name, !c.absent, err)
		}
		if !c.absent && c.name != "too much" && !strings.Contains(err.Error(), "the right host") {
			t.Errorf("%s: nobody is told what to do: %v", c.name, err)
		}
	}
}

func TestASuccessThatIsNoAnswerIsAnError(t *testing.T) {
	for _, c := range []struct {
		name        string
		status      int
		contentType string
		body        string
		read, write string // what is said of it, "" where it is taken
		requests    int
	}{
		{"an answer", 200, "application/json", `{"a":1}`, "", "", 1},
		{"an answer of another name", 200, "text/plain", `{"a":1}`, "", "", 1},
		{"an unlabelled answer", 200, "", `[1]`, "", "", 1},
		{"no content", 204, "", ``, "", "", 1},
		{"nothing at all", 200, "application/json", ``, "closed before the answer was complete", "", 5},
		{"words", 200, "text/plain", `OK`, "the answer is no object or list in JSON but text/plain; is HOST the right host", "nobody knows whether it was done", 1},
		{"bytes", 200, "application/octet-stream", "\x1f\x8b\x00", "in JSON but application/octet-stream", "nobody knows whether it was done", 1},
		{"bytes of no name", 200, "", "\x00\x01", "in JSON but of no known type", "nobody knows whether it was done", 1},
		{"null", 200, "application/json", ` null `, "no object or list", "nobody knows whether it was done", 1},
		{"a text", 200, "application/json", `"x"`, "no object or list", "nobody knows whether it was done", 1},
		{"half an answer", 200, "application/json", `{"a":`, "closed before the answer was complete", "nobody knows whether it was done", 5},
		{"half an answer of another name", 200, "text/plain", ` {"a":`, "closed before the answer was complete", "nobody knows whether it was done", 5},
		{"a login page", 200, "text/html", `<html>Sign in</html>`, "a web page came back", "a web page came back", 1},
		{"a login page of another name", 200, "application/json", "<!DOCTYPE html><p>", "a web page came back", "a web page came back", 1},
		{"not modified", 304, "", ``, "304 Not Modified", "304 Not Modified", 1},
	} {
		for method, want := range map[string]string{"GET": c.read, "POST": c.write} {
			b := says(t, c.status, c.contentType, c.body)
			_, err := b.send(t, method, "/api/2.1/x", "")
			host := strings.TrimPrefix(b.URL, "http://")
			if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), strings.ReplaceAll(want, "HOST", host)) {
				t.Errorf("%s to a %s: %v, want %q", c.name, method, err, want)
			}
			if errors.Is(err, resource.ErrNotFound) || method == "GET" && errors.Is(err, resource.ErrLost) {
				t.Errorf("%s to a %s: %v", c.name, method, err)
			}
			if got := len(b.requests()); method == "GET" && got != c.requests || method == "POST" && got != 1 {
				t.Errorf("%s: %d of %s went out", c.name, got, method)
			}
		}
	}
}

func TestNoRedirectTakesACredentialAnywhere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s came with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for name, to := range map[string]string{
		"another host": elsewhere.URL + "/steal", "no scheme": strings.TrimPrefix(elsewhere.URL, "http:") + "/steal",
		"a downgrade": "http://login.example/x", "a loop": "/api/x", "what is no address": "http://[::1", "nowhere": "",
		"a secret in it": "https://user:passw0rd@login.example/x?code=c0de&state=1#t0ken",
	} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		req := request(t, "POST", b.URL+"/api/x", "{}")
		req.Header.Set("Authorization", "Bearer canary")
		_, err := (&http.Client{Transport: b.wire}).Do(req)
		if len(b.requests()) != 1 || err == nil || errors.Is(err, resource.ErrNotFound) || errors.Is(err, resource.ErrLost) {
			t.Errorf("%s: %d requests, %v", name, len(b.requests()), err)
		}
		for _, secret := range []string{"passw0rd", "c0de", "t0ken", "canary"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s shows %s: %v", name, secret, err)
			}
		}
	}
}

func TestOfManyFieldsAFewAreToldOf(t *testing.T) {
	item := `{"resource":"Repository","code":"invalid","field":"name"},`
	body := `{"message":"Validation Failed","errors":[` + strings.Repeat(item, 10_000) + `"x"]}`
	b := says(t, 422, "application/json", body)
	_, err := b.send(t, "POST", "/api/v3/x", "")
	if failed := failure(t, err); len(failed.Fields) != most || len(err.Error()) > 1000 {
		t.Errorf("%d fields, %d bytes", len(failed.Fields), len(err.Error()))
	}
}
