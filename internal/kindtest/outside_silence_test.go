package kindtest

import (
	"testing"
	"testing/synctest"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// TestAHostThatNeverAnswers holds a plan to giving up on silence, which is measured in real time: in
// here that takes none.
func TestAHostThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mishap{
			faults:  []sandbox.Fault{{Method: "GET", Path: "prod*/unity-catalog/catalogs", Times: -1, Action: sandbox.FaultHang}},
			address: "catalog/prod", as: readFailed, request: apiCatalogs,
			says: "no answer in time", advice: "is the host reachable from here?",
		}.run(t)
	})
}
