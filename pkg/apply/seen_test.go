package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// one walks a plan with one step of a kind.
func one(t *testing.T, a plan.Action, kind resource.Type) Result {
	t.Helper()
	kind.Name, kind.LiveIdentity = "thing", []string{"id"}
	have := resource.Object{"name": "a", "id": "1"}
	c := plan.Change{Address: "thing/a", Kind: "thing", Action: a, Want: resource.Object{"name": "a"}}
	if a == plan.Delete {
		c.Before, c.Want = have, have
	}
	report, err := Run(t.Context(), &plan.Plan{Changes: []plan.Change{c}}, Options{Types: map[string]resource.Type{"thing": kind}, Parallelism: 1, Clock: &virtual.Clock{}})
	if err != nil {
		t.Fatal(err)
	}
	return report.Results[0]
}

func TestADeleteIsBelievedOnlyWhenNothingIsLeft(t *testing.T) {
	gone, same := errors.New("gone"), resource.Object{"name": "a", "id": "1"}
	for name, c := range map[string]struct {
		looks  []any // what is seen, look by look; the last one for ever
		status Status
		says   string
	}{
		"at once":                      {[]any{gone}, Done, ""},
		"a listing that lags behind":   {[]any{same, same, gone}, Done, ""},
		"another one of that name":     {[]any{resource.Object{"name": "a", "id": "2"}}, Done, ""},
		"nothing was done":             {[]any{same}, Failed, "still shows it"},
		"what nobody may look at":      {[]any{resource.ErrForbidden}, Done, "nobody could see"},
		"what could be seen only once": {[]any{same, resource.ErrForbidden}, Failed, "still showed it"},
	} {
		t.Run(name, func(t *testing.T) {
			i := 0
			r := one(t, plan.Delete, resource.Type{
				Delete: func(context.Context, resource.Object) error { return nil },
				Read: func(context.Context, resource.Object) (resource.Object, error) {
					seen := c.looks[min(i, len(c.looks)-1)]
					i++
					if o, ok := seen.(resource.Object); ok {
						return o, nil
					}
					if seen == gone {
						return nil, resource.ErrNotFound
					}
					return nil, seen.(error)
				},
			})
			said := r.Note
			if r.Err != nil {
				said += r.Err.Error()
			}
			if r.Status != c.status || !strings.Contains(said, c.says) || c.says == "" && said != "" {
				t.Errorf("it is %s and says %q; want %s and %q", r.Status, said, c.status, c.says)
			}
		})
	}
}

func TestWhatWasMadeAndIsNotSeenYetIsNotMadeAgain(t *testing.T) {
	creates, looks := 0, 0
	kind := resource.Type{
		Create: func(context.Context, resource.Object) (resource.Object, error) {
			creates++
			return nil, fmt.Errorf("thing a: %w", resource.ErrUnseen)
		},
		Read: func(context.Context, resource.Object) (resource.Object, error) {
			if looks++; looks < 3 {
				return nil, resource.ErrNotFound
			}
			return resource.Object{"name": "a", "id": "1"}, nil
		},
	}
	if r := one(t, plan.Create, kind); r.Status != Done || creates != 1 || r.Met || r.Object["id"] != "1" {
		t.Errorf("%+v after %d creates; want it done after one", r, creates)
	}
	looks = -1000
	if r := one(t, plan.Create, kind); r.Status != Failed || creates != 2 || !r.Unsure {
		t.Errorf("%+v after %d creates; want a failure that says that it may be there", r, creates)
	}
}
