package faulttest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

const (
	envCanary  = "canary-of-the-environment-7f3a"
	fileCanary = "canary-of-a-file-91c4"
)

// wire stands between the program and the services: it does what a sandbox's fault cannot, and learns
// every secret that a service hands out, so that it can be searched for.
type wire struct {
	base http.RoundTripper

	mu      sync.Mutex
	rules   []*rule
	secrets map[string]string // by value: where it comes from
	urls    []string
	killed  bool
}

// rule is something that happens to the nth request that it matches, and to as many after it as times
// says; -1 is all.
type rule struct {
	method, path string // as in a sandbox's fault
	nth, times   int
	do           func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)

	seen, fired int
}

func newWire(base http.RoundTripper) *wire {
	return &wire{base: base, secrets: map[string]string{envCanary: "MLOPS_WORKFLOW_TOKEN", fileCanary: "a secret's file"}}
}

func (w *wire) secret(from, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(value) > 8 {
		w.secrets[value] = from
	}
}

func (w *wire) add(r *rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = append(w.rules, r)
}

func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules, w.killed = nil, false
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	send := func() (*http.Response, error) { return w.send(r) }
	if due := w.due(r); due != nil {
		return due.do(r, send)
	}
	return send()
}

func (w *wire) due(r *http.Request) *rule {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.urls = append(w.urls, r.URL.String())
	var first *rule
	for _, x := range w.rules {
		if x.times >= 0 && x.fired >= max(1, x.times) || x.method != "" && x.method != r.Method || !glob(x.path, r.URL.Host+r.URL.EscapedPath()) {
			continue
		}
		x.seen++
		if first == nil && x.seen >= x.nth {
			x.fired++
			first = x
		}
	}
	return first
}

func (w *wire) send(r *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	body, broken := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{broken}))
	var issued struct {
		Token      string `json:"access_token"`
		Secret     string `json:"secret"`
		TokenValue string `json:"token_value"`
	}
	if json.Unmarshal(body, &issued) == nil {
		for _, value := range []string{issued.Token, issued.Secret, issued.TokenValue} {
			w.secret("an answer of "+r.URL.Host+r.URL.Path, value)
		}
	}
	return resp, nil
}

// failing is the end of a body that was cut off, or a plain end.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// glob reports whether text matches a pattern in which * is anything, slashes included.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}
