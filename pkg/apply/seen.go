package apply

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// untilSeen waits for an object that was made to become visible, and returns it.
func (w worker) untilSeen(ctx context.Context, s step) (made resource.Object, err error) {
	return made, w.patiently(s.change.Address, func() error {
		var found bool
		made, found, err = look(ctx, s)
		if err == nil && !found {
			err = fmt.Errorf("%s was made but is %w", s.change.Address, resource.ErrNotYet)
		}
		return err
	})
}

// untilShown waits until what an earlier run may have started for a step is to be seen: the step looks for it
// before it starts anything.
func (w worker) untilShown(address string) error {
	left := w.shows[address].Sub(w.clock.Now())
	if left <= 0 {
		return nil
	}
	w.emit(Event{Time: w.clock.Now(), Type: TypeProgress, Address: address,
		Message: fmt.Sprintf("a run that did not end may have started it; looking for that in %s", left.Round(time.Second))})
	if err := w.sleep(left); err != nil {
		return fmt.Errorf("waiting for what an earlier run may have started: %w", err)
	}
	return nil
}

// looks is how often something is looked for, or for its absence, before that is believed: a listing may lag
// behind.
const looks = 4

// untilGone holds a service to its answer that an object is deleted: while it is there, it stays the stack's.
// Where nobody may look, the answer has to do.
func (w worker) untilGone(ctx context.Context, s step, note string) (string, error) {
	for i := range looks {
		if i > 0 { // the first look is for a run that was interrupted, too: the delete was sent
			if err := w.sleep(time.Duration(i) * time.Second); err != nil {
				return note, fmt.Errorf("looking whether %s has gone: %w", s.change.Address, err)
			}
		}
		live, found, err := look(ctx, s)
		if err != nil && i > 0 {
			return "", fmt.Errorf("the service accepted to delete %s but still showed it: %w", s.change.Address, err)
		}
		if err != nil {
			return cmp.Or(note, fmt.Sprintf("nobody could see whether it has gone: %v", err)), nil
		}
		if !found || plan.LiveID(s.kind, live) != plan.LiveID(s.kind, s.change.Before) {
			return note, nil
		}
	}
	return "", fmt.Errorf("the service accepted to delete %s but still shows it; apply again", s.change.Address)
}
