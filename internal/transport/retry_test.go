package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestWhatIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		method, path  string
		status, times int
	}{
		{"GET", "/api/x", 429, 5}, {"GET", "/api/x", 502, 5}, {"GET", "/api/x", 503, 5}, {"GET", "/api/x", 504, 5},
		{"PUT", "/api/x", 503, 5}, {"DELETE", "/api/x", 503, 5},
		{"GET", "/api/x", 500, 3}, {"GET", "/api/x", 408, 5}, {"PUT", "/api/x", 500, 3}, {"POST", "/api/x", 500, 1}, {"POST", "/api/x", 408, 1}, {"GET", "/api/x", 404, 1}, {"GET", "/api/x", 403, 1},
		{"POST", "/api/x", 503, 1}, {"POST", "/api/x", 502, 1}, {"POST", "/api/x", 504, 1}, {"POST", "/api/x", 429, 1},
		{"PATCH", "/api/x", 503, 1}, {"PATCH", "/api/x", 429, 1},
		{"POST", "/oidc/v1/token", 503, 5}, // a login changes nothing
	} {
		b := answers(t, c.status)
		_, err := b.send(t, c.method, c.path, "x=1")
		if got := len(b.requests()); got != c.times {
			t.Errorf("%s %s answered by %d went out %d times, want %d", c.method, c.path, c.status, got, c.times)
		}
		if failed := failure(t, err); failed.Status != c.status {
			t.Errorf("%s answered by %d: %v", c.method, c.status, failed)
		}
		if waited := total(b.clock); waited > time.Minute {
			t.Errorf("%s answered by %d waited %v", c.method, c.status, waited)
		}
		if got := b.wire.opt.Count.Total(); got != c.times {
			t.Errorf("counted %d of %d attempts", got, c.times)
		}
	}
}

func TestARetriedRequestIsTheSameRequest(t *testing.T) {
	b := answers(t, 503, 503, 200)
	resp, err := b.send(t, "PUT", "/api/x", `{"a":1}`)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	if diff := cmp.Diff([]string{`PUT /api/x {"a":1}`, `PUT /api/x {"a":1}`, `PUT /api/x {"a":1}`}, b.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestABodyThatCannotBeRewoundIsSentOnce(t *testing.T) {
	b := answers(t, 503, 200)
	req := request(t, "PUT", b.URL+"/x", "")
	req.Body = io.NopCloser(strings.NewReader("stream"))
	if _, err := b.wire.RoundTrip(req); err == nil {
		t.Error("the 503 is gone")
	}
	if diff := cmp.Diff([]string{"PUT /x stream"}, b.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestALostAnswerOfAWriteIsNeverSentAgain(t *testing.T) {
	failures := map[string]func(http.ResponseWriter){
		"connection cut": func(w http.ResponseWriter) { cut(t, w) },
		"answer cut short": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"id":`)
		},
		"answer torn": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"secret":"dose`)
		},
	}
	for name, fail := range failures {
		for method, times := range map[string]int{"POST": 1, "PATCH": 1, "GET": 2, "PUT": 2, "DELETE": 2} {
			b := serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
				if before == 0 {
					fail(w)
				}
			})
			_, err := b.send(t, method, "/api/x", "{}")
			if got := len(b.requests()); got != times {
				t.Errorf("%s, %s: went out %d times, want %d", name, method, got, times)
			}
			if lost := errors.Is(err, resource.ErrLost); lost != (times == 1) || lost != (err != nil) {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
	}
}

func TestAWriteThatWasNeverSentIsNotLost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	guard := &Guard{}
	guard.AllowWrites()
	count := &Counter{}
	_, err = New(Options{Guard: guard, Count: count, Clock: newClock()}).RoundTrip(request(t, "POST", "http://"+address+"/x", "{}"))
	if errors.Is(err, resource.ErrLost) || !strings.Contains(err.Error(), "nothing accepts connections at "+address) {
		t.Error(err)
	}
	if count.Total() != 1 {
		t.Errorf("a host that refuses was asked %d times", count.Total())
	}
}

func TestALimitedWriteIsSentAgainOnceTheServiceSaidSo(t *testing.T) {
	for name, refuse := range map[string]func(http.ResponseWriter){
		"Retry-After":         func(w http.ResponseWriter) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) },
		"403 and Retry-After": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "7"); w.WriteHeader(403) },
		"a code": func(w http.ResponseWriter) {
			w.WriteHeader(429)
			_, _ = io.WriteString(w, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}`)
		},
		"SCIM's form": func(w http.ResponseWriter) {
			w.WriteHeader(429)
			_, _ = io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"slow down","status":"429"}`)
		},
		"GitHub's words": func(w http.ResponseWriter) {
			w.WriteHeader(403)
			_, _ = io.WriteString(w, `{"message":"You have exceeded a secondary rate limit. Please wait."}`)
		},
	} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
			if before == 0 {
				refuse(w)
			}
		})
		if _, err := b.send(t, "POST", "/x", "{}"); err != nil || len(b.requests()) != 2 {
			t.Errorf("%s: %d requests, %v", name, len(b.requests()), err)
		}
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	start := newClock().Now()
	for value, want := range map[string]struct {
		atLeast, below time.Duration
		requests       int
	}{
		"7":   {7 * time.Second, 8 * time.Second, 2},
		" 7 ": {7 * time.Second, 8 * time.Second, 2},
		start.Add(20 * time.Second).Format(http.TimeFormat): {20 * time.Second, 21 * time.Second, 2},
		start.Add(-time.Hour).Format(http.TimeFormat):       {0, time.Second, 2}, // long over
		"soon": {time.Second, 2 * time.Second, 2}, "-5": {time.Second, 2 * time.Second, 2}, "1e9": {time.Second, 2 * time.Second, 2},
		"":      {time.Second, 2 * time.Second, 2},
		"86400": {0, 1, 1}, "99999999999999999999": {0, 1, 1}, // nobody waits for a day, nor for ever
	} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
			if before == 0 {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(429)
			}
		})
		_, err := b.send(t, "GET", "/x", "")
		if waited := total(b.clock); waited < want.atLeast || waited >= want.below || len(b.requests()) != want.requests {
			t.Errorf("Retry-After %q: waited %v, %d requests, %v", value, waited, len(b.requests()), err)
		}
		if (err != nil) != (want.requests == 1) {
			t.Errorf("Retry-After %q: %v", value, err)
		}
		if value == "86400" && err != nil && !strings.Contains(err.Error(), "try again in 24h0m0s") {
			t.Errorf("it is not said how long to wait: %v", err)
		}
	}
}

