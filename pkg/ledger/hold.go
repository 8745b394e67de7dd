package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
)

// ErrLeaseLost is a lease that expired unrenewed, or that somebody else took over.
var ErrLeaseLost = errors.New("the lease on the ledger was lost")

// Taking is how a run begins: who runs it, what it is about to do, and how long it waits for others.
type Taking struct {
	Who     string
	Message string
	Change  func(*Ledger)
	Timeout time.Duration
}

// Take takes the lease and records what the run is about to do, in one push. While another run holds the lease it
// waits, up to the timeout: a *HeldError then. It takes over a lease that has expired, or whose
// holder was a process of this machine that no longer runs, and says so. From then on the lease is
// renewed until Close or Leave.
func (b *Book) Take(ctx context.Context, t Taking) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opt.Run.Who, b.opt.Run.Host, b.opt.Run.StartedAt = t.Who, b.opt.Self.Host, Moment(b.serverNow())
	message, change := t.Message, t.Change
	began := b.opt.Clock.Now()
	seen := map[string]time.Time{} // by the server's clock, for each lease of others
	if b.lease == "" {
		if err := b.seize(ctx, message, change); !errors.Is(err, gitrepo.ErrMoved) {
			return err
		}
	}
	for {
		if err := b.look(ctx); err != nil {
			return err
		}
		free, other, err := b.free(ctx, seen)
		if err != nil {
			return err
		}
		waited := b.opt.Clock.Now().Sub(began)
		if free {
			err := b.seize(ctx, message, change)
			if !errors.Is(err, gitrepo.ErrMoved) || waited > t.Timeout+leaseLasts {
				return err
			}
			if err := b.opt.Clock.Sleep(ctx, time.Second); err != nil { // others are after it, too
				return fmt.Errorf("taking the lease: %w", err)
			}
			continue
		}
		const pause = 3 * time.Second
		if waited >= t.Timeout {
			return &HeldError{Lease: other, Waited: waited.Round(time.Second)}
		}
		b.opt.Say("waiting for another apply: " + other.String())
		if err := b.opt.Clock.Sleep(ctx, min(pause, t.Timeout-waited)); err != nil {
			return fmt.Errorf("waiting for another apply, %s: %w", other, err)
		}
	}
}

// free reports whether the lease may be taken: nobody has it, or nobody has it any longer.
func (b *Book) free(ctx context.Context, seen map[string]time.Time) (bool, Lease, error) {
	if b.lease == "" {
		return true, Lease{}, nil
	}
	if _, known := seen[b.lease]; !known {
		seen[b.lease] = b.serverNow()
	}
	other, err := b.readLease(ctx)
	if err != nil && !errors.Is(err, ErrTorn) {
		return false, other, err
	}
	switch {
	case err == nil && other.Process.here(b.opt.Self) && !runs(other.Process):
		b.opt.Say("taking over the lease of a run that was ended on this machine: " + other.String())
	case other.expired(b.serverNow(), seen[b.lease]):
		b.opt.Say("taking over a lease that has expired: " + other.String())
	default:
		return false, other, nil
	}
	return true, other, nil
}

// readLease reads the lease that LeaseRef stands at.
func (b *Book) readLease(ctx context.Context) (Lease, error) {
	versions, err := b.opt.Store.FetchVersions(ctx, b.lease, 1)
	if err != nil {
		return Lease{}, fmt.Errorf("reading the lease: %w", err)
	}
	if len(versions) == 0 {
		return Lease{}, fmt.Errorf("%w: the lease's commit %s is not there", ErrTorn, b.lease)
	}
	return decodeLease(versions[0].Files[leaseFile])
}

// seize pushes the lease and what the run is about to do.
func (b *Book) seize(ctx context.Context, message string, change func(*Ledger)) error {
	sent, first := b.opt.Clock.Now(), b.state == ""
	err := b.record(ctx, page{message: message}, func(l *Ledger) ([]gitrepo.Move, error) {
		change(l)
		sent = b.opt.Clock.Now()
		m, err := b.leaseMove()
		return []gitrepo.Move{m}, err
	})
	if err != nil {
		return err
	}
	b.first = first
	b.last(sent.Add(leaseLasts - leaseMargin))
	b.keep(ctx)
	return nil
}

// leaseMove is the move that makes the lease ours for another while.
func (b *Book) leaseMove() (gitrepo.Move, error) {
	now := b.serverNow()
	data, err := Lease{
		Stack: b.opt.Where.Stack, Run: b.opt.Run.ID, Who: b.opt.Run.Who, Process: b.opt.Self,
		TakenAt: b.opt.Run.StartedAt, ExpiresAt: Moment(now.Add(leaseLasts)), Renewed: b.renewed,
	}.encode()
	b.renewed++
	return gitrepo.Move{Ref: LeaseRef, Old: b.lease, New: &gitrepo.NewCommit{
		Files: map[string][]byte{leaseFile: data}, Message: "lease of run " + b.opt.Run.ID,
	}}, err
}

