package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// ErrRenewed is a lease that its holder renewed, or gave back, before it could be removed.
var ErrRenewed = errors.New("the lease moved since it was shown")

// ErrNotOwned is an address that the ledger does not hold.
var ErrNotOwned = errors.New("the ledger does not hold it")

// Ledger reads the stack's ledger, and makes no plan. A repository that is not there has an empty one. The book
// comes with an error, too: the lease beside a ledger that cannot be used can still be looked at.
func (e *Engine) Ledger(ctx context.Context) (*ledger.Book, error) {
	opening := e.openLedger(ctx)
	r, err := e.hub.Repository(ctx)
	o := opening()
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return o.book, nil
	case err != nil:
		return o.book, err
	case o.err != nil:
		return o.book, o.err
	}
	where := ledger.Repository{Host: e.stack.Git.Host, ID: strconv.FormatInt(r.ID, 10), FullName: r.FullName}
	return o.book, o.book.Settle(where)
}

// LedgerProblems says what it means that the ledger could not be read, or used; nothing for an error of
// another kind.
func (e *Engine) LedgerProblems(err error) diag.List {
	if err == nil || errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	_, problems := e.owned(opened{err: err})
	return problems
}

// Unlock removes the lease that the book found, whoever holds it: ErrRenewed if it moved since.
func (e *Engine) Unlock(ctx context.Context, b *ledger.Book) error {
	e.guard.AllowWrites()
	err := b.Unlock(ctx)
	if errors.Is(err, gitrepo.ErrMoved) {
		return fmt.Errorf("%w: %w", ErrRenewed, err)
	}
	return err
}

// Leaving says what the ledger is to forget, and how long to wait for an apply.
type Leaving struct {
	Addresses   []string
	LockTimeout time.Duration
	Say         func(string) // is told why it waits; may be nil
}

// Release takes objects out of the ledger, with what is recorded of their secrets, and leaves the objects
// themselves alone. It takes the lease for that. All of them go or none: ErrNotOwned says that one is not there.
func (e *Engine) Release(ctx context.Context, b *ledger.Book, l Leaving) error {
	e.guard.AllowWrites()
	e.tell = l.Say
	err := b.Take(ctx, ledger.Taking{
		Who: e.who(ctx), Message: "release: begins", Timeout: l.LockTimeout, Change: func(*ledger.Ledger) {},
	})
	if err != nil {
		return err
	}
	ctx, cancel := parting(ctx)
	defer cancel()
	held := b.Ledger()
	if i := slices.IndexFunc(l.Addresses, func(a string) bool { return !Holds(held, a) }); i >= 0 {
		err := fmt.Errorf("%s: %w", l.Addresses[i], ErrNotOwned)
		return errors.Join(err, b.Close(ctx, "release: nothing done", func(*ledger.Ledger) {}))
	}
	return b.Close(ctx, fmt.Sprintf("release: %d released", len(l.Addresses)), func(now *ledger.Ledger) {
		for _, address := range l.Addresses {
			now.Drop(address)
			now.Run.Did = append(now.Run.Did, ledger.Deed{Address: address, Action: "release", Status: "done"})
		}
	})
}

// Holds reports whether a ledger has an object, a secret or an open intent at an address.
func Holds(l ledger.Ledger, address string) bool {
	return slices.Contains(Addresses(l), address)
}

// Addresses are all that a ledger has something at, sorted.
func Addresses(l ledger.Ledger) []string {
	var all []string
	for _, o := range l.Objects {
		all = append(all, o.Address)
	}
	for _, i := range l.Intents {
		all = append(all, i.Address)
	}
	for _, s := range l.Secrets {
		all = append(all, s.Address)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
