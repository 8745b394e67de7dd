package apply

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestNothingIsBegunOnceTheLeaseIsLost(t *testing.T) {
	w := &world{}
	p, err := w.plan([]resource.Wish{wish("thing", "a", nil), wish("thing", "b", nil, "thing/a"), wish("thing", "c", nil, "thing/b")})
	if err != nil {
		t.Fatal(err)
	}
	gone, asked := errors.New("somebody else has it"), 0
	report, err := Run(t.Context(), p, Options{Types: w.types(), Parallelism: 1, Clock: &virtual.Clock{}, Hold: func(context.Context) error {
		if asked++; asked > 1 {
			return gone
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if w.writes != 1 || report.Count(Done) != 1 || report.Count(NotStarted) != 2 || !errors.Is(report.Lost, gone) {
		t.Errorf("%d writes, %+v; want one, and why there were no more", w.writes, report)
	}
}

// What replaces an object may be made under any name, so that nothing but the order says that they belong
// together.
func TestNothingIsDeletedBeforeWhatReplacesItStands(t *testing.T) {
	old := resource.Object{"name": "old", "id": "0"}
	changes := []plan.Change{
		{Address: "thing/old", Kind: "thing", Action: plan.Delete, Before: old, Want: old},
		{Address: "thing/new", Kind: "thing", Action: plan.Create, Want: resource.Object{"name": "new"}},
	}
	for f, want := range map[fault][]string{fine: {"new"}, refused: {"old"}} {
		w := &world{things: []resource.Object{maps.Clone(old)}, faults: []fault{f}}
		types := w.types()
		thing := types["thing"]
		thing.Delete = func(context.Context, resource.Object) error {
			if len(w.named("new")) == 0 {
				t.Error("it is deleted first")
			}
			w.things = w.named("new")
			return nil
		}
		types["thing"] = thing
		if _, err := Run(t.Context(), &plan.Plan{Changes: changes}, Options{Types: types, Parallelism: 1, Clock: &virtual.Clock{}}); err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, o := range w.things {
			left = append(left, o["name"].(string))
		}
		if !slices.Equal(left, want) {
			t.Errorf("%s: left is %v, want %v", f, left, want)
		}
	}
}

// waking is a clock whose sleeper says that it woke, which is when the run ends.
type waking struct {
	stubborn
	woken chan struct{}
}

func (c waking) Sleep(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	close(c.woken)
	return ctx.Err()
}

func TestAnEarlyEndAbandonsNothingThatIsInFlight(t *testing.T) {
	w := &world{}
	p, err := w.plan([]resource.Wish{wish("thing", "a", nil), wish("thing", "b", nil)})
	if err != nil {
		t.Fatal(err)
	}
	clock, begun, finish := waking{woken: make(chan struct{})}, make(chan struct{}), make(chan struct{})
	types := w.types()
	thing := types["thing"]
	thing.Create = func(ctx context.Context, want resource.Object) (resource.Object, error) {
		if want["name"] == "b" {
			return nil, resource.ErrNotYet
		}
		close(begun)
		<-clock.woken
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return w.create(ctx, want)
	}
	types["thing"] = thing
	report, err := Run(t.Context(), p, Options{Types: types, Parallelism: 2, Clock: clock, Finish: finish, OnEvent: func(e Event) {
		if e.Type == TypeProgress {
			<-begun
			close(finish)
		}
	}})
	if err != nil || report.Results[0].Status != Done || report.Results[1].Status != Failed {
		t.Errorf("%+v, %v; want what was in flight done, and only the waiting ended", report.Results, err)
	}
}
