package kindtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

const deployed = `
version: 1
name: taxi
git:
  host: HOST
  repository: acme/taxi
  visibility: private
  first_commit: { message: Adding the project, paths: [README.md, fares, .github] }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches:
  main: { default: true }
  release: { from: main }
targets:
  staging: { host: https://staging.cloud.databricks.com, branch: main, service_principal: taxi-staging, environment: { branches: [main] } }
  prod: { host: https://prod.cloud.databricks.com, branch: release, service_principal: taxi-prod, environment: { reviewers: ["team:ml-leads"], branches: [release] } }
projects:
  fares: { workflows: none, deploy: [staging, prod] }
`

// workflow deploys to one target from one branch, in the manner of the MLOps Stacks template.
const workflow = `
name: deploy to TARGET
on: workflow_dispatch
jobs:
  guard: { runs-on: ubuntu-24.04 }
  deploy:
    name: deploy to TARGET
    needs: guard
    if: github.ref == 'refs/heads/BRANCH'
    environment: TARGET
    defaults: { run: { working-directory: fares } }
    steps: [ { run: databricks bundle deploy --target TARGET } ]
`

func workflowOf(target, branch string) string {
	return strings.NewReplacer("TARGET", target, "BRANCH", branch).Replace(workflow)
}

// site is a world in which a pipeline deploys.
type site struct {
	*world
	t *testing.T
}

const aroundDeployments = `
databricks:
  service_principals:
    - { name: somebody, client_secret: s, workspaces: [https://prod.cloud.databricks.com] }
github:
  run_delay: 4
  users: [{ login: grace, role: member }]
  teams: [{ slug: ml-leads, members: [grace] }]
`

