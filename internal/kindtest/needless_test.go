package kindtest

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
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

// behind is a network on which somebody acts right behind the first answer to a request of this method and path.
type behind struct {
	base         http.RoundTripper
	method, path string
	act          func()
	once         sync.Once
}

// RoundTrip implements http.RoundTripper.
func (b *behind) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(r)
	if r.Method == b.method && strings.HasSuffix(r.URL.Path, b.path) {
		b.once.Do(b.act)
	}
	return resp, err
}

// A pull request that has become needless is closed, and its branch deleted. A commit that somebody pushes to it
// while that happens is not lost.
func TestTheBranchOfANeedlessPullRequestGoesUnlessSomebodyHasJustPushed(t *testing.T) {
	const branch = "mlopsctl/workflows"
	for name, stays := range map[string]bool{"nobody has": false, "somebody has": true} {
		t.Run(name, func(t *testing.T) {
			s := openPeople(t)
			s.settle()
			s.stack.Projects[0].Workflows = spec.NoWorkflows
			s.apply()
			s.stack.Projects[0].Workflows = spec.GenerateWorkflows
			network := &behind{base: s.sandbox.RoundTripper(), method: "PATCH", path: "/pulls/3", act: func() {
				if stays {
					s.do(sandbox.Deed{Do: "commit", On: branch, Path: "fares/train.py", Text: "print(1)\n"})
				}
			}}
			e := s.engineOver(network, s.clock, s.sandbox.Operator())
			if _, err := e.Apply(ctx(), s.planWith(e), engine.Run{Options: apply.Options{Parallelism: 1}}); err != nil {
				t.Fatal(err)
			}
			var pull struct{ State string }
			s.ask("GET", s.api()+"/pulls/3", nil, &pull)
			var refs []struct{ Ref string }
			s.ask("GET", s.api()+"/git/matching-refs/heads/"+branch, nil, &refs)
			if pull.State != "closed" || len(refs) > 0 != stays {
				t.Errorf("the pull request is %s, and of its branch there is %v; want it closed, and the branch there: %t", pull.State, refs, stays)
			}
		})
	}
}
