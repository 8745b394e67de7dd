package kindtest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/box"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/rights"
)

// verified runs verify as env, and holds it to sending nothing that changes anything.
func (w *world) verified(env map[string]string, target string) engine.Verified {
	w.t.Helper()
	before := len(w.sandbox.Log())
	v, err := w.engineAs(env).Verify(ctx(), target)
	if err != nil {
		w.t.Fatal(err)
	}
	if sent := mutations(w.sandbox.Log()[before:]); len(sent) > 0 {
		w.t.Fatalf("verify sent %v", sent)
	}
	return v
}

// of returns the findings of one target that have a state, as one text.
func of(v engine.Verified, target string, state rights.State) string {
	var all []string
	for _, d := range v.Verdicts {
		for _, f := range d.Findings {
			if d.Target == target && f.State == state {
				all = append(all, f.What+": "+f.Why)
			}
		}
	}
	return strings.Join(all, "\n")
}

// runner is the environment of a GitHub job that may have an OIDC token.
func (w *world) runner(target, branch, application string) map[string]string {
	return map[string]string{
		"GITHUB_ACTIONS":                 "true",
		"ACTIONS_ID_TOKEN_REQUEST_URL":   fmt.Sprintf("https://token.actions.githubusercontent.com/_sandbox/oidc/acme/taxi?environment=%s&ref=%s", target, branch),
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": w.sandbox.Operator()["GITHUB_TOKEN"],
		"DATABRICKS_CLIENT_ID":           application,
	}
}

// overwrite stores another value in a secret, as somebody at the desk would.
func (w *world) overwrite(url string) {
	w.t.Helper()
	key := w.send("GET", url[:strings.LastIndex(url, "/")]+"/public-key", nil)
	w.send("PUT", url, map[string]any{"key_id": key["key_id"], "encrypted_value": sealed(w.t, fmt.Sprint(key["key"]), "another value")})
}

// TestVerifyFromADeskNamesWhatDoesNotHold breaks one thing after another behind the program's back.
func TestVerifyFromADeskNamesWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	operator := w.sandbox.Operator()
	for _, target := range []string{"test", "staging", "prod"} {
		v := w.verified(operator, target)
		if got := of(v, target, rights.Failed); got != "" {
			t.Errorf("%s fails right after an apply:\n%s", target, got)
		}
		if got := of(v, target, rights.Unchecked); !strings.HasPrefix(got, "the login itself: ") || strings.Contains(got, "\n") {
			t.Errorf("%s: not checked: %s", target, got)
		}
	}
	policies := account + "/servicePrincipals/" + first(w.principal("taxi-prod")) + "/federationPolicies"
	for _, c := range breaks(w) {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			c.breaks()
			v := w.verified(operator, "")
			if got := of(v, c.target, rights.Failed); !strings.Contains(got, c.says) {
				t.Errorf("it says %q, want %q", got, c.says)
			}
			for _, other := range []string{"test", "staging", "prod"} {
				if got := of(v, other, rights.Failed); other != c.target && got != "" {
					t.Errorf("%s fails, too: %s", other, got)
				}
			}
			if c.name == "another target's jobs are let in" {
				w.send("DELETE", policies+"/stranger", nil)
			}
			w.settle()
			if got := of(w.verified(operator, c.target), c.target, rights.Failed); got != "" {
				t.Errorf("after an apply: %s", got)
			}
		})
	}
}

func first(id, _ string) string { return id }

// deactivated is what switches a principal off.
func deactivated() any {
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}}}
}

// broken is something that is put wrong behind the program's back, and what verify says of which target.
type broken struct {
	name, target, says string
	breaks             func()
}

