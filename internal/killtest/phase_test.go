package killtest

import (
	"strings"
)

// phase is a run that is worth striking: what there is before it, the run, and the one that must make
// good whatever became of it.
type phase struct {
	name   string
	before func(*world) // makes of a new world the one in which the run begins
	run    []string
	again  []string
	gone   bool // afterwards nothing of the stack is left
}

func phases() []phase {
	apply := []string{"apply", "--auto-approve"}
	return []phase{
		{name: "install", before: func(*world) {}, run: apply, again: apply},
		{name: "change", before: func(w *world) { w.installed(); w.edit() }, run: apply, again: apply},
	}
}

// installed brings the stack to its wish, undisturbed.
func (w *world) installed() {
	w.t.Helper()
	if r := w.do(nil, "apply", "--auto-approve"); r.code != 0 {
		w.t.Fatalf("the install ends with %d:\n%s", r.code, r)
	}
}

// edit changes the spec in every way in which a spec changes: values, lists, new objects on both sides.
func (w *world) edit() {
	w.t.Helper()
	text := w.read(w.spec("mlops.yaml"))
	for _, change := range []struct{ old, new string }{
		{"description: Taxi fare model", "description: Taxi fares"},
		{"ml-engineers: push", "ml-engineers: triage"},
		{"required_approvals: 1, required_checks: [mlops-gate]", "required_approvals: 2, required_checks: [mlops-gate, lint]"},
		{"environment: { reviewers: [], branches: [main] }", "environment: { reviewers: [\"team:ml-leads\"], branches: [main, release] }"},
		{"comment: Production models and tables", "comment: Production"},
		{"{ mlops_stack_demo: {}, taxi: {} }", "{ mlops_stack_demo: {}, taxi: {}, features: {} }"},
		{"privileges: [USE_SCHEMA, SELECT]", "privileges: [USE_SCHEMA, SELECT, EXECUTE]"},
		{"MODEL_OWNER: ml-engineers", "MODEL_OWNER: ml-leads\n  REGION: us-west-2"},
		{"  PROD_CLIENT_SECRET:\n", "  STAGING_CLIENT_SECRET: { environment: staging, oauth_secret: { target: staging, lifetime: 90d } }\n  PROD_CLIENT_SECRET:\n"},
	} {
		if strings.Count(text, change.old) != 1 {
			w.t.Fatalf("the example no longer holds %q once", change.old)
		}
		text = strings.Replace(text, change.old, change.new, 1)
	}
	w.write(w.spec("mlops.yaml"), text)
	w.commit("an edit")
}
