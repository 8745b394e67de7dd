package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Answers are what reads were answered, for several transports that look at one moment: what one has asked, none of them
// asks again. The zero Answers is ready, and may be used from any goroutine. Nothing that changes anything is remembered,
// and neither is a failure that may pass.
type Answers struct {
	mu    sync.Mutex
	byKey map[string]*answered
}

type answered struct {
	done chan struct{} // closed once what follows stands
	resp *http.Response
	data []byte
	err  error
	void bool // it is no answer for anybody else
}

// recall returns what was answered to a request like req, or sends it.
func (a *Answers) recall(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	key := keyOf(req)
	if a == nil || key == "" {
		return send()
	}
	for {
		x, mine := a.claim(key)
		if mine {
			x.take(send())
			if x.void {
				a.release(key)
			}
			close(x.done)
			return x.give(req)
		}
		select {
		case <-req.Context().Done():
			discard(req)
			return nil, context.Cause(req.Context())
		case <-x.done:
		}
		if !x.void {
			discard(req)
			return x.give(req)
		}
	}
}

func (a *Answers) claim(key string) (x *answered, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x, known := a.byKey[key]; known {
		return x, false
	}
	if a.byKey == nil {
		a.byKey = map[string]*answered{}
	}
	x = &answered{done: make(chan struct{})}
	a.byKey[key] = x
	return x, true
}

func (a *Answers) release(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byKey, key)
}

// take keeps an answer, whose body is in memory already.
func (x *answered) take(resp *http.Response, err error) {
	x.resp, x.err = resp, err
	if err != nil {
		var failed *Error
		lasting := errors.As(err, &failed) && !failed.limited && (failed.Status == http.StatusForbidden || failed.Status == http.StatusNotFound)
		x.void = !lasting
		return
	}
	x.data, x.err = io.ReadAll(resp.Body)
	x.void = x.err != nil
}

func (x *answered) give(req *http.Request) (*http.Response, error) {
	if x.err != nil {
		return nil, x.err
	}
	resp := *x.resp
	resp.Header, resp.Request, resp.Body = x.resp.Header.Clone(), req, io.NopCloser(bytes.NewReader(x.data))
	return &resp, nil
}

// keyOf is the same for requests that one answer does for; "" for one whose answer is its own. Who asks is a part of it, but
// where an App asks for its token: that is proven anew each time.
func keyOf(req *http.Request) string {
	if !readOnly(req) || !rewindable(req) {
		return ""
	}
	sum := sha256.New()
	if req.Body != nil && req.Body != http.NoBody {
		body, err := req.GetBody()
		if err != nil {
			return ""
		}
		defer body.Close() //nolint:errcheck // a copy in memory
		if _, err := io.Copy(sum, body); err != nil {
			return ""
		}
	}
	who := req.Header.Get("Authorization")
	if appLogin(req) {
		who = ""
	}
	return fmt.Sprintf("%s %s\n%x\n%s\n%s\n%s\n%s\n%s", req.Method, req.URL, sum.Sum(nil), who, req.Header.Get("Accept"),
		req.Header.Get("Content-Type"), req.Header.Get("Git-Protocol"), req.Header.Get("Range"))
}
