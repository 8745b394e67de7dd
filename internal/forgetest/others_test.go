package forgetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
)

// network sends to the sandbox, and keeps to whom.
type network struct {
	base http.RoundTripper

	mu    sync.Mutex
	hosts map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	if n.hosts == nil {
		n.hosts = map[string]bool{}
	}
	n.hosts[r.URL.Host] = true
	n.mu.Unlock()
	return n.base.RoundTrip(r)
}

// strangers are the hosts that were sent something and that the spec does not name.
func (n *network) strangers() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	named := []string{"github.com", "api.github.com", "accounts.cloud.databricks.com", "staging.cloud.databricks.com", "prod.cloud.databricks.com"}
	var out []string
	for host := range n.hosts {
		if !slices.Contains(named, host) {
			out = append(out, host)
		}
	}
	return out
}

// occupy has other people make what a forger could point at: credentials, policies, rules and settings.
func (w *world) occupy() {
	w.t.Helper()
	for _, name := range []string{"payroll", "auditor", "taxi-prod", "taxi-staging"} {
		list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter=displayName%20eq%20%22"+name+"%22", nil)
		found, _ := list["Resources"].([]any)
		p, _ := found[0].(map[string]any)
		w.ids[name] = fmt.Sprint(p["id"])
	}
	w.clock.Advance(5 * time.Minute)
	w.by = fmt.Sprint(w.send("POST", w.principal("payroll")+"/credentials/secrets", map[string]any{"lifetime": "7776000s"})["id"])
	w.send("POST", w.principal("payroll")+"/federationPolicies?policy_id=mlopsctl-payroll-prod", map[string]any{
		"description": "GitHub Actions of acme/payroll for target prod, by mlopsctl",
		"oidc_policy": map[string]any{"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:acme/payroll:environment:prod", "audiences": []string{"x"}},
	})
	w.send("POST", api+"/actions/variables", map[string]any{"name": "BY_HAND", "value": "x"})
	w.send("POST", api+"/environments/prod/variables", map[string]any{"name": "OLD_VARIABLE", "value": "of somebody else"})
	w.send("PUT", "https://api.github.com/orgs/acme/teams/auditors/repos/acme/taxi", map[string]any{"permission": "triage"})
	made := w.send("POST", api+"/rulesets", map[string]any{
		"name": "no force", "target": "branch", "enforcement": "active", "rules": []any{map[string]any{"type": "non_fast_forward"}},
		"conditions": map[string]any{"ref_name": map[string]any{"include": []string{"refs/heads/main"}, "exclude": []string{}}},
	})
	w.ruleset = fmt.Sprintf("%.0f", made["id"])
}

func (w *world) principal(name string) string { return account + "/servicePrincipals/" + w.ids[name] }

// others is all that other people have, as the services tell it.
func (w *world) others() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, url := range []string{
		uc + "/catalogs/finance", uc + "/schemas/finance.salaries", uc + "/permissions/catalog/finance", uc + "/catalogs/prod", uc + "/tables/prod.shared.batch_input",
		account + "/scim/v2/ServicePrincipals/" + w.ids["payroll"], account + "/scim/v2/ServicePrincipals/" + w.ids["auditor"],
		w.principal("payroll") + "/credentials/secrets", w.principal("payroll") + "/federationPolicies",
		payroll, payroll + "/environments", payroll + "/actions/variables",
		api + "/actions/variables/BY_HAND", api + "/rulesets/" + w.ruleset,
	} {
		data, err := json.Marshal(w.send("GET", url, nil))
		if err != nil {
			w.t.Fatal(err)
		}
		all[url] = string(data)
	}
	all["who may use prod"] = w.grantsOfOthers()
	all["the workspace prod"] = strings.Join(w.assigned(), " ")
	return all
}

// grantsOfOthers are the privileges on the catalog prod that the stack did not give.
func (w *world) grantsOfOthers() string {
	rows, _ := w.send("GET", uc+"/permissions/catalog/prod", nil)["privilege_assignments"].([]any)
	var out []string
	for _, item := range rows {
		row, _ := item.(map[string]any)
		privileges := fmt.Sprint(row["privileges"])
		if row["principal"] == payrollApp {
			out = append(out, "payroll "+privileges)
		}
		if row["principal"] == "ml-engineers" {
			out = append(out, fmt.Sprintf("ml-engineers use it: %t", strings.Contains(privileges, "USE_CATALOG")))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// assigned are the principals of other people that may enter the workspace prod.
func (w *world) assigned() []string {
	id := fmt.Sprintf("%.0f", w.send("GET", uc+"/current-metastore-assignment", nil)["workspace_id"])
	list, _ := w.send("GET", account+"/workspaces/"+id+"/permissionassignments", nil)["permission_assignments"].([]any)
	var out []string
	for _, item := range list {
		data, err := json.Marshal(item)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, name := range []string{"payroll", "auditor"} {
			if strings.Contains(string(data), w.ids[name]) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// send is a request of the operator that is no part of a run.
func (w *world) send(method, url string, body any) map[string]any {
	w.t.Helper()
	return outsider.Person{Base: w.sandbox.RoundTripper(), Env: w.sandbox.Operator(), AccountID: "11111111-2222-3333-4444-555555555555"}.Send(w.t, method, url, body)
}
