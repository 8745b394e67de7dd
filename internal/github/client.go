// Package github is the client of one repository on one GitHub host. It answers a kind's read of one
// object from a listing that it fetches once and that a write drops; it decodes into structs of its
// own, because go-github v60 cannot decode several of today's answers and drops fields of others.
package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Options opens a client. Host is the host as the spec names it; Dir is the local project folder, below
// which what is pushed lies; Token is asked before every request.
type Options struct {
	Host, Owner, Repo string
	Dir               string
	Token             func(context.Context) (string, error)
	Transport         http.RoundTripper
	Now               func() time.Time
}

// Client speaks to GitHub about one repository. Its methods may be called from any goroutine.
type Client struct {
	opt  Options
	host site
	rest *gh.Client
	memo memo.Memo

	mu     sync.Mutex
	born   time.Time            // when this client created the repository
	young  map[string]time.Time // by environment, in lower case: when this client saved it last
	former string               // the name that the repository has until it is renamed; "" where it has the spec's
	shown  *Shown               // what the last answer said of the token; nil before the first
}

// New returns a client; it sends nothing.
func New(o Options) (*Client, error) {
	host, err := siteOf(o.Host)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{opt: o, host: host}
	// A redirect is an answer here: it says that the repository goes by another name, and a write
	// that followed it would change that other repository.
	c.rest = gh.NewClient(&http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	c.rest.BaseURL = host.api
	return c, nil
}

// FullName returns owner/name as the spec spells it, or as it is until the repository is renamed.
func (c *Client) FullName() string { return c.opt.Owner + "/" + c.Name() }

// Host returns the host as the spec names it.
func (c *Client) Host() string { return c.opt.Host }

// Forget makes every look a new one at live state.
func (c *Client) Forget() { c.memo.Drop("") }

// Dir returns the local project folder.
func (c *Client) Dir() string { return c.opt.Dir }

// request is one call of the REST API. The path has no leading slash: with one it would lose an
// Enterprise Server's /api/v3.
type request struct {
	method, path string
	body         any
}

// send makes one request and decodes its answer into out, which may be nil.
func (c *Client) send(ctx context.Context, r request, out any) (*gh.Response, error) {
	req, err := c.rest.NewRequest(r.method, r.path, r.body)
	if err != nil {
		return nil, fmt.Errorf("making the request %s %s: %w", r.method, r.path, err)
	}
	token, err := c.opt.Token(ctx)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.rest.Do(ctx, req, out)
	if resp != nil {
		c.note(resp.Header)
	}
	if err != nil && resp != nil && resp.StatusCode < 300 && resp.StatusCode != http.StatusAccepted {
		return resp, garbled(resp, err)
	}
	if err != nil {
		return resp, c.judge(r, err)
	}
	return resp, nil
}

// garbled is an answer that has another form than the one that is documented. What was sent has been
// done by then, so to a write it is as if the answer had been lost.
func garbled(resp *gh.Response, err error) error {
	req := resp.Request
	return fmt.Errorf("%w: %s %s%s: %d, with an answer that is not as GitHub documents it (request %s): %w; is %s GitHub's, and is there a newer version of this program?",
		resource.ErrLost, req.Method, req.URL.Host, req.URL.EscapedPath(), resp.StatusCode, resp.Header.Get("X-Github-Request-Id"), err, req.URL.Host)
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	_, err := c.send(ctx, request{method: http.MethodGet, path: path}, out)
	return err
}

// infancy is how long after its creation a repository's parts may still answer that they are not
// there (terraform-provider-github#2604 saw several seconds).
const infancy = time.Minute

// judge takes the SDK's wrapping off an error, and says of a repository that was created a moment ago
// that it is not visible yet rather than that it is not there.
func (c *Client) judge(r request, err error) error {
	var failed *transport.Error
	if !errors.As(err, &failed) {
		return err
	}
	below := strings.HasPrefix(r.path, c.at()+"/")
	// "Git Repository is empty": a read takes it as said, a write expects the push that was just made.
	empty := failed.Status == http.StatusConflict && r.method != http.MethodGet && strings.HasPrefix(r.path, c.at("git"))
	if below && c.newborn() && (failed.Status == http.StatusNotFound || empty) {
		return fmt.Errorf("%w: %v", resource.ErrNotYet, failed)
	}
	return failed
}

func (c *Client) newborn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.born.IsZero() && c.opt.Now().Sub(c.born) < infancy
}

