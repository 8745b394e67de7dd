package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Store is the repository that the refs lie in: an empty one and one without the refs are no errors.
type Store interface {
	Refs(ctx context.Context) (gitrepo.Refs, error)
	FetchVersions(ctx context.Context, hash string, depth int) ([]gitrepo.Version, error)
	MoveRefs(ctx context.Context, moves []gitrepo.Move) (gitrepo.Refs, error)
}

// Clock is the time that a lease is kept by.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
	Await(ctx context.Context, t time.Time) error
}

// Options open a book.
type Options struct {
	Store Store
	Clock Clock
	Where Where
	Run   Run          // as the versions that it writes will bear it, but for its times
	Self  Process      // as the lease will name it
	Say   func(string) // is told why a run waits, and whose lease it took over; may be nil
}

// Book is the ledger of one run: read once, and written to while the run holds the lease. Its methods may
// be called from any goroutine.
type Book struct {
	opt    Options
	offset time.Duration // of the server's clock, from ours

	mu     sync.Mutex // one push at a time; it holds what follows
	ledger Ledger
	state  string    // the hash of StateRef
	lease  string    // the hash of LeaseRef, ours or another's
	until  time.Time // by our clock: so long the lease is ours; zero while it is not

	lasts   atomic.Pointer[time.Time] // until, for who does not wait for a push
	renewed int
	first   bool
	stop    context.CancelFunc // ends the renewals
	kept    chan struct{}      // closed when they have ended
}

// Open reads the ledger. A repository that has none has an empty one; one that cannot be used is
// ErrTorn, ErrNewer or ErrOther.
func Open(ctx context.Context, o Options) (*Book, error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	b := &Book{opt: o, ledger: fresh(o.Where)}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b, b.look(ctx)
}

func fresh(w Where) Ledger {
	return Ledger{FormatVersion: FormatVersion, Stack: w.Stack, Repository: w.Repository}
}

// Ledger returns a copy of the ledger as it was read or written last.
func (b *Book) Ledger() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.clone()
}

// Exists reports whether the repository has a ledger.
func (b *Book) Exists() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != ""
}

// look reads where both refs stand, and the ledger if it moved.
func (b *Book) look(ctx context.Context) error {
	refs, err := b.opt.Store.Refs(ctx)
	if err != nil {
		return fmt.Errorf("reading the ledger's refs: %w", err)
	}
	b.keepTime(refs)
	b.lease = refs.Hashes[LeaseRef]
	hash := refs.Hashes[StateRef]
	if hash == b.state && hash != "" {
		return nil
	}
	l := fresh(b.opt.Where)
	if !b.until.IsZero() {
		l = b.ledger // the ref was taken away under this run, which knows what stood there
	}
	if hash != "" {
		if l, err = b.read(ctx, hash); err != nil {
			return err
		}
	}
	b.state, b.ledger = hash, l
	return nil
}

func (b *Book) read(ctx context.Context, hash string) (Ledger, error) {
	versions, err := b.opt.Store.FetchVersions(ctx, hash, 1)
	if err != nil {
		return Ledger{}, fmt.Errorf("reading the ledger: %w", err)
	}
	if len(versions) == 0 {
		return Ledger{}, fmt.Errorf("%w: its commit %s is not there", ErrTorn, hash)
	}
	l, err := Decode(versions[0].Files[file])
	if err == nil {
		err = l.belongs(b.opt.Where)
	}
	if err != nil {
		return Ledger{}, fmt.Errorf("reading commit %.12s of %s: %w", hash, StateRef, err)
	}
	l.Repository = l.Repository.named(b.opt.Where.Repository)
	return l, nil
}

// named returns the repository under the name that it has today.
func (r Repository) named(now Repository) Repository {
	if now.ID != "" {
		return now
	}
	return r
}

// Settle says which repository the book is of, once that is known: a book is opened while it is looked up.
func (b *Book) Settle(r Repository) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opt.Where.Repository = r
	if r.ID == "" {
		return nil // it could not be looked at; what the ledger says of it stays
	}
	if b.state != "" {
		if err := b.ledger.belongs(b.opt.Where); err != nil {
			return err
		}
	}
	b.ledger.Repository = r
	return nil
}

func (b *Book) keepTime(refs gitrepo.Refs) {
	if !refs.Time.IsZero() {
		b.offset = refs.Time.Sub(b.opt.Clock.Now())
	}
}

// serverNow is the time by the server's clock.
func (b *Book) serverNow() time.Time { return b.opt.Clock.Now().Add(b.offset) }

