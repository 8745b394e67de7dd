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
	gates   map[string]*gate         // by host and what is used up there
	flights map[string]chan struct{} // by host: the requests under way, where a host bounds them
}

func newPacer(clock Clock) *pacer {
	return &pacer{clock: clock, lanes: map[string]*lane{}, gates: map[string]*gate{}, flights: map[string]chan struct{}{}}
}

// lane is the traffic of one family of requests to one host.
type lane struct {
	family  family
	limiter *rate.Limiter
	share   int       // of the family's rate, in parts of whole
	changed time.Time // when share was
}

const (
	whole = 16
	// calm is how long a service must not complain until a rate that was halved is whole again; it
	// grows by a part at a time.
	calm   = 20 * time.Second
	regain = calm / (whole / 2)
)

// wait returns when a request may go out; landed is called when it is done. The error is ctx's, or
// *shut where waiting would take too long.
func (p *pacer) wait(req *http.Request) (landed func(), err error) {
	f := familyOf(req)
	if err := p.pass(req, f); err != nil {
		return nil, err
	}
	if delay := p.turn(req, f); delay > 0 {
		if err := p.clock.Sleep(req.Context(), delay); err != nil {
			return nil, err
		}
	}
	// Places are few: nobody holds one while a gate is shut, and one may have shut in the meantime.
	for {
		landed, err := p.board(req, f)
		if err != nil {
			return nil, err
		}
		if _, left := p.shutFor(req, f); left <= 0 {
			return landed, nil
		}
		landed()
		if err := p.pass(req, f); err != nil {
			return nil, err
		}
	}
}

// board waits for one of the places that a host has for requests under way.
func (p *pacer) board(req *http.Request, f family) (landed func(), err error) {
	if f.inFlight == 0 {
		return func() {}, nil
	}
	p.mu.Lock()
	places, ok := p.flights[hostOf(req)]
	if !ok {
		places = make(chan struct{}, f.inFlight)
		p.flights[hostOf(req)] = places
	}
	p.mu.Unlock()
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// turn takes the next free moment of the lane and returns how far off it is.
func (p *pacer) turn(req *http.Request, f family) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	return p.lane(req, f).limiter.ReserveN(now, 1).DelayFrom(now)
}

// press slows a lane down after the service complained, and shuts what is used up for as long as it
// asked.
func (p *pacer) press(req *http.Request, failed *Error, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, f := p.clock.Now(), familyOf(req)
	p.shut(usedUp(req, f, failed.scope), now.Add(pause))
	// Requests under way together complain together: that is one complaint.
	if l := p.lane(req, f); l.share == whole || now.Sub(l.changed) >= time.Second {
		l.set(max(l.share/2, 1), now)
	}
}

// relax opens a lane again, part by part, while the service is content.
func (p *pacer) relax(req *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	l := p.lane(req, familyOf(req))
	if parts := int(now.Sub(l.changed) / regain); l.share < whole && parts > 0 {
		l.set(min(l.share+parts, whole), now)
	}
}

func (p *pacer) lane(req *http.Request, f family) *lane {
	key := hostOf(req) + " " + f.name
	l, ok := p.lanes[key]
	if !ok {
		l = &lane{family: f, limiter: rate.NewLimiter(f.rate, f.burst), share: whole}
		p.lanes[key] = l
	}
	return l
}

func (l *lane) set(share int, now time.Time) {
	l.share, l.changed = share, now
	l.limiter.SetLimitAt(now, l.family.rate*rate.Limit(share)/whole)
	l.limiter.SetBurstAt(now, max(l.family.burst*share*share/(whole*whole), 1))
}

func hostOf(req *http.Request) string { return strings.ToLower(req.URL.Host) }
