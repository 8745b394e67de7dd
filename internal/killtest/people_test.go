package killtest

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// projects come to the spec after its install: one whose code and workflows are proposed, and one for which the
// repository's own workflow is run.
const projects = `projects:
  fares: { workflows: generate, code: { branch: add-fares } }
  tips: { workflows: dispatch }
`

const deployCICD = `name: Deploy CICD
on: { workflow_dispatch: { inputs: { project_name: { required: true } } } }
jobs: { cicd: { steps: [ { run: 'gh pr create --base main --head add-cicd-for-${{ inputs.project_name }}-${{ env.timestamp }} --title "Deploy CICD for ${{ inputs.project_name }}"' } ] } }
`

// proposing installs the stack, and then gives it projects.
func (w *world) proposing() {
	w.t.Helper()
	w.write(w.spec("tips/databricks.yml"), "bundle: { name: tips }\n")
	w.write(w.spec("fares/databricks.yml"), "bundle: { name: fares }\ntargets:\n  dev: { mode: development }\nresources: { jobs: { train: { name: train } } }\n")
	w.write(w.spec(".github/workflows/deploy-cicd.yml"), deployCICD)
	w.rewrite("two projects", []change{
		{"paths: [README.md,", "paths: [tips, .github, README.md,"},
		{"required_checks: [mlops-gate], ", ""}, // what a workflow's own token opens has no checks
	})
	w.installed()
	w.write(w.spec("mlops.yaml"), w.read(w.spec("mlops.yaml"))+projects)
	w.commit("the projects")
}

// deploying is where staging is to be deployed, and the run that the merge has started failed.
func (w *world) deploying() {
	w.t.Helper()
	w.proposing()
	w.applied()
	w.turns()
	w.rewrite("a deployment", []change{{"code: { branch: add-fares } }", "code: { branch: add-fares }, deploy: [staging] }"}})
	w.applied()
	const workflows = "mlopsctl/workflows"
	for _, d := range []sandbox.Deed{{Do: "review", On: workflows}, {Do: "merge", On: workflows}, {Do: "finish", Conclusion: "failure"}} {
		d.Repository = repository
		_, err := w.sandbox.Do(w.t.Context(), d)
		w.must(err)
	}
}

func (w *world) applied() {
	w.t.Helper()
	if r := w.do(nil, "apply", "--auto-approve"); r.code != 0 {
		w.t.Fatalf("an apply ends with %d:\n%s", r.code, r)
	}
}

// people do all that there is to do, and say whether that was anything.
func (w *world) people() bool {
	w.t.Helper()
	n, err := w.sandbox.DoAll(w.t.Context(), repository)
	w.must(err)
	return n > 0
}

// turns lets people act and applies until they have nothing left to do.
func (w *world) turns() {
	w.t.Helper()
	const most = 5
	for range most {
		if !w.people() {
			return
		}
		if r := w.do(nil, "apply", "--auto-approve"); r.code != 0 {
			w.t.Errorf("an apply after people have acted ends with %d:\n%s", r.code, r)
		}
	}
}

// proposals are what people would see twice: pull requests, by their branches, and runs that were started by hand.
func (r liveRepository) proposals() []string {
	var lines []string
	for _, p := range r.Pulls {
		lines = append(lines, fmt.Sprintf("pull request %q from %s to %s, merged %t", p.Title, strings.TrimRight(p.Head, "0123456789"), p.Base, p.Merged != ""))
	}
	for _, run := range r.Runs {
		if run.Event == "workflow_dispatch" {
			lines = append(lines, fmt.Sprintf("run of %s on %s %v", run.Path, run.Branch, run.Inputs["target"]))
		}
	}
	return lines
}
