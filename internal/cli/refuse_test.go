package cli

import (
	"errors"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
)

func TestAnApplyThatEndsEarlyEndsAsItWasEnded(t *testing.T) {
	begun := apply.Report{Results: []apply.Result{{Address: "repository", Status: apply.Done}}}
	for why, want := range map[reason]exitCode{"": exitPartly, byTime: exitPartly, bySignal: exitInterrupted} {
		a := &app{stop: newStopper()}
		a.stop.why.Store(why)
		var f *failure
		if err := a.applyFailure(begun, errors.New("the ledger cannot be reached")); !errors.As(err, &f) || f.code != want {
			t.Errorf("ended because of %q, it ends with %v; want %d", why, err, want)
		}
	}
}
