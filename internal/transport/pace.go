package transport

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pacer keeps requests within what a host takes, each family of its API for itself.
type pacer struct {
	clock   Clock
	mu      sync.Mutex
	lanes   map[string]*lane         // by host and family
	flights map[string]chan struct{} // by host: the requests under way, where a host bounds them
}

// lane is the traffic of one family of requests to one host.
type lane struct {
	family  family
	limiter *rate.Limiter
	level   int       // how often the rate was halved, as the service complained
	changed time.Time // when level was
	closed  time.Time // until when the service wants no request
}

// calm is how long a service must not complain until the lane's rate is doubled again.
const calm = 20 * time.Second

// wait returns when a request may go out; landed is called when it is done.
func (p *pacer) wait(req *http.Request) (landed func(), err error) {
	f := familyOf(req)
	landed, err = p.board(req, f)
	if err != nil {
		return nil, err
	}
	delay := p.delay(req, f)
	if delay <= 0 {
		return landed, nil
	}
	if err := p.clock.Sleep(req.Context(), delay); err != nil {
		landed()
		return nil, err
	}
	return landed, nil
}

// board waits for one of the places that a host has for requests under way.
func (p *pacer) board(req *http.Request, f family) (landed func(), err error) {
	if f.inFlight == 0 {
		return func() {}, nil
	}
	p.mu.Lock()
	places, ok := p.flights[req.URL.Host]
	if !ok {
		places = make(chan struct{}, f.inFlight)
		p.flights[req.URL.Host] = places
	}
	p.mu.Unlock()
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func (p *pacer) delay(req *http.Request, f family) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	l := p.lane(req, f)
	return max(l.limiter.ReserveN(now, 1).DelayFrom(now), l.closed.Sub(now))
}

// press slows a lane down after the service complained, and closes it for as long as it asked. Where
// that is too long to wait for, the others shall fail at once as well rather than wait in vain.
func (p *pacer) press(req *http.Request, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	l := p.lane(req, familyOf(req))
	if until := now.Add(pause); pause <= limitPatience && until.After(l.closed) {
		l.closed = until
	}
	// Requests under way together complain together: that is one complaint.
	if l.level < 4 && (l.level == 0 || now.Sub(l.changed) >= time.Second) {
		l.set(l.level+1, now)
	}
}

// relax opens a lane again, step by step, once the service has been content for a while.
func (p *pacer) relax(req *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if l := p.lane(req, familyOf(req)); l.level > 0 && now.Sub(l.changed) >= calm {
		l.set(l.level-1, now)
	}
}

func (p *pacer) lane(req *http.Request, f family) *lane {
	key := req.URL.Host + " " + f.name
	l, ok := p.lanes[key]
	if !ok {
		l = &lane{family: f, limiter: rate.NewLimiter(f.rate, f.burst)}
		p.lanes[key] = l
	}
	return l
}

func (l *lane) set(level int, now time.Time) {
	l.level, l.changed = level, now
	l.limiter.SetLimitAt(now, l.family.rate/rate.Limit(int(1)<<level))
	l.limiter.SetBurstAt(now, max(l.family.burst>>(2*level), 1))
}

// family is a part of an API with a limit of its own.
type family struct {
	name     string
	rate     rate.Limit // requests a second, sustained
	burst    int        // requests at once, before the rate counts
	inFlight int        // requests under way on the whole host; 0 is no bound
}

// familyOf says what a request counts as. The rates are the documented ones
// (docs.databricks.com/aws/en/resources/limits; docs.github.com, rate limits for the REST API: 900
// points a minute, of which a read costs one and a write five). The bursts let a small project's plan
// and apply through unhindered; a service that minds says so.
func familyOf(req *http.Request) family {
	p, write := req.URL.Path, req.Method != http.MethodGet && req.Method != http.MethodHead
	switch {
	case onGitHub(req) && write:
		return family{name: "github write", rate: 3, burst: 50, inFlight: 16}
	case onGitHub(req):
		return family{name: "github read", rate: 15, burst: 200, inFlight: 16}
	case strings.Contains(p, "/accounts/") && strings.Contains(p, "/scim/v2/") && req.Method == http.MethodPatch:
		return family{name: "account scim patch", rate: 2, burst: 10}
	case strings.Contains(p, "/accounts/") && strings.Contains(p, "/scim/v2/") && write:
		return family{name: "account scim write", rate: 5, burst: 20}
	case strings.Contains(p, "/accounts/") && strings.Contains(p, "/scim/v2/"):
		return family{name: "account scim read", rate: 20, burst: 60}
	case strings.Contains(p, "/permissions/") && write:
		return family{name: "permissions write", rate: 30, burst: 60}
	case strings.Contains(p, "/mlflow/") && strings.HasSuffix(p, "/search"):
		return family{name: "mlflow search", rate: 7, burst: 20}
	case strings.Contains(p, "/jobs/") && write:
		return family{name: "jobs write", rate: 20, burst: 40}
	case write:
		return family{name: "write", rate: 20, burst: 50}
	default:
		return family{name: "read", rate: 50, burst: 100}
	}
}
