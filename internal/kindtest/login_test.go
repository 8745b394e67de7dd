package kindtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// TestAJobLogsInOnlyAsItsOwnTargetsPrincipal installs a stack and then does what the CI jobs do: they
// ask GitHub for a token and exchange it at the workspace. The policies that were derived let in the
// target's own environment, and nobody else, whatever form the repository's subjects have.
func TestAJobLogsInOnlyAsItsOwnTargetsPrincipal(t *testing.T) {
	specText, worldText := full(t)
	specText = strings.Replace(specText, "    ci_auth: oauth_secret\n", "", 1)
	enterprise := strings.NewReplacer("https://github.com", "https://127.0.0.1:8443").Replace(specText)
	old := worldText + "  repositories: [{name: acme/taxi, created: '2024-01-01', files: {README.md: hello}}, {name: acme/other, created: '2024-01-01', files: {README.md: hello}, environments: [prod]}]\n"
	other := worldText + "  repositories: [{name: acme/other, created: '2026-10-01', files: {README.md: hello}, environments: [prod]}]\n"
	custom := worldText + "  oidc_subject_keys: [repo, context, environment]\n" + old[len(worldText):]
	for name, c := range map[string]struct{ spec, world, prefix string }{
		"immutable subjects of a new repository": {specText, other, "repo:acme@"},
		"plain subjects of an old repository":    {specText, old, "repo:acme/taxi:environment:prod"},
		// A pull request's job has no environment, and nobody documents what its subject says instead.
		"subjects that the organisation shapes": {strings.Replace(specText, "ci: {", "# ci: {", 1), custom, "repo:acme/taxi:environment:prod"},
		"an Enterprise Server's subjects":       {enterprise, other, "repo:acme/taxi:environment:prod"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c.spec, c.world)
			if name == "subjects that the organisation shapes" {
				w.send("PUT", repo+"/actions/oidc/customization/sub", map[string]any{"use_default": false})
			}
			w.settle()
			id, application := w.principal("taxi-prod")
			subject := w.subject(id)
			if !strings.HasPrefix(subject, c.prefix) {
				t.Errorf("the policy's subject is %s, want %s…", subject, c.prefix)
			}
			right := sandbox.MintRequest{Repository: "acme/taxi", Environment: "prod", Ref: "release", Audience: w.stack.Account.ID}
			if status := w.exchange(right, application); status != http.StatusOK {
				t.Errorf("prod's own job is answered %d", status)
			}
			for who, m := range map[string]sandbox.MintRequest{
				"another environment": {Repository: "acme/taxi", Environment: "staging", Ref: "main", Audience: w.stack.Account.ID},
				"another repository":  {Repository: "acme/other", Environment: "prod", Ref: "main", Audience: w.stack.Account.ID},
				"no environment":      {Repository: "acme/taxi", Ref: "release", Audience: w.stack.Account.ID},
				"a pull request":      {Repository: "acme/taxi", Event: "pull_request", Audience: w.stack.Account.ID},
				"another audience":    {Repository: "acme/taxi", Environment: "prod", Ref: "release", Audience: "https://elsewhere.example"},
			} {
				if status := w.exchange(m, application); status == http.StatusOK {
					t.Errorf("%s logs in as prod's principal", who)
				}
			}
			if _, err := w.sandbox.Mint(sandbox.MintRequest{Repository: "acme/taxi", Environment: "prod", Ref: "main"}); err == nil {
				t.Error("a job of main gets a token for prod, whose branches are release alone")
			}
		})
	}
}