func breaks(w *world) []broken {
	prodID, prodApp := w.principal("taxi-prod")
	stagingID, _ := w.principal("taxi-staging")
	policies := account + "/servicePrincipals/" + prodID + "/federationPolicies"
	trust := func(subject string) any {
		return map[string]any{"oidc_policy": map[string]any{"issuer": "https://token.actions.githubusercontent.com", "subject": subject,
			"audiences": []string{"11111111-2222-3333-4444-555555555555", "https://prod.cloud.databricks.com/oidc/v1/token"}}}
	}
	return []broken{
		{"a grant is revoked", "prod", "its privileges on schema:prod.taxi: it does not hold MODIFY", func() {
			w.send("PATCH", uc+"/permissions/schema/prod.taxi", map[string]any{"changes": []any{map[string]any{"principal": prodApp, "remove": []string{"MODIFY"}}}})
		}},
		{"a subject is wrong", "prod", "the policy that lets its jobs in: its subject is repo:other/repo:environment:prod, and should be", func() {
			w.send("PATCH", policies+"/mlopsctl-taxi-prod?update_mask=oidc_policy", trust("repo:other/repo:environment:prod"))
		}},
		{"a secret is overwritten", "prod", "the secret prod/PROD_CLIENT_SECRET: somebody else wrote it", func() {
			w.overwrite(repo + "/environments/prod/secrets/PROD_CLIENT_SECRET")
		}},
		{"a credential is revoked", "staging", "was revoked or has expired", func() {
			w.make(outside{method: "secrets", url: account + "/servicePrincipals/" + stagingID + "/credentials/secrets"})
		}},
		{"a principal is deactivated", "prod", "the principal: its active is false, and should be true", func() {
			w.send("PATCH", account+"/scim/v2/ServicePrincipals/"+prodID, deactivated())
		}},
		{"its access is taken away", "prod", "its access to the workspace: it is not there", func() {
			w.send("DELETE", account+"/workspaces/"+w.workspaceID("https://prod.cloud.databricks.com")+"/permissionassignments/principals/"+prodID, nil)
		}},
		{"a membership is taken away", "prod", "its membership of taxi-principals: it is not there", func() {
			w.send("PATCH", account+"/scim/v2/Groups/"+w.group("taxi-principals"), scimPatch("remove", "members[value eq \""+prodID+"\"]", nil))
		}},
		{"an entitlement is taken away", "prod", "its entitlements in the workspace: its entitlements are allow-cluster-create, and should be allow-cluster-create, workspace-access", func() {
			w.send("PATCH", prodSCIM+"/ServicePrincipals/"+prodID, scimPatch("remove", `entitlements[value eq "workspace-access"]`, nil))
		}},
		{"its directory is somebody else's", "prod", "what it may do with directory:/Shared/taxi: its levels are CAN_READ, and should be CAN_READ, CAN_RUN, CAN_EDIT, CAN_MANAGE", func() {
			w.send("PATCH", w.accessURL("/Shared/taxi"), map[string]any{"access_control_list": []any{map[string]any{"service_principal_name": prodApp, "permission_level": "CAN_READ"}}})
		}},
		{"its Git credential is gone", "prod", "its Git credential: it is not there", func() {
			w.send("DELETE", gitURL+"/"+w.gitCredential(prodID)+"?principal_id="+prodID, nil)
		}},
		{"a variable names somebody else", "prod", "the variable DATABRICKS_CLIENT_ID: its value is x", func() {
			w.send("PATCH", repo+"/environments/prod/variables/DATABRICKS_CLIENT_ID", map[string]any{"value": "x"})
		}},
		{"another target's jobs are let in", "prod", "that jobs of other targets are refused as it: its policy stranger trusts", func() {
			id, _ := w.principal("taxi-test")
			subject := w.subject(id)
			w.send("POST", policies+"?policy_id=stranger", trust(subject))
		}},
	}
}

