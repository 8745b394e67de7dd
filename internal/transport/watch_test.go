package transport

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// trickle is a body that gives a byte at a time, each after a while.
type trickle struct {
	left  int
	every time.Duration
	done  <-chan struct{}
}

func (b *trickle) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(b.every):
	case <-b.done:
		return 0, errors.New("ended")
	}
	b.left--
	p[0] = 'x'
	return 1, nil
}

func (b *trickle) Close() error { return nil }

func TestASlowAnswerIsNoHang(t *testing.T) {
	for every, want := range map[time.Duration]bool{20 * time.Second: true, 40 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			via := New(Options{Clock: newClock(), Base: sender(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: &trickle{left: 10, every: every, done: r.Context().Done()}, Request: r}, nil
			})})
			resp, err := read(t, via, "https://example.com/x")
			if whole := err == nil && resp.ContentLength == 10; whole != want {
				t.Errorf("a byte every %v: %v", every, err)
			}
		})
	}
}
