package faulttest

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
)

// operator works past what stands on the wire.
func (w *world) operator() outsider.Person {
	return outsider.Person{Base: w.sandbox.RoundTripper(), Env: w.sandbox.Operator(), AccountID: accountID}
}

// send makes one request as the operator, and returns the answer.
func (w *world) send(method, url string, body any) map[string]any {
	w.t.Helper()
	return w.operator().Send(w.t, method, url, body)
}

// try is send for what may be refused.
func (w *world) try(method, url string, body any) (int, map[string]any) {
	w.t.Helper()
	return w.operator().Try(w.t, method, url, body)
}

// principals returns the ids of the principals of that name.
func (w *world) principals(name string) []string {
	w.t.Helper()
	list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter=displayName%20eq%20%22"+name+"%22", nil)
	var ids []string
	for _, item := range outsider.Items(list, "Resources") {
		ids = append(ids, fmt.Sprint(item["id"]))
	}
	return ids
}

// noDuplicates looks for two objects of one natural key, where the services allow them.
func (w *world) noDuplicates() {
	w.t.Helper()
	list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100", nil)
	w.unique("principals", outsider.Items(list, "Resources"), "displayName")
	if status, rules := w.try("GET", repo+"/rulesets?per_page=100", nil); status == http.StatusOK {
		w.unique("rulesets", outsider.Items(rules, "items"), "name")
	}
	for _, name := range []string{"taxi-staging", "taxi-prod"} {
		for _, id := range w.principals(name) {
			policies := w.send("GET", account+"/servicePrincipals/"+id+"/federationPolicies", nil)
			w.unique("policies of "+name, outsider.Items(policies, "policies"), "oidc_policy")
			_, credentials := w.try("GET", prodURL+"/api/2.0/git-credentials?principal_id="+id, nil) // the workspace may not know it
			w.unique("Git credentials of "+name, outsider.Items(credentials, "credentials"), "git_provider")
		}
	}
}

func (w *world) unique(what string, list []map[string]any, key string) {
	w.t.Helper()
	var names []string
	for _, o := range list {
		names = append(names, fmt.Sprint(o[key]))
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		w.t.Errorf("duplicate %s: %q", what, names)
	}
}

// oauthSecrets are the ids of a principal's OAuth secrets.
func (w *world) oauthSecrets(principalID string) []string {
	w.t.Helper()
	var ids []string
	for _, s := range outsider.Items(w.send("GET", account+"/servicePrincipals/"+principalID+"/credentials/secrets", nil), "secrets") {
		ids = append(ids, fmt.Sprint(s["id"]))
	}
	return ids
}

// personalTokens are the ids of a principal's personal access tokens in prod.
func (w *world) personalTokens(principalID string) []string {
	w.t.Helper()
	var ids []string
	for _, x := range outsider.Items(w.send("GET", prodURL+"/api/2.0/token-management/tokens", nil), "token_infos") {
		if owner, ok := x["owner_id"].(float64); ok && fmt.Sprintf("%.0f", owner) == principalID {
			ids = append(ids, fmt.Sprint(x["token_id"]))
		}
	}
	return ids
}

// others describes what is not the spec's.
func (w *world) others() string {
	w.t.Helper()
	staging := "https://staging.cloud.databricks.com/api/2.1/unity-catalog"
	_, other := w.try("GET", "https://api.github.com/repos/acme/other", nil)
	delete(other, "pushed_at")
	parts := []any{
		w.send("GET", account+"/scim/v2/Groups?startIndex=1&count=100&filter=displayName%20ne%20%22taxi-principals%22", nil),
		w.mayDo("nightly", "others"),
		w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter=displayName%20eq%20%22somebody-elses%22", nil),
		w.send("GET", staging+"/catalogs/theirs", nil),
		w.send("GET", staging+"/schemas?catalog_name=theirs", nil),
		w.send("GET", staging+"/permissions/catalog/theirs", nil),
		other,
	}
	return fmt.Sprint(parts...)
}

// mayDo is what a group was given on a job of prod.
func (w *world) mayDo(job, group string) string {
	w.t.Helper()
	prod := "https://prod.cloud.databricks.com/api/"
	jobs := outsider.Items(w.send("GET", prod+"2.2/jobs/list?name="+job, nil), "jobs")
	for _, row := range outsider.Items(w.send("GET", fmt.Sprintf("%s2.0/permissions/jobs/%.0f", prod, jobs[0]["job_id"]), nil), "access_control_list") {
		if row["group_name"] == group {
			return fmt.Sprint(row)
		}
	}
	return ""
}
