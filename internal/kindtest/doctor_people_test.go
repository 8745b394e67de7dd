package kindtest

import (
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// leastOfPeople is what doctor --permissions says of people.yaml.
func leastOfPeople(t *testing.T) rights.Least {
	t.Helper()
	l, err := openPeople(t).engine().Permissions(engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// amongPeople is a world in which there are the party and somebody who may approve.
func (p party) amongPeople(t *testing.T) string {
	t.Helper()
	return p.worldWith(t, signingKey(t), func(w map[string]map[string]any) {
		users, _ := w["github"]["users"].([]any)
		w["github"]["users"] = append(users, map[string]any{"login": "grace", "role": "member"})
		w["github"]["teams"] = []any{map[string]any{"slug": "ml-leads", "members": []any{"grace"}}}
		w["databricks"] = map[string]any{"service_principals": w["databricks"]["service_principals"], "grants": w["databricks"]["grants"]}
	})
}

// TestWhatPermissionsListsIsEnoughForProjects installs the spec with projects, their code, their workflows and their
// deployments as somebody who has what doctor --permissions lists, and nothing else, while people act.
func TestWhatPermissionsListsIsEnoughForProjects(t *testing.T) {
	p := partyWith("classic", leastOfPeople(t).Operator)
	s := openPeopleIn(t, p.amongPeople(t))
	for range turns {
		e := s.engineAs(p.env(nil))
		live := s.planWith(e)
		for _, c := range live.Changes {
			if c.Action == plan.Unknown {
				t.Errorf("%s is unknown: %s", c.Address, c.Reason)
			}
		}
		for _, f := range e.Lacking(ctx(), live) {
			t.Errorf("an apply lacks %s: %s", f.What, f.Why)
		}
		carriesOut(t, e, live)
		if t.Failed() || !s.people() {
			break
		}
	}
	s.nothingLeft(t, p.env(nil))
}

// carriesOut applies a plan, and holds each of its steps to being done.
func carriesOut(t *testing.T, e *engine.Engine, p *plan.Plan) {
	t.Helper()
	r, err := e.Apply(ctx(), p, engine.Run{Options: apply.Options{Parallelism: 8}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Results {
		if x.Status != apply.Done {
			t.Errorf("%s of %s: %s: %v", x.Action, x.Address, x.Status, x.Err)
		}
	}
}
