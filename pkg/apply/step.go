package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// patience is how long a step waits in all for what exists and is not visible yet: a new principal is
// known to the workspaces and to Unity Catalog only after up to a minute.
const patience = 60 * time.Second

type step struct {
	change plan.Change
	want   resource.Object
	open   []resource.Ref // references that nothing answered; none for a step that can be sent
	kind   resource.Type
}

type stepResult struct {
	address string
	object  resource.Object
	note    string
	met     bool
	unsure  bool
	err     error

	lost      error // the step was not started
	lostAfter error // it was done, and nothing more may be
}

// worker does steps. It is used by one goroutine.
type worker struct {
	clock Clock
	emit  func(Event)
	hold  func(context.Context) error
	shows map[string]time.Time
	sleep func(time.Duration) error // ends early with the run
}

// do carries out the steps of one node: one, or those of a batch that go out together.
func (w worker) do(ctx context.Context, steps []step) []stepResult {
	var results []stepResult
	var sendable []step
	if w.hold != nil {
		if err := w.hold(ctx); err != nil {
			for _, s := range steps {
				results = append(results, stepResult{address: s.change.Address, lost: err})
			}
			return results
		}
	}
	for _, s := range steps {
		if !s.change.Action.Sends() {
			results = append(results, stepResult{address: s.change.Address, object: s.change.Before})
			continue
		}
		if len(s.open) > 0 {
			err := fmt.Errorf("%s gave no %s, which %s is made with", s.open[0].Addr, s.open[0].Field, s.change.Address)
			results = append(results, stepResult{address: s.change.Address, err: err})
			continue
		}
		sendable = append(sendable, s)
	}
	if len(sendable) > 0 && sendable[0].kind.Write != nil {
		return append(results, w.together(ctx, sendable)...)
	}
	for _, s := range sendable {
		results = append(results, w.one(ctx, s))
	}
	return results
}

func (w worker) one(ctx context.Context, s step) stepResult {
	made, note, err := w.write(ctx, s)
	if err == nil && s.change.Action == plan.Create && s.kind.Ready != nil {
		err = w.untilReady(ctx, s, made)
	}
	switch {
	case err != nil:
	case s.change.Action == plan.Delete:
		note, err = w.untilGone(ctx, s, note)
	default:
		err = tookEffect(s, made)
	}
	out := stepResult{address: s.change.Address, object: made, note: note, met: note == metNote, err: err}
	out.unsure = err != nil && mayBeThere(ctx, s, err)
	return out
}

// metNote is what is said of an object that somebody else made while this run was about to.
const metNote = "somebody else made it in the meantime, as wished"

// write makes the step's one change, waiting inside its patience for what is not visible yet, and
// looking for what a lost answer may have made before anything is sent again.
func (w worker) write(ctx context.Context, s step) (made resource.Object, note string, err error) {
	send := func() error {
		made, err = w.send(ctx, s)
		return err
	}
	if err = w.untilShown(s.change.Address); err == nil {
		err = w.patiently(s.change.Address, send)
	}
	switch {
	case errors.Is(err, resource.ErrLost):
		return w.afterLostAnswer(ctx, s, err)
	case errors.Is(err, resource.ErrExists) && s.change.Action == plan.Create:
		return w.afterClash(ctx, s, err)
	case errors.Is(err, resource.ErrUnseen):
		made, err = w.untilSeen(ctx, s)
	}
	return made, "", err
}

func (w worker) send(ctx context.Context, s step) (resource.Object, error) {
	switch s.change.Action {
	case plan.Create:
		return s.kind.Create(ctx, s.want)
	case plan.Update, plan.Rotate:
		return s.kind.Update(ctx, s.change.Before, s.want)
	case plan.Delete:
		return nil, s.kind.Delete(ctx, s.change.Before)
	default:
		return nil, fmt.Errorf("%s is not an action that this version carries out", s.change.Action)
	}
}

// patiently repeats f while it says that something is not visible yet.
func (w worker) patiently(address string, f func() error) error {
	pause, waited := time.Second, time.Duration(0)
	for {
		err := f()
		if !errors.Is(err, resource.ErrNotYet) {
			return err
		}
		if waited+pause > patience {
			return fmt.Errorf("%w; waited %s for it; apply again in a while", err, waited)
		}
		w.emit(Event{Time: w.clock.Now(), Type: TypeProgress, Address: address, Message: fmt.Sprintf("not visible yet, looking again in %s: %v", pause, err)})
		if slept := w.sleep(pause); slept != nil {
			return errors.Join(err, slept)
		}
		waited += pause
		pause = min(2*pause, 8*time.Second)
	}
}

