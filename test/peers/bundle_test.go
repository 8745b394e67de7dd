package peers

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheStockCLIDeploysAndAPlanSeesIt(t *testing.T) {
	s := open(t)
	s.mlopsctl("apply", "--auto-approve")
	s.checkOut()
	for _, target := range []string{"staging", "prod"} {
		s.wants("deployment/"+target, "blocked", "nothing is deployed there yet")
	}

	staging := s.bySecret("staging")
	s.bundle(staging, "staging")
	s.wants("deployment/staging", "none", "")

	prod := s.byGitHubToken("prod", "release")
	s.bundle(prod, "prod")
	s.wants("deployment/prod", "none", "")
	if out := s.mlopsctl("plan", "--detailed-exitcode"); !strings.Contains(out, "No changes.") {
		t.Errorf("after both deployments the plan is:\n%s", out)
	}

	s.commit("mlops_stack_demo/training/train.py", "main")
	s.wants("deployment/staging", "blocked", "the newest of main that changes mlops_stack_demo")
	s.wants("deployment/prod", "none", "")

	s.databricks(staging, "staging", "bundle", "deploy", "--target", "staging")
	s.wants("deployment/staging", "none", "")
	s.databricks(staging, "staging", "bundle", "destroy", "--target", "staging", "--auto-approve")
	s.wants("deployment/staging", "blocked", "nothing is deployed there yet")
}

// bundle runs what a team runs of a bundle.
func (s *stage) bundle(login map[string]string, target string) {
	s.t.Helper()
	for _, step := range []struct {
		args []string
		says string
	}{
		{[]string{"validate"}, "Validation OK!"},
		{[]string{"deploy"}, "Deployment complete!"},
		{[]string{"plan"}, "0 to add, 0 to change, 0 to delete"}, // what was answered is what was sent
		{[]string{"summary"}, target + "-mlops-stack-demo-model-training-job"},
		{[]string{"run", "model_training_job"}, "Run URL:"},
	} {
		out := s.databricks(login, target, append([]string{"bundle"}, append(step.args, "--target", target)...)...)
		if !strings.Contains(out, step.says) {
			s.t.Errorf("databricks bundle %s --target %s says\n%s\nwant %q in it", strings.Join(step.args, " "), target, out, step.says)
		}
	}
}

// databricks runs the CLI in the project's folder of the clone that belongs to the target's branch.
func (s *stage) databricks(login map[string]string, target string, args ...string) string {
	s.t.Helper()
	branch := map[string]string{"staging": "main", "prod": "release"}[target]
	s.git("checkout", "--quiet", branch)
	s.git("pull", "--quiet", "--ff-only")
	return s.run(run{dir: filepath.Join("clone", "mlops_stack_demo"), env: login, name: s.programs.cli, args: args})
}

func (s *stage) git(args ...string) {
	s.t.Helper()
	s.run(run{dir: "clone", env: map[string]string{"GIT_CONFIG_NOSYSTEM": "1"}, name: "git", args: args})
}

// checkOut clones what mlopsctl pushed.
func (s *stage) checkOut() {
	s.t.Helper()
	_, host, _ := strings.Cut(s.hosts["GITHUB"], "://")
	remote := "http://x-access-token:" + s.operator["GITHUB_TOKEN"] + "@" + host + "/acme/mlops-stack-demo.git"
	s.run(run{name: "git", args: []string{"clone", "--quiet", remote, "clone"}})
	s.git("config", "user.name", "Ada")
	s.git("config", "user.email", "ada@acme.example")
}

func (s *stage) commit(file, branch string) {
	s.t.Helper()
	s.git("checkout", "--quiet", branch)
	s.run(run{dir: "clone", name: "sh", args: []string{"-c", "echo '# changed' >>" + file}})
	s.git("commit", "--quiet", "-am", "Change "+file)
	s.git("push", "--quiet", "origin", branch)
}

