package kindtest

import (
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
)

// Two people look at one plan, and both approve it.
func TestWhatSomebodyElseMadeInTheMeantimeIsNotMadeTwice(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	first := w.engine()
	p := w.planWith(first)
	w.settle()
	report, err := first.Apply(t.Context(), p, engine.Run{Options: apply.Options{Parallelism: 4}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		// GitHub refuses a second repository of one name, and what was to be made in it is not begun.
		if r.Status == apply.Failed && r.Address != "repository" {
			t.Errorf("%s failed: %v", r.Address, r.Err)
		}
	}
	w.noDuplicates()
	w.empty()
}
