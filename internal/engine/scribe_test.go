package engine

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// jars are objects that a stack can own.
func jars() map[string]resource.Type {
	return map[string]resource.Type{"jar": {Name: "jar", LiveIdentity: []string{"id"}, Delete: func(context.Context, resource.Object) error { return nil }}}
}

func run(id string, changes ...plan.Change) scribe {
	return scribe{types: jars(), run: ledger.Run{ID: id}, now: "2026-11-01T00:00:00Z", changes: changes}
}

// A run that is killed has said before what it is about to make, so that the next one knows it for the stack's.
func TestWhatARunIsAboutToMakeIsRecordedFirst(t *testing.T) {
	want, made := resource.Object{"name": "a"}, resource.Object{"name": "a", "id": "1"}
	create := plan.Change{Address: "jar/a", Kind: "jar", Action: plan.Create, Want: want}
	var l ledger.Ledger
	run("killed", create).intend(&l, nil)
	if len(l.Intents) != 1 || l.Intents[0].Address != "jar/a" || l.Intents[0].Run != "killed" {
		t.Fatalf("the intents are %+v", l.Intents)
	}
	next := run("next", plan.Change{Address: "jar/a", Kind: "jar", Action: plan.None, Want: want, Before: made})
	next.conclude(&l, apply.Report{})
	if o := l.Find("jar/a"); o == nil || o.Origin != ledger.Made || len(l.Intents) != 0 {
		t.Errorf("the next run leaves %+v", l)
	}
}

func TestAnIntentIsClosedOnlyByWhatIsCertain(t *testing.T) {
	create := plan.Change{Address: "jar/a", Kind: "jar", Action: plan.Create, Want: resource.Object{"name": "a"}}
	for name, c := range map[string]struct {
		result  apply.Result
		intents int
		origin  ledger.Origin
	}{
		"made":                     {apply.Result{Status: apply.Done, Object: resource.Object{"id": "1"}}, 0, ledger.Made},
		"made by somebody else":    {apply.Result{Status: apply.Done, Object: resource.Object{"id": "1"}, Met: true}, 0, ledger.Adopted},
		"refused":                  {apply.Result{Status: apply.Failed, Err: errors.New("no")}, 0, ""},
		"nobody knows":             {apply.Result{Status: apply.Failed, Err: errors.New("lost"), Unsure: true}, 1, ""},
		"not begun, as time is up": {apply.Result{Status: apply.NotStarted}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			s := run("this", create)
			s.intend(&l, nil)
			c.result.Address, c.result.Action = "jar/a", plan.Create
			s.conclude(&l, apply.Report{Results: []apply.Result{c.result}})
			origin := ledger.Origin("")
			if o := l.Find("jar/a"); o != nil {
				origin = o.Origin
			}
			if len(l.Intents) != c.intents || origin != c.origin {
				t.Errorf("the ledger is %+v, want %d intents and origin %q", l, c.intents, c.origin)
			}
		})
	}
}

// The first commit brings a branch along: as long as nobody knows whether it was pushed, nobody knows of that one.
func TestABranchThatMayHaveBeenPushedStaysIntended(t *testing.T) {
	commit := plan.Change{Address: "first_commit", Kind: "first_commit", Action: plan.Create, Want: resource.Object{"branch": "main"}}
	main := plan.Change{Address: "branch/main", Kind: "branch", Action: plan.Create, Want: resource.Object{"name": "main"}}
	release := plan.Change{Address: "branch/release", Kind: "branch", Action: plan.Create, Want: resource.Object{"name": "release"}}
	skipped := []apply.Result{{Address: "branch/main", Status: apply.Skipped}, {Address: "branch/release", Status: apply.Skipped}}
	for name, c := range map[string]struct {
		first apply.Result
		want  []string
	}{
		"pushed":            {apply.Result{Status: apply.Done, Object: resource.Object{"branch": "main"}}, []string{"branch/main"}},
		"nobody can see it": {apply.Result{Status: apply.Failed, Unsure: true}, []string{"branch/main"}},
		"refused":           {apply.Result{Status: apply.Failed}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			s := run("this", commit, main, release)
			s.types["branch"] = resource.Type{Name: "branch", LiveIdentity: []string{"id"}, Delete: s.types["jar"].Delete}
			s.intend(&l, nil)
			c.first.Address = "first_commit"
			s.conclude(&l, apply.Report{Results: append([]apply.Result{c.first}, skipped...)})
			var open []string
			for _, i := range l.Intents {
				open = append(open, i.Address)
			}
			if !slices.Equal(open, c.want) {
				t.Errorf("the open intents are %q, want %q", open, c.want)
			}
		})
	}
}

// shelves are objects with a list whose items are owned one by one.
func shelves(id string, a plan.Action, had, wished []any) (scribe, plan.Change) {
	before := resource.Object{"id": "1", "items": had}
	c := plan.Change{Address: "jar/a", Kind: "jar", Action: a, Before: before, After: plan.Merge(resource.Object{"items": wished}, before), Want: resource.Object{"items": wished}}
	s := run(id, c)
	jar := s.types["jar"]
	jar.Items = "items"
	s.types["jar"] = jar
	return s, c
}

