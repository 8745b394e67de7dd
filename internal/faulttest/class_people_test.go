package faulttest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// The states in which an apply finds a world whose objects take people to be done. After the fault people act
// between two applies, so that one more apply means: apply, people, apply, until they have nothing left to do.
const (
	proposing start = "propose" // its projects are new in the spec
	revising  start = "revise"  // the pull request is open; then the spec was edited
	deploying start = "deploy"  // all is merged, and production was never deployed
	closing   start = "close"   // the pull request is open; then its project left the spec
)

func peopleStarts() []start { return []start{proposing, revising, deploying, closing} }

func (s start) byPeople() bool { return slices.Contains(peopleStarts(), s) }

const peopleSpec = `
version: 1
name: taxi
git:
  repository: acme/taxi
  visibility: private
  first_commit: { message: Adding the project, paths: [README.md, tips, .github] }
  workflow_permissions: { default: write, create_pull_requests: true }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches:
  main: { default: true }
  release: { from: main }
targets:
  staging: { host: https://staging.cloud.databricks.com, branch: main, service_principal: taxi-staging, environment: { branches: [main] } }
  prod: { host: https://prod.cloud.databricks.com, branch: release, service_principal: taxi-prod, environment: { branches: [release] } }
`

const (
	twoProjects = "projects:\n" + tips + fares
	tips        = "  tips: { workflows: dispatch }\n"
	fares       = "  fares: { workflows: generate, code: { branch: add-fares }, deploy: [staging, prod] }\n"
)

// beginWithPeople makes a world in one of these states.
func (s start) beginWithPeople(t fatal, dir, worldFile string) *world {
	t.Helper()
	for name, text := range map[string]string{
		"fares/databricks.yml": "bundle: {name: fares}\ntargets:\n  dev: {mode: development}\nresources: {jobs: {train: {name: '${bundle.target}-train'}}}\n",
		"tips/databricks.yml":  "bundle: {name: tips}\n",
		".github/workflows/deploy-cicd.yml": "name: Deploy CICD\non: { workflow_dispatch: { inputs: { project_name: { required: true } } } }\n" +
			"jobs: { cicd: { steps: [ { run: 'gh pr create --base main --head add-cicd-for-${{ inputs.project_name }}-${{ env.timestamp }} --title \"Deploy CICD for ${{ inputs.project_name }}\"' } ] } }\n",
	} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The release branch comes off main once the projects are there, and production with it.
	before, _, _ := strings.Cut(strings.Replace(peopleSpec, "  release: { from: main }\n", "", 1), "  prod:")
	w := open(t, dir, before, worldFile)
	if s == proposing {
		w.install()
	}
	w.spec = peopleSpec + twoProjects
	w.write("mlops.yaml", w.spec)
	switch s {
	case revising:
		w.install()
		w.edit("deploy: [staging, prod]", "deploy: [staging]")
	case deploying:
		for range 3 { // the code, the other project's workflows, the release branch
			w.install()
			w.people()
		}
	case closing:
		w.install()
		w.edit(fares, "")
	}
	return w
}

// people do all that there is to do, and say whether that was anything.
func (w *world) people() bool {
	w.t.Helper()
	n, err := w.sandbox.DoAll(testContext(), "acme/taxi")
	if err != nil {
		w.t.Fatal(err)
	}
	return n > 0
}

// turns lets people act and applies until they have nothing left to do.
func (w *world) turns(c faultCase) {
	w.t.Helper()
	if !c.row.start.byPeople() && !c.start.byPeople() {
		return
	}
	const most = 6
	for range most {
		if !w.people() {
			break
		}
		if o := w.apply(); o.code != 0 {
			w.t.Errorf("an apply after people have acted ends with %d", o.code)
		}
	}
	w.once()
}

// once looks for what people would see twice: pull requests of one branch, and runs that were started for one commit.
func (w *world) once() {
	w.t.Helper()
	made := map[string]int{}
	for _, p := range outsider.Items(w.send("GET", repo+"/pulls?state=all&per_page=100", nil), "items") {
		head, _ := p["head"].(map[string]any)
		title := fmt.Sprint(p["title"])
		made["pull request "+title+" from "+strings.TrimRight(fmt.Sprint(head["ref"]), "0123456789")]++
	}
	for _, r := range outsider.Items(w.send("GET", repo+"/actions/runs?event=workflow_dispatch&per_page=100", nil), "workflow_runs") {
		made[fmt.Sprintf("run %v on %v at %v", r["display_title"], r["path"], r["head_sha"])]++
	}
	for what, n := range made {
		if n > 1 {
			w.t.Errorf("%s is there %d times", what, n)
		}
	}
}

// peopleRows are the requests at the kinds that people bring to their end.
var peopleRows = sync.OnceValues(func() ([]row, error) {
	var all []row
	for _, s := range peopleStarts() {
		found, err := rowsOf(s)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if slices.Contains([]string{"pull_request", "workflow_run", "deployment"}, r.kind) {
				all = append(all, r)
			}
		}
	}
	return all, nil
})

// withPeople are the rows of the table: with all of them asked for, those where people act, too.
func withPeople(t *testing.T, rows []row) []row {
	t.Helper()
	if *which != "all" {
		return rows
	}
	more, err := peopleRows()
	if err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(rows), more...)
}

// TestALostAnswerWherePeopleAct is a sample of what -faults=all does with every request at these kinds.
func TestALostAnswerWherePeopleAct(t *testing.T) {
	for _, c := range []struct {
		start        start
		kind, method string
		path         string
		nth          int
	}{
		{proposing, "pull_request", "POST", "api.github.com/repos/acme/taxi/pulls", 1},
		{deploying, "deployment", "POST", "api.github.com/repos/acme/taxi/actions/workflows/fares-deploy.yml/dispatches", 1},
	} {
		r := row{start: c.start, kind: c.kind, method: c.method, path: c.path, nth: c.nth}
		t.Run(string(c.start), func(t *testing.T) {
			faultCase{class: "F06", name: r.String(), row: r, faults: []sandbox.Fault{r.fault(sandbox.FaultResetAfter)}, codes: []int{0}}.run(t)
		})
	}
}
