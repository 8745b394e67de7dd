package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Run is a run of a workflow.
type Run struct {
	ID         int64     `json:"id"`
	Title      string    `json:"display_title"`
	Event      string    `json:"event"`
	Branch     string    `json:"head_branch"`
	Commit     string    `json:"head_sha"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion"` // "" until it is over
	URL        string    `json:"html_url"`
	Created    time.Time `json:"created_at"`
}

// Over reports whether the run has ended, however it did.
func (r Run) Over() bool { return r.Status == "completed" }

// Runs returns the newest runs of a workflow on a branch, the newest first. The workflow goes by its
// file; one that the default branch does not have is resource.ErrNotFound, as GitHub knows no other.
func (c *Client) Runs(ctx context.Context, file, branch string) ([]Run, error) {
	return memo.Recall(ctx, &c.memo, "runs/"+file+":"+branch, func(ctx context.Context) ([]Run, error) {
		var answer struct {
			Runs []Run `json:"workflow_runs"`
		}
		query := url.Values{"branch": {branch}, "per_page": {"30"}}
		err := c.get(ctx, c.at("actions", "workflows", path.Base(file), "runs")+"?"+query.Encode(), &answer)
		if err != nil {
			return nil, fmt.Errorf("listing the runs of %s: %w", file, err)
		}
		return answer.Runs, nil
	})
}

// FreshRuns forgets what is known of runs.
func (c *Client) FreshRuns() { c.memo.Drop("runs/") }

// Dispatch is a run that is to be started by hand.
type Dispatch struct {
	File   string // of the workflow
	Branch string
	Inputs map[string]string
}

// Start starts a run and returns its id, 0 where the host does not tell it: then the run is to be found
// by what its inputs made of its title.
func (c *Client) Start(ctx context.Context, d Dispatch) (int64, error) {
	defer c.FreshRuns()
	body := map[string]any{"ref": d.Branch, "inputs": d.Inputs, "return_run_details": true}
	r := request{method: http.MethodPost, path: c.at("actions", "workflows", path.Base(d.File), "dispatches"), body: body}
	var started struct {
		ID int64 `json:"workflow_run_id"`
	}
	resp, err := c.send(ctx, r, &started)
	if unknownKey(err) { // an Enterprise Server of 2026, which started nothing
		delete(body, "return_run_details")
		resp, err = c.send(ctx, r, nil)
	}
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return 0, fmt.Errorf("starting %s on %s: %w: the default branch has no such workflow, or the token may not start it (actions: write)", d.File, d.Branch, err)
	case err != nil:
		return 0, fmt.Errorf("starting %s on %s: %w", d.File, d.Branch, err)
	case resp.StatusCode == http.StatusNoContent:
		return 0, nil
	}
	return started.ID, nil
}

// unknownKey recognises the refusal of return_run_details, which has no code of its own: 422
// "return_run_details" is not a permitted key (benc-uk/workflow-dispatch#86).
func unknownKey(err error) bool {
	var failed *transport.Error
	return refused(err) && errors.As(err, &failed) && strings.Contains(failed.Message, "is not a permitted key")
}

// brokenJobs are the names of the jobs for which a run did not succeed.
func (c *Client) brokenJobs(ctx context.Context, run int64) ([]string, error) {
	type job struct {
		Name       string `json:"name"`
		Conclusion string `json:"conclusion"`
	}
	jobs, err := pages[job](ctx, c, listing{path: c.at("actions", "runs", fmt.Sprint(run), "jobs"), field: "jobs", size: 100})
	if err != nil {
		return nil, fmt.Errorf("listing the jobs of run %d: %w", run, err)
	}
	var broken []string
	for _, j := range jobs {
		if j.Conclusion != "" && j.Conclusion != "success" && j.Conclusion != "skipped" && j.Conclusion != "neutral" {
			broken = append(broken, j.Name)
		}
	}
	return broken, nil
}

// Failure says how a run that is over and did not succeed has ended, and in which jobs.
func (c *Client) Failure(ctx context.Context, r Run) (string, error) {
	jobs, err := c.brokenJobs(ctx, r.ID)
	if err != nil {
		return "", err
	}
	in := "no job in particular"
	if len(jobs) > 0 {
		in = "the job " + strings.Join(jobs, ", the job ")
	}
	return fmt.Sprintf("run %d (%s) has ended as %s in %s", r.ID, r.Title, r.Conclusion, in), nil
}

// Unseen is the error for a run of a workflow that was asked for and is not to be seen: resource.ErrNotYet, or lost,
// where that is why nobody knows whether it was started. about is what it was to be for.
func (c *Client) Unseen(file, about string, lost error) error {
	if lost != nil {
		return fmt.Errorf("a run of %s for %s was asked for, and none is to be seen: look at %s/%s/actions, and apply again: %w",
			file, about, c.Host(), c.FullName(), lost)
	}
	return fmt.Errorf("the run of %s that was started for %s is %w", file, about, resource.ErrNotYet)
}

// Gate is an environment that a run waits to be let into, and by whom: team:SLUG, user:LOGIN.
type Gate struct {
	Environment string
	Reviewers   []string
}

// Gates returns what a run waits for.
func (c *Client) Gates(ctx context.Context, run int64) ([]Gate, error) {
	var answer []struct {
		Environment struct {
			Name string `json:"name"`
		} `json:"environment"`
		Reviewers []struct {
			Type     string `json:"type"`
			Reviewer struct {
				Login string `json:"login"`
				Slug  string `json:"slug"`
			} `json:"reviewer"`
		} `json:"reviewers"`
	}
	if err := c.get(ctx, c.at("actions", "runs", fmt.Sprint(run), "pending_deployments"), &answer); err != nil {
		return nil, fmt.Errorf("reading what run %d waits for: %w", run, err)
	}
	var gates []Gate
	for _, a := range answer {
		g := Gate{Environment: a.Environment.Name}
		for _, r := range a.Reviewers {
			who := "user:" + r.Reviewer.Login
			if r.Type == "Team" {
				who = "team:" + r.Reviewer.Slug
			}
			g.Reviewers = append(g.Reviewers, who)
		}
		gates = append(gates, g)
	}
	return gates, nil
}