// The jobs of a pull request log in as the reader, those of the default branch as the operator from its environments,
// and nobody as anybody else.
func TestAPullRequestLogsInAsTheReaderAlone(t *testing.T) {
	specText, worldText := full(t)
	old := worldText + "  repositories: [{name: acme/taxi, created: '2024-01-01', files: {README.md: hello}}, {name: acme/other, created: '2024-01-01', files: {README.md: hello}}]\n"
	for name, c := range map[string]struct{ spec, world string }{
		"immutable subjects of a new repository": {specText, worldText + "  repositories: [{name: acme/other, created: '2026-10-01', files: {README.md: hello}}]\n"},
		"plain subjects of an old repository":    {specText, old},
		"an Enterprise Server's subjects":        {strings.ReplaceAll(specText, "https://github.com", "https://127.0.0.1:8443"), old},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c.spec, c.world)
			w.settle()
			_, reader := w.principal("taxi-ci")
			_, operator := w.principal("mlopsctl")
			_, prod := w.principal("taxi-prod")
			audience := w.stack.Account.ID
			pull := sandbox.MintRequest{Repository: "acme/taxi", Event: "pull_request", Audience: audience}
			plans := sandbox.MintRequest{Repository: "acme/taxi", Environment: "mlopsctl-plan", Ref: "main", Audience: audience}
			applies := sandbox.MintRequest{Repository: "acme/taxi", Environment: "mlopsctl-apply", Ref: "main", Audience: audience}
			other := sandbox.MintRequest{Repository: "acme/other", Event: "pull_request", Audience: audience}
			pushed := sandbox.MintRequest{Repository: "acme/taxi", Ref: "main", Audience: audience}
			for _, try := range []struct {
				job      sandbox.MintRequest
				as       string
				admitted bool
			}{
				{pull, reader, true}, {pull, operator, false}, {pull, prod, false},
				{plans, operator, true}, {applies, operator, true}, {plans, reader, false}, {applies, prod, false},
				{other, reader, false}, {pushed, reader, false}, {pushed, operator, false},
			} {
				if status := w.exchange(try.job, try.as); (status == http.StatusOK) != try.admitted {
					t.Errorf("%+v as %s is answered %d, want that it is let in: %v", try.job, try.as, status, try.admitted)
				}
			}
			for _, environment := range []string{"mlopsctl-plan", "mlopsctl-apply"} {
				if _, err := w.sandbox.Mint(sandbox.MintRequest{Repository: "acme/taxi", Environment: environment, Ref: "release"}); err == nil {
					t.Errorf("a job of release gets a token for %s", environment)
				}
			}
		})
	}
}

// subject returns the subject of the one policy that a principal has.
func (w *world) subject(principalID string) string {
	w.t.Helper()
	policies, _ := w.send("GET", account+"/servicePrincipals/"+principalID+"/federationPolicies", nil)["policies"].([]any)
	if len(policies) != 1 {
		w.t.Fatalf("%d policies", len(policies))
	}
	policy, _ := policies[0].(map[string]any)
	oidc, _ := policy["oidc_policy"].(map[string]any)
	subject, _ := oidc["subject"].(string)
	return subject
}

// exchange mints a job's token and exchanges it at prod's workspace; the answer's status says whether
// it logged in.
func (w *world) exchange(m sandbox.MintRequest, application string) int {
	w.t.Helper()
	token, err := w.sandbox.Mint(m)
	if err != nil {
		w.t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token": {token}, "client_id": {application}, "scope": {"all-apis"},
	}
	req, err := http.NewRequestWithContext(ctx(), http.MethodPost, "https://prod.cloud.databricks.com/oidc/v1/token", strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.sandbox.RoundTripper().RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // in memory
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || (answer.Token != "") != (resp.StatusCode == http.StatusOK) {
		w.t.Fatalf("the token endpoint answered %d with a token: %v (%v)", resp.StatusCode, answer.Token != "", err)
	}
	return resp.StatusCode
}

// TestASubjectThatNobodyCanTellBlocksThePolicyAlone has a template with a claim that only the job knows.
func TestASubjectThatNobodyCanTellBlocksThePolicyAlone(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText+"  repositories: [{name: acme/taxi, created: '2024-01-01', files: {README.md: hello}}]\n")
	w.send("PUT", repo+"/actions/oidc/customization/sub", map[string]any{"use_default": false, "include_claim_keys": []string{"repo", "job_workflow_ref"}})
	w.apply()
	for _, c := range w.plan().Changes {
		want := plan.None
		if c.Kind == "federation_policy" {
			want = plan.Blocked
		}
		if c.Action != want || want == plan.Blocked && !strings.Contains(c.Reason, "job_workflow_ref") {
			t.Errorf("%s is %s, want %s: %s", c.Address, c.Action, want, c.Reason)
		}
	}
}
