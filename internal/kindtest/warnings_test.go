package kindtest

import (
	"testing"
)

func TestNothingIsSaidOfWhatWasNotSeen(t *testing.T) {
	specText, _ := full(t)
	w := open(t, specText, "github: {teams: [{slug: ml-leads}, {slug: ml-engineers}], repositories: [{name: acme/taxi, archived: true, files: {a: b}}]}")
	for _, d := range w.plan().Diagnostics {
		if d.Code == hidden {
			t.Errorf("of an archived repository it is said that %s", d.Summary)
		}
	}
}
