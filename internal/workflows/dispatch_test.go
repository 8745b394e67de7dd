package workflows_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// Whoever starts a deployment by hand chooses among the targets of the project, and finds the run again by the text that
// was given: the name of the run holds both, and no shell sees the text.
func TestARunThatIsStartedByHandIsFoundByItsName(t *testing.T) {
	seen := 0
	for _, v := range variants() {
		for _, p := range v.repo.Projects {
			files := read(t, generate(t, v.repo))
			i := slices.IndexFunc(files, func(f flow) bool { return f.path == workflows.DeployFile(p.Name) })
			if i < 0 && len(p.Deploy) == 0 {
				continue
			}
			if i < 0 {
				t.Fatalf("%s: %s has no deploy workflow", v.name, p.Name)
			}
			f := files[i]
			inputs := f.root.get("on", "workflow_dispatch", "inputs")
			var options []string
			for _, o := range inputs.get(workflows.TargetInput, "options").Content {
				options = append(options, o.Value)
			}
			if !slices.Equal(options, p.Deploy) || inputs.get(workflows.TargetInput, "required").text() != "true" || inputs.get(workflows.TargetInput, "type").text() != "choice" {
				t.Errorf("%s: %s is to be chosen from %q, want %q", v.name, workflows.TargetInput, options, p.Deploy)
			}
			if request := inputs.get(workflows.RequestInput); request.get("required").text() != "false" || request.get("type").text() != "string" {
				t.Errorf("%s: the input %s is %s", v.name, workflows.RequestInput, request.all())
			}
			if n := len(inputs.pairs()); n != 2 {
				t.Errorf("%s: %d inputs", v.name, n)
			}
			name := f.root.get("run-name").text()
			if !strings.Contains(name, " to ${{ inputs."+workflows.TargetInput+" || github.ref_name }} ") || !strings.HasSuffix(name, "${{ inputs."+workflows.RequestInput+" }}") {
				t.Errorf("%s: runs are called %q", v.name, name)
			}
			for id, job := range f.jobs() {
				if strings.Contains(job.all(), "inputs."+workflows.RequestInput) {
					t.Errorf("%s: job %s reads the text that anybody may give", v.name, id)
				}
			}
			seen++
		}
	}
	if seen < len(variants()) {
		t.Errorf("only %d workflows were looked at", seen)
	}
}
