package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// scribe writes what a run intends and has done into the ledger. It is pure.
type scribe struct {
	types   map[string]resource.Type
	run     ledger.Run
	now     string
	changes []plan.Change
	gone    []string        // addresses of what has left, and was gone before the run
	adopted []ledger.Secret // what is to be recorded of the secrets that were there before
	settled []string        // addresses for which a run that did not end was to issue, and issued nothing that is left
}

// intend records the objects that the run is about to make, and the credentials that it will issue, in place
// of those that it had recorded before.
func (s scribe) intend(l *ledger.Ledger, issuing []ledger.Issuing) {
	had := l.Intents
	s.withdraw(l)
	for _, c := range s.changes {
		i, ok := s.intent(c)
		if !ok || s.intended(l, c.Address) {
			continue // what a run that did not end may have made stays ours
		}
		if at := slices.IndexFunc(had, func(h ledger.Intent) bool { return h.Address == i.Address && h.Run == i.Run }); at >= 0 {
			i.At = had[at].At
		}
		i.Items = append(i.Items, beyond(s.given(l, c.Address), i.Items)...)
		l.Close(c.Address)
		l.Intents = append(l.Intents, i)
	}
	slices.SortFunc(l.Intents, func(a, b ledger.Intent) int { return strings.Compare(a.Address, b.Address) })
	for _, i := range issuing {
		i.Run = s.run.ID
		l.Issuing = append(l.Issuing, i)
	}
}

// intent is what a change is about to make, or to start: an object, or items of the list of one that is there.
func (s scribe) intent(c plan.Change) (ledger.Intent, bool) {
	i := ledger.Intent{Address: c.Address, Kind: c.Kind, Want: c.Want, DependsOn: c.DependsOn, Run: s.run.ID, At: s.now}
	list := s.types[c.Kind].Items
	if c.Action == plan.Update && list != "" {
		i.Items = beyond(s.items(c.Kind, c.After), s.items(c.Kind, c.Before))
		i.Want = plan.Merge(resource.Object{list: anys(i.Items)}, c.Before)
	}
	starts := s.types[c.Kind].Starts && (c.Action == plan.Create || c.Action == plan.Update)
	return i, starts || s.ownable(c) && (c.Action == plan.Create || len(i.Items) > 0)
}

// withdraw takes back what the run had intended, and has not begun.
func (s scribe) withdraw(l *ledger.Ledger) {
	l.Intents = slices.DeleteFunc(l.Intents, func(i ledger.Intent) bool { return i.Run == s.run.ID })
	l.Issuing = slices.DeleteFunc(l.Issuing, func(i ledger.Issuing) bool { return i.Run == s.run.ID })
}

func (s scribe) ownable(c plan.Change) bool {
	own, err := plan.Ownable(s.types[c.Kind], c.Want)
	return own && err == nil // what a kind cannot judge, it does not own
}

// conclude records how the run ended, and what the stack owns now.
func (s scribe) conclude(l *ledger.Ledger, r apply.Report) {
	results := map[string]apply.Result{}
	for _, result := range r.Results {
		results[result.Address] = result
		d := ledger.Deed{Address: result.Address, Action: string(result.Action), Status: string(result.Status)}
		l.Run.Did = append(l.Run.Did, d)
	}
	for _, c := range s.changes {
		result, acted := results[c.Address]
		switch {
		case !acted:
			s.refresh(l, c)
		case result.Status == apply.Done:
			s.done(l, c, result)
		case result.Unsure, s.pushedAlong(c, results["first_commit"]):
			// The intent stays open: the next run looks whether it is there.
		default:
			s.undone(l, c)
		}
	}
	for _, address := range s.gone {
		l.Drop(address)
		l.Run.Did = append(l.Run.Did, ledger.Deed{Address: address, Action: string(plan.Release), Status: string(apply.Done)})
	}
	l.Issuing = slices.DeleteFunc(l.Issuing, func(i ledger.Issuing) bool { return slices.Contains(s.settled, i.Address) })
	for _, secret := range s.adopted {
		if l.Find(secret.Address) != nil && l.FindSecret(secret.Address) == nil {
			l.PutSecret(secret)
		}
	}
}

// pushedAlong reports whether a branch is there, or may be, because of the first commit, though its own step was
// not done.
func (s scribe) pushedAlong(c plan.Change, first apply.Result) bool {
	branch := first.Object["branch"]
	if at := slices.IndexFunc(s.changes, func(c plan.Change) bool { return c.Address == "first_commit" }); branch == nil && at >= 0 {
		branch = s.changes[at].Want["branch"]
	}
	return c.Kind == "branch" && (first.Status == apply.Done || first.Unsure) && c.Address == fmt.Sprintf("branch/%v", branch)
}

// refresh records an object that stayed as it is, under its address of today. One that an open intent speaks
// of was made by a run that could not say so.
func (s scribe) refresh(l *ledger.Ledger, c plan.Change) {
	switch {
	case c.Before != nil:
		s.put(l, c, c.Before)
	case c.Action == plan.None, c.Action == plan.Create, c.Action == plan.Wait:
		l.Close(c.Address) // it is not there, and nobody is about to make it; or it is under way
	}
}

