package workflows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func TestARepositoryIsWhatItsStackSays(t *testing.T) {
	stack := &spec.Stack{
		File: "ops/mlops.yaml", Dir: "ops", Git: spec.Git{Host: "https://github.com", Source: ".."}, Account: &spec.Account{ID: "11111111"},
		Branches: []spec.Branch{{Name: "release"}, {Name: "trunk", Default: true}},
		Targets:  targets(spec.OIDC, clouds()["aws"]),
		CI:       &spec.CI{Reader: "taxi-ci", Operator: "mlopsctl"},
		Secrets:  []spec.Secret{{Name: "A", Env: "MLOPS_A"}, {Name: "B", File: "b"}},
		Projects: []spec.Project{
			{Name: "taxi", Path: "models/taxi", Workflows: spec.GenerateWorkflows, Deploy: []string{"prod"}},
			{Name: "old", Path: "models/old", Workflows: spec.NoWorkflows},
			{Name: "other", Path: "models/other", Workflows: spec.NoWorkflows},
		},
	}
	ids := map[string]string{"taxi-prod": "33333333"}
	want := workflows.Repository{
		AccountID: "11111111", Targets: stack.Targets, ApplicationIDs: ids,
		Projects: []workflows.Project{{Name: "taxi", Path: "models/taxi", Deploy: []string{"prod"}}},
	}
	if diff := cmp.Diff(want, workflows.Of(stack, ids)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	control := workflows.Control{
		Server: "https://github.com", Branch: "trunk", Spec: "ops/mlops.yaml", AccountID: "11111111", Secrets: []string{"MLOPS_A"},
		Reader: "taxi-ci", Operator: "mlopsctl",
	}
	if diff := cmp.Diff(control, workflows.ControlOf(stack)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	stack.Git.Host = "https://github.acme.example"
	if r, c := workflows.Of(stack, nil), workflows.ControlOf(stack); r.Runner != "self-hosted" || c.Runner != "self-hosted" {
		t.Errorf("on an Enterprise Server jobs run on %q and %q", r.Runner, c.Runner)
	}
	stack.Git.Host = "https://acme.ghe.com"
	if r := workflows.Of(stack, nil); r.Runner != "" {
		t.Errorf("on ghe.com jobs run on %q", r.Runner)
	}
}
