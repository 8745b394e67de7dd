// Package policy judges a plan by rules: the built-in ones, which warn, and a team's own, which refuse. It
// is pure: what it says follows from the plan and the spec.
package policy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/rule"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Input is what is judged. A change that is unknown is judged by its wish: what only live state shows is not
// found then, and a rule that hangs on it is said to be undecided.
type Input struct {
	Stack   *spec.Stack
	Rules   []spec.PolicyRule // Stack.Policy, or what Together makes of two
	Changes []plan.Change
	Blind   bool // nothing at all was looked at: then "unknown" says nothing of a change
	// Was is what a pull request is compared with; nil outside of one.
	Was *Was
	// Diagnostics of the plan. Those whose code is a built-in rule's are judged like the rest.
	Diagnostics diag.List
}

// Was are the wishes and the rules of a pull request's base. Of what it leaves as it was, what a rule of the base's could not be
// held against is not its doing, and is not said.
type Was struct {
	Wishes map[string]resource.Object // by address
	Rules  []spec.PolicyRule
}

// leaves reports whether the pull request has a rule, and the wish for an object, as the base has them.
func (w *Was) leaves(r teams, c plan.Change) bool {
	if w == nil || !slices.ContainsFunc(w.Rules, func(b spec.PolicyRule) bool { return b.Deny == r.Deny && b.Name == r.Name }) {
		return false
	}
	wish, there := w.Wishes[c.Address]
	return there && !c.Leaving && reflect.DeepEqual(wish, c.Want)
}

// Judge returns the diagnostics of a plan with what the rules say of it, sorted. An error whose code is a
// policy's means that the plan is refused.
func Judge(in Input) diag.List {
	var kept, found diag.List
	for _, d := range in.Diagnostics {
		if slices.Contains(spec.BuiltInPolicies(), d.Code) {
			found = append(found, d)
		} else {
			kept = append(kept, d)
		}
	}
	for _, check := range builtIn() {
		found = append(found, check(in)...)
	}
	for _, d := range found {
		switch {
		case in.silences(d):
		case in.enforces(d.Code):
			d.Severity = diag.Error
			kept = append(kept, d)
		default:
			kept = append(kept, d)
		}
	}
	for _, r := range in.Rules {
		if r.Deny == "" {
			continue
		}
		if deny, issues := rule.Compile(r.Deny); len(issues) == 0 { // the spec was refused else
			kept = append(kept, in.denied(teams{PolicyRule: r, deny: deny})...)
		}
	}
	return kept.Sorted()
}

// Together are the rules for a pull request: those of the base branch hold, and what the head adds in
// strictness. A rule that only the head silences is not silent.
func Together(base, head []spec.PolicyRule) []spec.PolicyRule {
	all := slices.Clone(base)
	for _, r := range head {
		known := func(b spec.PolicyRule) bool {
			return b.Enforce == r.Enforce && b.Deny == r.Deny && (r.Deny == "" || b.Name == r.Name)
		}
		if r.Ignore == "" && !slices.ContainsFunc(base, known) {
			all = append(all, r)
		}
	}
	return all
}

func (in Input) silences(d diag.Diagnostic) bool {
	return slices.ContainsFunc(in.Rules, func(r spec.PolicyRule) bool {
		return r.Ignore == d.Code && plan.MatchAddress(r.At, d.Address)
	})
}

func (in Input) enforces(code string) bool {
	return slices.ContainsFunc(in.Rules, func(r spec.PolicyRule) bool { return r.Enforce == code })
}

// teams is a rule of the team's own.
type teams struct {
	spec.PolicyRule
	deny *rule.Rule
}

// denied asks a rule about every change, or once where it is about the plan as a whole.
func (in Input) denied(r teams) diag.List {
	whole := rule.Input{Stack: map[string]any{
		"name": in.Stack.Name, "repository": in.Stack.Git.Owner + "/" + in.Stack.Git.Name, "host": in.Stack.Git.Host,
	}, Summary: map[string]int{}}
	for action, n := range (&plan.Plan{Changes: in.Changes}).Count() {
		whole.Summary[string(action)] = n
	}
	if !r.deny.OfChange() {
		return in.deniedWhole(r, whole)
	}
	var list diag.List
	var open []string
	for _, c := range in.Changes {
		of := whole
		if of.Change = seen(c); c.Action != plan.Unknown {
			list = append(list, verdict(r, of, c)...)
			continue
		}
		found, undecided := in.verdictByWish(r, of, c)
		if list = append(list, found...); undecided && !in.Was.leaves(r, c) {
			open = append(open, c.Address)
		}
	}
	return append(list, undecided(r, open)...)
}

