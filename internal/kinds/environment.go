package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// environmentKind is a target's GitHub environment. Who may approve and which branches may deploy are
// one object, since the subject of an environment's OIDC tokens does not name the branch: without the
// branch policy every branch could log in as the target's principal.
var environmentKind = resource.Kind[*github.Client, environment]{
	Name:         "environment",
	Doc:          "The GitHub environment of a target: its reviewers, and the branches that may deploy.",
	Identity:     []string{"repository", "name", "branch", "oidc", "visibility"},
	LiveIdentity: []string{"repository", "id"},
	Guard:        resource.DataLoss,
	ReadsOpen:    true,
	Declare:      declareEnvironments,
	Read:         readEnvironment,
	Create: func(ctx context.Context, c *github.Client, want environment) (environment, error) {
		return saveEnvironment(ctx, c, want)
	},
	Update: func(ctx context.Context, c *github.Client, _, want environment) (environment, error) {
		return saveEnvironment(ctx, c, want)
	},
	Delete: deleteEnvironment,
	Danger: closedBranches,
}

type environment struct {
	Repository resource.Text `json:"repository,omitzero"`
	Name       string        `json:"name,omitempty"` // of a live one as GitHub spells it
	ID         string        `json:"id,omitempty"`
	Visibility string        `json:"visibility,omitempty"` // as wished of the repository
	Reviewers  []string      `json:"reviewers,omitzero"`   // team:SLUG, user:LOGIN
	// Branches are the patterns that may deploy; absent, any branch may, or any protected one. A tag's
	// pattern is tag:NAME.
	Branches []string `json:"branches,omitzero"`
	// Branch is what the target's jobs run from; OIDC says that they log in by federation.
	Branch      string `json:"branch,omitempty"`
	OIDC        bool   `json:"oidc,omitempty"`
	OIDCIssuer  string `json:"oidc_issuer,omitempty"`
	OIDCSubject string `json:"oidc_subject,omitempty"`
	// Why the subject cannot be told, which holds up what is made with it and nothing else.
	OIDCSubjectBlocked string `json:"oidc_subject_blocked,omitempty"`
}

func environmentAddr(name string) resource.Addr {
	return resource.Addr{Kind: "environment", Name: name}
}

func declareEnvironments(w resource.Wishes) []resource.Decl[environment] {
	var decls []resource.Decl[environment]
	for _, t := range w.Targets {
		e := t.Environment
		if e == nil {
			continue
		}
		reviewers := slices.Clone(e.Reviewers)
		for i := range reviewers {
			reviewers[i] = strings.ToLower(reviewers[i]) // slugs and logins are the same in any case
		}
		decls = append(decls, resource.Decl[environment]{
			Addr: environmentAddr(t.Name),
			Want: environment{
				Repository: inRepository(), Name: t.Name, Visibility: w.Git.Visibility,
				Reviewers: sortedSet(reviewers), Branches: sortedSet(e.Branches),
				Branch: t.Branch, OIDC: logsInByOIDC(t),
			},
			At: w.At("targets", t.Name, "environment"),
		})
	}
	for _, name := range operatorsEnvironments(w.Stack) {
		decls = append(decls, resource.Decl[environment]{
			Addr: environmentAddr(name),
			Want: environment{
				Repository: inRepository(), Name: name, Visibility: w.Git.Visibility, Branches: []string{w.DefaultBranch()},
				Branch: w.DefaultBranch(), OIDC: true,
			},
			At: w.At("ci", "operator"),
		})
	}
	return decls
}

// operatorsEnvironments are those that the jobs run in which apply after the merge. Each admits the default branch alone:
// whoever logs in from one may do all that the spec wishes. Who has to approve is not managed.
func operatorsEnvironments(s *spec.Stack) []string {
	if s.AppliedBy() == "" {
		return nil
	}
	return []string{spec.PlanEnvironment, spec.ApplyEnvironment}
}

func readEnvironment(ctx context.Context, c *github.Client, want environment) (environment, error) {
	var certain environment
	if want.ID != "" {
		return readRecordedEnvironment(ctx, c, want)
	}
	if err := canHaveEnvironment(ctx, c, want); err != nil {
		return certain, err
	}
	if want.Repository.Value == "" {
		if _, err := reviewersOf(ctx, c, want.Reviewers, nil); err != nil {
			return certain, err
		}
		return certain, fmt.Errorf("environment %s: %w", want.Name, resource.ErrNotFound)
	}
	var live github.Environment
	var err error
	var look sync.WaitGroup
	look.Go(func() { live, err = c.Environment(ctx, want.Name) }) // neither answer waits for the other
	certain, unsettled := loginFrom(ctx, c, want)
	look.Wait()
	if unsettled != nil {
		return certain, unsettled
	}
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return certain, err
	}
	if _, missing := reviewersOf(ctx, c, want.Reviewers, live.Reviewers); missing != nil {
		return certain, missing
	}
	if err != nil {
		return certain, err
	}
	return seenEnvironment(ctx, c, seen{want: want, certain: certain, live: live})
}

