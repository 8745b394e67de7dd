package kindtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// stage is how far people.yaml has come: each has objects of the kinds that are to be made, or that wait.
type stage struct {
	name    string
	reach   func(*site)
	address map[string]string // by kind, one that is made, or waits
}

func stages() []stage {
	return []stage{
		{"the code waits", func(s *site) { s.apply(); s.apply() }, map[string]string{"pull_request": "pull_request/add-fares"}},
		{"the other project's workflows wait", func(s *site) { s.apply(); s.people(); s.apply() }, map[string]string{"workflow_run": "workflow_run/deploy-cicd/tips"}},
		{"production waits", func(s *site) {
			s.apply()
			s.people()
			s.apply()
			s.people()
			s.apply()
			s.apply()
		}, map[string]string{"deployment": "deployment/prod/fares"}},
	}
}

// The three kinds, each where it waits for somebody: what waits is not made again, not by another run either, and
// a ledger that is lost changes nothing of that.
func TestWhatWaitsForPeopleIsMadeOnce(t *testing.T) {
	for _, st := range stages() {
		t.Run(st.name, func(t *testing.T) {
			s := openPeople(t)
			st.reach(s)
			for kind, address := range st.address {
				if c := s.plan().Find(address); c.Action != plan.Wait {
					t.Errorf("%s %s is %s: %s", kind, address, c.Action, c.Reason)
				}
			}
			if sent := s.sent(func() { s.apply() }); len(sent) > 0 {
				t.Errorf("while it waits an apply sent %v", sent)
			}
			s.loseLedger()
			before := s.made()
			s.apply()
			if after := s.made(); after != before {
				t.Errorf("without a ledger another apply made of\n%s\nthis:\n%s", before, after)
			}
			s.settle()
			s.once()
		})
	}
}

// loseLedger takes away what the stack remembers.
func (s *site) loseLedger() {
	s.t.Helper()
	s.ask("DELETE", s.api()+"/git/refs/mlopsctl/state", nil, nil)
}

