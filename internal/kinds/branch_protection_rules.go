package kinds

import (
	"github.com/mlopsctl/mlopsctl/internal/github"
)

// shape lays the wish over a ruleset and keeps every rule and parameter that it does not speak of.
func shape(r github.Ruleset, want branchProtection) {
	r.Enforce()
	r.SetRefs(want.Refs, want.ExceptRefs)
	if want.BypassActors != nil {
		r.ClearBypassActors()
	}
	if want.RequiredApprovals != nil {
		parameters, there := r.Rule(rulePullRequest)
		if !there {
			parameters = map[string]any{
				"dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
				"require_last_push_approval": false, "required_review_thread_resolution": false,
			}
		}
		parameters["required_approving_review_count"] = *want.RequiredApprovals
		r.SetRule(rulePullRequest, parameters)
	}
	if want.RequiredChecks != nil {
		shapeChecks(r, want.RequiredChecks)
	}
	if want.AllowForcePush != nil {
		if *want.AllowForcePush {
			r.DropRule(ruleNoForce)
		} else {
			r.SetRule(ruleNoForce, nil)
		}
	}
}

func shapeChecks(r github.Ruleset, contexts []string) {
	if len(contexts) == 0 {
		r.DropRule(ruleChecks)
		return
	}
	parameters, there := r.Rule(ruleChecks)
	if !there {
		parameters = map[string]any{"strict_required_status_checks_policy": false}
	}
	known := checksOf(parameters)
	checks := make([]any, 0, len(contexts))
	for _, name := range contexts {
		if check, ok := known[name]; ok { // with the app that it must come from
			checks = append(checks, check)
			continue
		}
		checks = append(checks, map[string]any{"context": name})
	}
	parameters["required_status_checks"] = checks
	r.SetRule(ruleChecks, parameters)
}
