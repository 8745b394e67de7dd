package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// complaining serves one complaint, and is content then.
func complaining(t *testing.T, status int, headers map[string]string, body string) *bench {
	return serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
		if before > 0 {
			return
		}
		for k, v := range headers {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// complain has a bench make its complaint to a request that is not sent again.
func (b *bench) complain(t *testing.T, path string) {
	t.Helper()
	once := request(t, "PATCH", b.URL+path, "")
	once.Body = io.NopCloser(strings.NewReader("a body that cannot be sent twice"))
	if _, err := b.wire.RoundTrip(once); err == nil {
		t.Fatal("the complaint is gone")
	}
}

func TestOneComplaintHoldsAllBackThatCountOnTheSame(t *testing.T) {
	const graphql = "/api/graphql"
	reset := strconv.FormatInt(newClock().Now().Add(50*time.Second).Unix(), 10)
	seconds, primary := map[string]string{"Retry-After": "30"}, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
	for _, c := range []struct {
		name, on string
		headers  map[string]string
		body     string
		waits    map[string]time.Duration // by path of the next read
	}{
		{"a family of Databricks'", "/api/2.0/permissions/jobs/1", seconds, "",
			map[string]time.Duration{"/api/2.0/x": 0, "/api/2.1/unity-catalog/catalogs": 0}},
		{"GitHub's primary limit", "/api/v3/x", primary, "", map[string]time.Duration{"/api/v3/y": 50 * time.Second, graphql: 0}},
		{"GitHub's primary limit with a Retry-After", "/api/v3/x", map[string]string{"X-RateLimit-Remaining": "0", "Retry-After": "40"}, "",
			map[string]time.Duration{"/api/v3/y": 40 * time.Second, graphql: 0}},
		{"GitHub's secondary limit", "/api/v3/x", seconds, `{"message":"You have exceeded a secondary rate limit."}`,
			map[string]time.Duration{"/api/v3/y": 30 * time.Second, graphql: 30 * time.Second}},
	} {
		for path, want := range c.waits {
			b := complaining(t, 403, c.headers, c.body)
			b.complain(t, c.on)
			if _, err := b.send(t, "GET", path, ""); err != nil || total(b.clock) != want {
				t.Errorf("%s: the next read of %s waited %v: %v", c.name, path, total(b.clock), err)
			}
		}
	}
}

func TestALimitThatLastsTooLongFailsTheRestAtOnce(t *testing.T) {
	b := complaining(t, 429, map[string]string{"Retry-After": "100000"}, "")
	b.complain(t, "/api/x")
	_, err := b.send(t, "PATCH", "/api/y", "{}")
	failed := failure(t, err)
	if len(b.requests()) != 1 || total(b.clock) != 0 || !failed.unsent || errors.Is(err, resource.ErrLost) {
		t.Errorf("%d requests, waited %v: %v", len(b.requests()), total(b.clock), err)
	}
	if want := "takes no more requests of these credentials for now; try again in 27h46m40s"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want it to say %q", err, want)
	}
	b.clock.Advance(100000 * time.Second)
	if _, err := b.send(t, "PATCH", "/api/y", "{}"); err != nil {
		t.Errorf("once it is over: %v", err)
	}
}

func TestWhatGitHubSaysIsUsedUpIsNotAskedForOn(t *testing.T) {
	in := func(d time.Duration) string { return strconv.FormatInt(newClock().Now().Add(d).Unix(), 10) }
	for name, c := range map[string]struct {
		remaining, reset, resource string
		waits                      time.Duration
		refused                    bool
	}{
		"nothing is left":                {"0", in(100 * time.Second), "core", 100 * time.Second, false},
		"nothing is left, unnamed":       {"0", in(100 * time.Second), "", 100 * time.Second, false},
		"nothing is left for longer":     {"0", in(time.Hour), "core", 0, true},
		"nothing is left of another":     {"0", in(100 * time.Second), "graphql", 0, false},
		"a little is left":               {"1", in(100 * time.Second), "core", 0, false},
		"the window is over":             {"0", in(-time.Minute), "core", 0, false},
		"nobody says until when":         {"0", "", "core", 0, false},
		"a time that no window lasts to": {"0", "9999999999", "core", 0, false},
		"no time":                        {"0", "tomorrow", "core", 0, false},
		"a time before time":             {"0", "-7", "core", 0, false},
		"a number beyond numbers":        {"0", "99999999999999999999999", "core", 0, false},
		"nonsense":                       {"none", "never", "?", 0, false},
	} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
			if before == 0 {
				w.Header().Set("X-RateLimit-Remaining", c.remaining)
				w.Header().Set("X-RateLimit-Reset", c.reset)
				w.Header().Set("X-RateLimit-Resource", c.resource)
			}
		})
		if _, err := b.send(t, "GET", "/api/v3/x", ""); err != nil {
			t.Fatal(err)
		}
		_, err := b.send(t, "PUT", "/api/v3/y", "{}")
		if waited := total(b.clock); waited != c.waits || (err != nil) != c.refused {
			t.Errorf("%s: waited %v, %v", name, waited, err)
		}
	}
}

