package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxBody bounds a request's body: more than any pack that a rehearsal pushes.
const maxBody = 100 << 20

// answer is what a request gets, faults included.
type answer struct {
	status int
	header http.Header
	body   []byte
	action FaultAction // "" for none; only those that change how the answer is sent
}

// answer runs one request from its credentials to its answer. It holds the lock all the while, so
// that no handler ever sees half of another one's change.
func (s *Sandbox) answer(r *http.Request) (*answer, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the request's body: %w", err)
	}
	s.lock()
	defer s.unlock()
	if s.trouble != nil {
		return nil, s.trouble
	}
	c, route := s.open(r, body)
	if c == nil {
		return nil, errNoSuchHost
	}
	a, err := s.run(c, route)
	if err != nil {
		return nil, err
	}
	return a, nil
}

var errNoSuchHost = errors.New("no such host")

// open finds out which service a request is for, and which of its routes. The call is nil for a host
// that nobody serves; the route is nil for a path that no service of that host has.
func (s *Sandbox) open(r *http.Request, body []byte) (*call, *route) {
	var first *call
	for _, host := range s.hosts(r) {
		services, path := s.roles(host, r.URL.EscapedPath())
		for _, sv := range services {
			c := &call{Sandbox: s, service: sv, host: host, req: r, body: body, path: path}
			first = cmp.Or(first, c)
			if route, vars := s.find(sv, r.Method, path); route != nil {
				c.vars = vars
				return c, route
			}
		}
	}
	if first != nil && strings.HasPrefix(first.path, "/api/2.") {
		return first, nil
	}
	// Where one address is everything, what is not Databricks' is GitHub's.
	if first != nil && sameHost(s.opt.Hosts.GitHub, first.host) {
		first.service = githubService
	}
	return first, nil
}

// hosts are the configured hosts that a request's host stands for, as in a URL, with their ports.
func (s *Sandbox) hosts(r *http.Request) []string {
	host := strings.ToLower(cmp.Or(r.Host, r.URL.Host))
	if known := s.aliases[host]; known != nil {
		return append([]string{host}, known...)
	}
	return []string{host}
}

// run applies the faults that are due, asks the handler, saves what it changed and writes the log.
func (s *Sandbox) run(c *call, route *route) (*answer, error) {
	fault := s.due(c)
	entry := Request{
		Time: s.now().UTC(), Host: c.host, Method: c.req.Method, Path: c.req.URL.EscapedPath(), Query: c.req.URL.RawQuery,
		Operation: operation(c, route), Mutating: mutating(c),
	}
	if fault != nil {
		entry.Fault = fault.Action
	}
	a := s.obey(c, route, fault)
	if c.changed {
		if err := s.save(); err != nil {
			a = c.render(nil, err)
		}
	}
	if c.caller != nil {
		entry.Caller = c.caller.Login
	}
	a.date(s.now())
	entry.Status = a.status
	if a.action == FaultResetBefore || a.action == FaultHang {
		entry.Status = 0
	}
	if err := s.record(entry); err != nil {
		return nil, err
	}
	return a, nil
}

// date says when an answer was given, by the sandbox's clock. A stale one was given just now as well.
func (a *answer) date(now time.Time) {
	if a.header = a.header.Clone(); a.header == nil {
		a.header = http.Header{}
	}
	if a.header.Get("Date") == "" {
		a.header.Set("Date", now.UTC().Format(http.TimeFormat))
	}
}

// obey answers a call as its fault says, which is as the service would where there is none.
func (s *Sandbox) obey(c *call, route *route, fault *Fault) *answer {
	if fault == nil {
		return s.remember(c, s.handle(c, route))
	}
	switch fault.Action {
	case FaultStatus:
		return c.fail(fault)
	case FaultStatusAfter:
		s.handle(c, route)
		return c.fail(fault)
	case FaultResetBefore, FaultHang:
		return &answer{action: fault.Action}
	case FaultStale:
		return s.stale(c, s.handle(c, route))
	case FaultIgnore:
		a, err := s.ignored(c, route)
		if err != nil {
			return c.render(nil, err)
		}
		return a
	case FaultResetAfter, FaultTruncate:
		a := s.remember(c, s.handle(c, route))
		a.action = fault.Action
		return a
	default:
		return c.render(nil, fmt.Errorf("unknown fault action %q", fault.Action))
	}
}

func (s *Sandbox) handle(c *call, route *route) *answer {
	switch {
	case len(c.body) > maxBody:
		return c.render(nil, &failure{status: http.StatusRequestEntityTooLarge, code: "REQUEST_TOO_LARGE", message: "The request's body is too large."})
	case route == nil:
		return c.render(nil, c.noRoute())
	default:
		return c.render(route.handle(c))
	}
}

func (c *call) noRoute() error {
	if c.databricks() {
		return &failure{status: http.StatusNotFound, code: "ENDPOINT_NOT_FOUND",
			message: fmt.Sprintf("No API found for '%s %s'", c.req.Method, strings.TrimPrefix(c.path, "/api"))}
	}
	return &failure{status: http.StatusNotFound, message: "Not Found"}
}

func (c *call) databricks() bool { return c.service == accountService || c.service == workspaceService }

// render puts what a handler returned on the wire, in the service's own form.
func (c *call) render(v any, err error) *answer {
	r := &reply{status: http.StatusOK, body: v}
	var f *failure
	switch given, ok := v.(*reply); {
	case errors.As(err, &f):
		r = c.renderFailure(f)
	case err != nil:
		r = c.renderFailure(&failure{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: "sandbox: " + err.Error()})
	case ok:
		r = given
	}
	a := &answer{status: r.status, header: r.header.Clone()}
	if a.header == nil {
		a.header = http.Header{}
	}
	if c.databricks() && a.header.Get("X-Request-Id") == "" {
		a.header.Set("X-Request-Id", c.requestID())
	}
	switch body := r.body.(type) {
	case nil:
	case []byte:
		a.body = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return c.render(nil, fmt.Errorf("marshalling an answer: %w", err))
		}
		a.body = text
	}
	if a.body != nil && a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "application/json")
	}
	return a
}

func (c *call) renderFailure(f *failure) *reply {
	if c.databricks() {
		return c.renderDatabricksFailure(f)
	}
	status, header, body := renderGitHubFailure(f)
	return &reply{status: status, header: header, body: body}
}

// requestID is what Databricks calls a request, so that its owner can ask about it.
func (c *call) requestID() string {
	return fmt.Sprintf("5a4db0c5-0000-4000-8000-%012d", len(c.log)+1)
}

// HostList returns the hosts that the sandbox answers for, each once: the account's, the
// workspaces', GitHub's.
func (s *Sandbox) HostList() []string {
	var list []string
	h := s.opt.Hosts
	for _, host := range append(append([]string{h.Account}, h.Workspaces...), h.GitHub) {
		if host != "" && !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}
