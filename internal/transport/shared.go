package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// Answers are what reads were answered, for several transports that look at one moment: what one has asked, none of them
// asks again. The zero Answers is ready, and may be used from any goroutine. Nothing that changes anything is remembered,
// and neither is a failure that may pass.
type Answers struct{ memo memo.Memo }

type answered struct {
	resp *http.Response
	data []byte
}

// recall returns what was answered to a request like req, or sends it.
func (a *Answers) recall(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	key := keyOf(req)
	if a == nil || key == "" {
		return send()
	}
	sent := false
	x, err := memo.Recall(req.Context(), &a.memo, key, func(context.Context) (answered, error) {
		sent = true
		return take(send())
	})
	if !sent {
		discard(req)
	}
	if err != nil {
		return nil, err
	}
	resp := *x.resp
	resp.Header, resp.Request, resp.Body = x.resp.Header.Clone(), req, io.NopCloser(bytes.NewReader(x.data))
	return &resp, nil
}

// take keeps an answer, whose body is in memory already. Of failures it keeps those that last.
func take(resp *http.Response, err error) (answered, error) {
	if err != nil {
		var failed *Error
		if errors.As(err, &failed) && !failed.limited && (failed.Status == http.StatusForbidden || failed.Status == http.StatusNotFound) {
			return answered{}, err
		}
		return answered{}, memo.Alone(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return answered{}, memo.Alone(err)
	}
	return answered{resp: resp, data: data}, nil
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
