package github

import (
	"context"
	"fmt"
	"net/url"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// LastCommit returns the newest commit of a branch that changed what lies at a path, "" being the whole
// repository; "" where none ever did.
func (c *Client) LastCommit(ctx context.Context, branch, path string) (string, error) {
	return memo.Recall(ctx, &c.memo, "commits/"+branch+":"+path, func(ctx context.Context) (string, error) {
		var list []struct {
			SHA string `json:"sha"`
		}
		query := url.Values{"sha": {branch}, "per_page": {"1"}}
		if path != "" {
			query.Set("path", path)
		}
		if err := c.get(ctx, c.at("commits")+"?"+query.Encode(), &list); err != nil {
			return "", fmt.Errorf("looking for the last commit of %s that changed %s: %w", branch, path, hidden(err))
		}
		if len(list) == 0 {
			return "", nil
		}
		return list[0].SHA, nil
	})
}

// Reaches reports whether a commit or a branch has another commit in its history. Of a commit that the
// repository does not have, the error matches resource.ErrNotFound.
func (c *Client) Reaches(ctx context.Context, from, commit string) (bool, error) {
	if from == commit {
		return true, nil
	}
	return memo.Recall(ctx, &c.memo, "commits/"+commit+"..."+from, func(ctx context.Context) (bool, error) {
		var compared struct {
			Status string `json:"status"`
		}
		// A page of one commit: which they are does not matter.
		path := c.at("compare", commit+"..."+from) + "?per_page=1"
		if err := c.get(ctx, path, &compared); err != nil {
			return false, fmt.Errorf("comparing %s with %s: %w", commit, from, err)
		}
		return compared.Status == "ahead" || compared.Status == "identical", nil
	})
}

// ForgetCommits makes the next look at commits one at live state.
func (c *Client) ForgetCommits() { c.memo.Drop("commits/") }
