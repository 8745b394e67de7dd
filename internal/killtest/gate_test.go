package killtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// gate stands before the services: it counts the requests that change something, lets a strike decide
// about each, and sees every credential that goes out.
type gate struct {
	services http.Handler
	github   string // GitHub's address
	watch    *trove // is told what was issued, and searches what was asked

	// after is told of each request that may make, store or take away a credential, before the next of them.
	after       func(*visit)
	credentials sync.Mutex

	mu     sync.Mutex
	seen   map[string]int
	points []point // that arrived, in order
	strike *strike // nil lets everything through
	turns  *turns  // nil lets everybody through at once
	issued []issued
}

// point is one request of a run that changes something, told apart from its like by its number.
type point struct {
	request string // method and path, without what differs from run to run
	nth     int
}

func (p point) String() string { return fmt.Sprintf("%s #%d", p.request, p.nth) }

func (p point) compare(q point) int {
	return cmp.Or(cmp.Compare(p.request, q.request), cmp.Compare(p.nth, q.nth))
}

// visit is one request at the gate.
type visit struct {
	req   *http.Request
	body  []byte
	point *point // nil where nothing is changed
}

// issued is a credential that Databricks gave out, and to whom.
type issued struct {
	id, value string // an access token has the id of the OAuth secret that it came from
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == dozePath {
		g.now().doze(r.Header.Get(whoHeader))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller is gone: it was struck
	}
	v, strike, turns := g.arrive(r, body)
	turns.await(r.Header.Get(whoHeader))
	if strike.arrives(v) == lost {
		panic(http.ErrAbortHandler)
	}
	answer := g.carryOut(v)
	if strike.carriedOut(v) == lost {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, err = w.Write(answer.Body.Bytes())
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err == nil {
		strike.answered(v)
	}
}

// arrive counts a request.
func (g *gate) arrive(r *http.Request, body []byte) (*visit, *strike, *turns) {
	to := atDatabricks
	if "http://"+r.Host == g.github {
		to = atGitHub
	}
	g.watch.searchRequest(to, r, body)
	v := &visit{req: r, body: body}
	g.mu.Lock()
	defer g.mu.Unlock()
	if changes(r, body) {
		key := r.Method + " " + plain(r.URL.Path)
		g.seen[key]++
		v.point = &point{request: key, nth: g.seen[key]}
		g.points = append(g.points, *v.point)
	}
	return v, g.strike, g.turns
}

// carryOut lets the services answer.
func (g *gate) carryOut(v *visit) *httptest.ResponseRecorder {
	r := v.req.Clone(v.req.Context())
	r.Body = io.NopCloser(bytes.NewReader(v.body))
	answer := httptest.NewRecorder()
	if !v.concernsCredentials() {
		g.services.ServeHTTP(answer, r)
		return answer
	}
	// One after another, so that what is stored can be looked at between any two of them.
	g.credentials.Lock()
	defer g.credentials.Unlock()
	g.services.ServeHTTP(answer, r)
	g.learn(v, answer)
	if g.after != nil && v.point != nil {
		g.after(v)
	}
	return answer
}

// concernsCredentials says whether a request may make, store or take away a credential.
func (v *visit) concernsCredentials() bool {
	path := v.req.URL.Path
	return v.point != nil && (strings.Contains(path, "/secrets") || strings.HasSuffix(path, onBehalf) || v.req.Method == http.MethodDelete) ||
		strings.HasSuffix(path, "/v1/token") || strings.HasSuffix(path, "/access_tokens")
}

// onBehalf is where tokens are issued for service principals.
const onBehalf = "/token-management/on-behalf-of/tokens"

// learn takes note of a credential in an answer.
func (g *gate) learn(v *visit, answer *httptest.ResponseRecorder) {
	var a struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
		Access string `json:"access_token"`
		Token  string `json:"token"`
		Value  string `json:"token_value"`
		Info   struct {
			ID string `json:"token_id"`
		} `json:"token_info"`
	}
	path := v.req.URL.Path
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case answer.Code >= http.StatusMultipleChoices || v.req.Method != http.MethodPost:
	case strings.HasSuffix(path, "/credentials/secrets") && json.Unmarshal(answer.Body.Bytes(), &a) == nil:
		g.issued = append(g.issued, issued{id: a.ID, value: a.Secret})
		g.watch.add("an OAuth secret", a.Secret, atDatabricks)
	case strings.HasSuffix(path, onBehalf) && json.Unmarshal(answer.Body.Bytes(), &a) == nil:
		g.issued = append(g.issued, issued{id: a.Info.ID, value: a.Value})
		g.watch.add("a personal access token", a.Value, atDatabricks)
	case strings.HasSuffix(path, "/oidc/v1/token") || strings.HasSuffix(path, "/v1/token"):
		if json.Unmarshal(answer.Body.Bytes(), &a) == nil && a.Access != "" {
			_, secret, _ := v.req.BasicAuth()
			from := slices.IndexFunc(g.issued, func(i issued) bool { return i.value == secret })
			if from >= 0 { // else it is the operator's
				g.issued = append(g.issued, issued{id: g.issued[from].id, value: a.Access})
			}
			g.watch.add("an access token", a.Access, atDatabricks)
		}
	case strings.HasSuffix(path, "/access_tokens") && json.Unmarshal(answer.Body.Bytes(), &a) == nil:
		g.watch.add("an App's token", a.Token, atGitHub)
	}
}

// under sets what is to happen to the next run, and forgets the one before.
func (g *gate) under(s *strike, t *turns) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.strike, g.turns, g.seen, g.points = s, t, map[string]int{}, nil
}

// arrived returns the points of the run so far.
func (g *gate) arrived() []point {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.points)
}

// now returns the turns of the runs that are under way.
func (g *gate) now() *turns {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.turns
}

// given returns what was issued so far.
func (g *gate) given() []issued {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.issued)
}

// changes says whether a request is of a kind that changes something. It judges by itself, not as the
// program or the sandbox does.
func changes(r *http.Request, body []byte) bool {
	path := r.URL.Path
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions:
		return false
	case strings.HasSuffix(path, "/v1/token") || strings.HasSuffix(path, "/git-upload-pack") || strings.HasSuffix(path, "/access_tokens"):
		return false
	case strings.HasSuffix(path, "/graphql"):
		return bytes.Contains(body, []byte("mutation"))
	default:
		return true
	}
}

// numbers are ids: they differ with the order in which things are made.
var numbers = regexp.MustCompile(`/[0-9]+(/|$)|/[0-9a-f]{8}-[0-9a-f-]{27}(/|$)|/[0-9a-f]{64}(/|$)`)

func plain(path string) string {
	path = strings.ReplaceAll(path, accountID, "ACCOUNT")
	return numbers.ReplaceAllString(numbers.ReplaceAllString(path, "/ID$1$2$3"), "/ID$1$2$3")
}
