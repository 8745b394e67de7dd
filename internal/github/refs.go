package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Branches returns the commit at the head of every branch, by the branch's name. A repository without
// any is empty.
func (c *Client) Branches(ctx context.Context) (map[string]string, error) {
	return memo.Recall(ctx, &c.memo, "branches", func(ctx context.Context) (map[string]string, error) {
		type ref struct {
			Ref    string `json:"ref"`
			Object struct {
				SHA string `json:"sha"`
			} `json:"object"`
		}
		refs, err := pages[ref](ctx, c, listing{path: c.at("git", "matching-refs") + "/heads/", size: 100})
		if hasStatus(err, http.StatusConflict) {
			return map[string]string{}, nil // "Git Repository is empty."
		}
		if err != nil {
			return nil, fmt.Errorf("listing the branches of %s: %w", c.FullName(), hidden(err))
		}
		heads := map[string]string{}
		for _, r := range refs {
			heads[strings.TrimPrefix(r.Ref, "refs/heads/")] = r.Object.SHA
		}
		return heads, nil
	})
}

// CreateBranch makes a branch that begins at a commit. One that is there already is
// resource.ErrExists, whatever its head.
func (c *Client) CreateBranch(ctx context.Context, name, commit string) error {
	body := map[string]any{"ref": "refs/heads/" + name, "sha": commit}
	_, err := c.send(ctx, request{method: http.MethodPost, path: c.at("git", "refs"), body: body}, nil)
	c.memo.Drop("branches")
	switch {
	case err == nil:
		return nil
	case refused(err):
		if heads, look := c.Branches(ctx); look == nil && heads[name] != "" {
			return fmt.Errorf("creating branch %s: %w", name, resource.ErrExists)
		}
	case errors.Is(err, resource.ErrNotFound):
		return fmt.Errorf("creating branch %s: %w; GitHub also answers so where the token lacks the right to change workflows (scope workflow, or workflows: write)", name, err)
	}
	return fmt.Errorf("creating branch %s: %w", name, err)
}

// DeleteBranch deletes a branch that stands at a commit; gitrepo.ErrMoved if it stands elsewhere, as somebody has
// pushed to it: the REST API would delete that, too, and so this goes over git. One that is gone already is no error.
func (c *Client) DeleteBranch(ctx context.Context, name, at string) error {
	defer c.FreshBranches()
	_, err := gitrepo.MoveRefs(ctx, c.remote(), []gitrepo.Move{{Ref: "refs/heads/" + name, Old: at}})
	if err == nil {
		return nil
	}
	c.FreshBranches()
	if heads, look := c.Branches(ctx); look == nil && heads[name] == "" { // the answer to a first try may have been lost
		return nil
	}
	if errors.Is(err, gitrepo.ErrRefRefused) {
		err = fmt.Errorf("%w: %v", resource.ErrRefused, err) // a rule on branches, and nothing that is amiss with the ledger
	}
	return fmt.Errorf("deleting branch %s: %w", name, err)
}

// Push makes the first commit of an empty repository, in the name of the token's user where it belongs
// to one, else of the user that git knows here. A branch that exists is resource.ErrExists.
func (c *Client) Push(ctx context.Context, commit gitrepo.Commit) error {
	by, err := c.signature(ctx, commit.Dir)
	if err != nil {
		return err
	}
	commit.Author = by
	_, err = gitrepo.Push(ctx, c.remote(), commit)
	c.FreshBranches()
	return c.soon(err)
}

// FreshBranches forgets what is known of branches.
func (c *Client) FreshBranches() { c.memo.Drop("branches", "repository") }