func TestManyWaitForAGateTogether(t *testing.T) {
	b := complaining(t, 429, map[string]string{"Retry-After": "60"}, "")
	b.complain(t, "/api/2.1/unity-catalog/schemas")
	var wg sync.WaitGroup
	for range 8 {
		req := request(t, "POST", b.URL+"/api/2.1/unity-catalog/schemas", "{}")
		wg.Go(func() {
			if _, err := b.wire.RoundTrip(req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if total(b.clock) != time.Minute {
		t.Errorf("eight waited %v in all", total(b.clock))
	}
}

func TestALimitWithoutATimeIsWaitedForLongerEachTime(t *testing.T) {
	for _, body := range []string{`{"message":"You have exceeded a secondary rate limit."}`, `{"message":"API rate limit exceeded for user ID 1."}`} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.WriteHeader(403)
			_, _ = io.WriteString(w, body)
		})
		_, err := b.send(t, "GET", "/api/v3/x", "")
		if len(b.requests()) != 3 || total(b.clock) != 3*time.Minute || !strings.Contains(err.Error(), "limits the requests of these credentials") {
			t.Errorf("%d requests, waited %v: %v", len(b.requests()), total(b.clock), err)
		}
	}
}

func TestATimeOfDayIsMeantByTheClockOfWhoSaysIt(t *testing.T) {
	for _, off := range []time.Duration{0, -10 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour, time.Hour} {
		theirs := newClock().Now().Add(off)
		for name, headers := range map[string]map[string]string{
			"Retry-After": {"Retry-After": theirs.Add(20 * time.Second).Format(http.TimeFormat)},
			"reset":       {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(theirs.Add(20*time.Second).Unix(), 10)},
		} {
			headers["Date"] = theirs.Format(http.TimeFormat)
			b := complaining(t, 429, headers, "")
			if _, err := b.send(t, "GET", "/api/v3/x", ""); err != nil || total(b.clock) != 20*time.Second {
				t.Errorf("%s by a clock that is off by %v: waited %v, %v", name, off, total(b.clock), err)
			}
		}
	}
}

func TestWhoSleepsBeforeAGateMayBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := &Guard{}
		guard.AllowWrites()
		sent := 0
		via := New(Options{Guard: guard, Base: sender(func(r *http.Request) (*http.Response, error) {
			sent++
			return ok(r)
		})}).(*wire)
		gone, cancel := context.WithCancel(t.Context())
		first, second := request(t, "POST", "https://example.com/api/x", "").WithContext(gone), request(t, "POST", "https://example.com/api/x", "")
		via.pace.press(first, &Error{}, time.Minute)
		errs := make(chan error)
		began := time.Now()
		go func() { _, err := via.RoundTrip(first); errs <- err }()
		synctest.Wait()
		go func() { _, err := via.RoundTrip(second); errs <- err }()
		synctest.Wait()
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) || errors.Is(err, resource.ErrLost) {
			t.Errorf("the interrupted one: %v", err)
		}
		if err := <-errs; err != nil || time.Since(began) != time.Minute || sent != 1 {
			t.Errorf("the other one: %v after %v, %d sent", err, time.Since(began), sent)
		}
	})
}
