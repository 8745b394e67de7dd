package kindtest

import (
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// What was generated goes with the last project, also where it came with the project's code, and where the first
// pull request that takes it away could not be opened.
func TestTheLastProjectTakesItsWorkflowsAlong(t *testing.T) {
	const workflowsOf = "pull_request/mlopsctl/workflows"
	s := openPeople(t)
	s.settle()
	s.stack.Projects = nil
	if err := s.sandbox.Inject(sandbox.Fault{Method: "POST", Path: "*/pulls", Action: sandbox.FaultStatus, Status: 403}); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.apply().Results {
		if r.Address == workflowsOf && r.Status != apply.Failed {
			t.Errorf("a pull request that was refused is %s", r.Status)
		}
	}
	s.settle()
	if c := s.plan().Find(workflowsOf); c == nil || c.Action != plan.None {
		t.Errorf("in the end the pull request is %+v", c)
	}
	var on struct{ Tree []struct{ Path string } }
	s.ask("GET", s.api()+"/git/trees/"+s.head("main")+"?recursive=1", nil, &on)
	for _, f := range on.Tree {
		if strings.HasSuffix(f.Path, "mlops-ci.yml") || strings.HasSuffix(f.Path, "fares-deploy.yml") {
			t.Errorf("%s is still on main", f.Path)
		}
	}
}
