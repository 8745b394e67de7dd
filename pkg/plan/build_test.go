package plan

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func thing(name string) resource.Addr { return resource.Addr{Kind: "thing", Name: name} }

var things = map[string]resource.Type{"thing": {
	Name: "thing", Host: "https://things.test", Identity: []string{"name"},
	CreateOnly: []string{"seed"}, Immutable: []string{"root"},
	Update: nil, Write: func(context.Context, []resource.Change[resource.Object]) []error { return nil },
}}

func build(t *testing.T, wishes []resource.Wish, seen map[string]Observation) map[string]Change {
	t.Helper()
	changes, err := Build(Input{Wishes: wishes, Types: things, Seen: seen})
	if err != nil {
		t.Fatal(err)
	}
	byAddr := map[string]Change{}
	for _, c := range changes {
		byAddr[c.Address] = c
	}
	return byAddr
}

func TestBuildDecides(t *testing.T) {
	wish := resource.Wish{Addr: thing("a"), Want: resource.Object{"name": "a", "size": 3.0, "seed": "x", "root": "r"}}
	live := resource.Object{"name": "A", "size": 3.0, "root": "r", "id": "7", "color": "red"}
	changed := resource.Object{"name": "A", "size": 4.0, "root": "r"}
	for name, test := range map[string]struct {
		seen   Observation
		action Action
		fields []string
	}{
		"a missing object is created":                   {Observation{State: Absent}, Create, []string{"root", "seed", "size"}},
		"identity, seeds and extra fields never differ": {Observation{State: Present, Object: live}, None, nil},
		"a managed field that differs is updated":       {Observation{State: Present, Object: changed}, Update, []string{"size"}},
		"an immutable field is refused":                 {Observation{State: Present, Object: resource.Object{"size": 3.0, "root": "other"}}, Blocked, []string{"root"}},
		"what cannot be read is never a create":         {Observation{State: Hidden, Reason: "403"}, Unknown, nil},
		"what nobody can make yet is blocked":           {Observation{State: Stopped, Reason: "no table"}, Blocked, nil},
		"a wish for nothing today changes nothing":      {Observation{State: Moot, Reason: "no table"}, None, nil},
		"what a person has to do is waited for":         {Observation{State: Awaiting, Object: live, Reason: "to be merged"}, Wait, nil},
		"what is to be waited for is put right first":   {Observation{State: Awaiting, Object: changed, Reason: "to be merged"}, Update, []string{"size"}},
		"what is waited for need not show itself":       {Observation{State: Awaiting, Reason: "to be merged"}, Wait, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := build(t, []resource.Wish{wish}, map[string]Observation{"thing/a": test.seen})["thing/a"]
			var fields []string
			for _, f := range c.Fields {
				fields = append(fields, f.Path)
			}
			if c.Action != test.action || !cmp.Equal(fields, test.fields) {
				t.Errorf("action %s, fields %v; want %s, %v", c.Action, fields, test.action, test.fields)
			}
		})
	}
}

// What needs something that only a person can finish is blocked behind it from the first plan on, and not
// only once the person is waited for.
func TestWhatNeedsAPersonsActIsBlockedBehindIt(t *testing.T) {
	awaited := things["thing"]
	awaited.Name, awaited.Awaited = "letter", true
	types := map[string]resource.Type{"thing": things["thing"], "letter": awaited}
	letter := resource.Addr{Kind: "letter", Name: "a"}
	wishes := []resource.Wish{
		{Addr: letter, Want: resource.Object{"name": "a", "size": 1.0}},
		{Addr: thing("b"), Want: resource.Object{"name": "b"}, Needs: []resource.Need{{Addr: "letter/a", Why: "it is signed"}}},
	}
	object := resource.Object{"name": "a", "size": 1.0}
	for name, test := range map[string]struct {
		seen          Observation
		letter, thing Action
	}{
		"not written yet": {Observation{State: Absent}, Create, Blocked},
		"to be mended":    {Observation{State: Awaiting, Object: resource.Object{"name": "a", "size": 2.0}}, Update, Blocked},
		"to be signed":    {Observation{State: Awaiting, Object: object, Reason: "sign it"}, Wait, Blocked},
		"signed":          {Observation{State: Present, Object: object}, None, Create},
		"nothing to sign": {Observation{State: Moot, Reason: "signed long ago"}, None, Create},
	} {
		changes, err := Build(Input{Wishes: wishes, Types: types, Seen: map[string]Observation{"letter/a": test.seen, "thing/b": {State: Absent}}})
		if err != nil {
			t.Fatal(err)
		}
		if changes[0].Action != test.letter || changes[1].Action != test.thing {
			t.Errorf("%s: %s and %s (%s), want %s and %s", name, changes[0].Action, changes[1].Action, changes[1].Reason, test.letter, test.thing)
		}
		if name == "signed" {
			continue
		}
		p := Plan{Changes: changes}
		if test.thing == Blocked && !p.HasChanges() {
			t.Errorf("%s: a plan that waits counts as changed", name)
		}
	}
}

