package kindtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

const dispatched = `
version: 1
name: taxi
git:
  host: HOST
  repository: acme/taxi
  visibility: private
  first_commit: { message: Adding the project, paths: [README.md, fares, tips, .github] }
  workflow_permissions: { create_pull_requests: true }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches:
  main: { default: true }
targets:
  staging: { host: https://staging.cloud.databricks.com, branch: main, service_principal: taxi-staging, environment: { branches: [main] } }
projects:
  fares: { workflows: dispatch }
  tips: { workflows: dispatch }
`

// deployCICD is a workflow in the manner of the template's, as short as it can be.
const deployCICD = `
name: Deploy CICD
on: { workflow_dispatch: { inputs: { project_name: { required: true } } } }
jobs:
  cicd:
    steps:
      - run: gh pr create --base main --head HEAD --title "TITLE ${{ inputs.project_name }}"
`

// openDispatch makes a world whose repository has two projects, and the workflow that adds their CI/CD.
func openDispatch(t *testing.T, gitHost, head, title string) *site {
	t.Helper()
	s := &site{world: open(t, strings.Replace(dispatched, "HOST", gitHost, 1), "github: { run_delay: 4 }\n"), t: t}
	for name, text := range map[string]string{
		"fares/databricks.yml": "bundle: {name: fares}\n", "tips/databricks.yml": "bundle: {name: tips}\n",
		".github/workflows/deploy-cicd.yml": strings.NewReplacer("HEAD", head, "TITLE", title).Replace(deployCICD),
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
	return s
}

const (
	templateHead  = "add-cicd-for-${{ inputs.project_name }}-${{ env.timestamp }}"
	templateTitle = "Deploy CICD for"
)

// started are the runs of the workflow that there are.
func (s *site) started() int {
	s.t.Helper()
	var runs struct {
		Total int `json:"total_count"`
	}
	s.ask("GET", s.api()+"/actions/workflows/deploy-cicd.yml/runs", nil, &runs)
	return runs.Total
}

// is holds a project's run of a new plan to an action and to what its reason says.
func (s *site) is(project string, action plan.Action, says string) {
	s.t.Helper()
	c := s.plan().Find("workflow_run/deploy-cicd/" + project)
	if said := fmt.Sprint(c.Reason, " ", c.Fields); c.Action != action || !strings.Contains(said, says) {
		s.t.Fatalf("the run for %s is %s: %s, want %s: %s", project, c.Action, said, action, says)
	}
}

// Of two projects one apply starts two runs, though no run shows which it is for; their pull requests are told
// apart, and merging them is all that there is to do.
func TestEachProjectsCICDIsAskedForOnce(t *testing.T) {
	for _, host := range []string{gitHub, "http://127.0.0.1:4000"} { // the other one does not tell the ids of runs
		t.Run(host, func(t *testing.T) {
			s := openDispatch(t, host, templateHead, templateTitle)
			s.apply()
			if n := s.started(); n != 2 {
				t.Fatalf("%d runs were started, want one for each project", n)
			}
			s.is("fares", plan.Wait, "GitHub does not tell of which project")
			if sent := s.sent(func() { s.apply() }); len(sent) > 0 {
				t.Errorf("while they are on their way an apply sent %v", sent)
			}
			s.runs("success")
			s.is("fares", plan.Wait, "is to be reviewed and merged by a person")
			if sent := s.sent(func() { s.apply() }); len(sent) > 0 {
				t.Errorf("while the pull requests are open an apply sent %v", sent)
			}
			for _, number := range []string{"1", "2"} {
				s.do(sandbox.Deed{Do: "merge", On: number})
			}
			s.empty()
		})
	}
}

// A repository whose workflow calls its branch and its pull request by other names is understood by what the pull request brings.
func TestAPullRequestUnderAnotherNameIsTheProjects(t *testing.T) {
	s := openDispatch(t, gitHub, "ci/${{ inputs.project_name }}", "CI of")
	s.apply()
	s.runs("success")
	s.is("fares", plan.Wait, "is to be reviewed and merged by a person")
	s.is("tips", plan.Wait, "is to be reviewed and merged by a person")
}

// A start whose answer was lost is looked for, and is not made twice: not by this run, and not by the next.
func TestALostStartIsNotMadeTwice(t *testing.T) {
	cases := map[string]struct {
		action sandbox.FaultAction
		runs   int // that the apply leaves
		later  int // and the next one
	}{
		"it was started":     {sandbox.FaultResetAfter, 2, 2},
		"it was not started": {sandbox.FaultResetBefore, 1, 1}, // the one run may be this project's, for all that GitHub shows
		"its answer was cut": {sandbox.FaultTruncate, 2, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := openDispatch(t, gitHub, templateHead, templateTitle)
			if err := s.sandbox.Inject(sandbox.Fault{Method: "POST", Path: "*/dispatches", Nth: 2, Action: c.action}); err != nil {
				t.Fatal(err)
			}
			s.apply()
			if n := s.started(); n != c.runs {
				t.Errorf("%d runs were started, want %d", n, c.runs)
			}
			s.apply()
			if n := s.started(); n != c.later {
				t.Errorf("after the next apply there are %d runs, want %d", n, c.later)
			}
			for range 2 {
				s.runs("success")
				s.apply()
			}
			s.is("fares", plan.Wait, "is to be reviewed and merged")
			s.is("tips", plan.Wait, "is to be reviewed and merged")
			if n := s.started(); n != 2 {
				t.Errorf("in the end there are %d runs, want 2", n)
			}
		})
	}
}

// A run that was started by this process and that fails, or opens nothing, is an error of it, which names the job and the page.
func TestARunOfTheRepositorysWorkflowThatFailsIsAnError(t *testing.T) {
	s := openDispatch(t, gitHub, templateHead, templateTitle)
	e := s.engine()
	if _, err := e.Apply(ctx(), s.planWith(e), engine.Run{Options: apply.Options{Parallelism: 8}}); err != nil {
		t.Fatal(err)
	}
	s.runs("failure")
	e.Forget()
	if got := fmt.Sprint(s.planWith(e).Diagnostics); !strings.Contains(got, "has ended as failure in the job cicd: look at it, and apply again: https://github.com/acme/taxi/actions/runs/") {
		t.Errorf("the process that started it says %s", got)
	}
	s.is("fares", plan.Update, "has ended as failure in the job cicd")
}

func TestTheRepositorysWorkflowHasToBeThere(t *testing.T) {
	s := openDispatch(t, gitHub, templateHead, templateTitle)
	s.stack.Projects[0].Path = "elsewhere"
	s.is("fares", plan.Blocked, "elsewhere/databricks.yml is not on main yet: the project's code comes first")
	s.stack.Projects[0].Path = "fares"
	var old struct{ SHA string }
	s.ask("GET", s.api()+"/contents/.github/workflows/deploy-cicd.yml?ref=main", nil, &old)
	s.ask("DELETE", s.api()+"/contents/.github/workflows/deploy-cicd.yml", map[string]any{"branch": "main", "message": "Remove it", "sha": old.SHA}, nil)
	s.is("fares", plan.Blocked, "main has no .github/workflows/deploy-cicd.yml, which would add the project's workflows")
}

// do has a person act on GitHub.
func (s *site) do(d sandbox.Deed) {
	s.t.Helper()
	if _, err := s.sandbox.Do(ctx(), d); err != nil {
		s.t.Fatal(err)
	}
}