// deniedWhole asks a rule about the plan as a whole. One that nothing denies yet may be denied by what is unknown.
func (in Input) deniedWhole(r teams, whole rule.Input) diag.List {
	if !in.Blind {
		if list := verdict(r, whole, plan.Change{Source: r.Pos}); len(list) > 0 || whole.Summary[string(plan.Unknown)] == 0 {
			return list
		}
	}
	whole.Unseen = []string{"summary"}
	if _, err := r.deny.Denies(whole); errors.Is(err, rule.ErrUnseen) {
		return undecided(r, []string{"the plan as a whole"})
	}
	return verdict(r, whole, plan.Change{Source: r.Pos})
}

// verdictByWish is what a rule says of an object that was not seen, from its wish alone, and whether it says nothing
// because it needs more than that.
func (in Input) verdictByWish(r teams, of rule.Input, c plan.Change) (list diag.List, undecided bool) {
	of.Unseen = []string{"change.before", "change.fields", "change.danger", "change.reason"}
	if !in.Blind {
		if denied, err := r.deny.Denies(of); denied && err == nil {
			return verdict(r, of, c), false
		}
	}
	of.Unseen = append(of.Unseen, "change.action")
	_, err := r.deny.Denies(of)
	if errors.Is(err, rule.ErrUnseen) || errors.Is(err, rule.ErrAbsent) && !c.Leaving {
		return nil, true
	}
	return verdict(r, of, c), false
}

// undecided says of a rule, once, that it could not be held against what was not looked at.
func undecided(r teams, about []string) diag.List {
	const most = 5
	if len(about) == 0 {
		return nil
	}
	text := strings.Join(about[:min(len(about), most)], ", ")
	if more := len(about) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return diag.List{{Severity: diag.Warning, Code: "policy/unseen",
		Summary: fmt.Sprintf("the rule %q is undecided for %s", r.Name, text),
		Detail:  fmt.Sprintf("it stands at %s, and hangs on live state that was not looked at; a plan that may look decides it", r.Pos)}}
}

// verdict is what one rule says of one change. What cannot be decided is not allowed, but for an object that
// leaves, or that an apply does not come to: there is nothing to hold it against.
func verdict(r teams, in rule.Input, c plan.Change) diag.List {
	denied, err := r.deny.Denies(in)
	d := diag.Diagnostic{Severity: diag.Error, Address: c.Address, Source: &c.Source}
	switch {
	case errors.Is(err, rule.ErrAbsent) && !stands(c):
		return nil
	case err != nil:
		d.Code = "policy/undecided"
		d.Summary = fmt.Sprintf("the rule %q could not be decided: %v", r.Name, err)
		d.Detail = fmt.Sprintf("what cannot be decided counts as denied; the rule stands at %s, and has(change.after.FIELD) asks whether a field is there", r.Pos)
	case denied:
		d.Code, d.Summary = "policy/denied", r.Message
		if d.Summary == "" {
			d.Summary = fmt.Sprintf("the rule %q denies it", r.Name)
		}
		d.Detail = fmt.Sprintf("the rule %q stands at %s", r.Name, r.Pos)
	default:
		return nil
	}
	return diag.List{d}
}

// stands reports whether the object will be as the change says.
func stands(c plan.Change) bool {
	return !slices.Contains([]plan.Action{plan.Delete, plan.Release, plan.Unknown, plan.Blocked, plan.Wait}, c.Action)
}

// seen is a change as a rule reads it.
func seen(c plan.Change) map[string]any {
	fields := make([]any, len(c.Fields))
	for i, f := range c.Fields {
		fields[i] = map[string]any{"path": f.Path, "before": f.Before, "after": f.After}
	}
	object := func(o map[string]any) map[string]any {
		if o == nil {
			return map[string]any{}
		}
		return o
	}
	if c.Action == plan.Unknown && c.After == nil {
		c.After = settled(c.Want)
	}
	return map[string]any{
		"address": c.Address, "kind": c.Kind, "action": string(c.Action), "reason": c.Reason, "host": c.Host, "danger": string(c.Danger),
		"before": object(c.Before), "after": object(c.After), "fields": fields,
	}
}

// settled is a wish without the fields that other objects will say.
func settled(want resource.Object) resource.Object {
	out := resource.Object{}
	for name, value := range want {
		if len(resource.Refs(resource.Object{name: value})) == 0 {
			out[name] = value
		}
	}
	return out
}
