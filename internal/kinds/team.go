package kinds

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// teamKind is a team's role on the repository.
var teamKind = resource.Kind[*github.Client, team]{
	Name:         "team",
	Doc:          "A team's role on the repository.",
	Identity:     []string{"repository", "slug"},
	LiveIdentity: []string{"repository", "team_id"},
	ReadsOpen:    true,
	Declare:      declareTeams,
	Read:         readTeam,
	Create:       createTeam,
	Update: func(ctx context.Context, c *github.Client, _, want team) (team, error) {
		return createTeam(ctx, c, want)
	},
	Delete: func(ctx context.Context, c *github.Client, have team) error {
		return c.RemoveTeam(ctx, have.Slug)
	},
	Danger: loweredRole,
}

type team struct {
	Repository resource.Text `json:"repository,omitzero"`
	Slug       string        `json:"slug"`
	Role       string        `json:"role,omitempty"`
	TeamID     string        `json:"team_id,omitempty"` // stays when the team's slug changes
}

func declareTeams(w resource.Wishes) []resource.Decl[team] {
	var decls []resource.Decl[team]
	for _, t := range w.Git.Teams {
		slug := strings.ToLower(t.Slug) // as GitHub spells every slug
		decls = append(decls, resource.Decl[team]{
			Addr: resource.Addr{Kind: "team", Name: slug},
			Want: team{Repository: inRepository(), Slug: slug, Role: t.Role},
			At:   w.At("git", "teams", t.Slug),
		})
	}
	return decls
}

func readTeam(ctx context.Context, c *github.Client, want team) (team, error) {
	if want.Repository.Value != "" {
		teams, err := c.RepositoryTeams(ctx)
		if err != nil {
			return want, err
		}
		if live, ok := teams[want.Slug]; ok {
			return team{Repository: want.Repository, Slug: want.Slug, Role: live.Role, TeamID: strconv.FormatInt(live.ID, 10)}, nil
		}
	}
	if want.TeamID != "" { // it was given a role once; what matters is that it has none
		return team{}, fmt.Errorf("team %s has no role on %s: %w", want.Slug, c.FullName(), resource.ErrNotFound)
	}
	if err := teamExists(ctx, c, want.Slug); err != nil {
		return want, err
	}
	return team{Slug: want.Slug}, fmt.Errorf("team %s has no role on %s: %w", want.Slug, c.FullName(), resource.ErrNotFound)
}

// teamExists returns a *resource.Blocked where there is no such team.
func teamExists(ctx context.Context, c *github.Client, slug string) error {
	owner, err := c.Owner(ctx)
	if err != nil {
		return err
	}
	if !owner.IsOrganization() {
		return &resource.Blocked{Reason: fmt.Sprintf("%s is a user, and only an organisation has teams: take team %s out of the spec, or move the repository", owner.Login, slug)}
	}
	teams, err := c.OrganizationTeams(ctx)
	if err != nil {
		return err
	}
	if _, ok := teams[slug]; !ok {
		return &resource.Blocked{Reason: fmt.Sprintf("the organisation %s has no team %s: create it, or correct its slug", owner.Login, slug)}
	}
	return nil
}

func createTeam(ctx context.Context, c *github.Client, want team) (team, error) {
	if err := c.SetTeamRole(ctx, want.Slug, want.Role); err != nil {
		return want, err
	}
	return readTeam(ctx, c, want)
}

// loweredRole warns of a role that becomes less. A custom role cannot be ranked, so losing one counts.
func loweredRole(have, want team) resource.Guard {
	ranks := []string{"read", "triage", "push", "maintain", "admin"}
	before := slices.Index(ranks, have.Role)
	if before < 0 || slices.Index(ranks, want.Role) < before {
		return resource.AccessLoss
	}
	return resource.Unguarded
}