func openSite(t *testing.T, gitHost string) *site {
	t.Helper()
	s := &site{world: open(t, strings.Replace(deployed, "HOST", gitHost, 1), aroundDeployments), t: t}
	bundle := "bundle: {name: fares}\ntargets:\n  staging: {workspace: {host: https://staging.cloud.databricks.com}}\n" +
		"  prod: {workspace: {host: https://prod.cloud.databricks.com, root_path: '/Shared/${bundle.name}/${bundle.target}'}}\n" +
		"resources: {jobs: {train: {name: '${bundle.target}-train', schedule: {quartz_cron_expression: '0 0 9 * * ?', timezone_id: UTC}}}}\n"
	for name, text := range map[string]string{
		"fares/databricks.yml": bundle, ".github/workflows/fares-bundle-cd-staging.yml": workflowOf("staging", "main"), ".github/workflows/fares-bundle-cd-prod.yml": workflowOf("prod", "release"),
	} {
		at := filepath.Join(s.stack.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.apply()
	s.runs("success") // those that pushes and the apply started, which deploy nothing here
	return s
}

// ask sends a request as the operator.
func (s *site) ask(method, address string, body any, out any) {
	s.t.Helper()
	text, isText := body.([]byte)
	if !isText {
		var err error
		if text, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(ctx(), method, address, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	operator, token := s.sandbox.Operator(), ""
	switch {
	case strings.Contains(address, "/oidc/"):
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case strings.Contains(address, "//api.github.com") || strings.Contains(address, "/api/v3/"):
		token = operator["GITHUB_TOKEN"]
	default:
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {operator["DATABRICKS_CLIENT_ID"]}, "client_secret": {operator["DATABRICKS_CLIENT_SECRET"]}}
		var login struct {
			Token string `json:"access_token"`
		}
		s.ask("POST", req.URL.Scheme+"://"+req.URL.Host+"/oidc/v1/token", []byte(form.Encode()), &login)
		token = login.Token
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.sandbox.RoundTripper().RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s %v\n%s", method, address, resp.Status, err, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			s.t.Fatal(err)
		}
	}
}

// runs ends every run of Actions that could end.
func (s *site) runs(conclusion string) {
	s.t.Helper()
	_, err := s.sandbox.Do(ctx(), sandbox.Deed{Do: "finish", Conclusion: conclusion})
	if err != nil && !strings.Contains(err.Error(), "no such run") {
		s.t.Fatal(err)
	}
}

// api is the address of the repository.
func (s *site) api() string {
	if s.stack.Git.Host == "https://github.com" {
		return "https://api.github.com/repos/acme/taxi"
	}
	return s.stack.Git.Host + "/api/v3/repos/acme/taxi"
}

// commit changes a file on a branch, and returns the commit.
func (s *site) commit(branch, file, text string) string {
	s.t.Helper()
	var old struct {
		SHA string `json:"sha"`
	}
	body := map[string]any{"branch": branch, "message": "Change " + file, "content": base64.StdEncoding.EncodeToString([]byte(text))}
	if file != "fares/train.py" {
		s.ask("GET", s.api()+"/contents/"+file+"?ref="+branch, nil, &old)
		body["sha"] = old.SHA
	}
	var made struct{ Commit struct{ SHA string } }
	s.ask("PUT", s.api()+"/contents/"+file, body, &made)
	return made.Commit.SHA
}

func (s *site) head(branch string) string {
	s.t.Helper()
	var ref struct{ Object struct{ SHA string } }
	s.ask("GET", s.api()+"/git/ref/heads/"+branch, nil, &ref)
	return ref.Object.SHA
}

// place is where a target's deployment lies: its host, its state's folder, and its principal.
func (s *site) place(target string) (host, state, principal string) {
	s.t.Helper()
	host = s.stack.Target(target).Host
	var found struct {
		Resources []struct{ ApplicationID string }
	}
	filter := url.QueryEscape(`displayName eq "taxi-` + target + `"`)
	s.ask("GET", host+"/api/2.0/preview/scim/v2/ServicePrincipals?filter="+filter, nil, &found)
	principal = found.Resources[0].ApplicationID
	state = map[string]string{"staging": "/Workspace/Users/" + principal + "/.bundle/fares/staging/state", "prod": "/Workspace/Shared/fares/prod/state"}[target]
	return host, state, principal
}

// deploy leaves what a deployment of a commit leaves, with one job, and returns the job's id.
func (s *site) deploy(target, commit string) string {
	s.t.Helper()
	host, state, principal := s.place(target)
	var job struct {
		ID int64 `json:"job_id"`
	}
	s.ask("POST", host+"/api/2.2/jobs/create", map[string]any{"name": "train", "run_as": map[string]any{"service_principal_name": principal},
		"schedule": map[string]any{"quartz_cron_expression": "0 0 9 * * ?", "timezone_id": "UTC"}}, &job)
	s.ask("POST", host+"/api/2.0/workspace/mkdirs", map[string]any{"path": state}, nil)
	metadata := fmt.Sprintf(`{"version":1,"config":{"bundle":{"git":{"commit":%q}},"resources":{"jobs":{"train":{"id":"%d"}}}}}`, commit, job.ID)
	s.ask("POST", host+"/api/2.0/workspace-files/import-file/"+url.PathEscape(state[1:]+"/metadata.json")+"?overwrite=true", []byte(metadata), nil)
	return fmt.Sprint(job.ID)
}

func (s *site) update(target, job string, settings map[string]any) {
	s.t.Helper()
	host, _, _ := s.place(target)
	s.ask("POST", host+"/api/2.2/jobs/update", map[string]any{"job_id": json.Number(job), "new_settings": settings}, nil)
}

// wants holds a deployment of a new plan to an action, and to what its reason or its fields say.
func (s *site) wants(target string, action plan.Action, says string) {
	s.t.Helper()
	c := s.plan().Find("deployment/" + target)
	if said := fmt.Sprint(c.Reason, " ", c.Fields); c.Action != action || !strings.Contains(said, says) {
		s.t.Fatalf("deployment/%s is %s: %s, want %s: %s", target, c.Action, said, action, says)
	}
}

const gitHub = "https://github.com"

func TestADeploymentIsLookedForWhereItsBundleSays(t *testing.T) {
	s := openSite(t, gitHub)
	for _, target := range []string{"staging", "prod"} {
		s.wants(target, plan.Create, "it is not there")
		s.deploy(target, s.head(s.stack.Target(target).Branch))
		s.wants(target, plan.None, "")
	}
	s.empty()
}

func TestADeploymentIsOutOfDateOnceItsProjectChanges(t *testing.T) {
	s := openSite(t, gitHub)
	first := s.head("main")
	s.deploy("staging", first)
	s.commit("main", "README.md", "# changed\n")
	s.wants("staging", plan.None, "")
	changed := s.commit("main", "fares/train.py", "print(1)\n")
	s.wants("staging", plan.Update, fmt.Sprintf("%s, without %s, the newest of main that changes fares", first[:8], changed[:8]))
	s.commit("main", "README.md", "# changed again\n")
	s.deploy("staging", s.head("main"))
	s.wants("staging", plan.None, "")
	later := s.commit("main", ".github/workflows/fares-bundle-cd-staging.yml", workflowOf("staging", "main")+"# changed\n")
	s.wants("staging", plan.Update, later[:8]+", the newest of main that changes .github/workflows/fares-bundle-cd-staging.yml")
	s.deploy("staging", later)
	s.deploy("prod", later)
	s.wants("prod", plan.Update, later[:8]+", which is not on release")
	s.deploy("prod", strings.Repeat("0", 40))
	s.wants("prod", plan.Update, "00000000, which the repository does not have")
	s.deploy("prod", "")
	s.wants("prod", plan.Update, "it was deployed from no commit")
}

func TestADeploymentsJobsAreThereSwitchedOnAndRunByItsPrincipal(t *testing.T) {
	s := openSite(t, gitHub)
	paused := map[string]any{"schedule": map[string]any{"quartz_cron_expression": "0 0 9 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"}}
	job := s.deploy("staging", s.head("main"))
	s.update("staging", job, paused)
	s.wants("staging", plan.None, "") // only production's have to start by themselves
	host, _, _ := s.place("staging")
	s.ask("POST", host+"/api/2.2/jobs/delete", map[string]any{"job_id": json.Number(job)}, nil)
	s.wants("staging", plan.Update, "{missing_jobs [train] []")

	job = s.deploy("prod", s.head("release"))
	s.update("prod", job, paused)
	s.wants("prod", plan.Update, "{paused_jobs [train] []")
	job = s.deploy("prod", s.head("release"))
	s.update("prod", job, map[string]any{"run_as": map[string]any{"service_principal_name": s.sandbox.Operator()["DATABRICKS_CLIENT_ID"]}})
	s.wants("prod", plan.Update, "{foreign_jobs [train, as ")
}

func TestAnApplyStartsThePipelineAndSaysWhatItWaitsFor(t *testing.T) {
	// The second one is an Enterprise Server: it refuses to be asked for the run's id, and is asked again.
	for host, requests := range map[string]int{gitHub: 2, "http://127.0.0.1:4000": 4} {
		t.Run(host, func(t *testing.T) {
			s := openSite(t, host)
			sent := s.sent(func() { s.apply() })
			if got := strings.Count(strings.Join(sent, "\n"), "/dispatches"); got != requests {
				t.Errorf("an apply sent %v, want %d dispatches", sent, requests)
			}
			s.wants("staging", plan.Wait, "nothing is deployed there yet; run ")
			if sent := s.sent(func() { s.apply() }); len(sent) > 0 {
				t.Errorf("while runs are on their way an apply sent %v", sent)
			}
			s.runs("success")
			s.wants("staging", plan.None, "") // the pipeline has deployed it
			s.wants("prod", plan.Wait, "waits for the approval of team:ml-leads in the environment prod: "+host+"/acme/taxi/actions/runs/")
		})
	}
}

func TestARunThatFailedIsNamedWithItsJob(t *testing.T) {
	s := openSite(t, gitHub)
	s.deploy("prod", s.head("release"))
	e := s.engine()
	if _, err := e.Apply(ctx(), s.planWith(e), engine.Run{Options: apply.Options{Parallelism: 8}}); err != nil {
		t.Fatal(err)
	}
	s.runs("failure")
	s.wants("staging", plan.Update, "has ended as failure in the job guard")
	e.Forget()
	if got := fmt.Sprint(s.planWith(e).Diagnostics); !strings.Contains(got, "has ended as failure in the job guard: look at it, and apply again: https://github.com/acme/taxi/actions/runs/") {
		t.Errorf("the run that started it says %s", got)
	}
	s.apply()
	s.wants("staging", plan.Wait, "queued")
	s.runs("success")
	s.empty()
}

func TestAPipelineThatCannotLogInFails(t *testing.T) {
	s := openSite(t, gitHub)
	s.apply()
	s.ask("DELETE", s.api()+"/environments/staging/variables/DATABRICKS_CLIENT_ID", nil, nil)
	s.runs("success")
	s.wants("staging", plan.Update, "has ended as failure in the job deploy to staging")
}

func TestADeploymentWaitsForItsCodeAndItsWorkflow(t *testing.T) {
	s := openSite(t, gitHub)
	s.ask("DELETE", s.api()+"/git/refs/heads/release", nil, nil)
	s.wants("prod", plan.Blocked, "acme/taxi has no branch release yet, which prod is deployed from")
	s.stack.Projects[0].Path = "elsewhere"
	s.wants("staging", plan.Blocked, "the branch main has no elsewhere/databricks.yml yet: the project's code comes first")
	s.stack.Projects[0].Path, s.stack.Projects[0].Workflows = "fares", spec.GenerateWorkflows
	s.wants("staging", plan.Blocked, "main has no .github/workflows/fares-deploy.yml yet, which would deploy it")
}

func TestADeploymentThatCannotBeSeenIsUnknown(t *testing.T) {
	s := openSite(t, gitHub)
	s.deploy("prod", s.head("release"))
	_, state, _ := s.place("prod")
	var folder struct {
		ID int64 `json:"object_id"`
	}
	s.ask("GET", "https://prod.cloud.databricks.com/api/2.0/workspace/get-status?path="+url.QueryEscape(filepath.Dir(filepath.Dir(filepath.Dir(state)))), nil, &folder)
	s.wants("prod", plan.None, "")
	env := s.sandbox.Operator()
	env["DATABRICKS_CLIENT_ID"], env["DATABRICKS_CLIENT_SECRET"] = s.stranger(), "s"
	for _, target := range []string{"staging", "prod"} {
		if c := s.planWith(s.engineAs(env)).Find("deployment/" + target); c.Action != plan.Unknown {
			t.Errorf("to a stranger deployment/%s is %s: %s", target, c.Action, c.Reason)
		}
	}
}

// stranger is the application id of a principal that may enter prod and administers nothing.
func (s *site) stranger() string {
	s.t.Helper()
	var found struct {
		Resources []struct{ ApplicationID string }
	}
	s.ask("GET", "https://prod.cloud.databricks.com/api/2.0/preview/scim/v2/ServicePrincipals?filter="+url.QueryEscape(`displayName eq "somebody"`), nil, &found)
	return found.Resources[0].ApplicationID
}

// A deployment whose start was answered by nobody is looked for, and is not started twice.
func TestALostStartOfADeploymentIsNotMadeTwice(t *testing.T) {
	for name, c := range map[string]struct {
		action sandbox.FaultAction
		runs   int // of staging's workflow that the apply leaves
	}{
		"it was started": {sandbox.FaultResetAfter, 1}, "it was not started": {sandbox.FaultResetBefore, 0}, "its answer was cut": {sandbox.FaultTruncate, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSite(t, gitHub)
			if err := s.sandbox.Inject(sandbox.Fault{Method: "POST", Path: "*/fares-bundle-cd-staging.yml/dispatches", Action: c.action}); err != nil {
				t.Fatal(err)
			}
			count := func() int {
				var runs struct {
					Total int `json:"total_count"`
				}
				s.ask("GET", s.api()+"/actions/workflows/fares-bundle-cd-staging.yml/runs", nil, &runs)
				return runs.Total
			}
			s.apply()
			if n := count(); n != c.runs {
				t.Errorf("%d runs were started, want %d", n, c.runs)
			}
			s.apply()
			if n := count(); n != 1 {
				t.Errorf("after the next apply there are %d runs, want 1", n)
			}
		})
	}
}
