package transport

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAPlanIsNotSlowedDown(t *testing.T) {
	b := answers(t, 200)
	for i := range 60 {
		path := []string{"/api/2.1/unity-catalog/catalogs", "/api/v3/repos/a/b", "/api/2.0/accounts/a/scim/v2/ServicePrincipals"}[i%3]
		if _, err := b.send(t, "GET", path, ""); err != nil {
			t.Fatal(err)
		}
	}
	if b.clock.total() != 0 {
		t.Errorf("60 reads were held back for %v", b.clock.total())
	}
}

func TestAFamilyKeepsToItsRate(t *testing.T) {
	b := answers(t, 200)
	for range 30 { // 10 at once, then two a second
		if _, err := b.send(t, "PATCH", "/api/2.0/accounts/a/scim/v2/Groups/1", ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.clock.total(); got < 9*time.Second || got > 11*time.Second {
		t.Errorf("20 more than the burst took %v", got)
	}
	if _, err := b.send(t, "GET", "/api/2.0/accounts/a/scim/v2/Groups/1", ""); err != nil || b.clock.total() > 11*time.Second {
		t.Errorf("another family was held back as well: %v", err)
	}
}

func TestALaneOpensAgainOnceTheServiceIsContent(t *testing.T) {
	b := answers(t, 429, 200)
	path := "/api/2.0/permissions/jobs/1"
	if _, err := b.send(t, "GET", path, ""); err != nil {
		t.Fatal(err)
	}
	l := b.wire.pace.lane(request(t, "GET", b.URL+path, ""), familyOf(request(t, "GET", b.URL+path, "")))
	if l.limiter.Limit() != l.family.rate/2 || l.limiter.Burst() != l.family.burst/4 {
		t.Errorf("after a complaint the rate is %v, the burst %d", l.limiter.Limit(), l.limiter.Burst())
	}
	if err := b.clock.Sleep(t.Context(), calm); err != nil {
		t.Fatal(err)
	}
	if _, err := b.send(t, "GET", path, ""); err != nil {
		t.Fatal(err)
	}
	if l.limiter.Limit() != l.family.rate || l.limiter.Burst() != l.family.burst {
		t.Errorf("long after it the rate is %v, the burst %d", l.limiter.Limit(), l.limiter.Burst())
	}
}

func TestOneComplaintHoldsTheWholeLaneBack(t *testing.T) {
	for asked, want := range map[string]time.Duration{"30": 30 * time.Second, "100000": 0} {
		b := serve(t, func(w http.ResponseWriter, _ *http.Request, before int) {
			if before == 0 {
				w.Header().Set("Retry-After", asked)
				w.WriteHeader(429)
			}
		})
		once := request(t, "GET", b.URL+"/api/x", "")
		once.Body = io.NopCloser(strings.NewReader("a body that cannot be sent twice"))
		if _, err := b.wire.RoundTrip(once); err == nil {
			t.Fatal("the complaint is gone")
		}
		if _, err := b.send(t, "GET", "/api/y", ""); err != nil || b.clock.total() != want {
			t.Errorf("asked for %s s of patience, the next one waited %v: %v", asked, b.clock.total(), err)
		}
	}
}

func TestFewRequestsAreUnderWayOnGitHub(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	b := serve(t, func(_ http.ResponseWriter, _ *http.Request, _ int) {
		mu.Lock()
		now++
		most = max(most, now)
		full := now == 16
		mu.Unlock()
		if full {
			open() // sixteen are here: let them go, and the rest after them
		}
		<-gate
		mu.Lock()
		now--
		mu.Unlock()
	})
	var wg sync.WaitGroup
	for range 40 {
		req := request(t, "GET", b.URL+"/api/v3/x", "")
		wg.Go(func() {
			if _, err := b.wire.RoundTrip(req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most != 16 {
		t.Errorf("%d were under way at once", most)
	}
}

func TestRequestsAreCountedByHost(t *testing.T) {
	a, b := answers(t, 200), answers(t, 503, 200)
	b.wire.opt.Count = a.wire.opt.Count
	for _, x := range []*bench{a, b} {
		if _, err := x.send(t, "GET", "/x", ""); err != nil {
			t.Fatal(err)
		}
	}
	count := a.wire.opt.Count
	hosts := count.ByHost()
	if count.Total() != 3 || hosts[a.Listener.Addr().String()] != 1 || hosts[b.Listener.Addr().String()] != 2 {
		t.Error(hosts)
	}
}
