package kindtest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

const (
	gitAddress = "git_credential/prod/taxi-prod"
	firstGit   = "git-token-number-one-nobody-may-see"
	secondGit  = "git-token-number-two-nobody-may-see"
)

const gitSpec = `version: 1
name: taxi
git:
  repository: acme/taxi
  first_commit: { message: Adding project README, paths: [README.md] }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
targets:
  prod: { host: https://prod.cloud.databricks.com, service_principal: taxi-prod, environment: {} }
service_principals:
  taxi-prod: { git_credential: { provider: gitHub, token: { env: GIT_TOKEN } } }
`

// gitWorld is a world whose runs have a Git token in their environment, "" for none.
type gitWorld struct {
	*world
	token string
}

func openGit(t *testing.T) *gitWorld {
	t.Helper()
	return &gitWorld{world: open(t, gitSpec, ""), token: firstGit}
}

func (w *gitWorld) engine() *engine.Engine {
	env := maps.Clone(w.sandbox.Operator())
	if w.token != "" {
		env["GIT_TOKEN"] = w.token
	}
	return w.engineAs(env)
}

// looks plans, and returns what the plan says of the credential. No plan holds a token.
func (w *gitWorld) looks(t *testing.T) (*plan.Plan, *plan.Change) {
	t.Helper()
	p := w.planWith(w.engine())
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), firstGit) || strings.Contains(string(data), secondGit) {
		t.Errorf("the plan holds the token:\n%s", data)
	}
	c := p.Find(gitAddress)
	if c == nil {
		t.Fatal("the plan has no Git credential")
	}
	return p, c
}

// does plans and applies, and returns what was sent to the Git credentials.
func (w *gitWorld) does(t *testing.T) []string {
	t.Helper()
	e := w.engine()
	sent := w.sent(func() {
		r, err := e.Apply(t.Context(), w.planWith(e), engine.Run{Options: apply.Options{Parallelism: 4}})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Results {
			if x.Status != apply.Done {
				t.Fatalf("%s of %s: %v", x.Action, x.Address, x.Err)
			}
		}
	})
	ofGit := slices.DeleteFunc(sent, func(s string) bool { return !strings.Contains(s, "/git-credentials") })
	for i, s := range ofGit {
		ofGit[i], _, _ = strings.Cut(s, " ")
	}
	return ofGit
}

func (w *gitWorld) holds(t *testing.T, token string) {
	t.Helper()
	if _, application := w.principal("taxi-prod"); !w.sandbox.HoldsGitToken(prodURL, application, token) {
		t.Errorf("the principal does not log in with the token that is wished")
	}
}

func (w *gitWorld) says(t *testing.T, action plan.Action, reason string) {
	t.Helper()
	if _, c := w.looks(t); c.Action != action || !strings.Contains(c.Reason, reason) {
		t.Errorf("the credential is %s: %s; want %s: %s", c.Action, c.Reason, action, reason)
	}
}

// TestAGitTokenIsStoredOnceAndAgainWhenItChanges: nothing shows a token, so its check value tells.
func TestAGitTokenIsStoredOnceAndAgainWhenItChanges(t *testing.T) {
	w := openGit(t)
	if got := w.does(t); !slices.Equal(got, []string{"POST"}) {
		t.Errorf("a first install sent %v", got)
	}
	w.holds(t, firstGit)
	w.says(t, plan.None, "")

	w.token = secondGit
	w.says(t, plan.Update, "its value in GIT_TOKEN is another one than was stored")
	if got := w.does(t); !slices.Equal(got, []string{"PATCH"}) {
		t.Errorf("another token was sent by %v", got)
	}
	w.holds(t, secondGit)
	w.says(t, plan.None, "")

	w.token = ""
	p, c := w.looks(t)
	warned := slices.ContainsFunc(p.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == "plan/not-compared" && d.Address == gitAddress })
	if c.Action != plan.None || !warned {
		t.Errorf("without the token the credential is %s, and the plan says %+v", c.Action, p.Diagnostics)
	}
}

