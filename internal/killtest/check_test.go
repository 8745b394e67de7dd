package killtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

const (
	repository = "acme/mlops-stack-demo"
	prodSecret = "PROD_CLIENT_SECRET"
	token      = "STAGING_WORKSPACE_TOKEN"
)

// holds returns the credential that is stored as a secret, and whether it is one that was issued.
func (w *world) holds(environment, name string) (issued, bool) {
	for _, i := range w.gate.given() {
		if w.sandbox.HoldsSecret(repository, environment, name, i.value) {
			return i, true
		}
	}
	return issued{}, false
}

// logsIn reports whether a client secret of prod's principal logs in where its jobs do.
func (w *world) logsIn(value string) bool {
	l := w.look()
	for _, p := range l.Databricks.Principals {
		if p.Name != "mlops-stack-demo-prod" {
			continue
		}
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}}
		req := w.request(http.MethodPost, w.site.prod()+"/oidc/v1/token", form.Encode())
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(p.Client, value)
		if w.status(req) == http.StatusOK {
			return true
		}
	}
	return false
}

// opens reports whether an access token is good at the workspace of staging.
func (w *world) opens(value string) bool {
	req := w.request(http.MethodGet, w.site.hosts.Workspaces[1]+"/api/2.0/preview/scim/v2/Me", "")
	req.Header.Set("Authorization", "Bearer "+value)
	return w.status(req) == http.StatusOK
}

func (w *world) request(method, address, body string) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	w.must(err)
	return req
}

// status asks the services past the gate: it is no request of a run.
func (w *world) status(req *http.Request) int {
	w.t.Helper()
	resp, err := w.sandbox.RoundTripper().RoundTrip(req)
	w.must(err)
	w.must(resp.Body.Close())
	return resp.StatusCode
}

// stored checks that every secret is there and good: that the values from outside are those that were
// given, and that what was issued logs in.
func (w *world) stored() {
	w.t.Helper()
	for name, value := range map[string]string{"WORKFLOW_TOKEN": envValue, "FILE_TOKEN": fileValue, "COMMAND_TOKEN": commandValue} {
		if !w.sandbox.HoldsSecret(repository, "", name, value) {
			w.t.Errorf("secret %s does not hold its value", name)
		}
	}
	if c, ok := w.holds("prod", prodSecret); !ok || !w.logsIn(c.value) {
		w.t.Errorf("the stored client secret does not log in (issued: %v, id %s)", ok, c.id)
	}
	if c, ok := w.holds("", token); !ok || !w.opens(c.value) {
		w.t.Errorf("the stored access token opens nothing (issued: %v)", ok)
	}
}

// same checks that the services hold what they hold after a run that nobody disturbed, each thing once.
func (w *world) same(want []string) (doubled []string) {
	w.t.Helper()
	l := w.look()
	got := l.inventory()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("what is there differs from what an undisturbed run leaves (-want +got):\n%s", diff)
	}
	doubled = duplicates(got)
	if len(doubled) > 0 {
		w.t.Errorf("there twice: %q", doubled)
	}
	return doubled
}

// unreported are the OAuth secrets of the stack's principals that neither the ledger nor the last runs
// speak of.
func (w *world) unreported(runs ...run) []string {
	w.t.Helper()
	known := w.ledgerText()
	if known == "" {
		return nil // without a ledger nobody can know
	}
	for _, r := range runs {
		known += r.out + r.err
	}
	var ids []string
	l := w.look()
	for _, p := range l.Databricks.Principals {
		for _, s := range p.Secrets {
			if strings.HasPrefix(p.Name, "mlops-stack-demo-") && !strings.Contains(known, s.ID) {
				ids = append(ids, s.ID+" of "+p.Name)
			}
		}
	}
	if len(ids) > 0 {
		w.t.Errorf("nobody knows of the OAuth secrets %v", ids)
	}
	return ids
}

// ledgerText is the newest version of the ledger, "" where there is none.
func (w *world) ledgerText() string {
	l := w.look()
	for _, r := range l.GitHub.Repositories {
		dir := w.at("sandbox", "git", jsonNumber(r.ID)+".git")
		refs := w.gitIn(dir, "for-each-ref", "--format=%(refname)", "refs/mlopsctl/state")
		if strings.TrimSpace(refs) == "" {
			continue
		}
		var all strings.Builder
		for file := range strings.Lines(w.gitIn(dir, "ls-tree", "-r", "--name-only", "refs/mlopsctl/state")) {
			all.WriteString(w.gitIn(dir, "show", "refs/mlopsctl/state:"+strings.TrimSpace(file)))
		}
		return all.String()
	}
	return ""
}

func jsonNumber(n int64) string {
	text, _ := json.Marshal(n) // a number always has a text
	return string(text)
}

// empty checks that nothing is left to do: a plan of a world that an apply has brought to its wish.
func (w *world) empty() run {
	w.t.Helper()
	plan := w.do(nil, "plan", "--detailed-exitcode", "--out", w.at("plan.json"))
	if plan.code != 0 {
		w.t.Errorf("the plan after it ends with %d:\n%s", plan.code, plan)
	}
	if slices.ContainsFunc(plan.points, func(p point) bool { return true }) {
		w.t.Errorf("a plan sent %v", plan.points)
	}
	return plan
}