func (s scribe) done(l *ledger.Ledger, c plan.Change, result apply.Result) {
	switch c.Action {
	case plan.Delete, plan.Release:
		l.Drop(c.Address)
	case plan.Create:
		o := s.object(c, result.Object)
		known := s.known(l, c.Kind, o)
		switch {
		case !result.Met, s.intended(l, c.Address):
			o.Origin = ledger.Made
		case known != nil: // a listing that lagged behind had hidden it
			o.Origin, o.Since, o.By, o.Kept = known.Origin, known.Since, known.By, known.Kept
		default:
			o.Origin, o.Kept = ledger.Adopted, s.items(c.Kind, result.Object)
		}
		s.own(l, c, o)
	default:
		s.put(l, c, result.Object)
	}
}

// undone closes the intent of what was certainly not made.
func (s scribe) undone(l *ledger.Ledger, c plan.Change) {
	l.Intents = slices.DeleteFunc(l.Intents, func(i ledger.Intent) bool { return i.Address == c.Address && i.Run == s.run.ID })
}

// put records an object that was there before the run, with what the ledger knows of it already.
func (s scribe) put(l *ledger.Ledger, c plan.Change, live resource.Object) {
	o := s.object(c, live)
	known := s.known(l, c.Kind, s.object(c, c.Before))
	switch {
	case known != nil:
		o.Origin, o.Since, o.By = known.Origin, known.Since, known.By
		o.Kept = s.kept(c, *known, s.given(l, c.Address))
		if len(c.Want) == 0 || sameObject(c.Before, c.Want) { // departed, and still there
			o.DependsOn = known.DependsOn
		}
		if known.Address != c.Address {
			l.Readdress(known.Address, c.Address)
		}
	case slices.ContainsFunc(l.Intents, func(i ledger.Intent) bool { return i.Address == c.Address && len(i.Items) == 0 }):
		o.Origin = ledger.Made
	default:
		o.Origin, o.Kept = ledger.Adopted, beyond(s.items(c.Kind, c.Before), s.given(l, c.Address))
	}
	s.own(l, c, o)
}

// intended reports whether a run that did not end was about to make what is at an address.
func (s scribe) intended(l *ledger.Ledger, address string) bool {
	return slices.ContainsFunc(l.Intents, func(i ledger.Intent) bool { return i.Address == address && i.Run != s.run.ID && len(i.Items) == 0 })
}

// given are the items that a run that did not end was about to add to the list of what is at an address.
func (s scribe) given(l *ledger.Ledger, address string) []string {
	i := slices.IndexFunc(l.Intents, func(i ledger.Intent) bool { return i.Address == address && i.Run != s.run.ID })
	if i < 0 {
		return nil
	}
	return l.Intents[i].Items
}

// known is what the ledger holds of an object: under its live identity, or, where the kind has none, its
// address.
func (s scribe) known(l *ledger.Ledger, kind string, live ledger.Object) *ledger.Object {
	t := s.types[kind]
	id := plan.LiveID(t, live.Live)
	i := slices.IndexFunc(l.Objects, func(o ledger.Object) bool {
		return o.Kind == kind && (id != "" && plan.LiveID(t, o.Live) == id || id == "" && o.Address == live.Address)
	})
	if i < 0 {
		return nil
	}
	o := l.Objects[i]
	return &o
}

func (s scribe) own(l *ledger.Ledger, c plan.Change, o ledger.Object) {
	l.Close(c.Address)
	if s.ownable(c) && len(o.Live) > 0 {
		l.Put(o)
	}
}

func (s scribe) object(c plan.Change, live resource.Object) ledger.Object {
	return ledger.Object{Address: c.Address, Kind: c.Kind, Live: live, DependsOn: c.DependsOn, Since: s.now, By: s.run.Who}
}

// items are those of an object's list that were there.
func (s scribe) items(kind string, have resource.Object) []string {
	list, _ := have[s.types[kind].Items].([]any)
	items := make([]string, 0, len(list))
	for _, item := range list {
		items = append(items, fmt.Sprint(item))
	}
	return items
}

// kept are the items that were there before the stack: those that were recorded so, and those that appeared
// since without this stack, so that no run of it meant to give them.
func (s scribe) kept(c plan.Change, known ledger.Object, given []string) []string {
	ours := append(s.items(c.Kind, known.Live), given...)
	kept := slices.Clone(known.Kept)
	for _, item := range s.items(c.Kind, c.Before) {
		if !slices.Contains(ours, item) && !slices.Contains(kept, item) {
			kept = append(kept, item)
		}
	}
	return kept
}

// beyond returns what list has and the other has not.
func beyond(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func sameObject(a, b resource.Object) bool {
	return len(plan.Diff(a, b)) == 0 && len(plan.Diff(b, a)) == 0
}

// headline is the subject of a version: what its run did.
func headline(r apply.Report) string {
	counts := map[plan.Action]int{}
	for _, result := range r.Results {
		if result.Status == apply.Done {
			counts[result.Action]++
		}
	}
	var parts []string
	for _, a := range plan.Actions() {
		if counts[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[a], a))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing done"}
	}
	if n := len(r.Results) - r.Count(apply.Done); n > 0 {
		parts = append(parts, fmt.Sprintf("%d not done", n))
	}
	return "apply: " + strings.Join(parts, ", ")
}
