package transport

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// FuzzAnswer has a service answer anything: nothing of it makes the program fall over, wait for ever, say
// what a terminal would act on, or take for absent what the service did not say is absent.
func FuzzAnswer(f *testing.F) {
	const jsonType = "application/json"
	for _, s := range []struct {
		status            uint16
		kind, body        string
		after, left, when string
	}{
		{404, jsonType, `{"message":"Not Found"}`, "", "", ""},
		{404, jsonType, `{"error_code":"CATALOG_DOES_NOT_EXIST","message":7}`, "", "", ""},
		{422, jsonType, `{"message":"Validation Failed","errors":[{"resource":"R","code":"invalid","field":"f"},"x",[1]]}`, "", "", ""},
		{429, jsonType, `{"error_code":"REQUEST_LIMIT_EXCEEDED"}`, "7", "", ""},
		{429, "", ``, "Mon, 21 Sep 2026 12:00:30 GMT", "", ""},
		{403, jsonType, `{"message":"API rate limit exceeded"}`, "-1", "0", "1790000000"},
		{403, jsonType, `{"message":"You have exceeded a secondary rate limit."}`, "99999999999999", "4000", "-9223372036854775808"},
		{503, "text/html", `<html>`, "1e9", "", ""},
		{302, "", ``, "", "", "https://u:p@x/?q"},
		{400, jsonType, `{"error":"invalid_grant","error_description":"` + "\x1b[2J\u202e" + `"}`, "", "", ""},
		{200, jsonType, `null`, "", "0", "9999999999"}, {200, "", `{"a":`, "", "", ""}, {500, jsonType, `{"errors":"x"}`, "", "", ""}, {304, "", "", "", "", ""},
	} {
		f.Add(s.status, s.kind, s.body, s.after, s.left, s.when)
	}
	f.Fuzz(func(t *testing.T, status uint16, kind, body, after, left, when string) {
		clock, sent := newClock(), 0
		guard := &Guard{}
		guard.AllowWrites()
		via := New(Options{Guard: guard, Clock: clock, Secrets: &Scrubber{}, Base: sender(func(r *http.Request) (*http.Response, error) {
			sent++
			h := http.Header{"Content-Type": {kind}, "Retry-After": {after}, "X-Ratelimit-Remaining": {left}, "X-Ratelimit-Reset": {when},
				"Location": {when}, "Date": {after}, "X-Request-Id": {kind}, "X-Accepted-Github-Permissions": {when}}
			return &http.Response{StatusCode: int(status) % 600, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})})
		for _, method := range []string{"GET", "POST"} {
			sent = 0
			began := clock.Now()
			resp, err := via.RoundTrip(request(t, method, "https://api.github.com/repos/a/b", ""))
			if took := clock.Now().Sub(began); sent > attempts || took > 2*limitPatience {
				t.Errorf("%s: %d requests in %v", method, sent, took)
			}
			if err == nil {
				sound(t, resp)
				continue
			}
			showable(t, err)
			if errors.Is(err, resource.ErrNotFound) && !speaks(body) {
				t.Errorf("%q reads as absent: %v", body, err)
			}
			clock.Advance(365 * 24 * time.Hour) // past every gate
		}
	})
}

// sound holds what is taken for a success to being one.
func sound(t *testing.T, resp *http.Response) {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 || len(data) > 0 && (!json.Valid(data) || !hasForm(data)) {
		t.Errorf("%d with %q is taken for a success", resp.StatusCode, data)
	}
}

// showable holds an error's text to being one line that a terminal can show.
func showable(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	unfit := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
	if utf8.RuneCountInString(text) > 5*longest || unfit >= 0 || !utf8.ValidString(text) {
		t.Errorf("the text is unfit at %d: %q", unfit, text)
	}
}

// speaks reports whether a body says something in one of the forms that the services document.
func speaks(body string) bool {
	var said map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &said) != nil {
		return false
	}
	for key := range said {
		for _, known := range []string{"message", "detail", "error", "error_code", "error_description", "errors", "scimType"} {
			if strings.EqualFold(key, known) {
				return true
			}
		}
	}
	return false
}
