package ci

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func change(address string, action plan.Action, value any) plan.Change {
	c := plan.Change{Address: address, Kind: "thing", Action: action, Danger: resource.Unguarded, Source: diag.Pos{File: "mlops.yaml", Line: 7, Column: 3}, Want: resource.Object{"name": address, "value": value}}
	if action == plan.Update {
		c.Before, c.Fields = resource.Object{"value": "live"}, []plan.Field{{Path: "value", Before: "live", After: value}}
	}
	return c
}

func types() map[string]resource.Type {
	return map[string]resource.Type{"thing": {Name: "thing", Identity: []string{"name"}, Guard: resource.DataLoss}}
}

// told is where each row of a report stands, and how it got there.
func told(r *Report) map[string]string {
	out := map[string]string{}
	for list, rows := range map[string][]Row{"changes": r.Changes, "drift": r.Drift, "settled": r.Settled, "held": r.Held} {
		for _, row := range rows {
			out[row.Address] = fmt.Sprintf("%s: %s %s, %s", list, row.Action, row.Known, row.Wish)
		}
	}
	return out
}

func TestWhatAPullRequestChangesIsToldFromWhatDifferedBefore(t *testing.T) {
	leaving := change("left", plan.Delete, "x")
	leaving.Leaving, leaving.Danger = true, resource.AccessLoss
	leaving.Source = diag.Pos{File: "mlops.yaml", Line: 1, Column: 1}
	base := &plan.Plan{Changes: []plan.Change{
		change("same", plan.None, "x"), change("drifted", plan.Update, "x"), change("changed", plan.None, "x"), change("taken-up", plan.Update, "x"),
		change("left", plan.None, "x"), change("dropped", plan.None, "x"), change("hidden", plan.Unknown, "x"), change("hidden-changed", plan.Unknown, "x"),
		change("hidden-dropped", plan.Unknown, "x"), change("both", plan.Update, "x"),
	}}
	head := &plan.Plan{Changes: []plan.Change{
		change("same", plan.None, "x"), change("drifted", plan.Update, "x"), change("changed", plan.Update, "y"), change("taken-up", plan.None, "live"),
		leaving, change("hidden", plan.Unknown, "x"), change("hidden-changed", plan.Unknown, "y"), change("hidden-new", plan.Unknown, "x"),
		change("new", plan.Create, "x"), change("both", plan.Update, "y"),
	}}
	r := &Report{Known: Live}
	if err := r.Compare(Sides{Base: base, Head: head, Types: types()}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"drifted": "drift: update live, kept", "changed": "changes: update live, changed", "taken-up": "settled: update live, changed",
		"left": "changes: delete live, removed", "dropped": "changes: none wish, removed", "hidden": "held: unknown live, kept",
		"hidden-changed": "changes: unknown wish, changed", "hidden-dropped": "changes: unknown wish, removed", "hidden-new": "changes: unknown wish, added",
		"new": "changes: create live, added", "both": "changes: update live, changed",
	}
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, row := range r.Changes {
		if gone := row.Wish == Removed; row.Left != gone || gone && row.Source.Line == 1 {
			t.Errorf("%s stands at %s, in the base's spec: %v", row.Address, row.Source, row.Left)
		}
	}
	if first := r.Changes[0].Address; first != "hidden-dropped" || Danger(r.Changes) != resource.DataLoss {
		t.Errorf("%s comes first, and the worst is %s; want what loses data before all", first, Danger(r.Changes))
	}
}

func TestDriftIsWhatNoSpecAskedFor(t *testing.T) {
	by := func(c plan.Change, cause plan.Cause) plan.Change { c.Cause = cause; return c }
	ageing := change("ageing", plan.Rotate, "x")
	ageing.Ageing = true
	r := &Report{}
	r.Drifted(&plan.Plan{Changes: []plan.Change{
		change("same", plan.None, "x"), by(change("outside", plan.Update, "x"), plan.Outside), by(change("service", plan.Update, "x"), plan.ByService),
		by(change("spec", plan.Update, "x"), plan.BySpec), change("untold", plan.Update, "x"), change("hidden", plan.Unknown, "x"), ageing,
	}})
	want := map[string]string{
		"outside": "drift: update live, kept", "service": "drift: update live, kept", "untold": "drift: update live, kept",
		"spec": "changes: update live, kept", "hidden": "held: unknown live, kept",
	}
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEventSaysWhoseProposalItIs(t *testing.T) {
	for name, c := range map[string]struct {
		event, text string
		want        Event
		fork        bool
	}{
		"a branch of the repository": {"pull_request", `{"number":7,"pull_request":{"number":7,"head":{"sha":"a","repo":{"full_name":"Acme/fares"}},"base":{"sha":"b","ref":"main"}}}`,
			Event{Name: "pull_request", Repository: "acme/fares", Pull: 7, HeadSHA: "a", BaseSHA: "b", BaseRef: "main", HeadRepo: "Acme/fares"}, false},
		"a fork": {"pull_request_target", `{"pull_request":{"number":7,"head":{"sha":"a","repo":{"full_name":"eve/fares"}},"base":{"sha":"b"}}}`,
			Event{Name: "pull_request_target", Repository: "acme/fares", Pull: 7, HeadSHA: "a", BaseSHA: "b", HeadRepo: "eve/fares"}, true},
		"a fork that is gone": {"pull_request", `{"number":7,"pull_request":{"head":{"sha":"a","repo":null},"base":{"sha":"b"}}}`,
			Event{Name: "pull_request", Repository: "acme/fares", Pull: 7, HeadSHA: "a", BaseSHA: "b"}, true},
		"a comment on a pull request": {"issue_comment", `{"issue":{"number":7,"pull_request":{}}}`,
			Event{Name: "issue_comment", Repository: "acme/fares", Pull: 7}, true},
		"a push": {"push", `{"ref":"refs/heads/main"}`, Event{Name: "push", Repository: "acme/fares"}, false},
	} {
		got, err := ReadEvent(c.event, "acme/fares", []byte(c.text))
		if err != nil || got != c.want || got.Fork() != c.fork {
			t.Errorf("%s: %+v, fork %v, %v", name, got, got.Fork(), err)
		}
	}
	if _, err := ReadEvent("pull_request", "", []byte("[")); err == nil {
		t.Error("what is no event was read as one")
	}
}
