package observe

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func wishes(names ...string) []resource.Wish {
	var all []resource.Wish
	for _, n := range names {
		all = append(all, resource.Wish{Addr: resource.Addr{Kind: "thing", Name: n}, Want: resource.Object{"name": n}})
	}
	return all
}

func TestALookIsAbsentOnlyWhereTheServiceSaysSo(t *testing.T) {
	states := map[string]struct {
		err    error
		state  plan.State
		failed bool
	}{
		"there":     {nil, plan.Present, false},
		"not there": {resource.ErrNotFound, plan.Absent, false},
		"forbidden": {resource.ErrForbidden, plan.Hidden, false},
		"refused":   {resource.ErrUnauthorized, plan.Hidden, true},
		"lost":      {resource.ErrLost, plan.Hidden, true},
		"not yet":   {resource.ErrNotYet, plan.Hidden, true},
		"conflict":  {resource.ErrConflict, plan.Hidden, true},
		"broken":    {errors.New("unexpected end of JSON input"), plan.Hidden, true},
		"blocked":   {&resource.Blocked{Reason: "a person has to act"}, plan.Stopped, false},
		"waiting":   {&resource.Waiting{Reason: "a person has to merge it"}, plan.Awaiting, false},
		"moot":      {&resource.Moot{Reason: "nothing is asked for"}, plan.Moot, false},
	}
	var names []string
	for name := range states {
		names = append(names, name)
	}
	types := map[string]resource.Type{"thing": {Name: "thing", Identity: []string{"name"},
		Read: func(_ context.Context, want resource.Object) (resource.Object, error) {
			return resource.Object{}, states[want["name"].(string)].err
		}}}
	seen, failures, err := Read(t.Context(), wishes(names...), types, 4)
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]bool{}
	for _, f := range failures {
		failed[f.Wish.Addr.Name] = true
	}
	for name, want := range states {
		if got := seen["thing/"+name]; got.State != want.state || failed[name] != want.failed {
			t.Errorf("%s: %s (%s), a failure %v; want %s, %v", name, got.State, got.Reason, failed[name], want.state, want.failed)
		}
	}
}

func TestAnInterruptedLookLeavesNothingRunning(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	types := map[string]resource.Type{"thing": {Name: "thing", Identity: []string{"name"},
		Read: func(ctx context.Context, _ resource.Object) (resource.Object, error) {
			stop()
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
	_, _, err := Read(ctx, wishes("a", "b", "c", "d", "e"), types, 2)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "reading live state") {
		t.Error(err)
	}
}