func (w worker) untilReady(ctx context.Context, s step, made resource.Object) error {
	return w.patiently(s.change.Address, func() error {
		ready, err := s.kind.Ready(ctx, made)
		if err == nil && !ready {
			return fmt.Errorf("%s was made but is %w", s.change.Address, resource.ErrNotYet)
		}
		return err
	})
}

// afterLostAnswer finds out whether a change whose answer was lost was made. A listing may lag behind,
// so it looks several times before it believes that nothing was made; then it sends once more.
func (w worker) afterLostAnswer(ctx context.Context, s step, lost error) (resource.Object, string, error) {
	for i := range looks {
		if err := w.sleep(time.Duration(i) * time.Second); err != nil {
			return nil, "", errors.Join(lost, err)
		}
		live, found, err := look(ctx, s)
		switch {
		case err != nil:
			return nil, "", fmt.Errorf("%w; looking whether it was done: %w; the next apply looks again before it sends anything", lost, err)
		case s.change.Action == plan.Delete:
			if found && plan.LiveID(s.kind, live) == plan.LiveID(s.kind, s.change.Before) {
				continue // a listing may lag behind
			}
			return nil, "the answer was lost; it had been done", nil
		case found && len(differing(s, live)) == 0 && !due(s, live):
			return live, "the answer was lost; it had been done", nil
		case found && s.change.Action == plan.Create && s.kind.Update != nil:
			made, err := s.kind.Update(ctx, live, s.want)
			return made, "the answer was lost; it had been made in part", err
		}
	}
	if s.change.Action == plan.Rotate {
		return nil, "", fmt.Errorf("%w; a credential is not issued twice blindly: look at it, then apply again", lost)
	}
	w.emit(Event{Time: w.clock.Now(), Type: TypeProgress, Address: s.change.Address, Message: "the answer was lost and nothing was made; sending it once more"})
	made, err := w.send(ctx, s)
	return made, "the answer was lost; it was sent again", err
}

// afterClash decides about a create that the service refused because the object is there: fine if it
// is what was wished, a plan that has gone stale otherwise.
func (w worker) afterClash(ctx context.Context, s step, clash error) (resource.Object, string, error) {
	live, found, err := look(ctx, s)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("%w; looking at what is there: %w", clash, err)
	case !found:
		return nil, "", fmt.Errorf("%w; what is there is hidden from these credentials: let its owner give them access, or choose another name", clash)
	}
	if fields := differing(s, live); len(fields) > 0 {
		return nil, "", fmt.Errorf("%w: it appeared since the plan was made, and its %s is not what is wished; plan again", clash, fields[0].Path)
	}
	return live, metNote, nil
}

// mayBeThere reports whether a create, or an update that adds to a list or starts something, that failed may have made something all the
// same: its answer was lost, or it takes several requests and a later one was refused.
func mayBeThere(ctx context.Context, s step, err error) bool {
	adds := s.change.Action == plan.Update && s.kind.Items != ""
	starts := s.change.Action == plan.Update && s.kind.Starts
	if s.change.Action != plan.Create && !adds && !starts || errors.Is(err, resource.ErrExists) {
		return false
	}
	if !errors.Is(err, resource.ErrRefused) || errors.Is(err, resource.ErrLost) {
		return true
	}
	if adds || starts {
		return false
	}
	_, found, err := look(ctx, s)
	return found || err != nil
}

func look(ctx context.Context, s step) (resource.Object, bool, error) {
	if s.kind.Find != nil && s.change.Action == plan.Create {
		return s.kind.Find(ctx, s.want)
	}
	live, err := s.kind.Read(ctx, s.want)
	var waiting *resource.Waiting
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return nil, false, nil
	case errors.As(err, &waiting):
		err = nil // for a person, and not for this program
	}
	return live, err == nil, err
}

func due(s step, live resource.Object) bool {
	if s.kind.Due == nil {
		return false
	}
	renewal, err := s.kind.Due(live)
	return err != nil || renewal.Reason != ""
}

func differing(s step, live resource.Object) []plan.Field {
	return plan.Diff(s.want, live, append(slices.Clone(s.kind.Identity), s.kind.CreateOnly...)...)
}

// tookEffect holds a service to its answer: some accept a change, answer 200 and do not make it.
func tookEffect(s step, made resource.Object) error {
	fields := differing(s, made)
	if len(fields) == 0 {
		return nil
	}
	var parts []string
	for _, f := range fields {
		parts = append(parts, fmt.Sprintf("%s is %v instead of %v", f.Path, f.Before, f.After))
	}
	return fmt.Errorf("the service accepted the change of %s but did not make it: %s", s.change.Address, strings.Join(parts, ", "))
}
