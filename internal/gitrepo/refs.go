package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Refs is where a repository's refs stand, by their full names, and the server's clock when it said so: the
// Date of its answer, zero where it had none.
type Refs struct {
	Hashes map[string]string
	Time   time.Time
}

// What a push of refs ends with, beside the errors of package resource.
var (
	// ErrMoved: a ref is not where it was taken to be; somebody else moved it, and nothing was done.
	ErrMoved = errors.New("somebody else moved the ref")
	// ErrRefRefused: the server does not let this ref be written.
	ErrRefRefused = errors.New("the repository does not let the ref be written")
)

// Move changes one ref by compare-and-swap: Old "" is one that must not exist, New nil deletes it.
type Move struct {
	Ref, Old string
	New      *NewCommit
}

// NewCommit is a commit that holds Files, by their paths, and nothing else. Parent need not be known here; ""
// is none.
type NewCommit struct {
	Parent  string
	Files   map[string][]byte
	Message string
	Author  Signature
}

// ReadRefs reads where the refs below prefix stand. An empty repository has none.
func ReadRefs(ctx context.Context, r Remote, prefix string) (Refs, error) {
	dialled, err := dial(ctx, r)
	if err != nil {
		return Refs{}, err
	}
	session, err := dialled.client.NewUploadPackSession(dialled.endpoint, dialled.auth)
	if err != nil {
		return Refs{}, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return Refs{Hashes: map[string]string{}, Time: dialled.clock.read()}, nil
	}
	if err != nil {
		return Refs{}, fmt.Errorf("reading the refs of %s: %w", r.URL, bare(err))
	}
	return Refs{Hashes: below(refs, prefix), Time: dialled.clock.read()}, nil
}

func below(refs *packp.AdvRefs, prefix string) map[string]string {
	found := map[string]string{}
	for name, hash := range refs.References {
		if strings.HasPrefix(name, prefix) {
			found[name] = hash.String()
		}
	}
	return found
}

// MoveRefs makes all of the moves or none, and returns where the refs stand then. A push whose answer was lost
// is resource.ErrLost; it comes with where the refs would stand.
func MoveRefs(ctx context.Context, r Remote, moves []Move) (Refs, error) {
	dialled, err := dial(ctx, r)
	if err != nil {
		return Refs{}, err
	}
	session, err := dialled.client.NewReceivePackSession(dialled.endpoint, dialled.auth)
	if err != nil {
		return Refs{}, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return Refs{}, fmt.Errorf("asking %s to push: %w", r.URL, bare(err))
	}
	here := below(refs, "refs/")
	for _, m := range moves {
		if here[m.Ref] != m.Old {
			return Refs{Hashes: here, Time: dialled.clock.read()}, fmt.Errorf("%s: %w", m.Ref, ErrMoved)
		}
	}
	if len(moves) > 1 && !refs.Capabilities.Supports(capability.Atomic) {
		return Refs{}, fmt.Errorf("pushing to %s: the server cannot move several refs at once (it lacks git's capability atomic)", r.URL)
	}
	p, made, err := pack(moves)
	if err != nil {
		return Refs{}, err
	}
	err = deliver(ctx, session, refs.Capabilities, p)
	made.Time = dialled.clock.read()
	if err != nil {
		err = fmt.Errorf("pushing %s to %s: %w", names(moves), r.URL, judged(err))
	}
	return made, err
}

func names(moves []Move) string {
	all := make([]string, len(moves))
	for i, m := range moves {
		all[i] = m.Ref
	}
	return strings.Join(all, " and ")
}

// pack makes the commits of the moves.
func pack(moves []Move) (parcel, Refs, error) {
	p, made := parcel{store: memory.NewStorage()}, Refs{Hashes: map[string]string{}}
	for _, m := range moves {
		c := &packp.Command{Name: plumbing.ReferenceName(m.Ref), Old: plumbing.NewHash(m.Old), New: plumbing.ZeroHash}
		if m.New != nil {
			hash, objects, err := write(p.store, *m.New)
			if err != nil {
				return parcel{}, Refs{}, fmt.Errorf("making the commit of %s: %w", m.Ref, err)
			}
			c.New, made.Hashes[m.Ref] = hash, hash.String()
			p.objects = append(p.objects, objects...)
		}
		p.commands = append(p.commands, c)
	}
	return p, made, nil
}

// judged says which error a push's refusal is. git's own words are all that a server gives: those for a ref
// that is not where it was expected are of receive-pack and of the ref's lock, those of a rule anything.
func judged(err error) error {
	text := err.Error()
	for _, moved := range []string{"reference already exists", "but expected", "cannot lock ref", "fetch first", "non-fast-forward", "failed to update ref", "atomic transaction failed", "incorrect old value"} {
		if strings.Contains(text, moved) && !strings.Contains(text, "declined") {
			return fmt.Errorf("%w: %w", ErrMoved, err)
		}
	}
	var status *refusal
	if errors.As(err, &status) {
		return fmt.Errorf("%w: %w", ErrRefRefused, err)
	}
	if !answered(err) {
		return fmt.Errorf("%w: %w", resource.ErrLost, err)
	}
	return err
}

// answered reports whether the server said itself what it did, by an error of the transport's.
func answered(err error) bool {
	for _, known := range []error{resource.ErrRefused, resource.ErrLost, resource.ErrForbidden, resource.ErrUnauthorized, resource.ErrNotFound, resource.ErrNotYet} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// dialled is a client of one repository.
type dialled struct {
	client   transport.Transport
	endpoint *transport.Endpoint
	auth     *githttp.BasicAuth
	clock    *serverClock
}

func dial(ctx context.Context, r Remote) (dialled, error) {
	token, err := r.Token(ctx)
	if err != nil {
		return dialled{}, err
	}
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return dialled{}, fmt.Errorf("the repository's address %s: %w", r.URL, err)
	}
	clock := &serverClock{base: r.Transport}
	// A client of our own: go-git's registry of protocols belongs to the whole process.
	client := githttp.NewClient(&http.Client{
		Transport:     clock,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	return dialled{client: client, endpoint: endpoint, auth: &githttp.BasicAuth{Username: "x-access-token", Password: token}, clock: clock}, nil
}

// serverClock notes the time that a server's answers bear.
type serverClock struct {
	base http.RoundTripper
	mu   sync.Mutex
	time time.Time
}

// RoundTrip implements http.RoundTripper.
func (c *serverClock) RoundTrip(req *http.Request) (*http.Response, error) {
	base := c.base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.time = t
	}
	return resp, nil
}

func (c *serverClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}
