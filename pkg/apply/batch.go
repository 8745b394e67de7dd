package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// together sends the steps of a batch in one request. Where the service refuses it as a whole, each
// is sent alone, so that one principal that does not exist holds up no other.
func (w worker) together(ctx context.Context, steps []step) []stepResult {
	results := make([]stepResult, len(steps))
	changes := make([]resource.Change[resource.Object], len(steps))
	for i, s := range steps {
		results[i] = stepResult{address: s.change.Address, object: plan.Merge(s.want, beside(s.change))}
		changes[i] = resource.Change[resource.Object]{Have: s.change.Before, Want: s.want, Gone: s.change.Action == plan.Delete}
	}
	errs := w.batch(ctx, steps[0], changes)
	if len(steps) > 1 && !slices.Contains(errs, nil) && !errors.Is(errs[0], resource.ErrLost) && ctx.Err() == nil {
		for i, s := range steps {
			errs[i] = w.batch(ctx, s, changes[i:i+1])[0]
		}
	}
	for i, err := range errs {
		results[i].err = err
		results[i].unsure = err != nil && mayBeThere(ctx, steps[i], err)
	}
	return results
}

// beside is what a change's object is known to have beside what is wished: what was seen of it, and of one that
// was not there, what was certain already.
func beside(c plan.Change) resource.Object {
	if c.Before == nil {
		return c.After
	}
	return c.Before
}

// batch writes changes of one batch, with patience. What is batched is additive, so that sending it
// again after a lost answer changes nothing that the first time did not.
func (w worker) batch(ctx context.Context, first step, changes []resource.Change[resource.Object]) []error {
	var errs []error
	resent := false
	err := w.patiently(first.change.Address, func() error {
		errs = first.kind.Write(ctx, changes)
		joined := errors.Join(errs...)
		if errors.Is(joined, resource.ErrLost) && !resent {
			resent = true
			return fmt.Errorf("%w: %w", resource.ErrNotYet, joined)
		}
		return joined
	})
	for i := range errs {
		if errs[i] != nil {
			errs[i] = err // says how long was waited, too
		}
	}
	return errs
}