func TestGitHubsLimits(t *testing.T) {
	reset := newClock().Now().Add(90 * time.Second).Unix()
	for _, c := range []struct {
		name    string
		status  int
		headers map[string]string
		body    string
		wait    time.Duration // 0: not a limit
	}{
		{"primary", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(reset, 10)}, `{"message":"API rate limit exceeded for user ID 1."}`, 90 * time.Second},
		{"primary as 429", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(reset, 10)}, `{}`, 90 * time.Second},
		{"secondary without Retry-After, beside the primary's window", 403,
			map[string]string{"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": strconv.FormatInt(reset+3000, 10)},
			`{"message":"You have exceeded a secondary rate limit."}`, time.Minute},
		{"abuse", 403, nil, `{"message":"You have triggered an abuse detection mechanism."}`, time.Minute},
		{"a permission that is missing", 403, map[string]string{"X-RateLimit-Remaining": "4999"}, `{"message":"Resource not accessible by integration"}`, 0},
	} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
			if before == 0 {
				for k, v := range c.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}
		})
		_, err := b.send(t, "GET", "/api/v3/x", "")
		if waited := total(b.clock); waited != c.wait {
			t.Errorf("%s: waited %v, want %v", c.name, waited, c.wait)
		}
		if (err != nil) != (c.wait == 0) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestALimitIsNoMissingPermission(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(403)
	})
	if _, err := b.send(t, "GET", "/api/v3/x", ""); errors.Is(err, resource.ErrForbidden) || err == nil {
		t.Error(err)
	}
}

func TestRateLimitHeadersStayBelow(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", "9999999999")
		w.Header().Set("Link", "<x>")
	})
	resp, err := b.send(t, "GET", "/x", "")
	if err != nil {
		t.Fatal(err)
	}
	for name := range resp.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-ratelimit") {
			t.Errorf("%s came through", name)
		}
	}
	if resp.Header.Get("Link") == "" {
		t.Error("other headers are gone")
	}
}

func TestAnInterruptEndsTheWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cancel()
		w.WriteHeader(503)
	})
	_, err := b.wire.RoundTrip(request(t, "GET", b.URL+"/x", "").WithContext(ctx))
	if len(b.requests()) != 1 || err == nil {
		t.Errorf("%d requests, %v", len(b.requests()), err)
	}
}

func TestAnInterruptedWriteMayHaveBeenDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := serve(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		cancel()
		<-r.Context().Done()
	})
	_, err := b.wire.RoundTrip(request(t, "POST", b.URL+"/x", "").WithContext(ctx))
	if !errors.Is(err, resource.ErrLost) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAHangIsEndedAndTriedAgain(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, r *http.Request, before int) {
		if before == 0 {
			<-r.Context().Done()
			return
		}
		_, _ = fmt.Fprint(w, "done")
	})
	b.wire.patience = 20 * time.Millisecond
	if _, err := b.send(t, "GET", "/x", ""); err != nil {
		t.Error(err)
	}
	if got := b.requests(); len(got) < 2 {
		t.Errorf("requests: %v", got)
	}
}

func TestAHangInTheMiddleOfAnAnswerIsEnded(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		_, _ = fmt.Fprint(w, "a part")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	b.wire.patience = 20 * time.Millisecond
	_, err := b.send(t, "POST", "/x", "")
	if !errors.Is(err, resource.ErrLost) || !strings.Contains(err.Error(), "no answer in time") {
		t.Error(err)
	}
}

func TestPausesGrowAndAreJittered(t *testing.T) {
	var first []time.Duration
	for range 20 {
		b := answers(t, 503)
		_, _ = b.send(t, "GET", "/x", "")
		for i, pause := range b.clock.Slept() {
			most := 500 * time.Millisecond << i
			if pause < most/2 || pause > most {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
		first = append(first, b.clock.Slept()[0])
	}
	if len(slices.Compact(first)) < 2 {
		t.Error("the pauses are all alike")
	}
}