// readRecordedEnvironment looks at an environment that was there once. Nothing is to be made of it, so that
// it does not matter what the plan of the owner or a reviewer's absence would keep from being made.
func readRecordedEnvironment(ctx context.Context, c *github.Client, want environment) (environment, error) {
	live, err := c.Environment(ctx, want.Name)
	if err != nil {
		return environment{}, err
	}
	return seenEnvironment(ctx, c, seen{want: want, live: live})
}

// loginFrom returns what the tokens of the environment's jobs say, where its jobs log in by them.
func loginFrom(ctx context.Context, c *github.Client, want environment) (environment, error) {
	if !want.OIDC {
		return environment{}, nil
	}
	subject, blocked, err := subjectOf(ctx, c, github.Job{Environment: want.Name, Branch: want.Branch})
	if err != nil {
		return environment{}, err
	}
	return environment{OIDCIssuer: c.Issuer(), OIDCSubject: subject, OIDCSubjectBlocked: blocked}, nil
}

// canHaveEnvironment returns a *resource.Blocked where the plan of the repository's owner lacks what is
// wished of the environment.
func canHaveEnvironment(ctx context.Context, c *github.Client, want environment) error {
	if len(want.Reviewers) == 0 && want.Branches == nil {
		return nil
	}
	visibility, err := c.VisibilityOr(ctx, want.Visibility)
	if err != nil {
		return err
	}
	feature := github.EnvironmentPolicy
	if len(want.Reviewers) > 0 {
		feature = github.EnvironmentReviews
	}
	lacking, err := c.Lacks(ctx, feature, visibility)
	if err == nil && lacking != "" {
		return &resource.Blocked{Reason: lacking}
	}
	return err
}

type seen struct {
	want, certain environment
	live          github.Environment
}

func seenEnvironment(ctx context.Context, c *github.Client, s seen) (environment, error) {
	have := s.certain
	have.Repository, have.Name, have.Reviewers = s.want.Repository, s.live.Name, []string{}
	have.ID = strconv.FormatInt(s.live.ID, 10)
	for _, r := range s.live.Reviewers {
		have.Reviewers = append(have.Reviewers, r.Name)
	}
	slices.Sort(have.Reviewers)
	if s.live.Policy == github.NamedBranches && s.want.Branches != nil {
		policies, err := c.BranchPolicies(ctx, s.live.Name)
		if err != nil {
			return have, err
		}
		have.Branches = []string{}
		for _, p := range policies {
			have.Branches = append(have.Branches, pattern(p))
		}
		slices.Sort(have.Branches)
	}
	return have, nil
}

func pattern(p github.BranchPolicy) string {
	if p.Type == "tag" {
		return "tag:" + p.Name
	}
	return p.Name
}

// reviewersOf looks the ids of reviewers up. Those that an environment has already are known from it.
func reviewersOf(ctx context.Context, c *github.Client, names []string, known []github.Reviewer) ([]github.Reviewer, error) {
	var reviewers []github.Reviewer
	for _, name := range names {
		i := slices.IndexFunc(known, func(r github.Reviewer) bool { return r.Name == name })
		if i >= 0 {
			reviewers = append(reviewers, known[i])
			continue
		}
		r, err := reviewer(ctx, c, name)
		if err != nil {
			return nil, err
		}
		reviewers = append(reviewers, r)
	}
	return reviewers, nil
}

func reviewer(ctx context.Context, c *github.Client, name string) (github.Reviewer, error) {
	sort, who, _ := strings.Cut(name, ":")
	if sort == "team" {
		if err := teamExists(ctx, c, who); err != nil {
			return github.Reviewer{}, err
		}
		teams, err := c.OrganizationTeams(ctx)
		return github.Reviewer{Type: "Team", ID: teams[who].ID, Name: name}, err
	}
	u, err := c.User(ctx, who)
	if errors.Is(err, resource.ErrNotFound) {
		return github.Reviewer{}, &resource.Blocked{Reason: fmt.Sprintf("GitHub has no user %s, who is wished as a reviewer: correct the login", who)}
	}
	return github.Reviewer{Type: "User", ID: u.ID, Name: name}, err
}

// closedBranches warns where a branch that may deploy today may not afterwards.
func closedBranches(have, want environment) resource.Guard {
	lost := slices.ContainsFunc(have.Branches, func(b string) bool { return !slices.Contains(want.Branches, b) })
	if want.Branches != nil && (have.Branches == nil || lost) {
		return resource.AccessLoss
	}
	return resource.Unguarded
}
