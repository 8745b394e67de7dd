package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Environment is an environment of the repository, with everything that a write must give back
// because it would be reset otherwise.
type Environment struct {
	ID                int64 // of this one, and of no other that was made under its name
	Name              string
	WaitTimer         int
	PreventSelfReview bool
	Reviewers         []Reviewer
	AdminsBypass      *bool // nil where GitHub does not show it
	Policy            BranchMode
}

// Reviewer is a team or a user that may approve a deployment. Name is team:SLUG or user:LOGIN.
type Reviewer struct {
	Type string // Team or User
	ID   int64
	Name string
}

// BranchMode says which branches may deploy to an environment.
type BranchMode string

// The modes. Protected branches are all branches as long as none is protected.
const (
	AnyBranch         BranchMode = "any"
	ProtectedBranches BranchMode = "protected"
	NamedBranches     BranchMode = "named"
)

// BranchPolicy is a pattern of branches, or of tags, that may deploy.
type BranchPolicy struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type environmentAnswer struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	AdminsBypass *bool  `json:"can_admins_bypass"`
	Policy       *struct {
		Protected bool `json:"protected_branches"`
		Custom    bool `json:"custom_branch_policies"`
	} `json:"deployment_branch_policy"`
	Rules []struct {
		Type              string `json:"type"`
		WaitTimer         int    `json:"wait_timer"`
		PreventSelfReview bool   `json:"prevent_self_review"`
		Reviewers         []struct {
			Type     string `json:"type"`
			Reviewer struct {
				ID    int64  `json:"id"`
				Login string `json:"login"`
				Slug  string `json:"slug"`
			} `json:"reviewer"`
		} `json:"reviewers"`
	} `json:"protection_rules"`
}

func (a environmentAnswer) environment() Environment {
	e := Environment{ID: a.ID, Name: a.Name, AdminsBypass: a.AdminsBypass, Policy: AnyBranch}
	switch {
	case a.Policy == nil:
	case a.Policy.Custom:
		e.Policy = NamedBranches
	case a.Policy.Protected:
		e.Policy = ProtectedBranches
	}
	for _, rule := range a.Rules {
		switch rule.Type {
		case "wait_timer":
			e.WaitTimer = rule.WaitTimer
		case "required_reviewers":
			e.PreventSelfReview = rule.PreventSelfReview
			for _, r := range rule.Reviewers {
				name := "user:" + strings.ToLower(r.Reviewer.Login)
				if r.Type == "Team" {
					name = "team:" + strings.ToLower(r.Reviewer.Slug)
				}
				e.Reviewers = append(e.Reviewers, Reviewer{Type: r.Type, ID: r.Reviewer.ID, Name: name})
			}
		}
	}
	return e
}

// Environments returns every environment of the repository.
func (c *Client) Environments(ctx context.Context) ([]Environment, error) {
	return memo.Recall(ctx, &c.memo, "environments", func(ctx context.Context) ([]Environment, error) {
		l := listing{path: c.at("environments"), field: "environments", size: 100}
		answers, err := pages[environmentAnswer](ctx, c, l)
		if err != nil {
			return nil, fmt.Errorf("listing the environments of %s: %w", c.FullName(), hidden(err))
		}
		environments := make([]Environment, 0, len(answers))
		for _, a := range answers {
			environments = append(environments, a.environment())
		}
		return environments, nil
	})
}

// Environment returns the environment of that name, in any case, or resource.ErrNotFound.
func (c *Client) Environment(ctx context.Context, name string) (Environment, error) {
	all, err := c.Environments(ctx)
	if err != nil {
		return Environment{}, err
	}
	i := slices.IndexFunc(all, func(e Environment) bool { return strings.EqualFold(e.Name, name) })
	if i < 0 {
		return Environment{}, fmt.Errorf("environment %s: %w", name, resource.ErrNotFound)
	}
	return all[i], nil
}

// FreshEnvironment returns the environment as it is now. Only the answer for a single one is sure to
// say whether administrators may bypass its rules.
func (c *Client) FreshEnvironment(ctx context.Context, name string) (Environment, error) {
	var a environmentAnswer
	if err := c.get(ctx, c.at("environments", name), &a); err != nil {
		return Environment{}, fmt.Errorf("reading environment %s: %w", name, err)
	}
	return a.environment(), nil
}

