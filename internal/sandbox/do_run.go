package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// onDeployment lets the newest run that waits into its environments, or keeps it out.
func (p person) onDeployment(ctx context.Context, d Deed) (string, error) {
	run, waiting, err := p.box.waitingRun(p.repository, d.On)
	if err != nil {
		return "", err
	}
	if p.login == "" {
		p.login = p.box.reviewerIn(p.repository, waiting)
	}
	if p.login == "" {
		return "", fmt.Errorf("nobody may review it: its environment's teams have no members in this world (--as)")
	}
	state := map[string]string{"approve": "approved", "reject": "rejected"}[d.Do]
	body := map[string]any{"environment_ids": waiting, "state": state, "comment": d.Message}
	return fmt.Sprintf("Run %d is %s by %s.", run, state, p.login), p.send(ctx, wish{http.MethodPost, fmt.Sprintf("/actions/runs/%d/pending_deployments", run), body}, nil)
}

// runsOf are the runs of a repository that are meant, the newest first.
func (s *Sandbox) runsOf(full, on string) (*ghRepo, []*ghRun) {
	owner, name, _ := strings.Cut(full, "/")
	r, _ := s.state.GitHub.repository(owner, name)
	var runs []*ghRun
	for _, run := range slices.Backward(r.Runs) {
		if on == "" || ghSameID(run.ID, on) || strings.TrimPrefix(run.Path, workflowFolder) == on || run.Branch == on {
			runs = append(runs, run)
		}
	}
	return r, runs
}

var errNobodyWaits = errors.New("no run of that name waits for an approval")

func (s *Sandbox) waitingRun(full, on string) (id int64, environments []int64, err error) {
	s.lock()
	defer s.unlock()
	r, runs := s.runsOf(full, on)
	for _, run := range runs {
		for _, j := range run.Jobs {
			if s.jobStatus(r, run, j) == "waiting" {
				environments = append(environments, r.environment(j.Environment).ID)
			}
		}
		if len(environments) > 0 {
			return run.ID, environments, nil
		}
	}
	return 0, nil, errNobodyWaits
}

// reviewerIn is somebody who may approve for the first of these environments.
func (s *Sandbox) reviewerIn(full string, environments []int64) string {
	s.lock()
	defer s.unlock()
	r, _ := s.runsOf(full, "")
	owner := s.state.GitHub.accountByID(r.Owner)
	i := slices.IndexFunc(r.Environments, func(e *ghEnvironment) bool { return e.ID == environments[0] })
	var logins []string
	for _, reviewer := range r.Environments[i].Reviewers {
		if user := s.state.GitHub.accountByID(reviewer.ID); reviewer.Type == "User" && user != nil {
			logins = append(logins, user.Login)
		}
		for _, t := range owner.Teams {
			if reviewer.Type == "Team" && t.ID == reviewer.ID {
				logins = append(logins, ghKeys(t.Members)...)
			}
		}
	}
	slices.Sort(logins)
	return append(logins, "")[0]
}

// finishRuns ends the runs that are meant: nobody runs jobs here, so somebody says how they ended.
func (s *Sandbox) finishRuns(full string, d Deed) (string, error) {
	conclusion := cmp.Or(d.Conclusion, "success")
	if !slices.Contains([]string{"success", "failure", "cancelled", "timed_out"}, conclusion) {
		return "", fmt.Errorf("a run ends with success, failure, cancelled or timed_out, not with %q", conclusion)
	}
	s.lock()
	defer s.unlock()
	r, runs := s.runsOf(full, d.On)
	ended, jobs := 0, 0
	for _, run := range runs {
		if n := s.finish(r, run, conclusion); n > 0 {
			ended, jobs = ended+1, jobs+n
		}
	}
	if ended == 0 {
		return "", fmt.Errorf("no such run has a job that could end")
	}
	return fmt.Sprintf("%d jobs of %d runs ended with %s, at %s.", jobs, ended, conclusion, s.now().UTC().Format(time.RFC3339)), s.save()
}
