package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// PullRequest is a pull request between two branches of the repository.
type PullRequest struct {
	Number   int       `json:"number"`
	Title    string    `json:"title"`
	Body     string    `json:"body"`
	State    string    `json:"state"` // open or closed
	Draft    bool      `json:"draft"`
	Created  time.Time `json:"created_at"`
	MergedAt time.Time `json:"merged_at"` // zero: it is not merged
	URL      string    `json:"html_url"`
	Head     Tip       `json:"head"`
	Base     Tip       `json:"base"`
	Author   struct {
		Login string `json:"login"`
	} `json:"user"`
}

// Open reports whether it can be merged one day.
func (p PullRequest) Open() bool { return p.State == "open" }

// Merged reports whether it was.
func (p PullRequest) Merged() bool { return !p.MergedAt.IsZero() }

// Pulls returns the pull requests whose head is a branch of this repository, the newest first.
func (c *Client) Pulls(ctx context.Context, head string) ([]PullRequest, error) {
	return memo.Recall(ctx, &c.memo, "pulls/"+head, func(ctx context.Context) ([]PullRequest, error) {
		path := c.at("pulls") + "?state=all&sort=created&direction=desc&head=" + url.QueryEscape(c.opt.Owner+":"+head)
		all, err := pages[PullRequest](ctx, c, listing{path: path, size: 100})
		if err != nil {
			return nil, fmt.Errorf("listing the pull requests of branch %s: %w", head, hidden(err))
		}
		return slices.DeleteFunc(all, func(p PullRequest) bool { return p.Head.Ref != head }), nil // an empty filter would let all through
	})
}

// OpenPulls returns the open pull requests of the repository, the newest first.
func (c *Client) OpenPulls(ctx context.Context) ([]PullRequest, error) {
	return memo.Recall(ctx, &c.memo, "pulls/ open", func(ctx context.Context) ([]PullRequest, error) {
		all, err := pages[PullRequest](ctx, c, listing{path: c.at("pulls") + "?state=open&sort=created&direction=desc", size: 100})
		if err != nil {
			return nil, fmt.Errorf("listing the open pull requests of %s: %w", c.FullName(), hidden(err))
		}
		return all, nil
	})
}

// NewestPulls returns the hundred pull requests of the repository that were opened last, the newest first.
func (c *Client) NewestPulls(ctx context.Context) ([]PullRequest, error) {
	return memo.Recall(ctx, &c.memo, "pulls/ newest", func(ctx context.Context) ([]PullRequest, error) {
		var newest []PullRequest
		if err := c.get(ctx, c.at("pulls")+"?state=all&sort=created&direction=desc&per_page=100", &newest); err != nil {
			return nil, fmt.Errorf("listing the newest pull requests of %s: %w", c.FullName(), hidden(err))
		}
		return newest, nil
	})
}

// FreshPulls forgets what is known of pull requests, branches and what is on them.
func (c *Client) FreshPulls() {
	c.memo.Drop("pulls/")
	c.FreshBranches()
}

// NewPull is a pull request to be opened.
type NewPull struct {
	Title string `json:"title"`
	Head  string `json:"head"`
	Base  string `json:"base"`
	Body  string `json:"body"`
}

// OpenPull opens a pull request. One that is open already between the two branches is resource.ErrExists.
func (c *Client) OpenPull(ctx context.Context, n NewPull) (PullRequest, error) {
	defer c.FreshPulls()
	var made PullRequest
	_, err := c.send(ctx, request{method: http.MethodPost, path: c.at("pulls"), body: n}, &made)
	switch {
	case err == nil:
		return made, nil
	case refused(err):
		c.FreshPulls()
		all, look := c.Pulls(ctx, n.Head)
		if look == nil && slices.ContainsFunc(all, func(p PullRequest) bool { return p.Open() && p.Base.Ref == n.Base }) {
			err = fmt.Errorf("%w: %w", resource.ErrExists, err)
		}
	case errors.Is(err, resource.ErrForbidden):
		err = fmt.Errorf("%w; the token needs `pull_requests: write`, and the token of a workflow the repository's leave to open pull requests", err)
	}
	return made, fmt.Errorf("opening a pull request from %s to %s: %w", n.Head, n.Base, err)
}

