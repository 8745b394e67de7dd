package sandbox

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const checksFile = `name: Checks
on:
  pull_request:
    paths: ["app/**", ".github/workflows/**"]
jobs:
  unit-tests: { runs-on: ubuntu-latest, steps: [] }
  mlops-gate: { needs: [unit-tests], if: always(), runs-on: ubuntu-latest, steps: [] }
`

const deployFile = `name: Deploy
run-name: deploy ${{ inputs.target }}
on:
  push: { branches: [main] }
  workflow_dispatch:
    inputs: { target: { required: true }, how: { default: gently } }
jobs:
  validate: { runs-on: ubuntu-latest, steps: [] }
  deploy: { needs: validate, environment: prod, runs-on: ubuntu-latest, steps: [] }
`

const actionsWorld = `
  users: [{ login: ada, role: member }, { login: grace, role: member }, { login: stranger }]
  teams: [{ slug: leads, members: [ada] }]
  repositories:
    - name: acme/demo
      collaborators: { ada: push, grace: push }
      files:
        README.md: demo
        .github/workflows/deploy.yml: |
          DEPLOY
        .github/workflows/checks.yml: |
          CHECKS
`

func actionsTest(t *testing.T) *ghTest {
	t.Helper()
	indent := func(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n          ") }
	return newGitHubTest(t, strings.NewReplacer("DEPLOY", indent(deployFile), "CHECKS", indent(checksFile)).Replace(actionsWorld))
}

func (g *ghTest) deed(d Deed) string {
	g.t.Helper()
	done, err := g.s.Do(g.t.Context(), d)
	if err != nil {
		g.t.Fatal(err)
	}
	return done
}

// write puts a file on a branch, which begins at main where it is not there.
func (g *ghTest) write(branch, path string) {
	g.t.Helper()
	if a := g.send("GET", "/repos/acme/demo/git/ref/heads/"+branch, nil, nil); a.status == 404 {
		main := g.get("/repos/acme/demo/git/ref/heads/main").object["object"].(map[string]any)["sha"]
		g.do(201, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": "refs/heads/" + branch, "sha": main})
	}
	g.do(201, "PUT", "/repos/acme/demo/contents/"+path, map[string]any{
		"branch": branch, "message": "Add " + path, "content": base64.StdEncoding.EncodeToString([]byte(path))})
}

// runs lists the runs as "event file branch: status conclusion".
func (g *ghTest) runs(query string) []string {
	g.t.Helper()
	var all []string
	for _, item := range g.get("/repos/acme/demo/actions/runs?" + query).object["workflow_runs"].([]any) {
		r := item.(map[string]any)
		all = append(all, fmt.Sprintf("%s %s %s: %s %v", r["event"], strings.TrimPrefix(r["path"].(string), workflowFolder), r["head_branch"], r["status"], r["conclusion"]))
	}
	return all
}

func wantRuns(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("runs %q, want %q", got, want)
	}
}

func TestAPullRequestsChecksRunWhereTheirPathsChanged(t *testing.T) {
	g := actionsTest(t)
	g.write("docs", "docs/a.md")
	g.do(201, "POST", "/repos/acme/demo/pulls", map[string]any{"title": "Docs", "head": "docs", "base": "main"})
	wantRuns(t, g.runs("event=pull_request"))
	g.write("code", "app/a.py")
	g.do(201, "POST", "/repos/acme/demo/pulls", map[string]any{"title": "Code", "head": "code", "base": "main"})
	wantRuns(t, g.runs("event=pull_request"), "pull_request checks.yml code: queued <nil>")
	g.deed(Deed{Do: "finish", On: "code", Conclusion: "failure"})
	wantRuns(t, g.runs("event=pull_request"), "pull_request checks.yml code: completed failure")
	g.write("code", "app/b.py")
	g.deed(Deed{Do: "finish", On: "checks.yml"})
	wantRuns(t, g.runs("event=pull_request"), "pull_request checks.yml code: completed success", "pull_request checks.yml code: completed failure")
	var checks []string
	for _, item := range g.get("/repos/acme/demo/commits/code/check-runs").object["check_runs"].([]any) {
		c := item.(map[string]any)
		checks = append(checks, fmt.Sprintf("%s: %s", c["name"], c["conclusion"]))
	}
	wantRuns(t, checks, "unit-tests: success", "mlops-gate: success")
	files := g.get("/repos/acme/demo/pulls/2/files").list
	if len(files) != 2 || files[0].(map[string]any)["filename"] != "app/a.py" {
		t.Errorf("files %v", files)
	}
}

// What a workflow's own token has opened has no runs. They start when a person opens it again, or pushes to it.
func TestAPullRequestThatIsOpenedAgainIsChecked(t *testing.T) {
	g := actionsTest(t)
	g.write("code", "app/a.py")
	g.do(201, "POST", "/repos/acme/demo/pulls", map[string]any{"title": "Code", "head": "code", "base": "main"})
	g.deed(Deed{Do: "finish"})
	g.deed(Deed{Do: "close", On: "1"})
	g.deed(Deed{Do: "reopen", On: "1"})
	wantRuns(t, g.runs("event=pull_request"), "pull_request checks.yml code: queued <nil>", "pull_request checks.yml code: completed success")
	g.do(200, "PATCH", "/repos/acme/demo/pulls/1", map[string]any{"state": "open"})
	if n := len(g.runs("event=pull_request")); n != 2 {
		t.Errorf("opening what is open leaves %d runs, want 2", n)
	}
	g.do(204, "DELETE", "/repos/acme/demo/git/refs/heads/code", nil)
	g.do(422, "PATCH", "/repos/acme/demo/pulls/1", map[string]any{"state": "open"})
}

func TestAMergeNeedsItsChecksAndItsReviewAndStartsADeployment(t *testing.T) {
	g := actionsTest(t)
	g.do(201, "POST", "/repos/acme/demo/rulesets", map[string]any{"name": "main", "target": "branch", "enforcement": "active",
		"conditions": map[string]any{"ref_name": map[string]any{"include": []string{"refs/heads/main"}, "exclude": []string{}}},
		"rules": []any{
			map[string]any{"type": "pull_request", "parameters": map[string]any{"required_approving_review_count": 1, "dismiss_stale_reviews_on_push": false,
				"require_code_owner_review": false, "require_last_push_approval": false, "required_review_thread_resolution": false}},
			map[string]any{"type": "required_status_checks", "parameters": map[string]any{"strict_required_status_checks_policy": false,
				"required_status_checks": []any{map[string]any{"context": "mlops-gate"}}}}}})
	g.write("code", "app/a.py")
	g.do(201, "POST", "/repos/acme/demo/pulls", map[string]any{"title": "Code", "head": "code", "base": "main"})
	for _, blocked := range []string{"approving review", "mlops-gate"} {
		_, err := g.s.Do(t.Context(), Deed{Do: "merge", On: "code"})
		if err == nil || !strings.Contains(err.Error(), blocked) {
			t.Errorf("a merge without %s: %v", blocked, err)
		}
		g.deed(map[string]Deed{"approving review": {Do: "review", On: "1"}, "mlops-gate": {Do: "finish"}}[blocked])
	}
	if done := g.deed(Deed{Do: "merge", On: "code", As: "grace"}); done != "Pull request #1 (Code) is merged." {
		t.Error(done)
	}
	wantRuns(t, g.runs("event=push"), "push deploy.yml main: queued <nil>")
	if reviews := g.get("/repos/acme/demo/pulls/1/reviews").list; len(reviews) != 1 || reviews[0].(map[string]any)["state"] != "APPROVED" {
		t.Errorf("reviews %v", reviews)
	}
}

func TestADispatchedRunWaitsForItsEnvironment(t *testing.T) {
	g := actionsTest(t)
	team := g.get("/orgs/acme/teams/leads").object["id"]
	g.do(200, "PUT", "/repos/acme/demo/environments/prod", map[string]any{"reviewers": []any{map[string]any{"type": "Team", "id": team}}})
	at := "/repos/acme/demo/actions/workflows/deploy.yml/dispatches"
	g.do(422, "POST", at, map[string]any{"ref": "main"})
	g.do(422, "POST", at, map[string]any{"ref": "main", "inputs": map[string]any{"target": "prod", "no": "such"}})
	g.do(422, "POST", at, map[string]any{"ref": "nowhere", "inputs": map[string]any{"target": "prod"}})
	g.do(404, "POST", "/repos/acme/demo/actions/workflows/none.yml/dispatches", map[string]any{"ref": "main"})
	g.do(422, "POST", "/repos/acme/demo/actions/workflows/checks.yml/dispatches", map[string]any{"ref": "main"})
	g.do(204, "POST", at, map[string]any{"ref": "main", "inputs": map[string]any{"target": "prod"}})
	made := g.do(200, "POST", at, map[string]any{"ref": "main", "inputs": map[string]any{"target": "prod"}, "return_run_details": true}).object
	run := fmt.Sprint(int64(made["workflow_run_id"].(float64)))
	if title := g.get("/repos/acme/demo/actions/runs/" + run).object["display_title"]; title != "deploy prod" {
		t.Errorf("the run is called %v", title)
	}
	g.deed(Deed{Do: "finish", On: run})
	if status := g.get("/repos/acme/demo/actions/runs/" + run).object["status"]; status != "waiting" {
		t.Errorf("the run is %v", status)
	}
	pending := g.get("/repos/acme/demo/actions/runs/" + run + "/pending_deployments").list
	if len(pending) != 1 || pending[0].(map[string]any)["current_user_can_approve"] != false {
		t.Errorf("pending %v", pending)
	}
	if _, err := g.s.Do(t.Context(), Deed{Do: "approve", On: run, As: "grace"}); err == nil {
		t.Error("somebody who is no reviewer approved")
	}
	g.deed(Deed{Do: "approve", On: run})
	g.deed(Deed{Do: "finish", On: run})
	if r := g.get("/repos/acme/demo/actions/runs/" + run).object; r["status"] != "completed" || r["conclusion"] != "success" {
		t.Errorf("the run is %v %v", r["status"], r["conclusion"])
	}
	g.deed(Deed{Do: "finish", On: "deploy.yml"})
	g.deed(Deed{Do: "reject", On: "deploy.yml"})
	wantRuns(t, g.runs("event=workflow_dispatch"), "workflow_dispatch deploy.yml main: completed success", "workflow_dispatch deploy.yml main: completed failure")
	if list := g.get("/repos/acme/demo/actions/runs/" + run + "/jobs").object["jobs"].([]any); len(list) != 2 {
		t.Errorf("jobs %v", list)
	}
	if list := g.get("/repos/acme/demo/actions/workflows").object["workflows"].([]any); len(list) != 2 {
		t.Errorf("workflows %v", list)
	}
	g.get("/repos/acme/demo/actions/workflows/deploy.yml")
	g.get("/repos/acme/demo/actions/workflows/deploy.yml/runs")
}

// An Enterprise Server answers as before, and refuses to tell the run.
func TestAnEnterpriseServersDispatchTellsNoRun(t *testing.T) {
	indent := func(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n          ") }
	g := openGitHubTest(t, Options{Hosts: Hosts{GitHub: "https://github.acme.com", Owner: "acme"}}, strings.NewReplacer("DEPLOY", indent(deployFile), "CHECKS", indent(checksFile)).Replace(actionsWorld))
	at := "/repos/acme/demo/actions/workflows/deploy.yml/dispatches"
	a := g.do(422, "POST", at, map[string]any{"ref": "main", "inputs": map[string]any{"target": "prod"}, "return_run_details": true})
	if !strings.Contains(a.text, "is not a permitted key") {
		t.Error(a.text)
	}
	g.do(204, "POST", at, map[string]any{"ref": "main", "inputs": map[string]any{"target": "prod"}})
}

func TestAnEnvironmentKeepsOtherBranchesOut(t *testing.T) {
	g := actionsTest(t)
	g.do(200, "PUT", "/repos/acme/demo/environments/prod", map[string]any{"deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true}})
	g.do(200, "POST", "/repos/acme/demo/environments/prod/deployment-branch-policies", map[string]any{"name": "release"})
	g.write("main", "app/a.py")
	g.deed(Deed{Do: "finish"})
	wantRuns(t, g.runs("event=push"), "push deploy.yml main: completed failure")
}

func TestAPersonWritesClosesAndReopens(t *testing.T) {
	g := actionsTest(t)
	g.write("code", "app/a.py")
	g.do(201, "POST", "/repos/acme/demo/pulls", map[string]any{"title": "Code", "head": "code", "base": "main"})
	g.deed(Deed{Do: "commit", On: "code", As: "ada", Path: "app/a.py", Text: "better"})
	g.deed(Deed{Do: "close", On: "code"})
	if state := g.get("/repos/acme/demo/pulls/1").object["state"]; state != "closed" {
		t.Errorf("it is %v", state)
	}
	g.deed(Deed{Do: "reopen", On: "1"})
	for _, d := range []Deed{{Do: "dance"}, {Do: "merge", On: "nobody"}, {Do: "finish", On: "nothing.yml"}, {Do: "approve", On: "nothing"},
		{Do: "finish", Conclusion: "glory"}, {Do: "merge", On: "1", As: "nobody"}, {Do: "merge", Repository: "acme/other"}, {Do: "review", On: "1", As: "stranger"}} {
		if done, err := g.s.Do(t.Context(), d); err == nil {
			t.Errorf("%+v: %s", d, done)
		}
	}
}
