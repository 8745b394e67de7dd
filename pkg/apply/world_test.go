package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/observe"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// world is a service that keeps things by name, allows several of one name, gives each an id, and
// fails as it is told to.
type world struct {
	mu     sync.Mutex
	things []resource.Object
	nextID int
	faults []fault // taken one by one by the writes
	writes int
}

type fault string

const (
	fine     fault = "fine"
	refused  fault = "refused"       // nothing is done, and the answer says so
	lost     fault = "lost after"    // it is done, the answer is lost
	lostSoon fault = "lost before"   // it is not done, the answer is lost
	notYet   fault = "not yet"       // worth waiting for
	ignored  fault = "said but left" // answered as done, not done
)

var errRefused = errors.New("refused")

func (w *world) take() fault {
	w.writes++
	if len(w.faults) == 0 {
		return fine
	}
	f := w.faults[0]
	w.faults = w.faults[1:]
	return f
}

func (w *world) named(name any) []resource.Object {
	return slices.DeleteFunc(slices.Clone(w.things), func(o resource.Object) bool { return o["name"] != name })
}

func (w *world) read(_ context.Context, want resource.Object) (resource.Object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch found := w.named(want["name"]); len(found) {
	case 0:
		return nil, resource.ErrNotFound
	case 1:
		return maps.Clone(found[0]), nil
	default:
		return nil, fmt.Errorf("%d things are called %v", len(found), want["name"])
	}
}

// change makes one write under the next fault.
func (w *world) change(do func() resource.Object) (resource.Object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.take() {
	case refused:
		return nil, errRefused
	case lost:
		do()
		return nil, fmt.Errorf("writing: %w", resource.ErrLost)
	case lostSoon:
		return nil, fmt.Errorf("writing: %w", resource.ErrLost)
	case notYet:
		return nil, fmt.Errorf("writing: %w", resource.ErrNotYet)
	case ignored:
		return resource.Object{}, nil
	default:
		return maps.Clone(do()), nil
	}
}

func (w *world) create(_ context.Context, want resource.Object) (resource.Object, error) {
	return w.change(func() resource.Object {
		w.nextID++
		made := maps.Clone(want)
		made["id"] = fmt.Sprint(w.nextID)
		w.things = append(w.things, made)
		return made
	})
}

func (w *world) update(_ context.Context, have, want resource.Object) (resource.Object, error) {
	return w.change(func() resource.Object {
		for _, o := range w.things {
			if o["name"] == have["name"] {
				maps.Copy(o, want)
				return o
			}
		}
		return resource.Object{}
	})
}

// thingType is the world's kind: alone, or with changes that go out together by their field "with".
func (w *world) types() map[string]resource.Type {
	alone := resource.Type{Name: "thing", Identity: []string{"name"}, Read: w.read, Create: w.create, Update: w.update}
	together := alone
	together.Name = "member"
	together.Batch = func(o resource.Object) (string, error) { return fmt.Sprint(o["with"]), nil }
	together.Write = func(ctx context.Context, changes []resource.Change[resource.Object]) []error {
		_, err := w.change(func() resource.Object {
			for _, c := range changes {
				if len(w.named(c.Want["name"])) == 0 {
					w.nextID++
					made := maps.Clone(c.Want)
					made["id"] = fmt.Sprint(w.nextID)
					w.things = append(w.things, made)
				}
				for _, o := range w.named(c.Want["name"]) {
					maps.Copy(o, c.Want)
				}
			}
			return resource.Object{}
		})
		errs := make([]error, len(changes))
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	return map[string]resource.Type{"thing": alone, "member": together}
}

// plan makes the plan for the wishes as the world is now.
func (w *world) plan(wishes []resource.Wish) (*plan.Plan, error) {
	types := w.types()
	seen, failures, err := observe.Read(context.Background(), wishes, types, 4)
	if err != nil {
		return nil, err
	}
	for _, f := range failures {
		err = errors.Join(err, f.Err)
	}
	if err != nil {
		return nil, err
	}
	changes, err := plan.Build(plan.Input{Wishes: wishes, Types: types, Seen: seen})
	return &plan.Plan{Changes: changes}, err
}
