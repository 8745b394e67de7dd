package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ghCall is a REST request of a caller who is known, to a repository where the path names one.
type ghCall struct {
	*call
	gh    *GitHub
	who   *actor // nil: nobody
	repo  *ghRepo
	route string // "GET /repos/{owner}/{repo}"
}

// ghRoute is one REST operation: what it needs of the caller, and what it does.
type ghRoute struct {
	pattern string // "GET ~/topics"; ~ is /repos/{owner}/{repo}
	need    need
	handle  func(*ghCall) (any, error)
	schema  *ghSchema // of its body; nil: not described, or none
}

// rest registers operations. One on a repository also answers below /repositories/{id}, where
// redirects and the links of pages lead.
func (s *Sandbox) rest(routes []ghRoute) {
	schemas := ghRequestSchemas()
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		below, onRepository := strings.CutPrefix(path, "~")
		path = strings.Replace(path, "~", "/repos/{owner}/{repo}", 1)
		r.schema = schemas[ghPlace(method+" "+path)]
		if onRepository {
			s.on(githubService, method, "/repositories/{id}"+below, s.restHandler(r, method+" "+path))
		}
		s.on(githubService, method, path, s.restHandler(r, method+" "+path))
	}
}

func (s *Sandbox) restHandler(r ghRoute, route string) handler {
	return func(c *call) (any, error) {
		g := &ghCall{call: c, gh: c.state.GitHub, route: route}
		answer, err := g.run(r)
		return g.finish(answer, err)
	}
}

