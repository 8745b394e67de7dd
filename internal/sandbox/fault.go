package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// FaultAction is what goes wrong.
type FaultAction string

// The faults: an answer of our choosing instead of the request's effect, or after it; a reset before the request had its effect, or after; no
// answer at all until the caller gives up; half of the answer; an answer to a GET as it was before
// its last change; the answer of a success without its effect.
const (
	FaultStatus      FaultAction = "status"
	FaultStatusAfter FaultAction = "status_after"
	FaultResetBefore FaultAction = "reset_before"
	FaultResetAfter  FaultAction = "reset_after"
	FaultHang        FaultAction = "hang"
	FaultTruncate    FaultAction = "truncate"
	FaultStale       FaultAction = "stale"
	FaultIgnore      FaultAction = "ignore"
)

// Fault is a rule: from the Nth request (counted from 1) whose method and host+path match, as often
// as Times says (0 is once, -1 is for ever), Action happens. Method "" is any; in Path, * is
// anything, slashes included. Status, Header and Body are for the actions with a status; without a
// body the answer has the service's own form.
type Fault struct {
	Method string            `json:"method,omitempty" yaml:"method"`
	Path   string            `json:"path" yaml:"path"`
	Nth    int               `json:"nth,omitempty" yaml:"nth"`
	Times  int               `json:"times,omitempty" yaml:"times"`
	Action FaultAction       `json:"action" yaml:"action"`
	Status int               `json:"status,omitempty" yaml:"status"`
	Header map[string]string `json:"header,omitempty" yaml:"header"`
	Body   string            `json:"body,omitempty" yaml:"body"`

	Seen  int `json:"seen,omitempty" yaml:"-"`  // requests that matched while it had any left
	Fired int `json:"fired,omitempty" yaml:"-"` // and went wrong
}

// Inject adds faults after those that are there; the first that is due decides.
func (s *Sandbox) Inject(faults ...Fault) error {
	s.lock()
	defer s.unlock()
	if err := s.inject(faults); err != nil {
		return err
	}
	return s.save()
}

func (s *Sandbox) inject(faults []Fault) error {
	for _, f := range faults {
		if err := f.check(); err != nil {
			return err
		}
	}
	for _, f := range faults {
		f.Seen, f.Fired = 0, 0
		s.state.Faults = append(s.state.Faults, &f)
	}
	return nil
}

// ClearFaults removes every fault.
func (s *Sandbox) ClearFaults() error {
	s.lock()
	defer s.unlock()
	s.state.Faults = nil
	return s.save()
}

func (f *Fault) check() error {
	known := []FaultAction{FaultStatus, FaultStatusAfter, FaultResetBefore, FaultResetAfter, FaultHang, FaultTruncate, FaultStale, FaultIgnore}
	switch {
	case !slices.Contains(known, f.Action):
		return fmt.Errorf("fault on %q: unknown action %q; the actions are %v", f.Path, f.Action, known)
	case f.Path == "":
		return fmt.Errorf("fault %q: path is missing; \"*\" matches every request", f.Action)
	case (f.Action == FaultStatus || f.Action == FaultStatusAfter) && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault on %q: status %d is not an HTTP status from 200 to 599", f.Path, f.Status)
	case f.Nth < 0 || f.Times < -1:
		return fmt.Errorf("fault on %q: nth and times count from 1; times -1 is for ever", f.Path)
	default:
		return nil
	}
}

// due counts the request in every rule that it matches, and returns the first one that is due.
func (s *Sandbox) due(c *call) *Fault {
	var fault *Fault
	for _, f := range s.state.Faults {
		spent := f.Times >= 0 && f.Fired >= max(1, f.Times)
		if spent || (f.Method != "" && !strings.EqualFold(f.Method, c.req.Method)) || !glob(f.Path, c.host+c.req.URL.Path) {
			continue
		}
		f.Seen++
		c.changed = true // the counters outlive the process
		if fault == nil && f.Seen >= f.Nth {
			f.Fired++
			fault = f
		}
	}
	return fault
}

// glob says whether text matches pattern, in which * stands for anything.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return strings.HasSuffix(text, last)
}

// fail is the answer of a fault with a status.
func (c *call) fail(f *Fault) *answer {
	code := map[int]string{
		http.StatusUnauthorized: "UNAUTHENTICATED", http.StatusForbidden: "PERMISSION_DENIED", http.StatusNotFound: "NOT_FOUND",
		http.StatusConflict: "RESOURCE_CONFLICT", http.StatusTooManyRequests: "REQUEST_LIMIT_EXCEEDED",
		http.StatusServiceUnavailable: "TEMPORARILY_UNAVAILABLE",
	}[f.Status]
	if code == "" {
		code = "INTERNAL_ERROR"
	}
	a := c.render(nil, &failure{status: f.Status, code: code, message: "The sandbox was told to answer this: " + http.StatusText(f.Status)})
	if f.Body != "" {
		a.body = []byte(f.Body)
		a.header.Set("Content-Type", "application/json")
		if strings.HasPrefix(strings.TrimSpace(f.Body), "<") {
			a.header.Set("Content-Type", "text/html")
		}
	}
	for name, value := range f.Header {
		a.header.Set(name, value)
	}
	return a
}

// ignored answers a request and takes its effect back, what git keeps included.
func (s *Sandbox) ignored(c *call, route *route) (*answer, error) {
	before, err := json.Marshal(s.state)
	if err != nil {
		return nil, fmt.Errorf("keeping the state: %w", err)
	}
	takeBack, err := s.keepGit()
	if err != nil {
		return nil, fmt.Errorf("keeping the git folders: %w", err)
	}
	a := s.handle(c, route)
	now := s.state
	s.state = &State{}
	if err := json.Unmarshal(before, s.state); err != nil {
		return nil, fmt.Errorf("taking the state back: %w", err)
	}
	s.state.Sequence = now.Sequence // ids that were handed out stay so
	was := now.GitHub
	s.state.GitHub.answered, s.state.GitHub.used = was.answered, was.used
	if err := takeBack(); err != nil {
		return nil, fmt.Errorf("taking the git folders back: %w", err)
	}
	return a, nil
}

// recentGets are the last two different answers to one GET by one caller.
type recentGets struct{ now, before *answer }

// remember keeps the answer to a GET, so that a later one can be stale.
func (s *Sandbox) remember(c *call, a *answer) *answer {
	if c.req.Method != http.MethodGet || c.caller == nil {
		return a
	}
	key := c.caller.Login + " " + c.host + c.req.URL.RequestURI()
	g := s.seen[key]
	switch {
	case g == nil:
		s.seen[key] = &recentGets{now: a}
	case g.now.status != a.status || !bytes.Equal(g.now.body, a.body):
		g.now, g.before = a, g.now
	}
	copied := *a
	return &copied
}

// stale is the answer as it was before it last changed, as far as this process has seen it.
func (s *Sandbox) stale(c *call, a *answer) *answer {
	s.remember(c, a)
	if c.caller == nil {
		return a
	}
	if g := s.seen[c.caller.Login+" "+c.host+c.req.URL.RequestURI()]; g != nil && g.before != nil {
		copied := *g.before
		return &copied
	}
	return a
}
