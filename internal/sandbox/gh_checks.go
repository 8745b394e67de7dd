package sandbox

import (
	"fmt"
	"strconv"
)

// listChecks shows the jobs of the runs on a commit: each is a check.
func (g *ghCall) listChecks() (any, error) {
	_, c, err := g.commitOf(g.vars["ref"])
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, run := range g.repo.Runs {
		if run.SHA != c.Hash.String() {
			continue
		}
		for _, j := range run.Jobs {
			list = append(list, g.checkObject(run, j))
		}
	}
	return ghCounted(g, "check_runs", list)
}

func (g *ghCall) checkObject(run *ghRun, j *ghJob) ghObject {
	page := fmt.Sprintf("%s/job/%d", g.runPage(run), j.ID)
	o := ghObject{"id": j.ID, "node_id": ghNode("CheckRun", j.ID), "head_sha": run.SHA, "name": j.Name, "external_id": strconv.FormatInt(j.ID, 10),
		"url": fmt.Sprintf("%s/check-runs/%d", g.repoURL(), j.ID), "html_url": page, "details_url": page, "status": g.jobStatus(g.repo, run, j), "conclusion": nil,
		"started_at": ghTime(j.Created), "completed_at": nil, "check_suite": ghObject{"id": run.ID}, "pull_requests": []any{}, "app": nil,
		"output": ghObject{"title": nil, "summary": nil, "text": nil, "annotations_count": 0, "annotations_url": fmt.Sprintf("%s/check-runs/%d/annotations", g.repoURL(), j.ID)}}
	if j.Conclusion != "" {
		o["conclusion"], o["completed_at"] = j.Conclusion, ghTime(j.Completed)
	}
	return o
}