// TestVerifyInAJobLogsInAsTheJobDoes runs it as the target's own CI job: nothing of the operator's is there.
func TestVerifyInAJobLogsInAsTheJobDoes(t *testing.T) {
	specText, worldText := full(t)
	specText = strings.Replace(specText, "    ci_auth: oauth_secret\n", "", 1)
	w := open(t, specText, worldText)
	w.settle()
	prodID, prodApp := w.principal("taxi-prod")
	_, stagingApp := w.principal("taxi-staging")
	prod, staging := w.runner("prod", "release", prodApp), w.runner("staging", "main", stagingApp)
	for target, env := range map[string]map[string]string{"prod": prod, "staging": staging} {
		v := w.verified(env, target)
		if v.Verdicts[0].As != "the principal" || of(v, target, rights.Failed)+of(v, target, rights.Unchecked) != "" {
			t.Errorf("%s, by %s: %s%s", target, v.Verdicts[0].As, of(v, target, rights.Failed), of(v, target, rights.Unchecked))
		}
		for _, says := range []string{"the login, by the OIDC token of this GitHub job", "its privileges on catalog:" + target} {
			if !strings.Contains(of(v, target, rights.OK), says) {
				t.Errorf("%s does not say %q: %s", target, says, of(v, target, rights.OK))
			}
		}
	}
	if got := of(w.verified(staging, "staging"), "staging", rights.OK); !strings.Contains(got, "that it is refused as taxi-test of target test") ||
		!strings.Contains(got, "that https://prod.cloud.databricks.com of target prod refuses it") {
		t.Errorf("staging's job does not try to be somebody else: %s", got)
	}
	fails := func(name, target string, env map[string]string, says string) {
		t.Helper()
		if got := of(w.verified(env, target), target, rights.Failed); !strings.Contains(got, says) {
			t.Errorf("%s: it says %q, want %q", name, got, says)
		}
	}
	fails("a job of another environment", "prod", w.runner("staging", "main", prodApp), "the login, as the CI job does it")
	w.send("PATCH", uc+"/permissions/schema/prod.taxi", map[string]any{"changes": []any{map[string]any{"principal": prodApp, "remove": []string{"MODIFY"}}}})
	fails("a grant is revoked", "prod", prod, "its privileges on schema:prod.taxi: it does not hold MODIFY")
	w.settle()
	testID, _ := w.principal("taxi-test")
	stagingID, _ := w.principal("taxi-staging")
	w.send("POST", account+"/servicePrincipals/"+testID+"/federationPolicies?policy_id=stranger", map[string]any{"oidc_policy": map[string]any{
		"issuer": "https://token.actions.githubusercontent.com", "subject": w.subject(stagingID), "audiences": []string{"https://staging.cloud.databricks.com/oidc/v1/token"}}})
	fails("another principal trusts the job", "staging", staging, "that it is refused as taxi-test of target test: with the proof of this job")
	w.send("PATCH", account+"/scim/v2/ServicePrincipals/"+prodID, deactivated())
	fails("a principal is deactivated", "prod", prod, "the login, as the CI job does it")
}

// TestVerifyInAJobWithAStoredCredential has a client secret, and a token, in the job's environment.
func TestVerifyInAJobWithAStoredCredential(t *testing.T) {
	specText, worldText := full(t)
	w := open(t, specText, worldText)
	w.settle()
	id, application := w.principal("taxi-staging")
	issued := w.send("POST", account+"/servicePrincipals/"+id+"/credentials/secrets", map[string]any{"lifetime": "3600s"})
	env := map[string]string{"GITHUB_ACTIONS": "true", "DATABRICKS_CLIENT_ID": application, "DATABRICKS_CLIENT_SECRET": fmt.Sprint(issued["secret"])}
	v := w.verified(env, "staging")
	if got := of(v, "staging", rights.Failed) + of(v, "staging", rights.Unchecked); got != "" {
		t.Errorf("staging: %s", got)
	}
	if got := of(v, "staging", rights.OK); !strings.Contains(got, "the login, by DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET") || !strings.Contains(got, "that it is refused as taxi-test") {
		t.Errorf("staging: %s", got)
	}
	w.send("DELETE", account+"/servicePrincipals/"+id+"/credentials/secrets/"+fmt.Sprint(issued["id"]), nil)
	if got := of(w.verified(env, "staging"), "staging", rights.Failed); !strings.Contains(got, "the login, as the CI job does it") {
		t.Errorf("with a revoked secret: %s", got)
	}
	if slices.ContainsFunc(v.Verdicts, func(d rights.Verdict) bool { return strings.Contains(fmt.Sprint(d), fmt.Sprint(issued["secret"])) }) {
		t.Error("a verdict holds the secret")
	}
}

// sealed encrypts a value with a public key in base64, as GitHub takes it.
func sealed(t fatal, key, value string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != 32 {
		t.Fatalf("the public key %q: %v", key, err)
	}
	closed, err := box.SealAnonymous(nil, []byte(value), (*[32]byte)(raw), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(closed)
}