// Change records something. It reaches the repository before Change returns; if another run wrote in the
// meantime, change is made to what that one wrote. The message says in a line what it is.
func (b *Book) Change(ctx context.Context, message string, change func(*Ledger)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.record(ctx, page{message: message}, func(l *Ledger) ([]gitrepo.Move, error) { change(l); return nil, nil })
}

// page is how a version introduces itself.
type page struct {
	message string
	last    bool // of its run
}

// record pushes the ledger with a change, and whatever moves come with it, in one push.
func (b *Book) record(ctx context.Context, p page, change func(*Ledger) ([]gitrepo.Move, error)) error {
	const tries = 5
	for range tries {
		l := b.ledger.clone()
		if l.Run.ID != b.opt.Run.ID {
			l.Run = b.opt.Run // what the run before did stands in its own versions
		}
		moves, err := change(&l)
		if err != nil {
			return err
		}
		version, err := b.version(l, p)
		if err != nil {
			return err
		}
		refs, err := b.push(ctx, append([]gitrepo.Move{version}, moves...))
		if err == nil {
			b.state, b.ledger = refs.Hashes[StateRef], l
			if len(moves) > 0 {
				b.lease = refs.Hashes[LeaseRef]
			}
			return nil
		}
		if !errors.Is(err, gitrepo.ErrMoved) {
			return fmt.Errorf("writing the ledger: %w", err)
		}
		before := b.lease
		if err := b.look(ctx); err != nil {
			return err
		}
		if len(moves) > 0 && b.lease != before { // whoever moves the lease decides what that means
			return fmt.Errorf("writing the ledger: %w", err)
		}
	}
	return fmt.Errorf("writing the ledger: %w, %d times", gitrepo.ErrMoved, tries)
}

// version is the move that makes l the ledger.
func (b *Book) version(l Ledger, p page) (gitrepo.Move, error) {
	did := l.Run.Did
	l.Stack, l.Run = b.opt.Where.Stack, b.opt.Run
	l.Run.Did = did
	if p.last {
		l.Run.EndedAt = Moment(b.serverNow())
	}
	data, err := l.Encode()
	if err != nil {
		return gitrepo.Move{}, err
	}
	return gitrepo.Move{Ref: StateRef, Old: b.state, New: &gitrepo.NewCommit{
		Parent: b.state, Files: map[string][]byte{file: data}, Message: p.message,
	}}, nil
}

// push makes the moves. They are compare-and-swap, so one whose answer was lost is looked for, and sent again where
// nothing was moved. One that finds the refs moved may have moved them itself: something on the way sent it twice.
func (b *Book) push(ctx context.Context, moves []gitrepo.Move) (gitrepo.Refs, error) {
	const tries = 3
	var refs gitrepo.Refs
	var err error
	for range tries {
		refs, err = b.opt.Store.MoveRefs(ctx, moves)
		if err == nil {
			b.keepTime(refs)
		}
		if !errors.Is(err, gitrepo.ErrMoved) && !errors.Is(err, resource.ErrLost) {
			return refs, err
		}
		now, look := b.opt.Store.Refs(ctx)
		if look != nil {
			return refs, fmt.Errorf("%w; looking whether it was done: %w", err, look)
		}
		switch {
		case stand(now, moves, func(m gitrepo.Move) string { return refs.Hashes[m.Ref] }):
			b.keepTime(now)
			return refs, nil
		case errors.Is(err, gitrepo.ErrMoved), !stand(now, moves, func(m gitrepo.Move) string { return m.Old }):
			return refs, fmt.Errorf("%w: %v", gitrepo.ErrMoved, err)
		}
	}
	return refs, err
}

func stand(now gitrepo.Refs, moves []gitrepo.Move, where func(gitrepo.Move) string) bool {
	return !slices.ContainsFunc(moves, func(m gitrepo.Move) bool { return now.Hashes[m.Ref] != where(m) })
}

// recent is how many versions History goes back: what can be held at once.
const recent = 500

// History returns the latest versions of the ledger, the newest first.
func (b *Book) History(ctx context.Context) ([]Past, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == "" {
		return nil, nil
	}
	versions, err := b.opt.Store.FetchVersions(ctx, b.state, recent)
	if err != nil {
		return nil, fmt.Errorf("reading the history of the ledger: %w", err)
	}
	past := make([]Past, 0, len(versions))
	for _, v := range versions {
		p := Past{Hash: v.Hash, Message: v.Message, At: v.Author.When}
		p.Ledger, p.Flaw = Decode(v.Files[file])
		past = append(past, p)
	}
	return past, nil
}

// Past is one version of the ledger. Flaw says why it is none.
type Past struct {
	Hash    string
	Message string
	At      time.Time
	Ledger  Ledger
	Flaw    error
}
