// Package credentials brings secret values to GitHub: it reads or issues them, seals them, stores them
// and checks that they log in. A value is sealed from the moment that it is known, and
// never becomes a part of an object, a plan or an error.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Options opens a vault. Dir is the folder of the spec, which holds the files that it may read.
type Options struct {
	GitHub     *github.Client
	Fleet      *databricks.Fleet
	LookupEnv  func(string) (string, bool)
	Dir        string
	RunCommand func(ctx context.Context, dir string, argv []string) (stdout []byte, err error) // nil runs it
	Secrets    *transport.Scrubber
	Clock      transport.Clock
}

// Vault stores secrets. Its methods may be called from any goroutine; what concerns one principal is
// done one after another.
type Vault struct {
	opt Options

	mu    sync.Mutex
	turns map[string]chan struct{}  // by principal: holds a token while nobody works on it
	open  map[github.Place]*journey // credentials that were issued and are not yet in place

	records Records            // nil: there is no ledger
	seen    map[string]sight   // by address
	orphans map[string]*litter // by principal's id
	forced  map[string]bool    // by address
}

// New returns a vault; it sends nothing.
func New(o Options) *Vault {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.RunCommand == nil {
		o.RunCommand = run
	}
	if o.Clock == nil {
		o.Clock = transport.System()
	}
	return &Vault{opt: o, turns: map[string]chan struct{}{}, open: map[github.Place]*journey{}}
}

// Issue says that a value is made for the purpose, and what it is.
type Issue string

// What can be issued. An access token is what an OAuth secret was exchanged for.
const (
	OAuthSecret Issue = "oauth_secret"
	AccessToken Issue = "access_token"
)

// Source is where a value comes from: exactly one of Env, File, Command and Issue is set. What follows
// them describes what is issued, and for whom.
type Source struct {
	Address string // of the secret, as the plan has it
	Env     string
	File    string
	Command []string
	Issue   Issue

	Host          string // the workspace that it has to log in to
	Principal     string // the principal's name, for messages
	PrincipalID   string // "" as long as there is no principal
	ApplicationID string
	Lifetime      time.Duration
	RotateBefore  time.Duration
	Places        int // that hold an OAuth secret of this principal and this lifetime; 0 is one
}

// Stored is what is known of a secret that GitHub holds. Renew says why it must be renewed, or is "".
type Stored struct {
	UpdatedAt time.Time
	ExpiresAt time.Time // zero where nothing shows it
	Renew     string
	Spare     []string // OAuth secrets that are valid beyond those that are stored: an id and a date each
}

// Stored returns what is known of the secret at a place, or resource.ErrNotFound.
func (v *Vault) Stored(ctx context.Context, p github.Place, s Source) (Stored, error) {
	secrets, err := v.opt.GitHub.Secrets(ctx, p.Environment)
	if err != nil {
		return Stored{}, err
	}
	info, there := secrets[p.Name]
	if !there {
		return Stored{}, v.missing(ctx, p, s)
	}
	stored := Stored{UpdatedAt: info.UpdatedAt}
	switch s.Issue {
	case AccessToken:
		return v.ageOfToken(stored), nil
	case OAuthSecret:
		return v.ageOfSecret(ctx, stored, s)
	default:
		return stored, nil
	}
}

// missing is resource.ErrNotFound for a secret that can be made, and a *resource.Blocked for one that the
// principal has no room for: better known before anything is changed than in the middle of it.
func (v *Vault) missing(ctx context.Context, p github.Place, s Source) error {
	if s.Issue != "" && s.PrincipalID != "" {
		secrets, err := v.opt.Fleet.OAuthSecrets(ctx, s.PrincipalID)
		if err != nil {
			return err
		}
		if len(secrets) >= maxSecrets {
			return &resource.Blocked{Reason: fmt.Sprintf("%s %s", s.Principal, full(secrets))}
		}
	}
	return fmt.Errorf("secret %s: %w", p, resource.ErrNotFound)
}

// Store brings a value from its source to a place, and returns what is known of it then. An error that
// matches resource.ErrNotYet asks to be called again: what was issued is kept until it is in place,
// and nothing is issued twice.
func (v *Vault) Store(ctx context.Context, p github.Place, s Source) (Stored, error) {
	if s.Issue == "" {
		value, err := v.read(ctx, s)
		if err == nil {
			err = v.put(ctx, p, value)
		}
		if err != nil {
			return Stored{}, err
		}
		return v.written(ctx, p, s)
	}
	if s.PrincipalID == "" || s.ApplicationID == "" {
		return Stored{}, fmt.Errorf("issuing for secret %s: the ids of %s are not known", p, s.Principal)
	}
	done, err := v.turn(ctx, s.PrincipalID)
	if err != nil {
		return Stored{}, err
	}
	defer done()
	if err := v.travel(ctx, p, s); err != nil {
		return Stored{}, err
	}
	return v.written(ctx, p, s)
}

// written returns what is known of a secret that was just stored. GitHub's listing may lag behind.
func (v *Vault) written(ctx context.Context, p github.Place, s Source) (Stored, error) {
	stored, err := v.Stored(ctx, p, s)
	if errors.Is(err, resource.ErrNotFound) {
		return Stored{UpdatedAt: v.opt.Clock.Now()}, nil
	}
	return stored, err
}

// Discard deletes the secret at a place. What was issued for it stays with its principal.
func (v *Vault) Discard(ctx context.Context, p github.Place) error {
	return v.opt.GitHub.DeleteSecret(ctx, p)
}

// turn waits until nobody else works on a principal's credentials.
func (v *Vault) turn(ctx context.Context, principal string) (done func(), err error) {
	v.mu.Lock()
	turn, ok := v.turns[principal]
	if !ok {
		turn = make(chan struct{}, 1)
		turn <- struct{}{}
		v.turns[principal] = turn
	}
	v.mu.Unlock()
	select {
	case <-turn:
		return func() { turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
