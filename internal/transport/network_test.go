package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// via is a transport that lets writes through a network.
func via(t *testing.T, network *http.Transport) *wire {
	t.Helper()
	guard := &Guard{}
	guard.AllowWrites()
	w := New(Options{Guard: guard, Clock: newClock(), Base: network, Trusted: func(string) bool { return true }}).(*wire)
	t.Cleanup(w.CloseIdleConnections)
	return w
}

func TestAProxyThatDoesNotLetARequestThroughIsExplained(t *testing.T) {
	answering := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect || r.Header.Get("Authorization") != "" {
				t.Errorf("the proxy saw %s with %q", r.Method, r.Header.Get("Authorization"))
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct{ proxy, says string }{
		"it wants a login":      {answering(407), "the proxy HOST does not let it through: Proxy Authentication Required"},
		"it forbids the host":   {answering(403), "the proxy HOST does not let it through: Forbidden"},
		"it reaches nothing":    {answering(502), "the proxy HOST does not let it through: Bad Gateway"},
		"nobody listens there":  {strings.TrimPrefix(gone.URL, "http://"), "the proxy HOST could not be reached"},
		"its name is not known": {"proxy.invalid:3128", "the proxy HOST could not be reached"},
	} {
		proxy := &url.URL{Scheme: "http", Host: c.proxy, User: url.UserPassword("user", "proxy-passw0rd")}
		w := via(t, &http.Transport{Proxy: http.ProxyURL(proxy)})
		req := request(t, "POST", "https://dbc.cloud.databricks.com/api/x", "{}")
		req.Header.Set("Authorization", "Bearer canary")
		_, err := w.RoundTrip(req)
		if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(c.says, "HOST", c.proxy)) || !strings.Contains(err.Error(), "NO_PROXY") {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, resource.ErrLost) || strings.Contains(err.Error(), "passw0rd") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAddressOfAProxyThatCannotBeReadIsNotShown(t *testing.T) {
	w := via(t, &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`invalid proxy address "http://user:proxy-passw0rd@[": parse: missing ]`)
	}})
	_, err := w.RoundTrip(request(t, "POST", "https://dbc.cloud.databricks.com/api/x", "{}"))
	if want := "the address of the proxy cannot be read; HTTPS_PROXY"; err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "passw0rd") || errors.Is(err, resource.ErrLost) {
		t.Errorf("%v; want it to say %q", err, want)
	}
}

func TestWhatIsWrongWithTLSIsExplained(t *testing.T) {
	for name, c := range map[string]struct {
		serve        func(*tls.Config)
		host         string
		says, advice string
	}{
		"an old version": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }, "example.com",
			"no encryption could be agreed on", "TLS 1.2 or newer is used"},
		"another name":         {func(*tls.Config) {}, "elsewhere.test", "its certificate does not verify", "is elsewhere.test the right host?"},
		"an unknown authority": {nil, "example.com", "its certificate does not verify", "SSL_CERT_FILE"},
	} {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = quiet()
		s.TLS = &tls.Config{} //nolint:gosec // an old version is what is tested
		if c.serve != nil {
			c.serve(s.TLS)
		}
		s.StartTLS()
		t.Cleanup(s.Close)
		roots := x509.NewCertPool()
		if c.serve != nil {
			roots.AddCert(s.Certificate())
		}
		w := via(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
			}})
		_, err := w.RoundTrip(request(t, "POST", "https://"+c.host+"/api/x", "{}"))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.advice) || errors.Is(err, resource.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatKeepsAConnectionFromBeingMade(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, c := range map[string]struct {
		err   error
		says  string
		sends int
	}{
		"no such host":           {&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}, "no address is known", 1},
		"a resolver that fails":  {&net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}, "no address is known", 5},
		"a resolver that hangs":  {&net.DNSError{Err: "i/o timeout", Name: "h", IsTimeout: true, IsTemporary: true}, "no", 5},
		"a route into the void":  {context.DeadlineExceeded, "the time for it was up", 1},
		"a dial that takes ages": {slow{}, "no answer in time", 5},
	} {
		dials := 0
		w := via(t, &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, dial(c.err)
		}})
		_, err := w.RoundTrip(request(t, "POST", "https://example.com/api/x", "{}"))
		if err == nil || !strings.Contains(err.Error(), c.says) || dials != c.sends || errors.Is(err, resource.ErrLost) {
			t.Errorf("%s: dialled %d times: %v", name, dials, err)
		}
	}
}

type slow struct{}

func (slow) Error() string { return "i/o timeout" }
func (slow) Timeout() bool { return true }

func TestAnAnswerThatTricklesOnAndOnIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := &Guard{}
		guard.AllowWrites()
		via := New(Options{Guard: guard, Base: sender(func(r *http.Request) (*http.Response, error) {
			body := &trickle{left: 1 << 20, every: time.Second, done: r.Context().Done()}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r}, nil
		})})
		for method, lost := range map[string]bool{"GET": false, "POST": true} {
			began := time.Now()
			_, err := via.RoundTrip(request(t, method, "https://example.com/x", ""))
			if took := time.Since(began); took != 5*time.Minute || errors.Is(err, resource.ErrLost) != lost || !strings.Contains(err.Error(), "took too long to arrive") {
				t.Errorf("%s: after %v: %v", method, took, err)
			}
		}
	})
}

// Go's own transport sends a request again on another connection when a kept one turns out to be
// closed; of a POST that may only be so where nothing of it went out.
func TestAKeptConnectionThatBreaksCostsNoSecondPost(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.Method == http.MethodPost {
			cut(t, w)
		}
	})
	for range 3 {
		if _, err := b.send(t, "GET", "/x", ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.send(t, "POST", "/x", "{}")
	posts := 0
	for _, r := range b.requests() {
		if strings.HasPrefix(r, "POST") {
			posts++
		}
	}
	if posts != 1 || !errors.Is(err, resource.ErrLost) || !errors.Is(err, io.EOF) {
		t.Errorf("%d POSTs: %v", posts, err)
	}
}