// ForgetEnvironment forgets what is known of an environment, of what is in it and of the list of them.
func (c *Client) ForgetEnvironment(name string) {
	c.memo.Drop("environments", "policies/"+strings.ToLower(name), storeKey("secrets", name), storeKey("variables", name), storeKey("key", name))
}

// SaveEnvironment makes the environment, or replaces all of its settings by e's.
func (c *Client) SaveEnvironment(ctx context.Context, e Environment) error {
	defer c.ForgetEnvironment(e.Name)
	r := request{method: http.MethodPut, path: c.at("environments", e.Name), body: e.body()}
	if _, err := c.send(ctx, r, nil); err != nil {
		if refused(err) || errors.Is(err, resource.ErrNotFound) {
			return fmt.Errorf("saving environment %s: %w; GitHub's free plan has no environments in private repositories, and only Enterprise has reviewers there", e.Name, err)
		}
		return fmt.Errorf("saving environment %s: %w", e.Name, err)
	}
	c.save(e.Name)
	return nil
}

// body leaves out what is not set. PUT resets what is left out, so that is the same, and plans
// without a feature refuse to hear of it even where it is not asked for.
func (e Environment) body() map[string]any {
	body := map[string]any{}
	if e.WaitTimer > 0 {
		body["wait_timer"] = e.WaitTimer
	}
	if e.PreventSelfReview {
		body["prevent_self_review"] = true
	}
	if len(e.Reviewers) > 0 {
		var reviewers []map[string]any
		for _, r := range e.Reviewers {
			reviewers = append(reviewers, map[string]any{"type": r.Type, "id": r.ID})
		}
		body["reviewers"] = reviewers
	}
	if e.AdminsBypass != nil && !*e.AdminsBypass {
		body["can_admins_bypass"] = false
	}
	if e.Policy == NamedBranches || e.Policy == ProtectedBranches {
		body["deployment_branch_policy"] = map[string]any{
			"protected_branches": e.Policy == ProtectedBranches, "custom_branch_policies": e.Policy == NamedBranches,
		}
	}
	return body
}

// DeleteEnvironment deletes an environment with its secrets and variables.
func (c *Client) DeleteEnvironment(ctx context.Context, name string) error {
	defer c.ForgetEnvironment(name)
	_, err := c.send(ctx, request{method: http.MethodDelete, path: c.at("environments", name)}, nil)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("deleting environment %s: %w", name, err)
	}
	return nil
}

// BranchPolicies returns the patterns of an environment whose mode is NamedBranches.
func (c *Client) BranchPolicies(ctx context.Context, environment string) ([]BranchPolicy, error) {
	key := "policies/" + strings.ToLower(environment)
	return memo.Recall(ctx, &c.memo, key, func(ctx context.Context) ([]BranchPolicy, error) {
		l := listing{path: c.policyPath(environment), field: "branch_policies", size: 100}
		policies, err := pages[BranchPolicy](ctx, c, l)
		if err != nil {
			return nil, fmt.Errorf("listing the branch policies of environment %s: %w", environment, hidden(err))
		}
		return policies, nil
	})
}

// AddBranchPolicy lets branches deploy to an environment. One that is there already is fine.
func (c *Client) AddBranchPolicy(ctx context.Context, environment string, p BranchPolicy) error {
	defer c.ForgetEnvironment(environment)
	body := map[string]any{"name": p.Name, "type": p.Type}
	_, err := c.send(ctx, request{method: http.MethodPost, path: c.policyPath(environment), body: body}, nil)
	if err != nil && !hasStatus(err, http.StatusSeeOther) { // GitHub's answer for a pattern that exists
		return fmt.Errorf("letting %s %s deploy to environment %s: %w", p.Type, p.Name, environment, err)
	}
	return nil
}

// RemoveBranchPolicy takes a pattern out of an environment's list.
func (c *Client) RemoveBranchPolicy(ctx context.Context, environment string, p BranchPolicy) error {
	defer c.ForgetEnvironment(environment)
	path := c.at("environments", environment, "deployment-branch-policies", strconv.FormatInt(p.ID, 10))
	_, err := c.send(ctx, request{method: http.MethodDelete, path: path}, nil)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("taking %s %s from environment %s: %w", p.Type, p.Name, environment, err)
	}
	return nil
}

func (c *Client) policyPath(environment string) string {
	return c.at("environments", environment, "deployment-branch-policies")
}
