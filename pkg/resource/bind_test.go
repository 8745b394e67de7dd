package resource_test

import (
	"context"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

type basket struct {
	Name  string   `json:"name"`
	Fruit []string `json:"fruit"`
}

// What was looked for and is not there has no value for its fields, which is no reason to fail: after a
// lost answer it is what lets the request be sent again.
func TestWhatIsNotFoundNeedsNoValues(t *testing.T) {
	looked := resource.Bind(resource.Kind[struct{}, basket]{
		Name: "basket",
		Find: func(context.Context, struct{}, basket) (basket, bool, error) { return basket{}, false, nil },
	}, struct{}{})
	object, found, err := looked.Find(t.Context(), resource.Object{"name": "a", "fruit": []any{"fig"}})
	if object != nil || found || err != nil {
		t.Errorf("it is %v, %t, %v; want that it is not there", object, found, err)
	}
}

func TestWhatIsFoundMustNotHoldNull(t *testing.T) {
	looked := resource.Bind(resource.Kind[struct{}, basket]{
		Name: "basket",
		Find: func(context.Context, struct{}, basket) (basket, bool, error) { return basket{Name: "a"}, true, nil },
	}, struct{}{})
	if _, _, err := looked.Find(t.Context(), resource.Object{"name": "a", "fruit": []any{"fig"}}); err == nil {
		t.Error("a null list was taken for a list")
	}
}
