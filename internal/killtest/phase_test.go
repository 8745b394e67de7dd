package killtest

import (
	"strings"
	"time"
)

// phase is a run that is worth striking: what there is before it, the run, and the one that must make
// good whatever became of it.
type phase struct {
	name   string
	before func(*world) // makes of a new world the one in which the run begins
	run    []string
	again  []string
	gone   bool // afterwards nothing of the stack is left
	people bool // they act after it, between further applies, until nothing is left to do
	former fate // of the client secret that prod's jobs had before
}

func phases() []phase {
	apply, destroy := []string{"apply", "--auto-approve"}, []string{"destroy", "--auto-approve"}
	for _, kind := range []string{"repository", "branch", "environment", "service_principal", "catalog", "schema", "group", "directory"} {
		destroy = append(destroy, "--allow-destroy", kind)
	}
	return []phase{
		{name: "install", before: func(*world) {}, run: apply, again: apply},
		{name: "change", before: func(w *world) { w.installed(); w.edit() }, run: apply, again: apply},
		{name: "prune", before: func(w *world) { w.installed(); w.shorten() }, run: apply, again: apply},
		{name: "rotation", before: func(w *world) { w.installed(); w.wait(untilDue) }, run: apply, again: apply},
		{name: "rotation asked for", before: (*world).installed, run: []string{"secrets", "rotate", prodSecret, "--auto-approve"}, again: apply},
		{name: "revocation", before: (*world).replaced, run: apply, again: apply, former: revoked},
		{name: "proposal", before: (*world).proposing, run: apply, again: apply, people: true},
		{name: "deployment", before: (*world).deploying, run: apply, again: apply, people: true},
		{name: "destroy", before: (*world).installed, run: destroy, again: destroy, gone: true},
	}
}

// untilDue is when the 90 days of prod's client secret come to an end, less the 14 before which it is
// rotated.
const untilDue = 77 * 24 * time.Hour

// installed brings the stack to its wish, undisturbed.
func (w *world) installed() {
	w.t.Helper()
	if r := w.do(nil, "apply", "--auto-approve"); r.code != 0 {
		w.t.Fatalf("the install ends with %d:\n%s", r.code, r)
	}
	c, ok := w.holds("prod", prodSecret)
	if !ok {
		w.t.Fatal("an install stored no client secret")
	}
	w.earlier = c.value
}

// replaced brings the stack to where a client secret has been replaced for longer than the overlap.
func (w *world) replaced() {
	w.t.Helper()
	w.installed()
	first := w.earlier
	w.wait(untilDue)
	w.installed()
	w.earlier = first
	w.wait(25 * time.Hour)
}

// shorten takes out of the spec what is nobody else's: one object of every kind that needs no more to be
// deleted than to have left, and a credential.
func (w *world) shorten() {
	w.t.Helper()
	w.rewrite("a shorter spec", []change{
		{"teams: { ml-leads: maintain, ml-engineers: push }", "teams: { ml-leads: maintain }"},
		{"  FEATURE_TABLE: { environment: prod, value: prod.mlops_stack_demo.features }\n", ""},
		{"  COMMAND_TOKEN: { command: [cat, values/command] }\n", ""},
		{"  STAGING_WORKSPACE_TOKEN: { access_token: { target: staging } }", ""},
		{"  - principal: \"group:ml-engineers\"\n    on: \"catalog:prod\"\n    privileges: [USE_CATALOG]\n", ""},
		{"    groups: [mlops-service-principals]\n", ""},
		{"    entitlements: [allow-cluster-create]\n", ""},
		{"    users: [\"group:ml-engineers\"]      # who may run as it\n", ""},
		{"    git_credential: { provider: gitHub, username: taxi-bot, token: { file: values/git } }\n", ""},
		{"  PROD_WORKSPACE_TOKEN: { personal_access_token: { target: prod, lifetime: 90d } }\n", ""},
		{"  - principal: \"group:ml-engineers\"    # on an object of a workspace: a level instead of privileges\n    target: prod\n    on: \"directory:/Shared/mlops-stack-demo\"\n    level: CAN_READ\n", ""},
		{"protection: { required_approvals: 1 }\n", "\n"},
	})
}

// edit changes the spec in every way in which a spec changes: values, lists, new objects on both sides.
func (w *world) edit() {
	w.t.Helper()
	w.rewrite("an edit", []change{
		{"description: Taxi fare model", "description: Taxi fares"},
		{"ml-engineers: push", "ml-engineers: triage"},
		{"required_approvals: 1, required_checks: [mlops-gate]", "required_approvals: 2, required_checks: [mlops-gate, lint]"},
		{"environment: { reviewers: [], branches: [main] }", "environment: { reviewers: [\"team:ml-leads\"], branches: [main, release] }"},
		{"comment: Production models and tables", "comment: Production"},
		{"{ mlops_stack_demo: {}, taxi: {} }", "{ mlops_stack_demo: {}, taxi: {}, features: {} }"},
		{"privileges: [USE_SCHEMA, SELECT]", "privileges: [USE_SCHEMA, SELECT, EXECUTE]"},
		{"level: CAN_READ", "level: CAN_EDIT"},
		{"entitlements: [allow-cluster-create]", "entitlements: [allow-cluster-create, workspace-access]"},
		{"users: [\"group:ml-engineers\"]", "users: [\"group:ml-engineers\", \"group:mlops-service-principals\"]"},
		{"username: taxi-bot", "username: fares-bot"},
		{"  mlops-service-principals: {}", "  mlops-service-principals: { members: [\"group:ml-engineers\"] }"},
		{"MODEL_OWNER: ml-engineers", "MODEL_OWNER: ml-leads\n  REGION: us-west-2"},
		{"  PROD_CLIENT_SECRET:\n", "  STAGING_CLIENT_SECRET: { environment: staging, oauth_secret: { target: staging, lifetime: 90d } }\n  PROD_CLIENT_SECRET:\n"},
	})
}

type change struct{ old, new string }

// rewrite commits a changed spec.
func (w *world) rewrite(message string, changes []change) {
	w.t.Helper()
	text := w.read(w.spec("mlops.yaml"))
	for _, change := range changes {
		if strings.Count(text, change.old) != 1 {
			w.t.Fatalf("the example no longer holds %q once", change.old)
		}
		text = strings.Replace(text, change.old, change.new, 1)
	}
	w.write(w.spec("mlops.yaml"), text)
	w.commit(message)
}
