package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
)

// Finish records what a run without a plan to carry out found: how one ended that could not say so itself, or that
// something has gone. What is left of that one's lease is removed in the same push. It takes no lease: where somebody
// is at work, or wrote since the book read the ledger, it does nothing, as they say how it ended.
func (b *Book) Finish(ctx context.Context, t Taking) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == "" {
		return nil
	}
	if free, _, err := b.free(ctx, map[string]time.Time{}); err != nil || !free {
		return err
	}
	b.opt.Run.Who, b.opt.Run.Host, b.opt.Run.StartedAt = t.Who, b.opt.Self.Host, Moment(b.serverNow())
	state, lease := b.state, b.lease
	err := b.record(ctx, page{message: t.Message, last: true}, func(l *Ledger) ([]gitrepo.Move, error) {
		if b.state != state || b.lease != lease {
			return nil, gitrepo.ErrMoved
		}
		t.Change(l)
		if lease == "" {
			return nil, nil
		}
		return []gitrepo.Move{{Ref: LeaseRef, Old: lease}}, nil
	})
	if errors.Is(err, gitrepo.ErrMoved) {
		return nil
	}
	return err
}
