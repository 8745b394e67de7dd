package cli

import (
	"fmt"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
)

// A code that says that nothing was changed must be certain of it.
func TestAnApplyThatMayHaveMadeSomethingIsNoPlainError(t *testing.T) {
	refusal := fmt.Errorf("listing the branches: %w", &transport.Error{Status: 401})
	a := &app{stop: &stopper{}}
	for name, c := range map[string]struct {
		result apply.Result
		want   exitCode
	}{
		"refused":                  {apply.Result{Status: apply.Failed, Err: refusal}, exitError},
		"refused once it was made": {apply.Result{Status: apply.Failed, Err: refusal, Unsure: true}, exitPartly},
		"failed on the way":        {apply.Result{Status: apply.Failed, Err: &transport.Error{}}, exitPartly},
		"done":                     {apply.Result{Status: apply.Done}, exitDone},
	} {
		if got := a.appliedCode(apply.Report{Results: []apply.Result{c.result}}); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}
