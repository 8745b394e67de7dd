package github

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

// network is a network made of a function.
type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

// over returns a client of github.com, with what it sends answered by a function.
func over(t *testing.T, clock transport.Clock, answer network) *Client {
	t.Helper()
	c, err := New(Options{
		Host: "https://github.com", Owner: "acme", Repo: "taxi", Now: clock.Now,
		Token:     func(context.Context) (string, error) { return "a-token", nil },
		Transport: transport.New(transport.Options{Base: answer, Clock: clock, Trusted: func(string) bool { return true }}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answered(r *http.Request, status int, header map[string]string) (*http.Response, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range header {
		h.Set(name, value)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(`{"message":"API rate limit exceeded"}`)), Request: r}, nil
}

// go-github v60 refuses every request by itself, by the machine's clock, once it has seen that none are
// left; and it takes the limit of one part of the API for that of another.
func TestTheSDKRefusesNothingByItself(t *testing.T) {
	reset := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	for name, first := range map[string]struct {
		status int
		header map[string]string
	}{
		"after a 403":                    {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}},
		"after a 429":                    {429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}},
		"after a secondary limit":        {403, map[string]string{"Retry-After": "3000"}},
		"after an answer with none left": {200, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset, "X-RateLimit-Limit": "5000"}},
	} {
		clock, sent := virtual.NewClock(time.Now(), 0), 0
		c := over(t, clock, func(r *http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				return answered(r, first.status, first.header)
			}
			return answered(r, 200, nil)
		})
		var out any
		err := c.get(t.Context(), "repos/acme/taxi", &out)
		if (err == nil) != (first.status == 200) || sent != 1 {
			t.Fatalf("%s: %d requests: %v", name, sent, err)
		}
		_ = clock.Sleep(t.Context(), time.Hour+time.Second) // of the clock that the transport goes by
		if err := c.get(t.Context(), "repos/acme/taxi", &out); err != nil || sent != 2 {
			t.Errorf("%s: %d requests: %v", name, sent, err)
		}
	}
}

func TestTheSDKFollowsNoRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"https://api.github.com/repositories/7", "https://evil.example/x", "http://api.github.com/x"} {
			var asked []string
			clock := virtual.NewClock(time.Now(), 0)
			c := over(t, clock, func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r.URL.String())
				return answered(r, status, map[string]string{"Location": to})
			})
			var out any
			if err := c.get(t.Context(), "repos/acme/taxi", &out); err == nil || len(asked) != 1 {
				t.Errorf("%d to %s: asked %v: %v", status, to, asked, err)
			}
		}
	}
}

func TestAListingWithoutMembersOrEndIsNone(t *testing.T) {
	for name, a := range map[string]answer{
		"null":            {status: 200, body: `null`},
		"no list":         {status: 200, body: `{"environments":null}`},
		"another":         {status: 200, body: `{"total_count":0}`},
		"a circle":        {status: 200, body: `{"environments":[]}`, header: http.Header{"Link": {`<https://x/y?page=1>; rel="next"`}}},
		"nowhere":         {status: 200, body: `{"environments":[]}`, header: http.Header{"Link": {`<https://x/y>; rel="next"`}}},
		"a longer circle": {status: 200, body: `{"environments":[]}`, header: http.Header{"Link": {`<https://x/y?page=2>; rel="next"`}}},
	} {
		h, c := newHub(t, map[string]answer{"GET repos/acme/taxi/environments": a})
		found, err := c.Environments(t.Context())
		if n := h.count("GET repos/acme/taxi/environments"); err == nil || n > 2 {
			t.Errorf("%s: %v after %d requests: %v", name, found, n, err)
		}
	}
}
