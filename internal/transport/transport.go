// Package transport is the one HTTP stack under every client of this program. It decides what may be
// sent (a guard that a plan cannot open, hosts that may see a credential, https), how fast, and what
// may be sent again; and it turns whatever is not a success into one kind of error, *Error, so that
// no SDK above it judges a failure by itself.
package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Options says how requests go out. Every field may be left at its zero value: then nothing that
// changes anything is let through, no host but loopback sees a credential, and time is the machine's.
type Options struct {
	Base    http.RoundTripper      // sends; nil is the machine's network
	Trusted func(host string) bool // whether a credential may go to a host, as it stands in a URL, lower case
	Reach   func(host string) bool // whether a request may go to a host at all; nil is to any
	Guard   *Guard
	Count   *Counter
	Clock   Clock
	Secrets *Scrubber
	Clocks  *Clocks
	Shared  *Answers // of several transports that look at one moment; nil: each request is sent
}

// New returns the transport. A response that it returns is a success, whole and in memory; everything
// else is an *Error. The HTTP clients on top of it follow no redirect, as it returns none.
func New(o Options) http.RoundTripper {
	w := &wire{opt: o, patience: 30 * time.Second, longest: 5 * time.Minute, bound: 64 << 20}
	if w.opt.Base == nil {
		w.opt.Base = network()
	}
	if w.opt.Clock == nil {
		w.opt.Clock = System()
	}
	w.pace = newPacer(w.opt.Clock)
	return w
}

func network() http.RoundTripper {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	t.MaxIdleConnsPerHost = 32 // as many as a plan reads with at a time; the default of 2 would reconnect all the time
	t.MaxResponseHeaderBytes = 1 << 20
	return t
}

type wire struct {
	opt      Options
	pace     *pacer
	patience time.Duration // for an attempt on which no byte moves
	longest  time.Duration // for an answer to arrive, once it has begun
	bound    int64         // on a body, decompressed
}

// CloseIdleConnections lets go of connections that wait for a next request.
func (w *wire) CloseIdleConnections() {
	if c, ok := w.opt.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip sends a request until it is answered, or until it must not or need not be sent again.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if failed := w.refuse(req); failed != nil {
		discard(req)
		return nil, failed
	}
	// What logs in is known here, whoever found it: the SDK's own logins, and the name:secret of one in base64.
	if _, value, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok {
		w.opt.Secrets.Add(value)
	}
	return w.opt.Shared.recall(req, func() (*http.Response, error) { return w.untilAnswered(req) })
}

func (w *wire) untilAnswered(req *http.Request) (*http.Response, error) {
	tries := budget{started: w.opt.Clock.Now()}
	for body := req.Body; ; {
		resp, failed := w.once(req, body)
		if failed == nil {
			return resp, nil
		}
		pause, again := tries.next(w.opt.Clock.Now(), req, failed)
		if failed.limited && !failed.unsent {
			w.pace.press(req, failed, pause)
		}
		if !again {
			return nil, failed
		}
		if err := w.pause(req, failed, pause); err != nil {
			return nil, w.unsent(req, failed.interrupted(err))
		}
		var err error
		if body, err = rewind(req); err != nil {
			return nil, fmt.Errorf("%w; sending it again: %w", failed, err)
		}
	}
}

// pause waits until a request may be sent again. One that met a limit waits with all the others that
// count on it.
func (w *wire) pause(req *http.Request, failed *Error, pause time.Duration) error {
	if failed.limited {
		return w.pace.pass(req, familyOf(req))
	}
	return w.opt.Clock.Sleep(req.Context(), pause)
}

// unsent returns the error of a request that was waiting to be sent: failed, unless the wait was for a
// limit and would have been too long.
func (w *wire) unsent(req *http.Request, failed *Error) *Error {
	var closed *shut
	if errors.As(failed.Cause, &closed) {
		return w.shut(req, closed.left)
	}
	return failed
}