func TestAReferenceToANewObjectIsKnownAfterTheApplyAndOrdersIt(t *testing.T) {
	wishes := []resource.Wish{
		{Addr: thing("child"), Want: resource.Object{"name": "child", "parent": map[string]any{"$ref": "thing/parent", "field": "id"}}},
		{Addr: thing("parent"), Want: resource.Object{"name": "parent"}},
	}
	changes, err := Build(Input{Wishes: wishes, Types: things, Seen: map[string]Observation{
		"thing/child": {State: Absent}, "thing/parent": {State: Absent}}})
	if err != nil {
		t.Fatal(err)
	}
	if changes[0].Address != "thing/parent" || !cmp.Equal(changes[1].DependsOn, []string{"thing/parent"}) {
		t.Fatalf("order %s, %s; child depends on %v", changes[0].Address, changes[1].Address, changes[1].DependsOn)
	}
	child := changes[1]
	want := []Field{{Path: "parent", KnownAfterApply: true}}
	if _, known := child.After["parent"]; known || !cmp.Equal(child.Fields, want) {
		t.Errorf("after %v, fields %v; want the parent's id known after the apply", child.After, child.Fields)
	}
}

func TestWhatIsCertainOfANewObjectIsUsedBeforeItIsMade(t *testing.T) {
	wishes := []resource.Wish{
		{Addr: thing("parent"), Want: resource.Object{"name": "parent"}},
		{Addr: thing("child"), Want: resource.Object{"name": "child", "subject": map[string]any{"$ref": "thing/parent", "field": "subject"}}},
	}
	changes := build(t, wishes, map[string]Observation{
		"thing/parent": {State: Absent, Object: resource.Object{"subject": "repo:a/b"}},
		"thing/child":  {State: Present, Object: resource.Object{"name": "child", "subject": "repo:a/b"}},
	})
	if got := changes["thing/child"].Action; got != None {
		t.Errorf("the child is %s; want none, as its subject is certain already", got)
	}
}

func TestAValueThatAnObjectWithholdsBlocksOnlyWhatIsMadeWithIt(t *testing.T) {
	wishes := []resource.Wish{
		{Addr: thing("parent"), Want: resource.Object{"name": "parent"}},
		{Addr: thing("child"), Want: resource.Object{"name": "child", "subject": map[string]any{"$ref": "thing/parent", "field": "subject"}}},
		{Addr: thing("sibling"), Want: resource.Object{"name": "sibling", "up": map[string]any{"$ref": "thing/parent", "field": "id"}}},
	}
	parent := resource.Object{"id": "7", "subject_blocked": "only the job knows"}
	for _, state := range []State{Present, Absent} {
		changes := build(t, wishes, map[string]Observation{
			"thing/parent": {State: state, Object: parent}, "thing/child": {State: Absent}, "thing/sibling": {State: Absent},
		})
		want := "its subject cannot be told by thing/parent: only the job knows"
		if c := changes["thing/child"]; c.Action != Blocked || c.Reason != want {
			t.Errorf("%s: the child is %s: %s", state, c.Action, c.Reason)
		}
		if changes["thing/parent"].Action == Blocked || changes["thing/sibling"].Action != Create {
			t.Errorf("%s: the parent is %s, its sibling %s", state, changes["thing/parent"].Action, changes["thing/sibling"].Action)
		}
	}
}

func TestWhatNeedsSomethingBlockedOrUnknownIsBlocked(t *testing.T) {
	need := func(on string) []resource.Need { return []resource.Need{{Addr: on, Why: "it lies in it"}} }
	wishes := []resource.Wish{
		{Addr: thing("a"), Want: resource.Object{"name": "a"}},
		{Addr: thing("b"), Want: resource.Object{"name": "b"}, Needs: need("thing/a")},
		{Addr: thing("c"), Want: resource.Object{"name": "c"}, Needs: need("thing/b")},
		{Addr: thing("right"), Want: resource.Object{"name": "right"}, Needs: need("thing/a")},
		{Addr: thing("free"), Want: resource.Object{"name": "free"}},
	}
	for state, words := range map[State]string{Stopped: "blocked", Hidden: "not readable"} {
		changes := build(t, wishes, map[string]Observation{
			"thing/a": {State: state, Reason: "because"}, "thing/b": {State: Absent}, "thing/c": {State: Absent},
			"thing/right": {State: Present, Object: resource.Object{"name": "right"}}, "thing/free": {State: Absent},
		})
		want := "it waits for thing/a, which is " + words + ": it lies in it"
		if changes["thing/b"].Action != Blocked || changes["thing/b"].Reason != want || changes["thing/c"].Action != Blocked {
			t.Errorf("%s: b is %s (%s), c is %s", state, changes["thing/b"].Action, changes["thing/b"].Reason, changes["thing/c"].Action)
		}
		if changes["thing/right"].Action != None || changes["thing/free"].Action != Create {
			t.Errorf("%s: what is right is %s, what needs nothing is %s", state, changes["thing/right"].Action, changes["thing/free"].Action)
		}
	}
}

