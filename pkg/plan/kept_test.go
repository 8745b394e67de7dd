package plan_test

import (
	"context"
	"slices"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// basket is a kind whose objects are lists, of which a stack may own a part.
func basket() resource.Type {
	return resource.Type{
		Name: "basket", Identity: []string{"name"}, LiveIdentity: []string{"id"}, Items: "fruits",
		Fits:   func(resource.Object) error { return nil },
		Delete: func(context.Context, resource.Object) error { return nil },
		Shrink: func(want, made resource.Object) (resource.Object, error) {
			return plan.Merge(resource.Object{"made": made["fruits"]}, want), nil
		},
	}
}

func TestWhatWasThereBeforeTheStackIsNotTakenAway(t *testing.T) {
	types := map[string]resource.Type{"basket": basket()}
	owned := plan.Owned{Objects: []ledger.Object{{Address: "basket/a", Kind: "basket", Origin: ledger.Made, Kept: []string{"plum"},
		Live: resource.Object{"name": "a", "id": "1", "fruits": []any{"fig", "plum"}}}}}
	wish := resource.Wish{Addr: resource.Addr{Kind: "basket", Name: "a"}, Want: resource.Object{"name": "a"}}
	stays, err := plan.Claim([]resource.Wish{wish}, types, owned, nil)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := plan.Claim(nil, types, owned, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, taken := range map[string]any{"an item left": stays.Wishes[0].Want["made"], "all of it left": leaves.Departed[0].Want["fruits"]} {
		if list, ok := taken.([]any); !ok || !slices.Equal(list, []any{"fig"}) {
			t.Errorf("%s: %v is taken away, want what the stack added", name, taken)
		}
	}
}

// What else goes may only be found through the ledger, which goes with the repository.
func TestTheRepositoryGoesLast(t *testing.T) {
	types := pantry()
	repository := types["shelf"]
	repository.Name = "repository"
	types["repository"] = repository
	records := []ledger.Object{recorded("jar/z", ledger.Made), recorded("repository", ledger.Made)}
	records[1].Kind = "repository"
	claims, err := plan.Claim(nil, types, plan.Owned{Objects: records}, nil)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := plan.Build(plan.Input{Types: types, Owned: &claims.Owned, Departed: claims.Departed,
		Seen: map[string]plan.Observation{
			"jar/z": {State: plan.Present, Object: records[0].Live}, "repository": {State: plan.Present, Object: records[1].Live},
		},
		Rules: plan.Rules{Witnessed: map[string]bool{"jar/z": true, "repository": true}, Allow: []string{"repository"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 2 || changes[1].Address != "repository" || !slices.Equal(changes[1].DependsOn, []string{"jar/z"}) {
		t.Errorf("it plans %+v", changes)
	}
}