// refuse says why a request does not go out at all.
func (w *wire) refuse(req *http.Request) *Error {
	host := strings.ToLower(req.URL.Host)
	switch {
	case req.URL.Scheme != "https" && !loopback(req.URL.Hostname()) && !instanceMetadata(req):
		return w.refusal(req, "only https is used, but on loopback", "write the host with https://")
	case w.opt.Reach != nil && !w.opt.Reach(host) && !issuing(req):
		f := w.refusal(req, "this host is not asked for a spec that may be anybody's", "")
		f.kind = resource.ErrForbidden
		return f
	case credentialed(req) && !w.trusts(host):
		return w.refusal(req, "no credential goes to this host",
			"only the spec's own hosts are trusted; add yours to MLOPSCTL_TRUSTED_HOSTS if that is what you mean")
	case !w.opt.Guard.allows(req):
		return w.refusal(req, "it would change something, and nothing is changed before an apply begins", "")
	default:
		return nil
	}
}

// issuing reports whether a request goes to where credentials come from: the runner or a profile names that, and
// never a spec.
func issuing(req *http.Request) bool {
	return jobLogin(req) || identityProvider(req.URL.Hostname()) || instanceMetadata(req)
}

// once makes one attempt, when the limits of the host allow it.
func (w *wire) once(req *http.Request, body io.ReadCloser) (*http.Response, *Error) {
	landed, err := w.pace.wait(req)
	if err != nil {
		if body != nil {
			_ = body.Close() // a body that was never read has nothing to say
		}
		return nil, w.unsent(req, w.broken(req, err, unsent))
	}
	defer landed()
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	watch := newWatch(w.patience, func() { cancel(errSilent) })
	defer watch.stop()

	got := &connection{}
	out := req.Clone(got.traced(ctx))
	if body != nil && body != http.NoBody {
		out.Body = watch.over(body)
	}
	w.opt.Count.add(strings.ToLower(req.URL.Host))
	resp, err := w.opt.Base.RoundTrip(out)
	if err != nil {
		return nil, w.broken(req, cause(ctx, err), got.progress())
	}
	w.pace.note(req, resp)
	w.opt.Clocks.note(w.opt.Clock.Now(), req, resp)
	defer resp.Body.Close() //nolint:errcheck // the body has been read by then; closing it can tell nothing new
	late := time.AfterFunc(w.longest, func() { cancel(errSlow) })
	defer late.Stop()
	bound := w.boundOn(resp)
	data, err := io.ReadAll(io.LimitReader(watch.over(resp.Body), bound+1))
	if err != nil {
		return nil, w.broken(req, cause(ctx, err), maybeSent)
	}
	if int64(len(data)) > bound {
		return nil, w.oversized(req, resp)
	}
	return w.judge(req, resp, data)
}

// boundOn is how much of an answer is read. What a service says of a failure is short.
func (w *wire) boundOn(resp *http.Response) int64 {
	if resp.StatusCode >= 300 {
		return min(w.bound, 1<<20)
	}
	return w.bound
}

// judge returns a success as it is and everything else as an error.
func (w *wire) judge(req *http.Request, resp *http.Response, data []byte) (*http.Response, *Error) {
	// Nothing is asked for on a condition, so that 304 is no answer either.
	if resp.StatusCode < 200 || resp.StatusCode >= 300 || asksAPI(req) && looksLikePage(resp, data) {
		return nil, w.answer(req, resp, data)
	}
	if isTorn(req, resp, data) {
		return nil, w.torn(req, resp)
	}
	if asksAPI(req) && len(data) > 0 && (!json.Valid(data) || !hasForm(data)) {
		return nil, w.foreign(req, resp)
	}
	// go-github would block all its requests by itself once these say that none remain, and it takes
	// the wrong one of two limits for that.
	for name := range resp.Header {
		if strings.HasPrefix(name, "X-Ratelimit-") {
			delete(resp.Header, name)
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	resp.ContentLength = int64(len(data))
	resp.Request = req
	w.pace.relax(req)
	return resp, nil
}

func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why == errSilent || why == errSlow {
		return why
	}
	return err
}

func rewind(req *http.Request) (io.ReadCloser, error) {
	if req.GetBody == nil {
		return req.Body, nil // nil or http.NoBody: budget.next lets nothing else come here
	}
	return req.GetBody()
}

func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

func discard(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // it was never read
	}
}
