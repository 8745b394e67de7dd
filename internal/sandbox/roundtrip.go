package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
)

// RoundTripper answers in process whatever is sent to the sandbox's hosts, without any socket.
// Other hosts do not exist.
func (s *Sandbox) RoundTripper() http.RoundTripper { return inProcess{s} }

type inProcess struct{ s *Sandbox }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }() // the contract of RoundTrip; its error tells nothing
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	got := r.Clone(r.Context())
	if got.Body == nil {
		got.Body = http.NoBody
	}
	if got.Host == "" {
		got.Host = got.URL.Host
	}
	a, err := t.s.answer(got)
	if errors.Is(err, errNoSuchHost) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: got.URL.Hostname(), IsNotFound: true}}
	}
	if err != nil {
		return nil, fmt.Errorf("the sandbox: %w", err)
	}
	switch a.action {
	case FaultResetBefore, FaultResetAfter:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case FaultHang:
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return response(r, a), nil
}

func response(r *http.Request, a *answer) *http.Response {
	var body io.Reader = bytes.NewReader(a.body)
	if a.action == FaultTruncate {
		body = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{})
	}
	header := a.header.Clone()
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(body), ContentLength: int64(len(a.body)), Request: r,
	}
}

// broken is the rest of an answer whose connection went away.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
