package github

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hub is an Enterprise Server on loopback that answers what a test gives it and keeps what it was asked.
type hub struct {
	mu      sync.Mutex
	answers map[string]answer // by method and path below /api/v3
	asked   []string
	bodies  map[string]string
	url     string
	now     time.Time
}

// answer is a status and a body; pages are the bodies of a listing's pages, and next is the one that
// another query gets.
type answer struct {
	status int
	body   string
	pages  []string
	header http.Header
	next   map[string]answer
}

func ok(body string) answer { return answer{status: http.StatusOK, body: body} }

const repoJSON = `{"id":456789,"name":"taxi","full_name":"Acme/taxi","private":true,"visibility":"private","default_branch":"main",
	"owner":{"id":123456,"login":"Acme","type":"Organization"},"custom_properties":{"regions":["eu","us"]}}`

func newHub(t *testing.T, answers map[string]answer) (*hub, *Client) {
	t.Helper()
	h := &hub{answers: answers, bodies: map[string]string{}, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(h.serve))
	h.url = server.URL
	guard := &transport.Guard{}
	guard.AllowWrites()
	wire := transport.New(transport.Options{Guard: guard})
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
		(&http.Client{Transport: wire}).CloseIdleConnections()
	})
	c, err := New(Options{
		Host: server.URL, Owner: "acme", Repo: "taxi", Transport: wire,
		Token: func(context.Context) (string, error) { return "a-token", nil },
		Now:   func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, c
}

func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), "/api/v3/")
	h.asked = append(h.asked, key)
	if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
		h.bodies[key] = string(body)
	}
	a, known := h.answers[key]
	if next, ok := a.next[r.URL.RawQuery]; ok {
		a = next
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer a-token":
		a = answer{status: http.StatusUnauthorized, body: `{"message":"Requires authentication"}`}
	case !known:
		a = answer{status: http.StatusNotFound, body: `{"message":"Not Found"}`}
	}
	if len(a.pages) > 0 {
		page := 1
		if _, err := fmt.Sscan(r.URL.Query().Get("page"), &page); err != nil {
			page = 1
		}
		a.status, a.body = http.StatusOK, a.pages[page-1]
		if page < len(a.pages) {
			w.Header().Set("Link", fmt.Sprintf(`<%s/api/v3/repositories/1/x?page=%d>; rel="next"`, h.url, page+1))
		}
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // a client that is gone fails its own test
}

func (h *hub) set(key string, a answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[key] = a
}

func (h *hub) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *hub) count(key string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, k := range h.asked {
		if k == key {
			n++
		}
	}
	return n
}

// sent returns the JSON that a request was made with.
func (h *hub) sent(t *testing.T, key string) map[string]any {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var body map[string]any
	if err := json.Unmarshal([]byte(h.bodies[key]), &body); err != nil {
		t.Fatalf("%s was sent %q (asked were %v): %v", key, h.bodies[key], slices.Clone(h.asked), err)
	}
	return body
}