// saved reports whether this client saved an environment a moment ago: what is below it may not answer yet.
func (c *Client) saved(environment string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, known := c.young[strings.ToLower(environment)]
	return known && c.opt.Now().Sub(at) < infancy
}

func (c *Client) save(environment string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil {
		c.young = map[string]time.Time{}
	}
	c.young[strings.ToLower(environment)] = c.opt.Now()
}

func (c *Client) bear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.born = c.opt.Now()
}

// at returns the path of something below the repository, every segment escaped.
func (c *Client) at(segments ...string) string {
	return route(append([]string{"repos", c.opt.Owner, c.Name()}, segments...)...)
}

func route(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
	}
	return strings.Join(escaped, "/")
}

// listing is a paged answer: a list, or an object with the list in one of its fields.
type listing struct {
	path  string
	field string
	size  int // of a page
}

// mostPages bounds a listing whose every page names another one: more than any repository has.
const mostPages = 1000

// pages fetches every page of a listing. Where the next one begins is for GitHub to say: its links may count pages of
// another size than was asked for, or hold a cursor instead of a number. The path stays the listing's own, so that no
// answer sends the token anywhere else.
func pages[T any](ctx context.Context, c *Client, l listing) ([]T, error) {
	all, seen := []T{}, map[string]bool{}
	path, query, _ := strings.Cut(l.path, "?")
	query = strings.TrimPrefix(fmt.Sprintf("%s&per_page=%d", query, l.size), "&")
	for more := true; more; {
		seen[query] = true
		var raw json.RawMessage
		resp, err := c.send(ctx, request{method: http.MethodGet, path: path + "?" + query}, &raw)
		if err != nil {
			return nil, err
		}
		if l.field != "" {
			var wrapped map[string]json.RawMessage
			if err := json.Unmarshal(raw, &wrapped); err != nil {
				return nil, garbled(resp, err)
			}
			raw = wrapped[l.field]
		}
		var some []T
		if err := json.Unmarshal(raw, &some); err != nil {
			return nil, garbled(resp, err)
		}
		query, more = nextPage(resp.Header)
		if some == nil || more && (query == "" || seen[query]) || len(seen) > mostPages {
			return nil, garbled(resp, errNoListing)
		}
		all = append(all, some...)
	}
	return all, nil
}

// nextLink is the link to the next page in a header of that name (RFC 8288).
var nextLink = regexp.MustCompile(`<([^>]*)>[^,<]*;\s*rel="?next\b`)

// nextPage returns the query of the next page, "" where its link has none, and whether there is one.
func nextPage(h http.Header) (query string, more bool) {
	link := nextLink.FindStringSubmatch(strings.Join(h.Values("Link"), ", "))
	if link == nil {
		return "", false
	}
	if u, err := url.Parse(link[1]); err == nil {
		query = u.RawQuery
	}
	return query, true
}

// errNoListing is an answer that would read as a listing without members, or as one without an end.
var errNoListing = errors.New("it is no page of a listing")

// hidden turns a 404 on a listing of a repository that exists into what it means: GitHub hides from a
// token what it may not see, and an object that is hidden must never look absent.
func hidden(err error) error {
	if errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("%w to see it, as GitHub hides from a token what it may not see; `mlopsctl doctor` says what it lacks: %v", resource.ErrForbidden, err)
	}
	return err
}

// refused reports whether GitHub understood a request and declined it: 422.
func refused(err error) bool { return hasStatus(err, http.StatusUnprocessableEntity) }

func hasStatus(err error, status int) bool {
	var failed *transport.Error
	return errors.As(err, &failed) && failed.Status == status
}
