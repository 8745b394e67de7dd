package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
)

// connection is what is known of the connection that an attempt is made on. A base that is no network
// tells nothing of it.
type connection struct{ wanted, had atomic.Bool }

func (c *connection) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.had.Store(true) },
	})
}

// progress says how far a request got that was not answered: without a connection it was never sent.
func (c *connection) progress() progress {
	if c.wanted.Load() && !c.had.Load() {
		return unsent
	}
	return maybeSent
}

// explainProxy words a failure to get through a proxy; "" where it was none. It says nothing of the
// proxy but its host, as its address may hold a password.
func (w *wire) explainProxy(req *http.Request, e *Error) (message, advice string) {
	const settings = "HTTPS_PROXY names the proxy (user:password@ in it where it asks for a login), NO_PROXY the hosts that need none"
	if strings.Contains(e.Cause.Error(), "invalid proxy address") { // net/http has no type for it
		e.unsent = true
		return "the address of the proxy cannot be read", settings
	}
	proxy := w.proxyOf(req)
	var op *net.OpError
	through := errors.As(e.Cause, &op) && op.Op == "proxyconnect"
	switch {
	case proxy == nil || !e.unsent || errors.Is(e.Cause, context.Canceled) || errors.Is(e.Cause, context.DeadlineExceeded):
		return "", ""
	case !through && (badCertificate(e.Cause) || badHandshake(e.Cause)):
		return "", "" // the proxy let it through, and what answered is not who it should be
	case through:
		return "the proxy " + proxy.Host + " could not be reached", settings
	default:
		return "the proxy " + proxy.Host + " does not let it through: " + e.Cause.Error(), settings
	}
}

func (w *wire) proxyOf(req *http.Request) *url.URL {
	t, ok := w.opt.Base.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	proxy, err := t.Proxy(req)
	if err != nil {
		return nil
	}
	return proxy
}