// TestSomebodyElsesGitCredentialIsTakenOverAsItIs finds one before the first apply: it is neither sent again nor
// doubled. One that is made in its place later is given the stack's token, by a change.
func TestSomebodyElsesGitCredentialIsTakenOverAsItIs(t *testing.T) {
	w := openGit(t)
	theirs := func() {
		t.Helper()
		w.send("POST", gitURL, map[string]any{"git_provider": "GitHub", "personal_access_token": "theirs", "principal_id": w.principalNumber()})
	}
	w.does(t) // the principal, and all else
	id, _ := w.principal("taxi-prod")
	w.send("DELETE", gitURL+"/"+w.gitCredential(id)+"?principal_id="+id, nil)
	theirs()
	w.says(t, plan.Update, "it is another one")
	if got := w.does(t); !slices.Equal(got, []string{"PATCH"}) {
		t.Errorf("one that was made in its place was changed by %v", got)
	}
	w.holds(t, firstGit)

	other := openGit(t)
	other.sandboxWithPrincipal(t)
	other.says(t, plan.Adopt, "")
	if got := other.does(t); len(got) > 0 {
		t.Errorf("somebody else's was touched: %v", got)
	}
	other.holds(t, "theirs")
	other.says(t, plan.None, "")
	other.token = secondGit
	if got := other.does(t); !slices.Equal(got, []string{"PATCH"}) {
		t.Errorf("a token that changed after the adoption was sent by %v", got)
	}
	other.holds(t, secondGit)
}

// sandboxWithPrincipal makes the principal by hand, with a Git credential.
func (w *gitWorld) sandboxWithPrincipal(t *testing.T) {
	t.Helper()
	made := w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "taxi-prod", "active": true})
	w.send("PUT", account+"/workspaces/"+w.workspaceID(prodURL)+"/permissionassignments/principals/"+made["id"].(string), map[string]any{"permissions": []string{"USER"}}) //nolint:errcheck // the sandbox answers so
	w.send("POST", gitURL, map[string]any{"git_provider": "gitHub", "personal_access_token": "theirs", "principal_id": w.principalNumber()})
}

func (w *gitWorld) principalNumber() int64 {
	w.t.Helper()
	id, _ := w.principal("taxi-prod")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestAnotherGitProviderLeavesNoCredentialBehind: a provider is no field of a credential, so the one for the first
// has to go before there is one for the second.
func TestAnotherGitProviderLeavesNoCredentialBehind(t *testing.T) {
	w := openGit(t)
	w.does(t)
	w.stack = parse(t, w.stack.Dir, strings.Replace(gitSpec, "provider: gitHub", "provider: azureDevOpsServices", 1))
	w.says(t, plan.Blocked, "apply once without the git_credential of taxi-prod")
	if got := w.does(t); len(got) > 0 {
		t.Errorf("it was blocked, and sent %v", got)
	}
	id, _ := w.principal("taxi-prod")
	w.send("DELETE", gitURL+"/"+w.gitCredential(id)+"?principal_id="+id, nil)
	w.says(t, plan.Create, "")
	if got := w.does(t); !slices.Equal(got, []string{"POST"}) {
		t.Errorf("the one for the second provider was made by %v", got)
	}
	w.says(t, plan.None, "")
}

// TestWhoDoesNotManageThePrincipalIsTold: it is set on the principal's behalf, and never as the principal.
func TestWhoDoesNotManageThePrincipalIsTold(t *testing.T) {
	w := openGit(t)
	w.does(t)
	fault := sandbox.Fault{Path: "*/git-credentials*", Times: -1, Action: sandbox.FaultStatus, Status: 403, Body: `{"error_code":"PERMISSION_DENIED","message":"Only a manager may."}`}
	if err := w.sandbox.Inject(fault); err != nil {
		t.Fatal(err)
	}
	w.says(t, plan.Unknown, "an account admin, or a manager of the service principal, sets them for it")
}