// wants holds one object of a plan to an action and a reason.
func (s *stage) wants(address, action, reason string) {
	s.t.Helper()
	var plan struct {
		Changes []struct{ Address, Action, Reason string } `json:"changes"`
	}
	out := s.mlopsctl("plan", "-o", "json")
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		s.t.Fatalf("%v:\n%s", err, out)
	}
	for _, c := range plan.Changes {
		if c.Address == address {
			if c.Action != action || !strings.Contains(c.Reason, reason) {
				s.t.Errorf("%s is %s (%s), want %s (%s)", address, c.Action, c.Reason, action, reason)
			}
			return
		}
	}
	s.t.Errorf("the plan has no %s:\n%s", address, out)
}

// bySecret is the login of a target's principal with a client secret of its own.
func (s *stage) bySecret(target string) map[string]string {
	s.t.Helper()
	id, application := s.principal("mlops-stack-demo-" + target)
	var secret struct{ Secret string }
	s.account(http.MethodPost, "/servicePrincipals/"+id+"/credentials/secrets", &secret)
	return s.login(map[string]string{
		"DATABRICKS_AUTH_TYPE": "oauth-m2m", "DATABRICKS_CLIENT_ID": application, "DATABRICKS_CLIENT_SECRET": secret.Secret,
	})
}

// byGitHubToken is the login of a target's principal as its job in the target's environment logs in.
func (s *stage) byGitHubToken(target, branch string) map[string]string {
	s.t.Helper()
	_, application := s.principal("mlops-stack-demo-" + target)
	query := url.Values{"environment": {target}, "ref": {branch}}
	return s.login(map[string]string{
		"DATABRICKS_AUTH_TYPE": "github-oidc", "DATABRICKS_CLIENT_ID": application,
		"ACTIONS_ID_TOKEN_REQUEST_URL":   s.hosts["GITHUB"] + "/_sandbox/oidc/acme/mlops-stack-demo?" + query.Encode(),
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": s.operator["GITHUB_TOKEN"],
	})
}

// login is an environment in which the CLI asks nobody but the sandbox.
func (s *stage) login(env map[string]string) map[string]string {
	env["DATABRICKS_BUNDLE_ENGINE"], env["DATABRICKS_CONFIG_FILE"] = "direct", filepath.Join(s.dir, "no.databrickscfg")
	env["DATABRICKS_CLI_DISABLE_TELEMETRY"] = "true"
	return env
}

func (s *stage) principal(name string) (id, application string) {
	s.t.Helper()
	var found struct {
		Resources []struct{ ID, ApplicationID string }
	}
	s.account(http.MethodGet, "/scim/v2/ServicePrincipals?filter="+url.QueryEscape(`displayName eq "`+name+`"`), &found)
	if len(found.Resources) != 1 {
		s.t.Fatalf("%d principals are called %s", len(found.Resources), name)
	}
	return found.Resources[0].ID, found.Resources[0].ApplicationID
}

// account asks the account as the sandbox's operator.
func (s *stage) account(method, path string, out any) {
	s.t.Helper()
	const account = "11111111-2222-3333-4444-555555555555"
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"},
		"client_id": {s.operator["DATABRICKS_CLIENT_ID"]}, "client_secret": {s.operator["DATABRICKS_CLIENT_SECRET"]}}
	var token struct {
		Access string `json:"access_token"`
	}
	s.ask(s.request(http.MethodPost, "/oidc/accounts/"+account+"/v1/token", form), &token)
	req := s.request(method, "/api/2.0/accounts/"+account+path, nil)
	req.Header.Set("Authorization", "Bearer "+token.Access)
	s.ask(req, out)
}

// request is one to the account, with a form where there is one.
func (s *stage) request(method, path string, form url.Values) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.hosts["ACCOUNT"]+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (s *stage) ask(req *http.Request, out any) {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		s.t.Fatalf("%s %s: %s %v\n%s", req.Method, req.URL, resp.Status, err, text)
	}
}