func TestWishesForOneLiveObjectBecomeOneChangeAtTheFirstAddress(t *testing.T) {
	kind := resource.Type{Name: "thing", Identity: []string{"name"}, Declare: func(resource.Wishes) ([]resource.Wish, error) {
		return []resource.Wish{
			{Addr: thing("first"), Key: "k", Want: resource.Object{"name": "n", "size": 1.0}},
			{Addr: thing("second"), Key: "k", Want: resource.Object{"name": "other spelling", "size": 1.0}, Needs: []resource.Need{{Addr: "thing/x", Why: "w"}}},
			{Addr: thing("child"), Want: resource.Object{"name": "c", "up": map[string]any{"$ref": "thing/second", "field": "id"}}},
			{Addr: thing("third"), Key: "k", Want: resource.Object{"name": "n", "size": 2.0}},
		}, nil
	}}
	wishes, problems, err := Declare([]resource.Type{kind}, resource.Wishes{})
	if err != nil || len(wishes) != 2 {
		t.Fatalf("%d wishes, %v; want 2", len(wishes), err)
	}
	if len(problems) != 1 || problems[0].Code != "plan/contradiction" {
		t.Errorf("problems %v; want the contradiction of the third", problems)
	}
	if got := Needs(wishes[1]); len(got) != 1 || got[0].Addr != "thing/first" {
		t.Errorf("the child needs %v; want thing/first", got)
	}
	if got := Needs(wishes[0]); len(got) != 1 || got[0].Addr != "thing/x" {
		t.Errorf("the first needs %v; want what the second needs, too", got)
	}
}

func TestSelectTakesWhatIsNeededAlong(t *testing.T) {
	wishes := []resource.Wish{
		{Addr: thing("a"), Want: resource.Object{}},
		{Addr: thing("b"), Want: resource.Object{}, Needs: []resource.Need{{Addr: "thing/a", Why: "w"}}},
		{Addr: thing("c"), Want: resource.Object{}},
	}
	got := Select(wishes, func(w resource.Wish) bool { return MatchAddress("*/B", w.Addr.String()) })
	if len(got) != 2 || got[0].Addr.Name != "a" || got[1].Addr.Name != "b" {
		t.Errorf("selected %v", got)
	}
}

func TestAPlanIsReadAsItWasWritten(t *testing.T) {
	p := &Plan{Version: "1", CreatedAt: "2026-01-02T03:04:05Z", Changes: []Change{{Address: "thing/a", Action: Create, Fields: []Field{}, DependsOn: []string{}}}}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(data) {
		t.Errorf("read back as %s\nwritten as %s (%v)", again, data, err)
	}
	if err := json.Unmarshal([]byte(`{"format_version":"2.0"}`), &back); err == nil {
		t.Error("a plan of another format was read")
	}
}

func TestASavedPlanStandsOnlyWhileNothingOfItMoved(t *testing.T) {
	saved := &Plan{Changes: []Change{
		{Address: "thing/a", Kind: "thing", Action: Update, Before: resource.Object{"id": "7", "size": 1.0}, After: resource.Object{"id": "7", "size": 2.0}},
		{Address: "thing/quiet", Action: None, Before: resource.Object{"size": 1.0}},
	}}
	now := func(change func(*Change)) *Plan {
		c := saved.Changes[0]
		change(&c)
		return &Plan{Changes: []Change{c, {Address: "thing/quiet", Action: Update}}}
	}
	for name, test := range map[string]struct {
		change func(*Change)
		why    string
	}{
		"nothing moved":           {func(*Change) {}, ""},
		"only its place moved":    {func(c *Change) { c.Source.Line = 99 }, ""},
		"recreated with a new id": {func(c *Change) { c.Before = resource.Object{"id": "8", "size": 1.0} }, "what is there changed: id"},
		"another wish":            {func(c *Change) { c.After = resource.Object{"id": "7", "size": 3.0} }, "what it would become changed: size"},
		"done by somebody else":   {func(c *Change) { c.Action = None }, "it is done already, or somebody else did it"},
		"another action":          {func(c *Change) { c.Action, c.Reason = Blocked, "r" }, "the plan said update, now it would be blocked: r"},
		"another order":           {func(c *Change) { c.DependsOn = []string{"thing/b"} }, "what it depends on changed"},
		"an edited danger":        {func(c *Change) { c.Danger = resource.DataLoss }, "it is not the change that this program planned"},
	} {
		t.Run(name, func(t *testing.T) {
			steps, moved := Witness(saved, now(test.change))
			var why string
			if len(moved) > 0 {
				why = moved[0].Why
			}
			if why != test.why || !cmp.Equal(steps, []string{"thing/a"}) {
				t.Errorf("steps %v, moved %q; want %q", steps, why, test.why)
			}
		})
	}
	if _, moved := Witness(saved, &Plan{}); len(moved) != 1 {
		t.Error("a step that the spec no longer wishes was let through")
	}
	restricted := now(func(*Change) {}).Restrict([]string{"thing/a"})
	if !restricted.Changes[0].Action.Acts() || restricted.Changes[1].Action != None {
		t.Errorf("restricted to %v", restricted.Changes)
	}
}
