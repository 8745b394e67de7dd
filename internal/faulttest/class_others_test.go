package faulttest

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
)

// touch is what somebody else does to the object of a step of an update.
type touch struct {
	address string
	change  func(*world)
	remake  func(*world) // deletes it and makes it anew, with another id where it has one; nil where nobody can
	remove  func(*world)
}

func touches() []touch {
	put := func(method, url string, body any) func(*world) {
		return func(w *world) { w.send(method, url, body) }
	}
	prod := func(w *world) string { return account + "/scim/v2/ServicePrincipals/" + w.principals("taxi-prod")[0] }
	policies := func(w *world) string {
		return account + "/servicePrincipals/" + w.principals("taxi-prod")[0] + "/federationPolicies"
	}
	patched := func(value bool) any {
		return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": value}}}
	}
	env := func(reviewers any) any {
		return map[string]any{"reviewers": reviewers, "deployment_branch_policy": nil, "wait_timer": 3}
	}
	grants := func(add ...string) any {
		return map[string]any{"changes": []any{map[string]any{"principal": "ml-engineers", "add": add}}}
	}
	return []touch{
		{address: "repository", change: put("PATCH", repo, map[string]any{"description": "somebody's"})},
		{address: "branch/main", change: put("PATCH", repo, map[string]any{"default_branch": "main"})},
		{address: "branch_protection/main", change: func(w *world) { w.rule("somebody's", 3) }, remove: func(w *world) { w.unrule() }, remake: func(w *world) { w.unrule(); w.rule("", 4) }},
		{address: "team/ml-leads", change: put("PUT", "https://api.github.com/orgs/acme/teams/ml-leads/repos/acme/taxi", map[string]any{"permission": "pull"}),
			remove: put("DELETE", "https://api.github.com/orgs/acme/teams/ml-leads/repos/acme/taxi", nil)},
		{address: "workflow_permissions", change: put("PUT", repo+"/actions/permissions/workflow", map[string]any{"default_workflow_permissions": "read", "can_approve_pull_request_reviews": true})},
		{address: "environment/staging", change: put("PUT", repo+"/environments/staging", env(nil)), remove: put("DELETE", repo+"/environments/staging", nil),
			remake: func(w *world) {
				w.send("DELETE", repo+"/environments/staging", nil)
				w.send("PUT", repo+"/environments/staging", env(nil))
			}},
		{address: "variable/MODEL_OWNER", change: put("PATCH", repo+"/actions/variables/MODEL_OWNER", map[string]any{"value": "somebody's"}), remove: put("DELETE", repo+"/actions/variables/MODEL_OWNER", nil)},
		{address: "service_principal/taxi-prod", change: func(w *world) { w.send("PATCH", prod(w), patched(true)) }, remove: func(w *world) { w.send("DELETE", prod(w), nil) },
			remake: func(w *world) {
				w.send("DELETE", prod(w), nil)
				w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "taxi-prod", "active": false})
			}},
		{address: "federation_policy/taxi-prod/prod", change: func(w *world) {
			w.send("PATCH", policies(w)+"/mlopsctl-taxi-prod?update_mask=oidc_policy.subject", policy("repo:third/repo:environment:prod"))
		}, remove: func(w *world) { w.send("DELETE", policies(w)+"/mlopsctl-taxi-prod", nil) }},
		{address: "catalog/prod", change: put("PATCH", uc+"/catalogs/prod", map[string]any{"comment": "somebody's"})},
		{address: "schema/prod.taxi", change: put("PATCH", uc+"/schemas/prod.taxi", map[string]any{"comment": "somebody's"}),
			remove: put("DELETE", uc+"/schemas/prod.taxi", nil), remake: func(w *world) {
				w.send("DELETE", uc+"/schemas/prod.taxi", nil)
				w.send("POST", uc+"/schemas", map[string]any{"catalog_name": "prod", "name": "taxi", "comment": "anew"})
			}},
		{address: "grant/schema:prod.taxi/group:ml-engineers", change: put("PATCH", uc+"/permissions/schema/prod.taxi", grants("EXECUTE", "SELECT"))},
	}
}

func policy(subject string) map[string]any {
	return map[string]any{"oidc_policy": map[string]any{
		"issuer": "https://token.actions.githubusercontent.com", "subject": subject,
		"audiences": []string{accountID, "https://prod.cloud.databricks.com/oidc/v1/token"},
	}}
}

const ruleset = "mlopsctl/taxi: branch main"

