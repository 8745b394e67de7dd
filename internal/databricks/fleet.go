// Package databricks is the client of one Databricks account and the workspaces of one spec. It
// answers a kind's read of one object from a listing that it fetches once and that a write drops. A
// host on which nothing is asked is never logged in to.
//
// It calls the SDK's services where they are safe and its plain client elsewhere: the services do not
// escape what they put into a path, so whatever has a name in its path goes out by hand.
package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Options opens a fleet. Account is nil where the spec has none. Config logs in to a host. Principals,
// Groups and Users are the names that the spec mentions: they are looked up together.
type Options struct {
	Account                   *Host
	Workspaces                []Host
	Config                    func(Host) (*config.Config, error)
	Principals, Groups, Users []string
}

// Fleet is an account and its workspaces. Its methods may be called from any goroutine.
type Fleet struct {
	opt     Options
	account login
	memo    memo.Memo
	trusted atomic.Bool // the account let this program read what only its administrators may

	mu         sync.Mutex
	workspaces map[string]login
}

// login opens a host's client once, when the first request for it is made.
type login func() (*client.DatabricksClient, error)

// New returns a fleet; it sends nothing. Where two workspaces have one URL, the first one's profile
// is used.
func New(o Options) *Fleet {
	f := &Fleet{opt: o, workspaces: map[string]login{}}
	if o.Account != nil {
		f.account = open(o, *o.Account)
	}
	for _, h := range o.Workspaces {
		f.Admit(h)
	}
	return f
}

// Admit lets a workspace be asked that the options did not name, such as one that has left the spec.
func (f *Fleet) Admit(h Host) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.workspaces[h.URL]; !known && h.URL != "" {
		f.workspaces[h.URL] = open(f.opt, h)
	}
}

// Reach returns a workspace from which what lies in a metastore is seen: host itself if it is one of the
// fleet's, else another that is attached to that metastore. Where there is none, a *resource.Blocked.
func (f *Fleet) Reach(ctx context.Context, host, metastoreID string) (string, error) {
	if f.knows(host) {
		return host, nil
	}
	for _, h := range f.opt.Workspaces {
		if m, err := f.Metastore(ctx, h.URL); err == nil && metastoreID != "" && m.ID == metastoreID {
			return h.URL, nil
		}
	}
	return "", &resource.Blocked{Reason: fmt.Sprintf("it lies on %s, which the spec no longer names, and no workspace of the spec shares its metastore: name the workspace again, or let it go with `mlopsctl state release`", host)}
}

func (f *Fleet) knows(host string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, known := f.workspaces[host]
	return known
}

func open(o Options, h Host) login {
	return sync.OnceValues(func() (*client.DatabricksClient, error) {
		cfg, err := o.Config(h)
		if err != nil {
			return nil, fmt.Errorf("logging in to %s: %w", h.URL, err)
		}
		c, err := client.New(cfg)
		if err != nil {
			return nil, fmt.Errorf("logging in to %s: %w", h.URL, err)
		}
		return c, nil
	})
}

// HasAccount reports whether the fleet has an account: without one nothing that needs it is done.
func (f *Fleet) HasAccount() bool { return f.opt.Account != nil }

// AccountID returns the account's id, "" without an account.
func (f *Fleet) AccountID() string {
	if f.opt.Account == nil {
		return ""
	}
	return f.opt.Account.AccountID
}

// Forget drops every answer, so that the next look is at live state.
func (f *Fleet) Forget() { f.memo.Drop("") }

// onAccount returns the account's client; without an account, a *resource.Blocked.
func (f *Fleet) onAccount() (*client.DatabricksClient, error) {
	if f.account == nil {
		return nil, &resource.Blocked{Reason: "it needs the Databricks account, which the spec does not name (`account:`)"}
	}
	return f.account()
}

func (f *Fleet) on(host string) (*client.DatabricksClient, error) {
	f.mu.Lock()
	open, known := f.workspaces[host]
	f.mu.Unlock()
	if !known {
		// What only the ledger names is no place to send a credential to.
		return nil, &resource.Blocked{Reason: fmt.Sprintf("%s is no workspace of the spec: name it under targets (a target with nothing but its host will do)", host)}
	}
	return open()
}

// request is one call that goes out by hand.
type request struct {
	method, path string
	query        map[string]any
	body         any
}

// send makes a request and decodes its answer into out, which may be nil.
func send(ctx context.Context, c *client.DatabricksClient, r request, out any) error {
	headers := map[string]string{"Accept": "application/json"}
	if r.body != nil {
		headers["Content-Type"] = "application/json"
	}
	return bare(c.Do(ctx, r.method, r.path, headers, r.query, r.body, out))
}

// sendTo is send to a workspace.
func (f *Fleet) sendTo(ctx context.Context, host string, r request, out any) error {
	c, err := f.on(host)
	if err != nil {
		return err
	}
	return send(ctx, c, r, out)
}

// bare takes what the SDK and net/http wrap round a service's refusal off it: it says all they say. Of
// an answer that has another form than the documented one the SDK shows the whole, a new secret's value
// with it; what was sent has been done by then, so to a write it is as if the answer had been lost.
func bare(err error) error {
	var refused *transport.Error
	var form *json.UnmarshalTypeError
	var broken *json.SyntaxError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &form):
		return fmt.Errorf("%w: its form is not the one that Databricks documents; %s", resource.ErrLost, newer)
	case errors.As(err, &broken):
		return fmt.Errorf("%w: it is no JSON; %s", resource.ErrLost, newer)
	default:
		return err
	}
}

// newer is what to do about an answer that nobody expected.
const newer = "is the host right, and is there a newer version of this program?"

// misplaced keeps a listing that is not there from looking like an object that is not there: an account
// id is wrong, or a workspace has no Unity Catalog. What would be made would be made in the wrong place.
func misplaced(err error) error {
	switch {
	case code(err) == "METASTORE_DOES_NOT_EXIST":
		return &resource.Blocked{Reason: "the workspace has no Unity Catalog metastore; an account administrator assigns one: " + err.Error()}
	case errors.Is(err, resource.ErrNotFound):
		return fmt.Errorf("nothing answers there: %v", err) // not wrapped: it must not match ErrNotFound
	default:
		return err
	}
}

// code returns the service's own error code, "" where there is none.
func code(err error) string {
	var refused *transport.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// says reports whether the service's message contains text. It serves the few refusals that have no
// code of their own; each use names its source.
func says(err error, text string) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && strings.Contains(strings.ToLower(refused.Message), strings.ToLower(text))
}

func refusedWith(err error, status int) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.Status == status
}

// route joins the segments of a path, each escaped.
func route(base string, segments ...string) string {
	var b strings.Builder
	b.WriteString(base)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

const unityCatalog = "/api/2.1/unity-catalog"

// number reads an id that the service keeps as a number; it stands in paths, so nothing else may pass.
func number(what, id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s id %q is not a number", what, id)
	}
	return n, nil
}

// ignoreMissing is the answer to a delete: what is gone already needs none.
func ignoreMissing(err error) error {
	if errors.Is(err, resource.ErrNotFound) || refusedWith(err, http.StatusNotFound) {
		return nil
	}
	return err
}
