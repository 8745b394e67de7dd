package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Team is a team of the organisation. Role is its role on the repository, in the words of GitHub's
// pages: read, triage, push, maintain, admin or the name of a custom role; "" is none.
type Team struct {
	ID   int64
	Slug string
	Role string
}

type teamAnswer struct {
	ID         int64  `json:"id"`
	Slug       string `json:"slug"`
	Permission string `json:"permission"`
}

// RepositoryTeams returns the teams with a role on the repository, by slug.
func (c *Client) RepositoryTeams(ctx context.Context) (map[string]Team, error) {
	return memo.Recall(ctx, &c.memo, "teams", func(ctx context.Context) (map[string]Team, error) {
		answers, err := pages[teamAnswer](ctx, c, listing{path: c.at("teams"), size: 100})
		if err != nil {
			return nil, fmt.Errorf("listing the teams of %s: %w", c.FullName(), hidden(err))
		}
		teams := map[string]Team{}
		for _, a := range answers {
			teams[a.Slug] = Team{ID: a.ID, Slug: a.Slug, Role: role(a.Permission)}
		}
		return teams, nil
	})
}

// role spells a permission one way: reads call it pull and push or read and write, by endpoint.
func role(permission string) string {
	switch permission {
	case "pull":
		return "read"
	case "write":
		return "push"
	default:
		return permission
	}
}

// OrganizationTeams returns the organisation's teams, by slug.
func (c *Client) OrganizationTeams(ctx context.Context) (map[string]Team, error) {
	return memo.Recall(ctx, &c.memo, "org teams", func(ctx context.Context) (map[string]Team, error) {
		answers, err := pages[teamAnswer](ctx, c, listing{path: route("orgs", c.opt.Owner, "teams"), size: 100})
		if errors.Is(err, resource.ErrNotFound) {
			return nil, fmt.Errorf("%w to list the teams of %s: the token needs to read the organisation (scope read:org, or members: read): %v", resource.ErrForbidden, c.opt.Owner, err)
		}
		if err != nil {
			return nil, fmt.Errorf("listing the teams of %s: %w", c.opt.Owner, err)
		}
		teams := map[string]Team{}
		for _, a := range answers {
			teams[a.Slug] = Team{ID: a.ID, Slug: a.Slug}
		}
		return teams, nil
	})
}

// SetTeamRole gives a team a role on the repository.
func (c *Client) SetTeamRole(ctx context.Context, slug, role string) error {
	defer c.memo.Drop("teams")
	permission := role
	if role == "read" {
		permission = "pull"
	}
	r := request{method: http.MethodPut, path: c.teamPath(slug), body: map[string]any{"permission": permission}}
	if _, err := c.send(ctx, r, nil); err != nil {
		return fmt.Errorf("giving team %s the role %s: %w", slug, role, err)
	}
	return nil
}

// RemoveTeam takes a team's role on the repository away.
func (c *Client) RemoveTeam(ctx context.Context, slug string) error {
	defer c.memo.Drop("teams")
	_, err := c.send(ctx, request{method: http.MethodDelete, path: c.teamPath(slug)}, nil)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("taking the role of team %s away: %w", slug, err)
	}
	return nil
}

func (c *Client) teamPath(slug string) string {
	return route("orgs", c.opt.Owner, "teams", slug, "repos", c.opt.Owner, c.Name())
}

// User returns the user of that login, or resource.ErrNotFound.
func (c *Client) User(ctx context.Context, login string) (Account, error) {
	return memo.Recall(ctx, &c.memo, "user/"+strings.ToLower(login), func(ctx context.Context) (Account, error) {
		var a Account
		if err := c.get(ctx, route("users", login), &a); err != nil {
			return a, fmt.Errorf("looking up user %s: %w", login, err)
		}
		return a, nil
	})
}
