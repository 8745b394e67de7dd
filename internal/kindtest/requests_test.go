package kindtest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
)

// TestAPlansRequestsGrowOnlyByFurtherPages makes the listings of everything longer, first to less than
// a page and then beyond: what nobody wishes costs further pages and nothing else.
func TestAPlansRequestsGrowOnlyByFurtherPages(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	before := w.plan().Requests.Total
	crowd := func(from, to int) {
		for i := from; i < to; i++ {
			w.send("POST", repo+"/actions/variables", map[string]any{"name": fmt.Sprintf("V%03d", i), "value": "x"})
			w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": fmt.Sprintf("p%03d", i)})
			w.send("POST", uc+"/schemas", map[string]any{"name": fmt.Sprintf("s%03d", i), "catalog_name": "prod"})
		}
	}
	crowd(0, 20)
	if got := w.plan().Requests.Total; got != before {
		t.Errorf("%d requests became %d, with no listing longer than a page", before, got)
	}
	crowd(20, 130) // variables are listed 30 to a page at the most
	pages := 0
	start := len(w.sandbox.Log())
	got := w.plan().Requests.Total
	for _, r := range w.sandbox.Log()[start:] {
		q, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatal(err)
		}
		if q.Has("page") || q.Has("page_token") {
			pages++
		}
	}
	if got > before+pages || pages == 0 {
		t.Errorf("%d requests became %d, with %d further pages", before, got, pages)
	}
}

// TestALostAnswerOfAnyChangeLeavesNoDuplicate loses the answer of the first, second, … POST, PUT and
// PATCH of a first install, once before and once after its effect.
func TestALostAnswerOfAnyChangeLeavesNoDuplicate(t *testing.T) {
	t.Parallel()
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	posts := slices.DeleteFunc(w.sent(w.settle), func(r string) bool { return !strings.HasPrefix(r, "POST ") })
	for _, action := range []sandbox.FaultAction{sandbox.FaultResetAfter, sandbox.FaultResetBefore} {
		for k := 1; k <= len(posts); k++ {
			t.Run(fmt.Sprintf("%s of change %d", action, k), func(t *testing.T) {
				w := open(t, specText, worldText)
				var faults []sandbox.Fault
				for _, method := range []string{"POST", "PUT", "PATCH"} {
					faults = append(faults, sandbox.Fault{Method: method, Path: "*", Nth: k, Action: action})
				}
				if err := w.sandbox.Inject(faults...); err != nil {
					t.Fatal(err)
				}
				w.applyWhateverHappens()
				if err := w.sandbox.ClearFaults(); err != nil {
					t.Fatal(err)
				}
				if action == sandbox.FaultResetBefore {
					w.empty() // what was not done was found out and sent again
				}
				for _, r := range w.apply().Results {
					if r.Status != apply.Done {
						t.Errorf("one more apply: %s of %s: %s %s: %v", r.Action, r.Address, r.Status, r.Cause, r.Err)
					}
				}
				w.empty()
				w.noDuplicates()
			})
		}
	}
}
