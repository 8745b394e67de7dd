package killtest

import (
	"context"
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
	personal   = "PROD_WORKSPACE_TOKEN"
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

// opens reports whether a token is good at a workspace.
func (w *world) opens(workspace, value string) bool {
	req := w.request(http.MethodGet, workspace+"/api/2.0/preview/scim/v2/Me", "")
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
		if held := w.sandbox.HoldsSecret(repository, "", name, value); held != w.wishes(name) {
			w.t.Errorf("secret %s holds its value: %v", name, held)
		}
	}
	if c, ok := w.holds("prod", prodSecret); !ok || !w.logsIn(c.value) {
		w.t.Errorf("the stored client secret does not log in (issued: %v, id %s)", ok, c.id)
	}
	if c, ok := w.holds("", token); ok != w.wishes(token) || ok && !w.opens(w.site.hosts.Workspaces[1], c.value) {
		w.t.Errorf("the stored access token opens nothing (stored: %v)", ok)
	}
	if c, ok := w.holds("", personal); ok != w.wishes(personal) || ok && !w.opens(w.site.prod(), c.value) {
		w.t.Errorf("the stored personal access token opens nothing (stored: %v)", ok)
	}
	l := w.look()
	wished := strings.Contains(w.read(w.spec("mlops.yaml")), "git_credential:")
	if held := w.sandbox.HoldsGitToken(w.site.prod(), l.client("mlops-stack-demo-prod"), gitValue); held != wished {
		w.t.Errorf("prod's principal holds its Git token: %v", held)
	}
}

// wishes reports whether the spec has a secret of that name.
func (w *world) wishes(name string) bool {
	w.t.Helper()
	return strings.Contains(w.read(w.spec("mlops.yaml")), "\n  "+name+":")
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

// unreported are the OAuth secrets and the tokens of the stack's principals that neither the ledger nor the last runs
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
	for _, x := range l.Databricks.Tokens {
		if id := x.Personal.ID; id != "" && !strings.Contains(known, id) {
			ids = append(ids, id)
		}
	}
	for _, p := range l.Databricks.Principals {
		for _, s := range p.Secrets {
			if strings.HasPrefix(p.Name, "mlops-stack-demo-") && !strings.Contains(known, s.ID) {
				ids = append(ids, s.ID+" of "+p.Name)
			}
		}
	}
	if len(ids) > 0 {
		w.t.Errorf("nobody knows of the credentials %v", ids)
	}
	return ids
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
