package transport

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// gate stands before what a service lets be used up. While it is shut, nothing that counts on it goes
// out: a service that is asked on and on shuts for longer.
type gate struct {
	until time.Time
	woken chan struct{} // closed once whoever sleeps until then has woken; nil while nobody does
}

// shut is the error of a request that would have to wait for too long.
type shut struct{ left time.Duration }

func (s *shut) Error() string { return fmt.Sprintf("no request is taken for another %s", s.left) }

// scope is how much of a host a limit is about.
type scope string

const (
	ownScope   scope = ""      // the family of the request
	quotaScope scope = "quota" // GitHub's primary limit: what counts on the same quota
	hostScope  scope = "host"  // GitHub's secondary limit: everything
)

// usedUp names what a limit shuts.
func usedUp(req *http.Request, f family, of scope) string {
	switch of {
	case hostScope:
		return hostOf(req)
	case quotaScope:
		return hostOf(req) + " " + quotaOnGitHub(req)
	default:
		return hostOf(req) + " " + f.name
	}
}

// quotaOnGitHub is what a request counts on, by the name that GitHub's X-RateLimit-Resource has for it.
func quotaOnGitHub(req *http.Request) string {
	switch p := strings.TrimPrefix(req.URL.Path, "/api/v3"); {
	case p == "/graphql", p == "/api/graphql":
		return "graphql"
	case strings.HasPrefix(p, "/search/"):
		return "search"
	default:
		return "core"
	}
}

// pass returns when every gate that a request counts on is open.
func (p *pacer) pass(req *http.Request, f family) error {
	began := p.clock.Now()
	for {
		g, left := p.shutFor(req, f)
		if left <= 0 {
			return nil
		}
		if p.clock.Now().Add(left).Sub(began) > limitPatience {
			return &shut{left: left}
		}
		if err := p.sleepAt(req, g, left); err != nil {
			return err
		}
	}
}

// shutFor returns the gate that stays shut the longest for a request, and for how long.
func (p *pacer) shutFor(req *http.Request, f family) (last *gate, left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	for _, of := range []scope{ownScope, quotaScope, hostScope} {
		if g, ok := p.gates[usedUp(req, f, of)]; ok && g.until.Sub(now) > left {
			last, left = g, g.until.Sub(now)
		}
	}
	return last, left
}

// sleepAt sleeps until a gate opens. One request sleeps and the others wait for it, so that the time
// passes once for all of them; whoever is woken looks again.
func (p *pacer) sleepAt(req *http.Request, g *gate, left time.Duration) error {
	p.mu.Lock()
	woken, mine := g.woken, false
	if woken == nil {
		woken, mine = make(chan struct{}), true
		g.woken = woken
	}
	p.mu.Unlock()
	if !mine {
		select {
		case <-req.Context().Done():
			return req.Context().Err()
		case <-woken:
			return nil
		}
	}
	err := p.clock.Sleep(req.Context(), left)
	p.mu.Lock()
	g.woken = nil
	p.mu.Unlock()
	close(woken)
	return err
}

// shut keeps the gate of that name shut until then, or for longer where it is already.
func (p *pacer) shut(name string, until time.Time) {
	g, ok := p.gates[name]
	if !ok {
		g = &gate{}
		p.gates[name] = g
	}
	if until.After(g.until) {
		g.until = until
	}
}

// window is longer than any of those in which GitHub counts; a time beyond it is no reset.
const window = 90 * time.Minute

// note reads how much GitHub says is left. When nothing is, the next request would only be refused, and
// a client that goes on asking is shut out for longer.
func (p *pacer) note(req *http.Request, resp *http.Response) {
	h := resp.Header
	if !onGitHub(req) || h.Get("X-Ratelimit-Remaining") != "0" {
		return
	}
	if of := h.Get("X-Ratelimit-Resource"); of != "" && of != quotaOnGitHub(req) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if left, said := untilReset(serverTime(now, resp), h.Get("X-Ratelimit-Reset")); said && left > 0 && left <= window {
		p.shut(usedUp(req, familyOf(req), quotaScope), now.Add(left))
	}
}
