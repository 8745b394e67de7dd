package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func wish(kind, name string, want resource.Object, needs ...string) resource.Wish {
	w := resource.Wish{Addr: resource.Addr{Kind: kind, Name: name}, Want: resource.Object{"name": name}}
	maps.Copy(w.Want, want)
	for _, n := range needs {
		w.Needs = append(w.Needs, resource.Need{Addr: n, Why: "drawn"})
	}
	return w
}

func ref(addr string) map[string]any { return map[string]any{"$ref": addr, "field": "id"} }

// applyOnce plans and applies the wishes once.
func applyOnce(t interface{ Fatal(...any) }, w *world, wishes []resource.Wish) (Report, []Event) {
	p, err := w.plan(wishes)
	if err != nil {
		t.Fatal(err)
	}
	var events []Event
	report, err := Run(context.Background(), p, Options{Types: w.types(), Parallelism: 4, Clock: &virtual.Clock{},
		OnEvent: func(e Event) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	return report, events
}

func TestFailureBlocksOnlyWhatNeedsIt(t *testing.T) {
	w := &world{faults: []fault{refused}}
	wishes := []resource.Wish{
		wish("thing", "a", nil), wish("thing", "b", nil, "thing/a"), wish("thing", "c", resource.Object{"up": ref("thing/b")}),
	}
	report, _ := applyOnce(t, w, wishes)
	var got []string
	for _, r := range report.Results {
		got = append(got, fmt.Sprintf("%s %s %s", r.Address, r.Status, r.Cause))
	}
	want := []string{"thing/a failed ", "thing/b skipped thing/a", "thing/c skipped thing/a"}
	if !slices.Equal(got, want) || !errors.Is(report.Results[0].Err, errRefused) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestALostCreateIsLookedForBeforeItIsSentAgain(t *testing.T) {
	for f, note := range map[fault]string{
		lost:     "the answer was lost; it had been done",
		lostSoon: "the answer was lost; it was sent again",
	} {
		w := &world{faults: []fault{f}}
		report, _ := applyOnce(t, w, []resource.Wish{wish("thing", "a", nil)})
		if len(w.things) != 1 || report.Results[0].Status != Done || report.Results[0].Note != note {
			t.Errorf("%s: %d things, %+v; want one, and %q", f, len(w.things), report.Results, note)
		}
	}
}

func TestACredentialWhoseRenewalGotLostIsNotIssuedTwice(t *testing.T) {
	w := &world{things: []resource.Object{{"name": "a", "id": "1"}}, faults: []fault{lostSoon}}
	types := w.types()
	secret := types["thing"]
	secret.Due = func(resource.Object) (resource.Renewal, error) { return resource.Renewal{Reason: "it is old"}, nil }
	types["thing"] = secret
	p := &plan.Plan{Changes: []plan.Change{{Address: "thing/a", Kind: "thing", Action: plan.Rotate, Before: w.things[0], Want: resource.Object{"name": "a"}}}}
	report, err := Run(context.Background(), p, Options{Types: types, Clock: &virtual.Clock{}})
	if err != nil || w.writes != 1 || report.Results[0].Status != Failed {
		t.Errorf("%v, %d writes, %+v; want one write and a failure", err, w.writes, report.Results)
	}
}

func TestAnAnswerThatSaysDoneIsHeldToIt(t *testing.T) {
	w := &world{faults: []fault{ignored}}
	report, _ := applyOnce(t, w, []resource.Wish{wish("thing", "a", resource.Object{"size": 2.0})})
	if err := report.Results[0].Err; err == nil || !strings.Contains(err.Error(), "size is <nil> instead of 2") {
		t.Errorf("err = %v; want it to name the field that was left", err)
	}
}

func TestWhatIsNotVisibleYetIsWaitedForButNotForEver(t *testing.T) {
	w := &world{faults: slices.Repeat([]fault{notYet}, 4)}
	report, events := applyOnce(t, w, []resource.Wish{wish("thing", "a", nil)})
	progress := slices.DeleteFunc(events, func(e Event) bool { return e.Type != TypeProgress })
	if report.Results[0].Status != Done || len(progress) != 4 {
		t.Errorf("%+v after %d waits; want it done after 4", report.Results, len(progress))
	}
	w = &world{faults: slices.Repeat([]fault{notYet}, 1000)}
	report, _ = applyOnce(t, w, []resource.Wish{wish("thing", "a", nil)})
	if report.Results[0].Status != Failed || w.writes > 15 {
		t.Errorf("%+v after %d tries; want a failure after a minute", report.Results, w.writes)
	}
}

func TestABatchGoesOutInOneRequestAndOneBadMemberHoldsUpNoOther(t *testing.T) {
	wishes := []resource.Wish{
		wish("member", "a", resource.Object{"with": "s"}), wish("member", "b", resource.Object{"with": "s"}), wish("member", "c", resource.Object{"with": "s"}),
	}
	w := &world{}
	if report, _ := applyOnce(t, w, wishes); w.writes != 1 || !report.Complete() {
		t.Errorf("%d writes, %+v; want one", w.writes, report.Results)
	}
	w = &world{faults: []fault{refused, fine, refused, fine}}
	if report, _ := applyOnce(t, w, wishes); report.Count(Done) != 2 || report.Results[1].Status != Failed {
		t.Errorf("%+v; want only the second to fail", report.Results)
	}
}

func TestAnEarlyEndFinishesWhatIsInFlightAndSaysWhatWasNotStarted(t *testing.T) {
	w := &world{}
	p, err := w.plan([]resource.Wish{wish("thing", "a", nil), wish("thing", "b", nil, "thing/a")})
	if err != nil {
		t.Fatal(err)
	}
	finish, begun := make(chan struct{}), make(chan struct{})
	types := w.types()
	slow := types["thing"]
	slow.Create = func(ctx context.Context, want resource.Object) (resource.Object, error) {
		close(begun)
		<-finish
		return w.create(ctx, want)
	}
	types["thing"] = slow
	go func() { <-begun; close(finish) }()
	report, err := Run(context.Background(), p, Options{Types: types, Parallelism: 1, Clock: &virtual.Clock{}, Finish: finish})
	if err != nil || report.Results[0].Status != Done || report.Results[1].Status != NotStarted || len(w.things) != 1 {
		t.Fatalf("%+v, %v; want the first done and the second not started", report.Results, err)
	}
}

func TestAnEarlyEndWaitsForNothing(t *testing.T) {
	w := &world{faults: slices.Repeat([]fault{notYet}, 100)}
	p, err := w.plan([]resource.Wish{wish("thing", "a", nil)})
	if err != nil {
		t.Fatal(err)
	}
	finish := make(chan struct{})
	var once sync.Once
	report, err := Run(context.Background(), p, Options{Types: w.types(), Clock: stubborn{}, Finish: finish,
		OnEvent: func(e Event) {
			if e.Type == TypeProgress {
				once.Do(func() { close(finish) })
			}
		}})
	if err != nil || report.Results[0].Status != Failed || w.writes != 1 {
		t.Errorf("%v, %+v after %d tries; want the wait to end with the run", err, report.Results, w.writes)
	}
}

// stubborn is a clock whose sleepers wake only when they are told to.
type stubborn struct{}

func (stubborn) Now() time.Time { return time.Time{} }

func (stubborn) Sleep(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (stubborn) Await(ctx context.Context, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestOneMoreApplyConverges is what the engine promises: whatever failed in an apply, one more apply
// without failures finishes the work, nothing is doubled, what nobody wished is untouched, and the
// plan is empty.
func TestOneMoreApplyConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wishes := drawWishes(t)
		w := &world{things: drawThings(t), nextID: 100}
		before := foreign(w)
		w.faults = rapid.SliceOfN(rapid.SampledFrom([]fault{fine, fine, refused, lost, lostSoon, notYet, ignored}), 0, 20).Draw(t, "faults")
		applyOnce(t, w, wishes)
		w.faults = nil
		if report, _ := applyOnce(t, w, wishes); !report.Complete() {
			t.Fatalf("one more apply left %+v", report.Results)
		}
		p, err := w.plan(wishes)
		if err != nil || p.HasChanges() {
			t.Fatalf("the next plan is not empty: %v, %+v", err, p)
		}
		writes := w.writes
		applyOnce(t, w, wishes)
		if w.writes != writes {
			t.Fatalf("an apply with nothing to do wrote %d times", w.writes-writes)
		}
		for _, wanted := range wishes {
			if n := len(w.named(wanted.Addr.Name)); n != 1 {
				t.Fatalf("%d things are called %s", n, wanted.Addr.Name)
			}
		}
		if after := foreign(w); after != before {
			t.Fatalf("what nobody wished changed from %s to %s", before, after)
		}
	})
}

func drawWishes(t *rapid.T) []resource.Wish {
	n := rapid.IntRange(1, 8).Draw(t, "wishes")
	var wishes []resource.Wish
	for i := range n {
		kind := rapid.SampledFrom([]string{"thing", "thing", "member"}).Draw(t, "kind")
		want := resource.Object{"size": float64(rapid.IntRange(1, 3).Draw(t, "size"))}
		if kind == "member" {
			want["with"] = fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "batch"))
		}
		var needs []string
		for j, other := range wishes {
			switch {
			case other.Addr.Kind == "member": // nothing needs a batched object
			case rapid.IntRange(0, 3).Draw(t, "edge") == 0:
				needs = append(needs, other.Addr.String())
			case rapid.IntRange(0, 3).Draw(t, "reference") == 0:
				want[fmt.Sprintf("up%d", j)] = ref(other.Addr.String())
			}
		}
		wishes = append(wishes, wish(kind, fmt.Sprintf("w%d", i), want, needs...))
	}
	return wishes
}

func drawThings(t *rapid.T) []resource.Object {
	var things []resource.Object
	for i := range 8 {
		if rapid.Bool().Draw(t, "there already") {
			things = append(things, resource.Object{"name": fmt.Sprintf("w%d", i), "id": fmt.Sprint(i), "size": 1.0, "mine": "no"})
		}
		things = append(things, resource.Object{"name": fmt.Sprintf("foreign%d", i), "id": fmt.Sprint(50 + i)})
	}
	return things
}

func foreign(w *world) string {
	return fmt.Sprint(slices.DeleteFunc(slices.Clone(w.things), func(o resource.Object) bool {
		return !strings.HasPrefix(fmt.Sprint(o["name"]), "foreign")
	}))
}
