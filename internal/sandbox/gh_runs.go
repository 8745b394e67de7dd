package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

func ghRunRoutes() []ghRoute {
	read, write := reads("actions", readAccess), writes("actions", writeAccess)
	return []ghRoute{
		{pattern: "GET ~/actions/workflows", need: read, handle: (*ghCall).listWorkflows},
		{pattern: "GET ~/actions/workflows/{workflow_id}", need: read, handle: (*ghCall).getWorkflowFile},
		{pattern: "POST ~/actions/workflows/{workflow_id}/dispatches", need: write, handle: (*ghCall).dispatch},
		{pattern: "GET ~/actions/workflows/{workflow_id}/runs", need: read, handle: (*ghCall).listRuns},
		{pattern: "GET ~/actions/runs", need: read, handle: (*ghCall).listRuns},
		{pattern: "GET ~/actions/runs/{run_id}", need: read, handle: (*ghCall).getRun},
		{pattern: "GET ~/actions/runs/{run_id}/jobs", need: read, handle: (*ghCall).listJobs},
		{pattern: "GET ~/actions/runs/{run_id}/pending_deployments", need: read, handle: (*ghCall).listPending},
		{pattern: "POST ~/actions/runs/{run_id}/pending_deployments", need: writes("deployments", readAccess), handle: (*ghCall).reviewPending},
		{pattern: "GET ~/commits/{ref}/check-runs", need: reads("checks", readAccess), handle: (*ghCall).listChecks},
	}
}

// known are the workflows that GitHub knows: those on the default branch.
func (g *ghCall) known() (*gitStore, []workflowFile, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, nil, err
	}
	head, err := st.branch(g.repo.Default)
	if err != nil || head.IsZero() {
		return st, nil, err
	}
	all, err := st.workflowFiles(head)
	return st, all, err
}

// called finds the workflow of the path: by its id, or the name of its file.
func (g *ghCall) called() (*gitStore, workflowFile, error) {
	st, all, err := g.known()
	if err != nil {
		return nil, workflowFile{}, err
	}
	i := slices.IndexFunc(all, func(w workflowFile) bool {
		return ghSameID(w.id(), g.vars["workflow_id"]) || strings.TrimPrefix(w.path, workflowFolder) == g.vars["workflow_id"]
	})
	if i < 0 {
		return nil, workflowFile{}, ghMissing()
	}
	return st, all[i], nil
}

func (g *ghCall) listWorkflows() (any, error) {
	_, all, err := g.known()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, w := range all {
		list = append(list, g.workflowObject(w))
	}
	return ghCounted(g, "workflows", list)
}

func (g *ghCall) getWorkflowFile() (any, error) {
	_, w, err := g.called()
	if err != nil {
		return nil, err
	}
	return g.workflowObject(w), nil
}

func (g *ghCall) workflowObject(w workflowFile) ghObject {
	page := fmt.Sprintf("%s/%s", g.htmlBase(), g.gh.fullName(g.repo))
	return ghObject{"id": w.id(), "node_id": ghNode("Workflow", w.id()), "name": w.called(), "path": w.path, "state": "active",
		"created_at": ghTime(g.repo.Created), "updated_at": ghTime(g.repo.Created), "url": fmt.Sprintf("%s/actions/workflows/%d", g.repoURL(), w.id()),
		"html_url": page + "/blob/" + g.repo.Default + "/" + w.path, "badge_url": page + "/workflows/" + w.called() + "/badge.svg"}
}

