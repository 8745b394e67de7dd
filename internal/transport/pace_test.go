package transport

import (
	"net/http"
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
	if total(b.clock) != 0 {
		t.Errorf("60 reads were held back for %v", total(b.clock))
	}
}

func TestAFamilyKeepsToItsRate(t *testing.T) {
	b := answers(t, 200)
	for range 30 { // 10 at once, then two a second
		if _, err := b.send(t, "PATCH", "/api/2.0/accounts/a/scim/v2/Groups/1", ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := total(b.clock); got < 9*time.Second || got > 11*time.Second {
		t.Errorf("20 more than the burst took %v", got)
	}
	if _, err := b.send(t, "GET", "/api/2.0/accounts/a/scim/v2/Groups/1", ""); err != nil || total(b.clock) > 11*time.Second {
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

func TestARateGrowsPartByPart(t *testing.T) {
	b := answers(t, 200)
	req := request(t, "GET", b.URL+"/api/x", "")
	l := b.wire.pace.lane(req, familyOf(req))
	for range 10 { // complaints, each long enough after the last
		b.wire.pace.press(req, &Error{}, 0)
		b.clock.Advance(time.Second)
	}
	if l.share != 1 || l.limiter.Limit() != l.family.rate/whole || l.limiter.Burst() != 1 {
		t.Fatalf("after many complaints the share is %d, the burst %d", l.share, l.limiter.Burst())
	}
	last := l.limiter.Limit()
	for range whole - 1 {
		b.clock.Advance(regain)
		if _, err := b.send(t, "GET", "/api/x", ""); err != nil {
			t.Fatal(err)
		}
		if grown := l.limiter.Limit() - last; grown < l.family.rate/whole*0.99 || grown > l.family.rate/whole*1.01 {
			t.Fatalf("the rate grew by %v", grown)
		}
		last = l.limiter.Limit()
	}
	if l.share != whole || l.limiter.Burst() != l.family.burst {
		t.Errorf("the share is %d of %d in the end", l.share, whole)
	}
}

func TestEachPartOfAnAPIHasALaneOfItsOwn(t *testing.T) {
	for _, c := range []struct{ method, url, want string }{
		{"GET", "https://api.github.com/repos/a/b", "github read"},
		{"PUT", "https://api.github.com/repos/a/b/environments/prod", "github write"},
		{"POST", "https://api.github.com/orgs/a/repos", "github content"},
		{"POST", "https://ghe.example/api/v3/repos/a/b/git/refs", "github content"},
		{"POST", "https://api.github.com/graphql", "github graphql"},
		{"POST", "https://ghe.example/api/graphql", "github graphql"},
		{"GET", "https://accounts.x/api/2.0/accounts/a/scim/v2/Groups", "account scim list"},
		{"GET", "https://accounts.x/api/2.0/accounts/a/scim/v2/Groups/7", "account scim read"},
		{"PATCH", "https://accounts.x/api/2.0/accounts/a/scim/v2/Groups/7", "account scim patch"},
		{"POST", "https://accounts.x/api/2.0/accounts/a/scim/v2/Groups", "account scim write"},
		{"GET", "https://w.x/api/2.0/preview/scim/v2/ServicePrincipals", "read"},
		{"GET", "https://w.x/api/2.1/unity-catalog/schemas", "unity catalog read"},
		{"POST", "https://w.x/api/2.1/unity-catalog/schemas", "unity catalog write"},
		{"PATCH", "https://w.x/api/2.1/unity-catalog/permissions/schema/a.b", "permissions write"},
		{"PUT", "https://w.x/api/2.0/permissions/jobs/1", "permissions write"},
		{"POST", "https://w.x/api/2.0/mlflow/runs/search", "mlflow search"},
		{"POST", "https://w.x/api/2.2/jobs/create", "jobs write"},
		{"POST", "https://w.x/api/2.0/git-credentials", "write"},
	} {
		if got := familyOf(request(t, c.method, c.url, "")).name; got != c.want {
			t.Errorf("%s %s counts as %q, want %q", c.method, c.url, got, c.want)
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
