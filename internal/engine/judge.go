package engine

import (
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/policy"
)

// judge returns all that is to be said of a plan: what was found on the way, and what the rules say of it.
func (e *Engine) judge(p *plan.Plan) diag.List {
	rules := e.opt.Rules
	if rules == nil {
		rules = e.stack.Policy
	}
	return policy.Judge(policy.Input{Stack: e.stack, Rules: rules, Changes: p.Changes, Diagnostics: slices.Concat(p.Diagnostics, e.opt.Found)})
}
