package kindtest

import (
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/kinds"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// TestEveryKindHasARowInTheTableOfRights: doctor, the checks before an apply and doctor --permissions know
// of a new kind only what stands there.
func TestEveryKindHasARowInTheTableOfRights(t *testing.T) {
	for _, k := range kinds.All(kinds.Clients{}, &spec.Stack{}) {
		if !rights.Known(k.Name) {
			t.Errorf("%s has no row in internal/rights/table.go: say there what it takes to look at one, and to change one", k.Name)
		}
	}
}
