package transport

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClock() *virtual.Clock {
	return virtual.NewClock(time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC), 0)
}

// total is how long was slept, in all.
func total(c *virtual.Clock) time.Duration {
	var sum time.Duration
	for _, d := range c.Slept() {
		sum += d
	}
	return sum
}

// bench is a server, a transport to it that lets writes through, and what the server saw.
type bench struct {
	*httptest.Server
	wire  *wire
	clock *virtual.Clock
	mu    sync.Mutex
	seen  []string // method, path and body of each request
}

func (b *bench) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.seen...)
}

// serve starts a bench; the handler gets how many requests came before. What it does not answer is
// answered by an empty object.
func serve(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, before int)) *bench {
	t.Helper()
	b := &bench{clock: newClock()}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		b.mu.Lock()
		before := len(b.seen)
		b.seen = append(b.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
		b.mu.Unlock()
		w.Header().Set("Date", b.clock.Now().UTC().Format(http.TimeFormat))
		out := &writer{ResponseWriter: w}
		handler(out, r, before)
		if !out.used {
			_, _ = io.WriteString(w, `{}`)
		}
	}))
	guard := &Guard{}
	guard.AllowWrites()
	b.wire = New(Options{Guard: guard, Count: &Counter{}, Clock: b.clock, Secrets: &Scrubber{}}).(*wire)
	t.Cleanup(func() {
		b.wire.CloseIdleConnections()
		b.Close()
	})
	return b
}

// writer knows whether anything was made of it.
type writer struct {
	http.ResponseWriter
	used bool
}

func (w *writer) WriteHeader(status int) {
	w.used = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.used = true
	return w.ResponseWriter.Write(p)
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.used = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answers serves the statuses in order, the last for ever.
func answers(t *testing.T, statuses ...int) *bench {
	return serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(statuses[min(before, len(statuses)-1)])
		_, _ = io.WriteString(w, `{}`)
	})
}

func (b *bench) send(t *testing.T, method, path, body string) (*http.Response, error) {
	t.Helper()
	return b.wire.RoundTrip(request(t, method, b.URL+path, body))
}

// read sends a GET.
func read(t *testing.T, via http.RoundTripper, address string) (*http.Response, error) {
	t.Helper()
	return via.RoundTrip(request(t, http.MethodGet, address, ""))
}

func request(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// failure returns err as the transport's own error.
func failure(t *testing.T, err error) *Error {
	t.Helper()
	failed, ok := err.(*Error)
	if !ok {
		t.Fatalf("got %T %v, want an *Error", err, err)
	}
	return failed
}

// cut drops the connection without an answer.
func cut(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
}

// sender is a base that answers without a network.
type sender func(*http.Request) (*http.Response, error)

func (s sender) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func ok(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