// made is what people would see twice: pull requests, branches, and runs that were started by hand.
func (s *site) made() string {
	s.t.Helper()
	var lines []string
	var pulls []struct {
		Number int
		State  string
		Head   struct{ Ref string }
	}
	s.ask("GET", s.api()+"/pulls?state=all&per_page=100", nil, &pulls)
	for _, p := range pulls {
		lines = append(lines, fmt.Sprintf("pull request from %s", p.Head.Ref))
	}
	var branches []struct{ Name string }
	s.ask("GET", s.api()+"/branches?per_page=100", nil, &branches)
	for _, b := range branches {
		lines = append(lines, "branch "+b.Name)
	}
	var runs struct {
		Runs []struct {
			Path, Event string
			Branch      string `json:"head_branch"`
			SHA         string `json:"head_sha"`
		} `json:"workflow_runs"`
	}
	s.ask("GET", s.api()+"/actions/runs?event=workflow_dispatch&per_page=100", nil, &runs)
	for _, r := range runs.Runs {
		lines = append(lines, fmt.Sprintf("run of %s on %s at %s", r.Path, r.Branch, r.SHA))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// once fails where anything was made twice.
func (s *site) once() {
	s.t.Helper()
	lines := strings.Split(s.made(), "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] == lines[i-1] {
			s.t.Errorf("there twice: %s", lines[i])
		}
	}
}

// Reads that are refused make an object unknown, and nothing is done about it.
func TestWhatPeopleDoIsUnknownWithoutPermission(t *testing.T) {
	reads := map[string]string{"pull_request": "*/acme/taxi/pulls", "workflow_run": "*/deploy-cicd.yml/runs", "deployment": "*/api/2.0/workspace/"}
	for _, st := range stages() {
		for kind, address := range st.address {
			t.Run(kind, func(t *testing.T) {
				s := openPeople(t)
				st.reach(s)
				if err := s.sandbox.Inject(sandbox.Fault{Method: "GET", Path: reads[kind] + "*", Times: -1, Action: sandbox.FaultStatus, Status: 403}); err != nil {
					t.Fatal(err)
				}
				p := s.planWith(s.engine())
				for _, c := range p.Changes {
					if c.Action.Acts() {
						t.Errorf("%s is %s: %s", c.Address, c.Action, c.Reason)
					}
				}
				if c := p.Find(address); c.Action != plan.Unknown {
					t.Errorf("%s is %s: %s", address, c.Action, c.Reason)
				}
			})
		}
	}
}

// What somebody changes at what is there by now is seen, and one more apply, with people, puts it right.
func TestAnOutsideChangeOfWhatPeopleDoIsSeenAndHealed(t *testing.T) {
	s := openPeople(t)
	s.settle()
	for _, o := range []struct {
		name, address string
		make          func()
		action        plan.Action
		says          string
	}{
		{"the workflows' file is edited on main", "pull_request/mlopsctl/workflows", func() {
			s.commit("main", ".github/workflows/mlops-ci.yml", "name: mine\non: pull_request\njobs: {}\n")
		}, plan.Create, "it is not there"},
		{"the project's file changes on main", "deployment/staging/fares", func() { s.commit("main", "fares/train.py", "print(1)\n") }, plan.Wait, "without"},
		{"a project's workflows leave main", "workflow_run/deploy-cicd/tips", func() {
			for _, name := range []string{"ci", "cd-staging", "cd-prod"} {
				s.remove("main", ".github/workflows/tips-bundle-"+name+".yml")
			}
		}, plan.Create, "it is not there"},
		{"a job is switched off", "deployment/prod/fares", func() { s.pause("prod") }, plan.Update, "paused_jobs"},
	} {
		t.Run(o.name, func(t *testing.T) {
			s.t, s.world.t = t, t
			o.make()
			if c := s.plan().Find(o.address); c.Action != o.action || !strings.Contains(fmt.Sprint(c.Reason, c.Fields), o.says) {
				t.Errorf("%s is %s: %s %v, want %s: %s", o.address, c.Action, c.Reason, c.Fields, o.action, o.says)
			}
			s.settle()
		})
	}
}

// remove deletes a file of a branch.
func (s *site) remove(branch, file string) {
	s.t.Helper()
	var old struct{ SHA string }
	s.ask("GET", s.api()+"/contents/"+file+"?ref="+branch, nil, &old)
	s.ask("DELETE", s.api()+"/contents/"+file, map[string]any{"branch": branch, "message": "Remove " + file, "sha": old.SHA}, nil)
}

// pause switches the jobs of a workspace off.
func (s *site) pause(target string) {
	s.t.Helper()
	host := s.stack.Target(target).Host
	var list struct {
		Jobs []struct {
			ID json.Number `json:"job_id"`
		}
	}
	s.ask("GET", host+"/api/2.2/jobs/list?limit=100", nil, &list)
	for _, j := range list.Jobs {
		s.update(target, j.ID.String(), map[string]any{"schedule": map[string]any{"quartz_cron_expression": "0 0 9 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"}})
	}
}

// A plan that was written and read stands at every stage, and one that somebody else has carried out does not.
func TestASavedPlanForPeopleStandsUntilItIsCarriedOut(t *testing.T) {
	s := openPeople(t)
	carried := map[string]bool{}
	for range turns {
		data, err := json.Marshal(s.plan())
		if err != nil {
			t.Fatal(err)
		}
		var saved plan.Plan
		if err := json.Unmarshal(data, &saved); err != nil {
			t.Fatal(err)
		}
		if _, moved := plan.Witness(&saved, s.plan()); len(moved) > 0 {
			t.Errorf("moved: %+v", moved)
		}
		s.apply()
		steps, moved := plan.Witness(&saved, s.plan())
		for _, address := range steps {
			kind := saved.Find(address).Kind
			if !slices.Contains(byPeople, kind) {
				continue
			}
			carried[kind] = true
			if !slices.ContainsFunc(moved, func(m plan.Moved) bool { return m.Address == address }) {
				t.Errorf("%s was carried out, and the plan of it stands", address)
			}
		}
		s.people()
	}
	for _, kind := range byPeople {
		if !carried[kind] {
			t.Errorf("no plan made a %s", kind)
		}
	}
}

// A pull request goes with its wish, and with destroy: it is closed and its branch deleted. It is gone for
// whoever looks, a second delete is fine, and the next one is another.
func TestAPullRequestIsDeletedByClosingIt(t *testing.T) {
	s := openPeople(t)
	s.apply()
	const address = "pull_request/add-fares"
	p := s.plan()
	was := p.Find(address).Before
	kind := s.types()["pull_request"]
	for range 2 {
		if err := kind.Delete(t.Context(), was); err != nil {
			t.Fatal(err)
		}
		notFound(t, kind, was)
	}
	notFound(t, s.types()["pull_request"], was)
	made, err := s.types()["pull_request"].Create(t.Context(), wish(p, address))
	if err != nil {
		t.Fatal(err)
	}
	if identity(kind, made) == identity(kind, was) {
		t.Errorf("what was made again is the same one: %v", made)
	}
	if err := s.types()["pull_request"].Delete(t.Context(), was); err != nil {
		t.Error(err)
	}
	if c := s.plan().Find(address); c.Action != plan.Wait || identity(kind, c.Before) != identity(kind, made) {
		t.Errorf("to delete the first once more left %s: %s %v", c.Action, c.Reason, c.Before)
	}
}

func TestAPullRequestGoesWithItsProject(t *testing.T) {
	s := openPeople(t)
	s.apply()
	s.stack.Projects = slices.DeleteFunc(s.stack.Projects, func(p spec.Project) bool { return p.Name == "fares" })
	if c := s.plan().Find("pull_request/add-fares"); c.Action != plan.Delete {
		t.Errorf("it is %s: %s", c.Action, c.Reason)
	}
	e := s.engine()
	aim := engine.Aim{Destroy: true, Allow: []string{"repository", "branch", "environment", "service_principal"}}
	p, err := e.Plan(ctx(), aim)
	if err != nil {
		t.Fatal(err)
	}
	report, err := e.Apply(ctx(), p, engine.Run{Options: apply.Options{Parallelism: 8}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Status != apply.Done {
			t.Errorf("%s of %s: %s %s: %v", r.Action, r.Address, r.Status, r.Cause, r.Err)
		}
	}
}
