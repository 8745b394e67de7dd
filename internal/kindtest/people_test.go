package kindtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// byPeople are the kinds whose objects take a person or a pipeline to be done. The spec people.yaml has all of
// them, and the contract holds for it where people act between two applies.
var byPeople = []string{"deployment", "pull_request", "workflow_run"}

// openPeople makes a world of people.yaml: the files of two projects are in its folder.
func openPeople(t *testing.T) *site {
	t.Helper()
	return openPeopleIn(t, aroundDeployments)
}

func openPeopleIn(t *testing.T, worldText string) *site {
	t.Helper()
	s := &site{world: open(t, read(t, "testdata/people.yaml"), worldText), t: t}
	for name, text := range map[string]string{
		"fares/databricks.yml": "bundle: {name: fares}\ntargets:\n  dev: {mode: development}\n" +
			"resources: {jobs: {train: {name: '${bundle.target}-train', schedule: {quartz_cron_expression: '0 0 9 * * ?', timezone_id: UTC}}}}\n",
		"tips/databricks.yml": "bundle: {name: tips}\n",
		".github/workflows/deploy-cicd.yml": `
name: Deploy CICD
on: { workflow_dispatch: { inputs: { project_name: { required: true } } } }
jobs: { cicd: { steps: [ { run: 'gh pr create --base main --head add-cicd-for-${{ inputs.project_name }}-${{ env.timestamp }} --title "Deploy CICD for ${{ inputs.project_name }}"' } ] } }
`,
	} {
		at := filepath.Join(s.stack.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// people do all that there is to do, and say whether that was anything.
func (s *site) people() bool {
	s.t.Helper()
	n, err := s.sandbox.DoAll(ctx(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return n > 0
}

// turns is how often people act, at the most, before a stack is as it is wished: they merge the code, then the other
// project's workflows; the release branch comes off main then, and production is approved.
const turns = 4

// settle applies and lets people act by turns until the plan is empty.
func (s *site) settle() {
	s.t.Helper()
	for range turns {
		for _, r := range s.apply().Results {
			if r.Status != apply.Done {
				s.t.Fatalf("%s of %s: %s %s: %v", r.Action, r.Address, r.Status, r.Cause, r.Err)
			}
		}
		if !s.people() {
			break
		}
	}
	s.empty()
}

func TestTheSpecOfPeopleHasTheirKindsAndIsInstalledByTurns(t *testing.T) {
	s := openPeople(t)
	kinds := map[string]bool{}
	for _, c := range s.plan().Changes {
		kinds[c.Kind] = true
		if c.Action == plan.Unknown {
			t.Errorf("%s is unknown: %s", c.Address, c.Reason)
		}
	}
	for _, kind := range byPeople {
		if !kinds[kind] {
			t.Errorf("the spec has no %s", kind)
		}
	}
	s.settle()
	if sent := s.sent(func() { s.apply() }); len(sent) > 0 {
		t.Errorf("an apply with nothing to do sent %v", sent)
	}
}
