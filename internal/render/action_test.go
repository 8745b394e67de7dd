package render

import (
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// What is said of a danger is what is true of the kind, and of the change.
func TestADangerIsSaidInTheWordsOfItsKind(t *testing.T) {
	for _, c := range []struct {
		kind   string
		action plan.Action
		danger resource.Guard
		says   string
	}{
		{"pull_request", plan.Delete, resource.Unguarded, ""},
		{"variable", plan.Delete, resource.Unguarded, ""},
		{"grant", plan.Delete, resource.AccessLoss, "takes access away"},
		{"secret", plan.Delete, resource.AccessLoss, "takes it away from the workflows that use it"},
		{"branch_protection", plan.Delete, resource.AccessLoss, "lets through what was refused before"},
		{"branch_protection", plan.Update, resource.AccessLoss, "lets fewer people go past it"},
		{"catalog_binding", plan.Update, resource.AccessLoss, "locks out workspaces that are not named"},
		{"branch", plan.Delete, resource.DataLoss, "destroys commits that are on no other branch"},
		{"environment", plan.Delete, resource.DataLoss, "destroys its secrets and variables"},
		{"environment", plan.Update, resource.AccessLoss, "takes access away"},
		{"schema", plan.Delete, resource.DataLoss, "destroys data"},
	} {
		if got := danger(plan.Change{Kind: c.kind, Action: c.action, Danger: c.danger}); got != c.says {
			t.Errorf("%s of a %s that is %s says %q, want %q", c.action, c.kind, c.danger, got, c.says)
		}
	}
}
