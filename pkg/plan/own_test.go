package plan_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// A shelf holds jars; only marked jars show that the stack made them.
func pantry() map[string]resource.Type {
	gone := func(context.Context, resource.Object) error { return nil }
	fits := func(o resource.Object) error { return nil }
	return map[string]resource.Type{
		"jar": {Name: "jar", Identity: []string{"name"}, LiveIdentity: []string{"id"}, Delete: gone, Fits: fits, Update: keep,
			Marked: func(stack string, have resource.Object) (bool, error) { return have["mark"] == stack, nil }},
		"shelf": {Name: "shelf", Identity: []string{"name"}, LiveIdentity: []string{"id"}, Guard: resource.DataLoss, Delete: gone, Fits: fits, Update: keep},
	}
}

func keep(_ context.Context, _, want resource.Object) (resource.Object, error) { return want, nil }

// departing is one object that the ledger holds and the spec does not wish.
type departing struct {
	record ledger.Object
	live   resource.Object // nil: it is not there
	rules  plan.Rules
}

func (d departing) plan(t *testing.T) []plan.Change {
	t.Helper()
	claims, err := plan.Claim(nil, pantry(), plan.Owned{Names: []string{"home"}, Objects: []ledger.Object{d.record}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]plan.Observation{d.record.Address: {State: plan.Absent}}
	if d.live != nil {
		seen[d.record.Address] = plan.Observation{State: plan.Present, Object: d.live}
	}
	changes, err := plan.Build(plan.Input{Types: pantry(), Seen: seen, Owned: &claims.Owned, Departed: claims.Departed, Rules: d.rules})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func recorded(address string, origin ledger.Origin) ledger.Object {
	kind, name, _ := strings.Cut(address, "/")
	return ledger.Object{Address: address, Kind: kind, Origin: origin, Since: "2026-11-01T00:00:00Z",
		Live: resource.Object{"name": name, "id": "1"}}
}

func TestWhatLeavesTheSpec(t *testing.T) {
	jar := resource.Object{"name": "a", "id": "1"}
	marked := resource.Object{"name": "a", "id": "1", "mark": "home"}
	witnessed := map[string]bool{"jar/a": true, "shelf/a": true}
	filled := recorded("jar/a", ledger.Made)
	filled.Live["with"] = "figs"
	for name, c := range map[string]struct {
		departing
		want plan.Action // "" is no change at all
		says string
	}{
		"made and marked":                 {departing{recorded("jar/a", ledger.Made), marked, plan.Rules{}}, plan.Delete, "bears the mark"},
		"made, and changed by others":     {departing{filled, resource.Object{"name": "a", "id": "1", "with": "plums"}, plan.Rules{Witnessed: witnessed}}, plan.Delete, `with: somebody else changed it since this stack's last apply, when it was "figs"`},
		"made and wished once":            {departing{recorded("jar/a", ledger.Made), jar, plan.Rules{Witnessed: witnessed}}, plan.Delete, "an earlier version"},
		"made, says the ledger alone":     {departing{recorded("jar/a", ledger.Made), jar, plan.Rules{}}, plan.Release, "only the ledger says"},
		"marked by another stack":         {departing{recorded("jar/a", ledger.Made), resource.Object{"name": "a", "id": "1", "mark": "away"}, plan.Rules{}}, plan.Release, "only the ledger says"},
		"named":                           {departing{recorded("jar/a", ledger.Made), jar, plan.Rules{Allow: []string{"jar/a"}}}, plan.Delete, "you named it"},
		"its kind named, no witness":      {departing{recorded("jar/a", ledger.Made), jar, plan.Rules{Allow: []string{"jar"}}}, plan.Release, "only the ledger says"},
		"adopted":                         {departing{recorded("jar/a", ledger.Adopted), marked, plan.Rules{}}, plan.Release, "there before this stack"},
		"adopted, its kind named":         {departing{recorded("jar/a", ledger.Adopted), marked, plan.Rules{Allow: []string{"jar"}}}, plan.Release, "there before this stack"},
		"adopted and named":               {departing{recorded("jar/a", ledger.Adopted), marked, plan.Rules{Allow: []string{"jar/a"}}}, plan.Delete, ""},
		"another has its place":           {departing{recorded("jar/a", ledger.Made), resource.Object{"name": "a", "id": "2", "mark": "home"}, plan.Rules{Witnessed: witnessed, Allow: []string{"jar/a"}}}, plan.Release, "another jar has its place"},
		"gone already":                    {departing{recorded("jar/a", ledger.Made), nil, plan.Rules{}}, "", ""},
		"nothing is to be deleted":        {departing{recorded("jar/a", ledger.Made), marked, plan.Rules{Keep: true}}, "", ""},
		"guarded":                         {departing{recorded("shelf/a", ledger.Made), jar, plan.Rules{Witnessed: witnessed}}, plan.Blocked, "--allow-destroy shelf/a"},
		"guarded, its kind named":         {departing{recorded("shelf/a", ledger.Made), jar, plan.Rules{Witnessed: witnessed, Allow: []string{"shelf"}}}, plan.Delete, ""},
		"guarded, named, without witness": {departing{recorded("shelf/a", ledger.Made), jar, plan.Rules{Allow: []string{"shelf"}}}, plan.Release, "only the ledger says"},
	} {
		t.Run(name, func(t *testing.T) {
			changes := c.plan(t)
			if c.want == "" {
				if len(changes) > 0 {
					t.Errorf("it plans %+v", changes)
				}
				return
			}
			if len(changes) != 1 || changes[0].Action != c.want || !strings.Contains(changes[0].Reason, c.says) {
				t.Errorf("it plans %+v", changes)
			}
		})
	}
}

// What is deleted goes in the reverse of how it was made.
func TestNothingIsDeletedBeforeWhatWasMadeWithIt(t *testing.T) {
	shelf, jar := recorded("shelf/a", ledger.Made), recorded("jar/b", ledger.Made)
	jar.DependsOn = []string{"shelf/a"}
	claims, err := plan.Claim(nil, pantry(), plan.Owned{Objects: []ledger.Object{jar, shelf}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]plan.Observation{
		"shelf/a": {State: plan.Present, Object: shelf.Live}, "jar/b": {State: plan.Present, Object: jar.Live},
	}
	changes, err := plan.Build(plan.Input{Types: pantry(), Seen: seen, Owned: &claims.Owned, Departed: claims.Departed,
		Rules: plan.Rules{Witnessed: map[string]bool{"shelf/a": true, "jar/b": true}, Allow: []string{"shelf"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 2 || changes[0].Address != "jar/b" || !slices.Equal(changes[1].DependsOn, []string{"jar/b"}) {
		t.Errorf("it plans %+v", changes)
	}
}

// A shelf holds a jar: while the jar stays, so does the shelf.
func TestAHolderIsKeptWhileWhatItHoldsStays(t *testing.T) {
	for name, c := range map[string]struct {
		jar  ledger.Origin
		kind string
		want plan.Action
	}{
		"the jar was adopted":          {ledger.Adopted, "jar", plan.Blocked},
		"the jar goes":                 {ledger.Made, "jar", plan.Delete},
		"another shelf, and not named": {ledger.Made, "shelf", plan.Blocked},
	} {
		t.Run(name, func(t *testing.T) {
			holder, held := recorded("shelf/a", ledger.Made), recorded(c.kind+"/b", c.jar)
			held.DependsOn = []string{"shelf/a"}
			claims, err := plan.Claim(nil, pantry(), plan.Owned{Objects: []ledger.Object{holder, held}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]plan.Observation{
				holder.Address: {State: plan.Present, Object: holder.Live}, held.Address: {State: plan.Present, Object: held.Live},
			}
			held.Live["id"], holder.Live["id"] = "2", "1"
			changes, err := plan.Build(plan.Input{Types: pantry(), Seen: seen, Owned: &claims.Owned, Departed: claims.Departed,
				Rules: plan.Rules{Witnessed: map[string]bool{"shelf/a": true, held.Address: true}, Allow: []string{"shelf/a"}}})
			if err != nil {
				t.Fatal(err)
			}
			p := plan.Plan{Changes: changes}
			if got := p.Find("shelf/a"); got == nil || got.Action != c.want {
				t.Errorf("it plans %+v", changes)
			}
		})
	}
}

// wished is a wish for a jar, and what is there.
type wished struct {
	live    resource.Object
	objects []ledger.Object
	intents []ledger.Intent
	applied bool // the spec is the one that was applied last
}

func (w wished) plan(t *testing.T) plan.Change {
	t.Helper()
	wish := resource.Wish{Addr: resource.Addr{Kind: "jar", Name: "a"}, Want: resource.Object{"name": "a", "label": "jam"}}
	owned := plan.Owned{Objects: w.objects, Intents: w.intents}
	seen := map[string]plan.Observation{"jar/a": {State: plan.Absent}}
	if w.live != nil {
		seen["jar/a"] = plan.Observation{State: plan.Present, Object: w.live}
	}
	changes, err := plan.Build(plan.Input{Wishes: []resource.Wish{wish}, Types: pantry(), Seen: seen, Owned: &owned, Applied: w.applied})
	if err != nil {
		t.Fatal(err)
	}
	return changes[0]
}

// With the spec as it was applied last, a field that was not there then and has a value now was given one by the service.
func TestADifferenceHasACause(t *testing.T) {
	honey := resource.Object{"name": "a", "id": "1", "label": "honey"}
	bare := recorded("jar/a", ledger.Made)
	jam, same := recorded("jar/a", ledger.Made), recorded("jar/a", ledger.Made)
	jam.Live["label"], same.Live["label"] = "jam", "honey"
	for name, c := range map[string]struct {
		wished
		want plan.Cause
	}{
		"the service gives a value":             {wished{live: honey, objects: []ledger.Object{bare}, applied: true}, plan.ByService},
		"the spec manages it since":             {wished{live: honey, objects: []ledger.Object{bare}}, plan.BySpec},
		"somebody changed it":                   {wished{live: honey, objects: []ledger.Object{jam}, applied: true}, plan.Outside},
		"somebody changed it, and the spec did": {wished{live: honey, objects: []ledger.Object{jam}}, plan.Outside},
		"the spec changed":                      {wished{live: honey, objects: []ledger.Object{same}}, plan.BySpec},
		"an apply left it over":                 {wished{live: honey, objects: []ledger.Object{same}, applied: true}, ""},
		"somebody deleted it":                   {wished{objects: []ledger.Object{jam}, applied: true}, plan.Outside},
		"it is new in the spec":                 {wished{}, plan.BySpec},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.plan(t); got.Cause != c.want {
				t.Errorf("%s of %s: the cause is %q, want %q", got.Action, got.Reason, got.Cause, c.want)
			}
		})
	}
}

func TestWhatIsThereAlready(t *testing.T) {
	jam, honey := resource.Object{"name": "a", "id": "1", "label": "jam"}, resource.Object{"name": "a", "id": "1", "label": "honey"}
	known := recorded("jar/a", ledger.Made)
	known.Live["label"] = "jam"
	elsewhere := recorded("jar/b", ledger.Made)
	other := recorded("jar/a", ledger.Made)
	other.Live["id"] = "0"
	for name, c := range map[string]struct {
		wished
		want plan.Action
		says string
	}{
		"unknown to the ledger":     {wished{live: jam}, plan.Adopt, "becomes this stack's"},
		"unknown, and differs":      {wished{live: honey}, plan.Update, "was there already and becomes this stack's"},
		"made here":                 {wished{live: jam, objects: []ledger.Object{known}}, plan.None, ""},
		"changed by somebody":       {wished{live: honey, objects: []ledger.Object{known}}, plan.Update, `somebody else changed it since this stack's last apply, when it was "jam"`},
		"known by another address":  {wished{live: jam, objects: []ledger.Object{elsewhere}}, plan.None, ""},
		"made by a run that ended":  {wished{live: jam, intents: []ledger.Intent{{Address: "jar/a", Kind: "jar"}}}, plan.None, ""},
		"another has its place":     {wished{live: jam, objects: []ledger.Object{other}}, plan.Adopt, "has gone, and another has its place"},
		"somebody deleted it":       {wished{objects: []ledger.Object{known}}, plan.Create, "somebody deleted what this stack made on 2026-11-01"},
		"never there":               {wished{}, plan.Create, "it is not there"},
		"about to be made, and not": {wished{intents: []ledger.Intent{{Address: "jar/a", Kind: "jar"}}}, plan.Create, "it is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.plan(t); got.Action != c.want || !strings.Contains(got.Reason, c.says) {
				t.Errorf("it plans %s: %s", got.Action, got.Reason)
			}
		})
	}
}