// rule makes the ruleset of main, or changes it, as somebody else.
func (w *world) rule(check string, approvals int) {
	w.t.Helper()
	body := map[string]any{"name": ruleset, "target": "branch", "enforcement": "active",
		"conditions": map[string]any{"ref_name": map[string]any{"include": []string{"refs/heads/main"}, "exclude": []string{}}},
		"rules": []any{map[string]any{"type": "pull_request", "parameters": map[string]any{
			"required_approving_review_count": approvals, "dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
			"require_last_push_approval": false, "required_review_thread_resolution": false,
		}}}}
	if check != "" {
		body["rules"] = append(body["rules"].([]any), map[string]any{"type": "non_fast_forward"})
	}
	for _, r := range outsider.Items(w.send("GET", repo+"/rulesets?per_page=100", nil), "items") {
		body["name"] = r["name"]
		w.send("PUT", fmt.Sprintf("%s/rulesets/%.0f", repo, r["id"]), body)
		return
	}
	w.send("POST", repo+"/rulesets", body)
}

func (w *world) unrule() {
	w.t.Helper()
	for _, r := range outsider.Items(w.send("GET", repo+"/rulesets?per_page=100", nil), "items") {
		w.send("DELETE", fmt.Sprintf("%s/rulesets/%.0f", repo, r["id"]), nil)
	}
}

// saved plans into a file, lets somebody do something, and applies the file.
func saved(meanwhile func(*world)) func(*world) outcome {
	return func(w *world) outcome {
		w.t.Helper()
		file := filepath.Join(w.dir, "plan.json")
		w.run(context.Background(), "plan", "--out", file)
		meanwhile(w)
		return w.run(context.Background(), "apply", file, "--parallelism", "1")
	}
}

func meanwhile(rows []row) []faultCase {
	var list []faultCase
	for _, x := range touches() {
		name := strings.NewReplacer("/", "-", ":", "-").Replace(x.address)
		moved := []string{x.address + " moved since the plan was saved"}
		list = append(list, faultCase{class: "F22", name: "update/" + name + "/same", start: edited, act: saved(x.change), codes: []int{5}, says: moved})
		if x.remove != nil {
			list = append(list, faultCase{class: "F25", name: "update/" + name + "/deleted", start: edited, act: saved(x.remove), codes: []int{5}, says: moved, settles: true})
		}
		if x.remake != nil {
			list = append(list, faultCase{class: "F25", name: "update/" + name + "/anew", start: edited, act: saved(x.remake), remade: x.address, codes: []int{5}, says: moved, settles: true})
		}
		for _, r := range rows {
			if r.start == edited && r.address == x.address {
				list = append(list, faultCase{class: "F23", name: r.String(), row: r, lies: true, arrange: func(w *world) {
					w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
						x.change(w)
						return send()
					}})
				}})
			}
		}
	}
	for what, do := range siblings() {
		list = append(list, faultCase{class: "F22", name: "update/sibling/" + what, start: edited, act: saved(do), codes: []int{0}})
	}
	return append(list, twoAtOnce(rows)...)
}

// siblings are changes beside the steps of a plan.
func siblings() map[string]func(*world) {
	return map[string]func(*world){
		"another_variable": func(w *world) {
			w.send("POST", repo+"/actions/variables", map[string]any{"name": "THEIRS", "value": "x"})
		},
		"another_principal": func(w *world) {
			w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "third"})
		},
		"another_schema": func(w *world) {
			w.send("POST", uc+"/schemas", map[string]any{"catalog_name": "prod", "name": "theirs"})
		},
		"another_environment": func(w *world) { w.send("PUT", repo+"/environments/theirs", nil) },
		"another_team": func(w *world) {
			w.send("PUT", "https://api.github.com/orgs/acme/teams/ml-engineers/repos/acme/taxi", map[string]any{"permission": "pull"})
		},
		"another_grant": func(w *world) {
			w.send("PATCH", uc+"/permissions/schema/prod.taxi", map[string]any{"changes": []any{map[string]any{"principal": "others", "add": []string{"USE_SCHEMA"}}}})
		},
		"a_topic": func(w *world) { w.send("PATCH", repo, map[string]any{"homepage": "https://theirs.example"}) },
	}
}

// impatient is a clock on which waiting for others passes the time: they stand still meanwhile.
type impatient struct{ *skewed }

// Await implements transport.Clock.
func (c impatient) Await(ctx context.Context, t time.Time) error {
	return c.Sleep(ctx, t.Sub(c.Now()))
}

// twoAtOnce lets a whole second apply happen while the first one's request is under way.
func twoAtOnce(rows []row) []faultCase {
	var list []faultCase
	for i, r := range rows {
		if i%2 == 1 || r.issues() || r.start == doomed {
			continue
		}
		// One clock serves both: what one waits for the other passes for the other, too.
		list = append(list, faultCase{class: "F24", name: r.String(), row: r, codes: []int{0, 1, 5, 6}, most: hour, lies: true, done: true, remade: "by the other apply", arrange: func(w *world) {
			w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
				second := w.runOn(impatient{w.skew}, "apply", "--auto-approve", "--parallelism", "1")
				if second.code != 0 && second.code != 5 && second.code != 6 {
					w.t.Errorf("the second apply ends with %d:\n%s", second.code, second)
				}
				return send()
			}})
		}})
	}
	return list
}