// keep renews the lease until stop is called; kept closes then.
func (b *Book) keep(ctx context.Context) {
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx)) // an apply that is interrupted finishes what is in flight
	b.kept = make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		next := b.opt.Clock.Now().Add(leaseRenews)
		for b.opt.Clock.Await(ctx, next) == nil {
			b.mu.Lock()
			err := b.renew(ctx)
			b.mu.Unlock()
			if errors.Is(err, ErrLeaseLost) {
				return
			}
			next = b.opt.Clock.Now().Add(leaseRenews)
			if err != nil {
				next = b.opt.Clock.Now().Add(time.Second) // there is time left for more tries
			}
		}
	}(b.kept)
}

// renew makes the lease last longer. One that expired meanwhile, and that nobody took, is ours again.
func (b *Book) renew(ctx context.Context) error {
	if b.until.IsZero() {
		return ErrLeaseLost
	}
	sent := b.opt.Clock.Now()
	m, err := b.leaseMove()
	if err != nil {
		return err
	}
	refs, err := b.push(ctx, []gitrepo.Move{m})
	switch {
	case errors.Is(err, gitrepo.ErrMoved):
		b.last(time.Time{})
		return fmt.Errorf("%w: somebody else took it over", ErrLeaseLost)
	case err != nil:
		return fmt.Errorf("renewing the lease: %w", err)
	}
	b.lease = refs.Hashes[LeaseRef]
	b.last(sent.Add(leaseLasts - leaseMargin))
	return nil
}

// last notes until when the lease is ours; zero is that it is not.
func (b *Book) last(until time.Time) {
	b.until = until
	b.lasts.Store(&until)
}

// Held reports whether the run has taken the lease and not lost it.
func (b *Book) Held() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}

// Run returns the run that the book is of.
func (b *Book) Run() Run {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opt.Run
}

// First reports whether the run began the ledger: there was none, and nobody else began one meanwhile.
func (b *Book) First() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first
}

// Now returns the time by the server's clock.
func (b *Book) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.serverNow()
}

// Hold returns nil while the lease is ours: only then may something be begun. If it has expired it is
// renewed first; ErrLeaseLost says that somebody else has it.
func (b *Book) Hold(ctx context.Context) error {
	// A push that is under way must not keep the steps waiting while the lease lasts.
	if until := b.lasts.Load(); until != nil && b.opt.Clock.Now().Before(*until) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opt.Clock.Now().Before(b.until) {
		return nil
	}
	if err := b.renew(ctx); err != nil {
		return fmt.Errorf("keeping the lease on the ledger: %w", err)
	}
	return nil
}

// Close records how the run ended and lets the lease go, in one push. If the lease was lost, what was done is
// recorded all the same.
func (b *Book) Close(ctx context.Context, message string, change func(*Ledger)) error {
	b.Leave()
	b.mu.Lock()
	defer b.mu.Unlock()
	ours := b.lease
	err := b.record(ctx, page{message: message, last: true}, func(l *Ledger) ([]gitrepo.Move, error) {
		change(l)
		if b.until.IsZero() || b.lease != ours {
			return nil, nil
		}
		return []gitrepo.Move{{Ref: LeaseRef, Old: b.lease}}, nil
	})
	if errors.Is(err, gitrepo.ErrMoved) && b.lease != ours {
		b.last(time.Time{})
		err = b.record(ctx, page{message: message, last: true}, func(l *Ledger) ([]gitrepo.Move, error) { change(l); return nil, nil })
	}
	b.last(time.Time{})
	return err
}

// Leave stops renewing the lease, and leaves it to expire: where there is nothing left to write to.
func (b *Book) Leave() {
	if b.stop == nil {
		return
	}
	b.stop()
	<-b.kept
	b.stop = nil
}

// Holder returns whose lease it is; nil while it is nobody's.
func (b *Book) Holder(ctx context.Context) (*Lease, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lease == "" {
		return nil, nil
	}
	l, err := b.readLease(ctx)
	return &l, err
}

// Unlock removes the lease that the book found, whoever has it. One that was renewed since is not removed.
func (b *Book) Unlock(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lease == "" {
		return nil
	}
	if _, err := b.push(ctx, []gitrepo.Move{{Ref: LeaseRef, Old: b.lease}}); err != nil {
		return fmt.Errorf("removing the lease: %w", err)
	}
	b.lease = ""
	return nil
}