// What a run that was killed was about to add to a list is not taken for what others gave.
func TestWhatAKilledRunAddedToAListIsTheStacks(t *testing.T) {
	for name, had := range map[string]*ledger.Object{
		"to what it owned": {Address: "jar/a", Kind: "jar", Origin: ledger.Made, Live: resource.Object{"id": "1", "items": []any{"old"}}},
		"to what it found": nil,
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			kept := []string{"old", "theirs"} // all that was there is others'
			if had != nil {
				l.Put(*had)
				kept = []string{"theirs"}
			}
			killed, _ := shelves("killed", plan.Update, []any{"old"}, []any{"new", "old"})
			killed.intend(&l, nil)
			if len(l.Intents) != 1 || !slices.Equal(l.Intents[0].Items, []string{"new"}) {
				t.Fatalf("the intents are %+v", l.Intents)
			}
			second, _ := shelves("second", plan.Update, []any{"new", "old", "theirs"}, []any{"newer", "new", "old", "theirs"})
			second.intend(&l, nil)
			if len(l.Intents) != 1 || !slices.Equal(l.Intents[0].Items, []string{"newer", "new"}) {
				t.Fatalf("the second run's intents are %+v", l.Intents)
			}
			last, _ := shelves("last", plan.None, []any{"new", "newer", "old", "theirs"}, []any{"new", "newer", "old", "theirs"})
			last.conclude(&l, apply.Report{})
			if o := l.Find("jar/a"); o == nil || !slices.Equal(o.Kept, kept) || open(l) != 0 {
				t.Errorf("the ledger is %+v; want %q kept", l, kept)
			}
		})
	}
}

func TestWhatAListingHadHiddenStaysWhatItWas(t *testing.T) {
	create := plan.Change{Address: "jar/a", Kind: "jar", Action: plan.Create, Want: resource.Object{"name": "a"}}
	met := apply.Report{Results: []apply.Result{{Address: "jar/a", Action: plan.Create, Status: apply.Done, Met: true, Object: resource.Object{"id": "1"}}}}
	recorded, intended := ledger.Ledger{}, ledger.Ledger{}
	recorded.Put(ledger.Object{Address: "jar/a", Kind: "jar", Origin: ledger.Made, Live: resource.Object{"id": "1"}})
	run("killed", create).intend(&intended, nil)
	for name, l := range map[string]*ledger.Ledger{"recorded": &recorded, "intended": &intended} {
		s := run("this", create)
		s.intend(l, nil)
		s.conclude(l, met)
		if o := l.Find("jar/a"); o == nil || o.Origin != ledger.Made {
			t.Errorf("%s as made, it is %+v now", name, o)
		}
	}
}

// The first push makes its branch; a run that is ended after it has made that branch, too.
func TestTheBranchOfTheFirstCommitIsMadeWithIt(t *testing.T) {
	s := run("ended", plan.Change{Address: "branch/main", Kind: "branch", Action: plan.Create, Want: resource.Object{"name": "main"}})
	s.types["branch"] = resource.Type{Name: "branch", LiveIdentity: []string{"ref"}, Delete: s.types["jar"].Delete}
	for _, first := range []apply.Status{apply.Done, apply.NotStarted} {
		var l ledger.Ledger
		s.intend(&l, nil)
		s.conclude(&l, apply.Report{Results: []apply.Result{
			{Address: "first_commit", Action: plan.Create, Status: first, Object: resource.Object{"branch": "main"}},
			{Address: "branch/main", Action: plan.Create, Status: apply.NotStarted},
		}})
		if open := len(l.Intents) == 1; open != (first == apply.Done) {
			t.Errorf("with the first commit %s the intents are %+v", first, l.Intents)
		}
	}
}

func TestMuchIsDeletedOnlyOnPurpose(t *testing.T) {
	e := &Engine{stack: &spec.Stack{Targets: []spec.Target{{Name: "staging", Catalog: "staging"}, {Name: "prod", Catalog: "main"}}}}
	grant := func(securable string, a plan.Action) plan.Change {
		return plan.Change{Kind: "grant", Action: a, Before: resource.Object{"securable": securable}}
	}
	for name, c := range map[string]struct {
		plan   plan.Plan
		excess bool
	}{
		"nothing":              {plan.Plan{Owned: 3, Changes: []plan.Change{grant("main.a", plan.None)}}, false},
		"a third":              {plan.Plan{Owned: 3, Changes: []plan.Change{grant("staging.a", plan.Delete)}}, false},
		"more than a third":    {plan.Plan{Owned: 5, Changes: []plan.Change{grant("staging.a", plan.Delete), grant("staging.b", plan.Delete)}}, true},
		"production, not all":  {plan.Plan{Owned: 9, Changes: []plan.Change{grant("main.a", plan.Delete), grant("main.b", plan.None)}}, false},
		"all of production's":  {plan.Plan{Owned: 9, Changes: []plan.Change{grant("main.a", plan.Delete), grant("staging.b", plan.None)}}, true},
		"none of what it owns": {plan.Plan{Owned: 0, Changes: []plan.Change{grant("staging.a", plan.Delete)}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if why := e.Excess(&c.plan); (why != "") != c.excess {
				t.Errorf("it says %q", why)
			}
		})
	}
}
