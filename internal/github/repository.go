package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Repository is what GitHub shows of the repository.
type Repository struct {
	ID            int64   `json:"id"`
	Name          string  `json:"name"`
	FullName      string  `json:"full_name"`
	Private       bool    `json:"private"`
	Visibility    string  `json:"visibility"`
	Description   string  `json:"description"`
	Archived      bool    `json:"archived"`
	DefaultBranch string  `json:"default_branch"`
	Owner         Account `json:"owner"`
	// Roles are those that the token's user has, as pull, triage, push, maintain and admin; nil where GitHub
	// does not say.
	Roles Roles `json:"permissions"`
}

// Roles are by their names whether somebody has them.
type Roles map[string]bool

// UnmarshalJSON implements json.Unmarshaler. What GitHub may come to say there beside the roles is none.
func (r *Roles) UnmarshalJSON(data []byte) error {
	var said map[string]any
	if err := json.Unmarshal(data, &said); err != nil || said == nil {
		return err
	}
	*r = Roles{}
	for name, value := range said {
		if held, is := value.(bool); is {
			(*r)[name] = held
		}
	}
	return nil
}

// Account is an organisation or a user.
type Account struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"` // Organization or User
	Name  string `json:"name"`
	Plan  *struct {
		Name string `json:"name"`
	} `json:"plan"` // nil where the token may not see it
}

// IsOrganization reports whether the account is an organisation rather than a user.
func (a Account) IsOrganization() bool { return a.Type == "Organization" }

// Repository returns the repository, or resource.ErrNotFound. GitHub answers so as well for a private
// repository that the token may not see.
func (c *Client) Repository(ctx context.Context) (Repository, error) {
	return memo.Recall(ctx, &c.memo, "repository", func(ctx context.Context) (Repository, error) {
		var r Repository
		if err := c.get(ctx, c.at(), &r); err != nil {
			return r, fmt.Errorf("reading repository %s: %w", c.FullName(), err)
		}
		return r, c.recognise(&r)
	})
}

// recognise holds an answer to the repository that was asked for: one that was renamed may answer
// under its old name.
func (c *Client) recognise(r *Repository) error {
	if !strings.EqualFold(r.FullName, c.FullName()) {
		return fmt.Errorf("the repository %s answers under another name, %s: set git.repository to that name", c.FullName(), r.FullName)
	}
	if r.Visibility == "" && r.Private {
		r.Visibility = "private"
	}
	return nil
}

// NewRepository is a repository to be made.
type NewRepository struct {
	Visibility  string
	Description string
}

// CreateRepository makes the repository, without any commit. A name that is taken is an error, never
// an adoption: what holds the name may be hidden from this token.
func (c *Client) CreateRepository(ctx context.Context, n NewRepository) (Repository, error) {
	var made Repository
	r, err := c.creation(ctx, n)
	if err != nil {
		return made, err
	}
	defer c.memo.Drop("")
	_, err = c.send(ctx, r, &made)
	if err == nil || errors.Is(err, resource.ErrLost) {
		c.bear()
	}
	switch {
	case err == nil:
		return made, c.recognise(&made)
	case refused(err):
		return made, fmt.Errorf("creating repository %s: %w; if the name is taken, by a private repository that this token may not see for instance, give the token access to it or choose another name", c.FullName(), err)
	case errors.Is(err, resource.ErrNotFound):
		return made, fmt.Errorf("creating repository %s: %w; the token may not see the organisation, or lacks the right to create repositories in it", c.FullName(), err)
	default:
		return made, fmt.Errorf("creating repository %s: %w", c.FullName(), err)
	}
}

func (c *Client) creation(ctx context.Context, n NewRepository) (request, error) {
	owner, err := c.Owner(ctx)
	if err != nil {
		return request{}, err
	}
	body := map[string]any{"name": c.opt.Repo, "private": n.Visibility != "public"}
	if n.Description != "" {
		body["description"] = n.Description
	}
	if owner.IsOrganization() {
		if n.Visibility == "internal" {
			body["visibility"] = "internal" // private or public are told by `private` everywhere
		}
		return request{method: http.MethodPost, path: route("orgs", c.opt.Owner, "repos"), body: body}, nil
	}
	if n.Visibility == "internal" {
		return request{}, fmt.Errorf("creating repository %s: a user's repository cannot be internal", c.FullName())
	}
	self, err := c.Self(ctx)
	if err != nil {
		return request{}, err
	}
	if !strings.EqualFold(self.Login, c.opt.Owner) {
		return request{}, fmt.Errorf("creating repository %s: only %s can create repositories there, and the token belongs to %s", c.FullName(), c.opt.Owner, self.Login)
	}
	return request{method: http.MethodPost, path: "user/repos", body: body}, nil
}

// EditRepository changes the given settings, and no other.
func (c *Client) EditRepository(ctx context.Context, settings map[string]any) (Repository, error) {
	defer c.memo.Drop("repository", "plan")
	var r Repository
	if _, err := c.send(ctx, request{method: http.MethodPatch, path: c.at(), body: settings}, &r); err != nil {
		return r, fmt.Errorf("changing repository %s: %w", c.FullName(), err)
	}
	return r, c.recognise(&r)
}

// DeleteRepository deletes the repository of that id with all that is in it. Another one that has taken
// its name since is left alone: resource.ErrConflict.
func (c *Client) DeleteRepository(ctx context.Context, id int64) error {
	c.memo.Drop("repository")
	defer c.memo.Drop("")
	live, err := c.Repository(ctx)
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	if err == nil && live.ID != id {
		err = fmt.Errorf("%w: another repository has that name now", resource.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deleting repository %s: %w", c.FullName(), err)
	}
	_, err = c.send(ctx, request{method: http.MethodDelete, path: c.at()}, nil)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("deleting repository %s: %w", c.FullName(), err)
	}
	return nil
}

// RepositoryReady reports whether a repository that was just created answers, and what is below it.
func (c *Client) RepositoryReady(ctx context.Context) (bool, error) {
	c.memo.Drop("repository", "branches")
	_, err := c.Repository(ctx)
	if err == nil {
		_, err = c.Branches(ctx)
	}
	if errors.Is(err, resource.ErrNotFound) || errors.Is(err, resource.ErrNotYet) {
		return false, nil
	}
	return err == nil, err
}

// Owner returns the account that owns the repository, or would own it.
func (c *Client) Owner(ctx context.Context) (Account, error) {
	if r, err := c.Repository(ctx); err == nil && r.Owner.Type != "" {
		return r.Owner, nil
	}
	return memo.Recall(ctx, &c.memo, "owner", func(ctx context.Context) (Account, error) {
		var a Account
		if err := c.get(ctx, route("users", c.opt.Owner), &a); err != nil {
			return a, fmt.Errorf("looking up the owner %s: %w", c.opt.Owner, err)
		}
		return a, nil
	})
}

// Self returns the user that the token belongs to. The token of an app's installation has none; the
// error then matches resource.ErrForbidden.
func (c *Client) Self(ctx context.Context) (Account, error) {
	return memo.Recall(ctx, &c.memo, "self", func(ctx context.Context) (Account, error) {
		var a Account
		if err := c.get(ctx, "user", &a); err != nil {
			return a, fmt.Errorf("looking up the token's user: %w", err)
		}
		return a, nil
	})
}
