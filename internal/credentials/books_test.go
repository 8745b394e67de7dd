package credentials

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// books is a ledger in memory, as the engine keeps one in the repository.
type books struct {
	mu     sync.Mutex
	ledger ledger.Ledger
	made   bool // the stack made the principal
	saves  int
	strike *strike
}

func (b *books) Secrets() []ledger.Secret {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ledger.Secrets)
}

func (b *books) Issuing() []ledger.Issuing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ledger.Issuing)
}

func (b *books) MadePrincipal(_, name string) bool { return b.made && name == "taxi-prod" }

func (b *books) Save(_ context.Context, s ledger.Secret) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.strike.around("save", func() error {
		b.saves++
		b.ledger.PutSecret(s)
		b.ledger.Issuing = slices.DeleteFunc(b.ledger.Issuing, func(i ledger.Issuing) bool { return i.Address == s.Address })
		return nil
	})
}

// life is an apply as far as the vault goes: it plans, records what it will issue, and does what the plan says.
// Open intents of runs before are seen by it, its own are not.
type life struct {
	*bank
	books *books
}

func openLife(t *testing.T) *life {
	t.Helper()
	r := &life{bank: openBank(t), books: &books{made: true}}
	r.books.strike = &r.strike
	r.source.Address = addressOf(inProd, r.source)
	return r
}

// begin opens a vault on the ledger of now.
func (r *life) begin(t *testing.T) {
	t.Helper()
	r.renew(t)
	r.Use(r.books)
}

// intend records that credentials are about to be issued; only the runs after this one see it.
func (r *life) intend(t *testing.T, sources ...Source) error {
	t.Helper()
	var wanted []Wanted
	for _, s := range sources {
		id, host := parted(s.PrincipalID)
		wanted = append(wanted, Wanted{Address: s.Address, Principal: s.Principal, PrincipalID: id, Workspace: host})
		secrets, err := r.Issued(t.Context(), s.PrincipalID)
		if err != nil {
			return err
		}
		r.straysOf(s, secrets) // this run saw what was open before
	}
	intents, err := r.Intents(t.Context(), wanted)
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	r.books.ledger.Issuing = append(r.books.ledger.Issuing, intents...)
	return err
}

// apply does for one secret what a whole apply would.
func (r *life) apply(t *testing.T, p github.Place, s Source) (Stored, error) {
	t.Helper()
	r.begin(t)
	return r.carryOut(t, p, s)
}

func (r *life) carryOut(t *testing.T, p github.Place, s Source) (Stored, error) {
	t.Helper()
	before, err := r.Stored(t.Context(), p, s)
	missing := errors.Is(err, resource.ErrNotFound)
	switch {
	case err != nil && !missing:
		return before, err
	case before.Need == Tidying:
		return r.Tidy(t.Context(), p, s)
	case before.Need == "" && !missing:
		return before, nil
	}
	if s.Issue != "" {
		if err := r.intend(t, s); err != nil {
			return before, err
		}
	}
	return r.Store(t.Context(), p, s)
}

// settle applies once, and then holds that a plan would be empty.
func (r *life) settle(t *testing.T, p github.Place, s Source) {
	t.Helper()
	if _, err := r.apply(t, p, s); err != nil {
		t.Fatal(err)
	}
	r.steady(t, p, s)
}

func (r *life) steady(t *testing.T, p github.Place, s Source) {
	t.Helper()
	if now := r.plan(t, p, s); now.Need != "" || len(now.Spare) > 0 {
		t.Errorf("a plan after the apply says %q (%s), spare are %v; want nothing", now.Renew, now.Need, now.Spare)
	}
}

func (r *life) plan(t *testing.T, p github.Place, s Source) Stored {
	t.Helper()
	r.begin(t)
	stored, err := r.Stored(t.Context(), p, s)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func (r *life) pass(d time.Duration) { _ = r.clock.Sleep(context.Background(), d) }

// recorded is what the ledger holds of the secret in prod.
func (r *life) recorded(t *testing.T) ledger.Secret {
	t.Helper()
	s := r.books.ledger.FindSecret(r.source.Address)
	if s == nil {
		t.Fatal("nothing is recorded")
	}
	return *s
}

func (r *life) idsNow() []string { return idsOf(r.live()) }

// works reports whether what GitHub holds logs in.
func (r *life) works(p github.Place) bool {
	return r.sandbox.LogsIn("acme/taxi", p.Environment, p.Name)
}

func sealed(value string) databricks.Sealed { return databricks.Seal(value) }

func asBlocked(err error, target **resource.Blocked) bool { return errors.As(err, target) }
