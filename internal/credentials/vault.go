// Package credentials brings secret values to GitHub: it reads or issues them, seals them, stores them
// and checks that they log in; it records what it did, and revokes what was replaced. A value is sealed from
// the moment that it is known, and never becomes a part of an object, a plan, a record or an error.
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
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Options opens a vault. Dir is the folder of the spec, which holds the files that it may read.
type Options struct {
	GitHub     *github.Client
	Fleet      *databricks.Fleet
	Principals []string // the names of those that the spec runs as
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

	records Records                  // nil: there is no ledger
	adopted map[string]ledger.Secret // by address: what the plan saw and the ledger does not know
	strays  map[string]*strays       // by principal's id
	forced  map[string]bool          // by address
	sent    map[string]bool          // by address of a Git credential: it was asked for, and the answer was lost
	done    map[string]bool          // by address: nothing is left of what a run that did not end was to issue
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
	v := &Vault{opt: o, turns: map[string]chan struct{}{}, open: map[github.Place]*journey{}, sent: map[string]bool{}}
	v.Use(nil)
	return v
}

// Issue says that a value is made for the purpose, and what it is.
type Issue string

// What can be issued. An access token is what an OAuth secret was exchanged for.
const (
	OAuthSecret   Issue = "oauth_secret"
	AccessToken   Issue = "access_token"
	PersonalToken Issue = "personal_access_token"
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
	PrincipalID   string // the holder (see At); "" as long as there is no principal
	ApplicationID string
	Lifetime      time.Duration
	RotateBefore  time.Duration // before it expires; of a value from outside, the age at which it is stored anew
	Overlap       time.Duration // how long an OAuth secret stays valid once it is replaced; 0 is a day
	Places        int           // that hold an OAuth secret of this principal and this lifetime; 0 is one
}

// Need is what a secret that is not as it should be asks for.
type Need string

// The needs. All but Tidying bring a value to GitHub.
const (
	Rotation Need = "rotation" // a new value: the one that is stored ends, or was asked to
	Repair   Need = "repair"   // its value: another one is stored
	Ageing   Need = "ageing"   // a new value, as one that lives for an hour has grown old
	Tidying  Need = "tidying"  // no new value: what is no longer needed is revoked
)

// Stored is what is known of a secret that GitHub holds.
type Stored struct {
	UpdatedAt time.Time
	ExpiresAt time.Time // zero where nothing shows it
	Expiring  bool      // so soon that a person should know
	Need      Need      // "" where it is as it should be
	Renew     string    // why it is needed
	Spare     []string  // OAuth secrets that nobody may need, and that are not certainly this stack's to revoke
	// Uncompared says why the value from outside could not be compared with the one that was stored.
	Uncompared string
}

// due returns what is stored, with a need.
func (s Stored) due(n Need, format string, args ...any) Stored {
	s.Need, s.Renew = n, fmt.Sprintf(format, args...)
	return s
}

// Stored returns what is known of the secret at a place, or resource.ErrNotFound. A principal that has no
// room for what has to be issued is a *resource.Blocked: better known before anything is changed than in
// the middle of it.
func (v *Vault) Stored(ctx context.Context, p github.Place, s Source) (Stored, error) {
	h, err := v.look(ctx, p, s)
	if err != nil {
		return Stored{}, err
	}
	if !h.there {
		if err := h.room(); err != nil {
			return Stored{}, err
		}
		return Stored{}, fmt.Errorf("secret %s: %w", p, resource.ErrNotFound)
	}
	stored := v.judge(h)
	if s.Issue != "" && stored.Need != "" && stored.Need != Tidying {
		return stored, h.room()
	}
	return stored, nil
}

// Store brings a value from its source to a place, records it, revokes what it replaces once that is due,
// and returns what is known of it then. An error that matches resource.ErrNotYet asks to be called again:
// what was issued is kept until it is in place, and nothing is issued twice.
func (v *Vault) Store(ctx context.Context, p github.Place, s Source) (Stored, error) {
	if s.Issue != "" && (s.PrincipalID == "" || s.ApplicationID == "") {
		return Stored{}, fmt.Errorf("issuing for secret %s: the ids of %s are not known", p, s.Principal)
	}
	done, err := v.turn(ctx, s.PrincipalID, addressOf(p, s))
	if err != nil {
		return Stored{}, err
	}
	defer done()
	brought := v.bring
	if s.Issue != "" {
		brought = v.travel
	}
	record, err := brought(ctx, p, s)
	if err == nil {
		err = v.conclude(ctx, p, s, record)
	}
	if err != nil {
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

// turn waits until nobody else works on a principal's credentials, or, where there is no principal, on
// the secret of that address.
func (v *Vault) turn(ctx context.Context, principal, address string) (done func(), err error) {
	key := "principal " + principal
	if principal == "" {
		key = address
	}
	v.mu.Lock()
	turn, ok := v.turns[key]
	if !ok {
		turn = make(chan struct{}, 1)
		turn <- struct{}{}
		v.turns[key] = turn
	}
	v.mu.Unlock()
	select {
	case <-turn:
		return func() { turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
