package engine

import (
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/policy"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// judge returns all that is to be said of a plan: what was found on the way, and what the rules say of it.
func (e *Engine) judge(p *plan.Plan) diag.List {
	return policy.Judge(policy.Input{Stack: e.stack, Rules: e.rulesOf(), Was: e.was(), Changes: p.Changes, Diagnostics: slices.Concat(p.Diagnostics, e.opt.Found)})
}

// was are the wishes and the rules of the spec that keeps this one within bounds; nil where none does.
func (e *Engine) was() *policy.Was {
	if e.opt.Bounds == nil || e.opt.Bounds.By == nil {
		return nil
	}
	w := &policy.Was{Wishes: map[string]resource.Object{}, Rules: e.opt.Bounds.By.Policy}
	wishes, _, err := plan.Declare(e.types, resource.Wishes{Stack: e.opt.Bounds.By, Metastores: map[string]string{}})
	if err != nil {
		return w // its own plan says so; all that is undecided is said
	}
	for _, wish := range wishes {
		w.Wishes[wish.Addr.String()] = wish.Want
	}
	return w
}

// judgeWishes is judge where nothing was looked at. What was wished and is no longer is judged, too: nobody knows what
// becomes of it.
func (e *Engine) judgeWishes(p, was *plan.Plan) diag.List {
	changes := slices.Clone(p.Changes)
	if was != nil {
		for _, c := range was.Changes {
			if p.Find(c.Address) == nil {
				c.Leaving, c.Want, c.After = true, nil, nil
				changes = append(changes, c)
			}
		}
	}
	return policy.Judge(policy.Input{Stack: e.stack, Rules: e.rulesOf(), Was: e.was(), Changes: changes, Blind: true, Diagnostics: slices.Concat(p.Diagnostics, e.opt.Found)})
}

// rulesOf are the rules that a plan is judged by: the spec's own, and within bounds those of the other spec with what this one
// adds. It silences nothing then: neither does an exception of its own hold before it is merged, nor is a rule
// gone that it takes out.
func (e *Engine) rulesOf() []spec.PolicyRule {
	b := e.opt.Bounds
	switch {
	case b == nil:
		return e.stack.Policy
	case b.By == nil:
		return policy.Together(nil, e.stack.Policy)
	default:
		return policy.Together(b.By.Policy, e.stack.Policy)
	}
}
