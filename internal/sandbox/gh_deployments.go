package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// pending lists the environments that a run waits for.
func (g *ghCall) pending(run *ghRun) []*ghEnvironment {
	var list []*ghEnvironment
	for _, j := range run.Jobs {
		e := g.repo.environment(j.Environment)
		if g.jobStatus(g.repo, run, j) == "waiting" && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list
}

func (g *ghCall) listPending() (any, error) {
	run, err := g.theRun()
	if err != nil {
		return nil, err
	}
	list := []ghObject{}
	for _, e := range g.pending(run) {
		full, escaped := g.gh.fullName(g.repo), url.PathEscape(e.Name)
		list = append(list, ghObject{"wait_timer": e.Wait, "wait_timer_started_at": nil, "current_user_can_approve": g.reviews(e, run),
			"reviewers": g.reviewerObjects(e), "environment": ghObject{"id": e.ID, "node_id": ghNode("Environment", e.ID), "name": e.Name,
				"url":      fmt.Sprintf("%s/repos/%s/environments/%s", g.apiBase(), full, escaped),
				"html_url": fmt.Sprintf("%s/%s/deployments/activity_log?environments_filter=%s", g.htmlBase(), full, escaped)}})
	}
	return list, nil
}

// reviews reports whether the caller is one of those who may let a run into an environment.
func (g *ghCall) reviews(e *ghEnvironment, run *ghRun) bool {
	if g.who == nil || g.who.account == nil || e.PreventSelf && run.Actor == g.who.name() {
		return false
	}
	owner := g.gh.accountByID(g.repo.Owner)
	return slices.ContainsFunc(e.Reviewers, func(r ghReviewer) bool {
		if r.Type == "User" {
			return r.ID == g.who.account.ID
		}
		i := slices.IndexFunc(owner.Teams, func(t *ghTeam) bool { return t.ID == r.ID })
		return i >= 0 && owner.Teams[i].Members[strings.ToLower(g.who.account.Login)] != ""
	})
}

func (g *ghCall) reviewPending() (any, error) {
	var body struct {
		Environments []int64 `json:"environment_ids"`
		State        string
		Comment      string
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	run, err := g.theRun()
	if err != nil {
		return nil, err
	}
	waiting := g.pending(run)
	list := []ghObject{}
	for _, id := range body.Environments {
		i := slices.IndexFunc(waiting, func(e *ghEnvironment) bool { return e.ID == id })
		if i < 0 {
			return nil, ghUnprocessable("No pending deployment requests to approve or reject")
		}
		if !g.reviews(waiting[i], run) {
			return nil, ghRefused("Must be a required reviewer of the environment.")
		}
		list = append(list, g.deploymentObject(run, waiting[i]))
	}
	for _, j := range run.Jobs {
		e := g.repo.environment(j.Environment)
		if e == nil || !slices.Contains(body.Environments, e.ID) || j.Conclusion != "" {
			continue
		}
		if j.Approved = body.State == "approved"; !j.Approved {
			j.Conclusion, j.Completed = "failure", g.now()
		}
	}
	run.Updated, g.changed = g.now(), true
	g.advance(g.repo, run)
	return list, nil
}

func (g *ghCall) deploymentObject(run *ghRun, e *ghEnvironment) ghObject {
	url := fmt.Sprintf("%s/deployments/%d", g.repoURL(), run.ID)
	return ghObject{"id": run.ID, "node_id": ghNode("Deployment", run.ID), "sha": run.SHA, "ref": run.Branch, "task": "deploy", "environment": e.Name,
		"creator": g.actorObject(run.Actor), "payload": ghObject{}, "description": nil, "statuses_url": url + "/statuses", "repository_url": g.repoURL(),
		"url": url, "created_at": ghTime(run.Created), "updated_at": ghTime(run.Updated)}
}