// EditPull changes the given fields of a pull request, and no other.
func (c *Client) EditPull(ctx context.Context, number int, fields map[string]any) (PullRequest, error) {
	defer c.FreshPulls()
	var now PullRequest
	if _, err := c.send(ctx, request{method: http.MethodPatch, path: c.at("pulls", strconv.Itoa(number)), body: fields}, &now); err != nil {
		return now, fmt.Errorf("changing pull request #%d: %w", number, err)
	}
	return now, nil
}

// Approvals returns the logins of those whose last word on a pull request is an approval, and of those who
// ask for changes, each sorted.
func (c *Client) Approvals(ctx context.Context, number int) (approve, object []string, err error) {
	type review struct {
		User struct {
			Login string `json:"login"`
		} `json:"user"`
		State string `json:"state"`
	}
	all, err := pages[review](ctx, c, listing{path: c.at("pulls", strconv.Itoa(number), "reviews"), size: 100})
	if err != nil {
		return nil, nil, fmt.Errorf("listing the reviews of pull request #%d: %w", number, err)
	}
	last := map[string]string{}
	for _, r := range all {
		if r.State == "APPROVED" || r.State == "CHANGES_REQUESTED" || r.State == "DISMISSED" {
			last[r.User.Login] = r.State
		}
	}
	for login, state := range last {
		switch state {
		case "APPROVED":
			approve = append(approve, login)
		case "CHANGES_REQUESTED":
			object = append(object, login)
		}
	}
	slices.Sort(approve)
	slices.Sort(object)
	return approve, object, nil
}

// Check is a check of a commit, by its name.
type Check struct {
	Name       string `json:"name"`
	Status     string `json:"status"`     // completed once it has ended
	Conclusion string `json:"conclusion"` // "" until then
}

// Checks returns the checks of a commit, the latest of each name, by name.
func (c *Client) Checks(ctx context.Context, commit string) ([]Check, error) {
	all, err := pages[Check](ctx, c, listing{path: c.at("commits", commit, "check-runs") + "?filter=latest", field: "check_runs", size: 100})
	if err != nil {
		return nil, fmt.Errorf("listing the checks of %s: %w", commit, err)
	}
	latest := map[string]Check{}
	for _, check := range all {
		latest[check.Name] = check
	}
	var checks []Check
	for _, check := range latest {
		checks = append(checks, check)
	}
	slices.SortFunc(checks, func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
	return checks, nil
}

// Tree returns what a commit holds, by path. One that is too large to be listed is an error: what is not
// listed must not look as if it were not there.
func (c *Client) Tree(ctx context.Context, commit string) (map[string]gitrepo.Entry, error) {
	return memo.Recall(ctx, &c.memo, "tree:"+commit, func(ctx context.Context) (map[string]gitrepo.Entry, error) {
		var answer struct {
			Tree []struct {
				gitrepo.Entry
				Type string `json:"type"`
			} `json:"tree"`
			Truncated bool `json:"truncated"`
		}
		if err := c.get(ctx, c.at("git", "trees", commit)+"?recursive=1", &answer); err != nil {
			return nil, fmt.Errorf("listing the files of %s: %w", commit, err)
		}
		if answer.Truncated {
			return nil, fmt.Errorf("listing the files of %s: they are more than GitHub lists at once", commit)
		}
		files := map[string]gitrepo.Entry{}
		for _, e := range answer.Tree {
			if e.Type != "tree" {
				files[e.Path] = e.Entry
			}
		}
		return files, nil
	})
}

// Revise makes a commit on a branch in the name that Push uses. See gitrepo.Revise.
func (c *Client) Revise(ctx context.Context, v gitrepo.Revision) (string, error) {
	by, err := c.signature(ctx, c.opt.Dir)
	if err != nil {
		return "", err
	}
	v.Author = by
	defer c.FreshPulls()
	commit, err := gitrepo.Revise(ctx, c.remote(), v)
	return commit, c.soon(err)
}
