package transport

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestASecretIsFoundInEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[ -~]{16,60}`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z:]{0,5}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z:]{0,5}`).Draw(t, "after")
		s := &Scrubber{}
		s.Add(secret)
		quoted, err := json.Marshal(before + secret + after)
		if err != nil {
			t.Fatal(err)
		}
		whole := before + secret + after
		for name, form := range map[string]string{
			"plain": whole, "query": url.QueryEscape(whole), "path": url.PathEscape(whole), "json": string(quoted),
			"base64": base64.StdEncoding.EncodeToString([]byte(whole)), "url base64": base64.RawURLEncoding.EncodeToString([]byte(whole)),
		} {
			if got := s.Clean("x " + form + " y"); !strings.Contains(got, "[redacted]") || strings.Contains(got, secret) {
				t.Errorf("%s: %q became %q", name, form, got)
			}
		}
	})
}

func TestEachLineOfAKeyIsASecret(t *testing.T) {
	s := &Scrubber{}
	s.Add("-----BEGIN KEY-----\nMIIEowIBAAKCAQEA0123\nabcdefghijklmnopqrst\n-----END KEY-----\n")
	if got := s.Clean("bad line abcdefghijklmnopqrst"); got != "bad line [redacted]" {
		t.Error(got)
	}
}

func TestTheLongerOfTwoSecretsIsTakenOutWhole(t *testing.T) {
	s := &Scrubber{}
	s.Add("abcdef")
	s.Add("abcdefghij")
	if got := s.Clean("1 abcdefghij 2 abcdef 3"); got != "1 [redacted] 2 [redacted] 3" {
		t.Error(got)
	}
}

func TestOrdinaryTextStays(t *testing.T) {
	s := &Scrubber{}
	s.Add("")
	s.Add("the")
	const text = "the environment prod"
	var none *Scrubber
	none.Add("environment")
	if s.Clean(text) != text || none.Clean(text) != text {
		t.Error(s.Clean(text), none.Clean(text))
	}
}

func TestWhatLogsInIsTakenOutWhole(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"message":"what is %s?"}`, r.Header.Get("Authorization"))
	})
	for _, header := range []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("name:and-a-secret")), "Bearer t0k3n-of-somebody"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", header)
		scheme, _, _ := strings.Cut(header, " ")
		if _, err := b.wire.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "what is "+scheme+" [redacted]?") {
			t.Errorf("%s: %v", header, err)
		}
	}
}