// run checks who asks for what, in the order in which GitHub does, and then does it.
func (g *ghCall) run(r ghRoute) (any, error) {
	// An Enterprise Server has its API below /api/v3, and nothing where api.github.com has it.
	if g.gh.Enterprise && !strings.HasPrefix(g.req.URL.Path, "/api/v3/") {
		return nil, ghMissing()
	}
	who, err := g.identify(g.req)
	if err != nil {
		return nil, err
	}
	g.who = who
	g.credit(who)
	if err := g.spend(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(g.route[strings.Index(g.route, " ")+1:], "/repos/{owner}/{repo}") {
		if err := g.enter(r); err != nil {
			return nil, err
		}
	} else if r.need.login && who == nil {
		return nil, &failure{status: http.StatusUnauthorized, message: "Requires authentication"}
	}
	if err := r.schema.fits(g.body); err != nil {
		return nil, err
	}
	return r.handle(g)
}

// credit notes for the log who sent the request.
func (c *call) credit(who *actor) {
	if who != nil {
		c.caller = &caller{Login: who.name(), Admin: who.account != nil && who.account.Operator}
	}
}

// enter finds the repository of the request and checks the caller's right on it.
func (g *ghCall) enter(r ghRoute) error {
	var renamed bool
	if id := g.vars["id"]; id != "" {
		g.repo = g.gh.repositoryByID(id)
	} else {
		g.repo, renamed = g.gh.repository(g.vars["owner"], g.vars["repo"])
	}
	if g.repo == nil || !g.sees(g.who, g.repo) {
		if g.who == nil {
			return &failure{status: http.StatusNotFound, message: "Not Found"}
		}
		return ghMissing()
	}
	if renamed {
		return g.moved()
	}
	if g.repo.Quiet > 0 && g.route != "GET /repos/{owner}/{repo}" {
		g.repo.Quiet--
		return ghMissing()
	}
	if err := g.may(g.who, g.repo, r.need); err != nil {
		return err
	}
	reads := g.req.Method == http.MethodGet
	unarchives := g.route == "PATCH /repos/{owner}/{repo}" || g.route == "DELETE /repos/{owner}/{repo}"
	if g.repo.Archived && !reads && !unarchives {
		return ghRefused("Repository was archived so is read-only.")
	}
	return nil
}

// moved redirects to the repository's id: 301 for what may be repeated as a GET, 307 otherwise.
func (g *ghCall) moved() error {
	status := http.StatusTemporaryRedirect
	if g.req.Method == http.MethodGet {
		status = http.StatusMovedPermanently
	}
	parts := strings.SplitN(strings.Trim(g.path, "/"), "/", 4)
	target := fmt.Sprintf("%s/repositories/%d", g.apiBase(), g.repo.ID)
	if len(parts) == 4 {
		target += "/" + parts[3]
	}
	return &failure{status: status, message: "Moved Permanently", header: http.Header{"Location": {target}}}
}

// apiBase is the address below which the caller found the API.
func (g *ghCall) apiBase() string {
	scheme, host := g.req.URL.Scheme, g.req.URL.Host
	if scheme == "" {
		scheme = "http"
	}
	if host == "" {
		host = g.req.Host
	}
	base := scheme + "://" + host
	if strings.HasPrefix(g.req.URL.Path, "/api/v3/") {
		base += "/api/v3"
	}
	return base
}

// finish adds the headers that every answer has, and answers 304 where the caller has this already.
func (g *ghCall) finish(answer any, err error) (any, error) {
	var f *failure
	if errors.As(err, &f) {
		if f.header == nil {
			f.header = http.Header{}
		}
		g.sign(f.header)
		return nil, f
	}
	if err != nil {
		return nil, err
	}
	r, ok := answer.(*reply)
	if !ok {
		r = &reply{status: http.StatusOK, body: answer}
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	defer func() { g.sign(r.header) }() // last, when it is known what the request cost
	if r.body == nil {
		return r, nil
	}
	body, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("answering %s: %w", g.route, err)
	}
	r.body = body
	r.header.Set("Content-Type", "application/json; charset=utf-8")
	if g.req.Method == http.MethodGet && r.status == http.StatusOK { // only reads have an ETag
		sum := sha256.Sum256(append([]byte(g.req.Header.Get("Authorization")), body...))
		etag := fmt.Sprintf("W/\"%x\"", sum)
		r.header.Set("ETag", etag)
		if g.req.Header.Get("If-None-Match") == etag {
			g.refund()
			r.status, r.body = http.StatusNotModified, nil
		}
	}
	return r, nil
}

// ghQuota counts a credential's requests in the present hour.
type ghQuota struct {
	used  int
	reset time.Time
}

// spend takes one request off the caller's hourly quota. An Enterprise Server has none.
func (g *ghCall) spend() error {
	if g.gh.Enterprise {
		return nil
	}
	q := g.quota()
	if q.used >= g.limit() {
		return ghRefused("API rate limit exceeded for user ID %d. If you reach out to GitHub Support for help, please include the request ID.", g.who.id())
	}
	q.used++
	return nil
}

func (g *ghCall) refund() {
	if !g.gh.Enterprise {
		g.quota().used--
	}
}

func (g *ghCall) quota() *ghQuota {
	if g.gh.used == nil {
		g.gh.used = map[string]*ghQuota{}
	}
	key := g.who.name()
	q := g.gh.used[key]
	if q == nil || !g.now().Before(q.reset) {
		q = &ghQuota{reset: g.now().Add(time.Hour).Truncate(time.Second)}
		g.gh.used[key] = q
	}
	return q
}

func (g *ghCall) limit() int {
	switch {
	case g.gh.RateLimit > 0:
		return g.gh.RateLimit
	case g.who == nil:
		return 60
	default:
		return 5000
	}
}

func (g *ghCall) sign(h http.Header) {
	g.gh.answered++
	h.Set("X-GitHub-Request-Id", ghRequestID(g.gh.answered))
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("Date", g.now().UTC().Format(http.TimeFormat))
	if g.who != nil && g.who.kind == classicToken {
		h.Set("X-OAuth-Scopes", strings.Join(g.who.scopes, ", "))
	}
	if g.gh.Enterprise {
		h.Set("X-GitHub-Enterprise-Version", "3.19.0")
		return
	}
	q := g.quota()
	h.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	h.Set("X-RateLimit-Limit", strconv.Itoa(g.limit()))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, g.limit()-q.used)))
	h.Set("X-RateLimit-Used", strconv.Itoa(q.used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(q.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}