// dispatch starts a run by hand. The workflow has to be on the default branch; what runs is its version on
// the ref. An Enterprise Server of today does not know return_run_details.
func (g *ghCall) dispatch() (any, error) {
	var body struct {
		Ref     string
		Inputs  map[string]any
		Details *bool `json:"return_run_details"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if body.Details != nil && g.gh.Enterprise {
		return nil, ghUnprocessable("Invalid request.\n\n%q is not a permitted key.", "return_run_details")
	}
	st, w, err := g.called()
	if err != nil {
		return nil, err
	}
	branch := strings.TrimPrefix(body.Ref, "refs/heads/")
	commit, err := st.branch(branch)
	if err != nil {
		return nil, err
	}
	if commit.IsZero() {
		return nil, ghUnprocessable("No ref found for: %s", body.Ref)
	}
	there, err := st.workflowFiles(commit)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(there, func(other workflowFile) bool { return other.path == w.path })
	if i < 0 {
		return nil, ghUnprocessable("Workflow does not exist or does not have a workflow_dispatch trigger in this ref.")
	}
	trigger, ok := there[i].triggers["workflow_dispatch"]
	if !ok {
		return nil, ghUnprocessable("Workflow does not have 'workflow_dispatch' trigger")
	}
	inputs, err := trigger.given(body.Inputs)
	if err != nil {
		return nil, err
	}
	run := g.addRun(there[i], runStart{repo: g.repo, store: st, event: "workflow_dispatch", branch: branch, commit: commit, actor: g.who.name(), inputs: inputs})
	g.changed = true
	if body.Details == nil || !*body.Details {
		return &reply{status: http.StatusNoContent}, nil
	}
	return ghObject{"workflow_run_id": run.ID, "run_url": g.runURL(run), "html_url": g.runPage(run)}, nil
}

// given holds the inputs of a dispatch against those that the workflow has.
func (t workflowTrigger) given(inputs map[string]any) (map[string]string, error) {
	all := map[string]string{}
	for name, value := range inputs {
		if _, ok := t.Inputs[name]; !ok {
			return nil, ghUnprocessable("Unexpected inputs provided: [%q]", name)
		}
		all[name] = fmt.Sprint(value)
	}
	for name, input := range t.Inputs {
		_, given := all[name]
		switch {
		case given:
		case input.Default != nil:
			all[name] = fmt.Sprint(input.Default)
		case input.Required:
			return nil, ghUnprocessable("Required input '%s' not provided", name)
		}
	}
	return all, nil
}

func (g *ghCall) listRuns() (any, error) {
	var only int64
	if g.vars["workflow_id"] != "" {
		_, w, err := g.called()
		if err != nil {
			return nil, err
		}
		only = w.id()
	}
	q := g.req.URL.Query()
	var list []ghObject
	for _, run := range slices.Backward(g.repo.Runs) {
		status, conclusion := g.runStatus(g.repo, run)
		since, _ := strings.CutPrefix(q.Get("created"), ">=")
		shows := run.Created.Add(time.Duration(g.gh.RunDelay) * time.Second)
		switch {
		case run.Event == "workflow_dispatch" && g.now().Before(shows),
			only != 0 && run.Workflow != only,
			q.Get("branch") != "" && run.Branch != q.Get("branch"),
			q.Get("event") != "" && run.Event != q.Get("event"),
			q.Get("head_sha") != "" && run.SHA != q.Get("head_sha"),
			q.Get("status") != "" && status != q.Get("status") && conclusion != q.Get("status"),
			since != "" && ghTime(run.Created) < since:
			continue
		}
		o, err := g.runObject(run)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return ghCounted(g, "workflow_runs", list)
}

func (g *ghCall) theRun() (*ghRun, error) {
	i := slices.IndexFunc(g.repo.Runs, func(r *ghRun) bool { return ghSameID(r.ID, g.vars["run_id"]) })
	if i < 0 {
		return nil, ghMissing()
	}
	return g.repo.Runs[i], nil
}

func (g *ghCall) getRun() (any, error) {
	run, err := g.theRun()
	if err != nil {
		return nil, err
	}
	return g.runObject(run)
}

func (g *ghCall) runURL(run *ghRun) string {
	return fmt.Sprintf("%s/actions/runs/%d", g.repoURL(), run.ID)
}

func (g *ghCall) runPage(run *ghRun) string {
	return fmt.Sprintf("%s/%s/actions/runs/%d", g.htmlBase(), g.gh.fullName(g.repo), run.ID)
}

func (g *ghCall) runObject(run *ghRun) (ghObject, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	c, err := st.repo.CommitObject(plumbing.NewHash(run.SHA))
	if err != nil {
		return nil, fmt.Errorf("reading commit %s: %w", run.SHA, err)
	}
	url, status, conclusion := g.runURL(run), "", ""
	status, conclusion = g.runStatus(g.repo, run)
	o := ghObject{"id": run.ID, "node_id": ghNode("WorkflowRun", run.ID), "name": run.Name, "head_branch": run.Branch, "head_sha": run.SHA,
		"path": run.Path, "display_title": run.Title, "run_number": run.Number, "run_attempt": 1, "event": run.Event, "status": status, "conclusion": nil,
		"workflow_id": run.Workflow, "url": url, "html_url": g.runPage(run), "pull_requests": []any{}, "created_at": ghTime(run.Created),
		"updated_at": ghTime(run.Updated), "run_started_at": ghTime(run.Created), "actor": g.actorObject(run.Actor), "triggering_actor": g.actorObject(run.Actor),
		"jobs_url": url + "/jobs", "logs_url": url + "/logs", "check_suite_url": fmt.Sprintf("%s/check-suites/%d", g.repoURL(), run.ID),
		"artifacts_url": url + "/artifacts", "cancel_url": url + "/cancel", "rerun_url": url + "/rerun",
		"workflow_url": fmt.Sprintf("%s/actions/workflows/%d", g.repoURL(), run.Workflow), "repository": g.repoSimple(g.repo), "head_repository": g.repoSimple(g.repo),
		"head_commit": ghObject{"id": run.SHA, "tree_id": c.TreeHash.String(), "message": c.Message, "timestamp": ghTime(c.Author.When),
			"author":    ghObject{"name": c.Author.Name, "email": c.Author.Email},
			"committer": ghObject{"name": c.Committer.Name, "email": c.Committer.Email}}}
	if conclusion != "" {
		o["conclusion"] = conclusion
	}
	return o, nil
}

func (g *ghCall) listJobs() (any, error) {
	run, err := g.theRun()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, j := range run.Jobs {
		list = append(list, g.jobObject(run, j))
	}
	return ghCounted(g, "jobs", list)
}

func (g *ghCall) jobObject(run *ghRun, j *ghJob) ghObject {
	o := ghObject{"id": j.ID, "node_id": ghNode("CheckRun", j.ID), "run_id": run.ID, "run_url": g.runURL(run), "run_attempt": 1, "head_sha": run.SHA,
		"head_branch": run.Branch, "workflow_name": run.Name, "name": j.Name, "url": fmt.Sprintf("%s/actions/jobs/%d", g.repoURL(), j.ID),
		"html_url": fmt.Sprintf("%s/job/%d", g.runPage(run), j.ID), "status": g.jobStatus(g.repo, run, j), "conclusion": nil,
		"created_at": ghTime(j.Created), "started_at": ghTime(j.Created), "completed_at": nil, "steps": []any{},
		"check_run_url": fmt.Sprintf("%s/check-runs/%d", g.repoURL(), j.ID), "labels": []string{"ubuntu-latest"},
		"runner_id": nil, "runner_name": nil, "runner_group_id": nil, "runner_group_name": nil}
	if j.Conclusion != "" {
		o["conclusion"], o["completed_at"] = j.Conclusion, ghTime(j.Completed)
	}
	return o
}
