package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// saveEnvironment makes the environment or brings it to the wish, and then its list of branches. The
// order keeps it closed: until the list is there, no branch may deploy. PUT replaces everything, so
// what the spec does not speak of is given back as it was read a moment before.
func saveEnvironment(ctx context.Context, c *github.Client, want environment) (environment, error) {
	c.ForgetEnvironment(want.Name)
	live, err := c.Environment(ctx, want.Name)
	exists := err == nil
	switch {
	case exists:
		live, err = c.FreshEnvironment(ctx, live.Name)
	case errors.Is(err, resource.ErrNotFound):
		live, err = github.Environment{Name: want.Name, Policy: github.AnyBranch}, nil
	}
	if err != nil {
		return want, err
	}
	wished := live
	if want.Reviewers != nil {
		if wished.Reviewers, err = reviewersOf(ctx, c, want.Reviewers, live.Reviewers); err != nil {
			return want, err
		}
	}
	if want.Branches != nil {
		wished.Policy = github.NamedBranches
	}
	if !exists || wished.Policy != live.Policy || !sameReviewers(wished.Reviewers, live.Reviewers) {
		if err := c.SaveEnvironment(ctx, wished); err != nil {
			return want, err
		}
	}
	if want.Branches != nil {
		if err := saveBranches(ctx, c, live.Name, want.Branches); err != nil {
			return want, err
		}
	}
	return readEnvironment(ctx, c, want)
}

func sameReviewers(a, b []github.Reviewer) bool {
	holds := func(list []github.Reviewer, r github.Reviewer) bool {
		return slices.ContainsFunc(list, func(x github.Reviewer) bool { return x.Type == r.Type && x.ID == r.ID })
	}
	return len(a) == len(b) && !slices.ContainsFunc(a, func(r github.Reviewer) bool { return !holds(b, r) })
}

// saveBranches makes an environment's list exactly the wished one, as it is the boundary of who may
// log in as the target's principal. It adds first, so that nobody who may deploy is locked out.
func saveBranches(ctx context.Context, c *github.Client, name string, want []string) error {
	c.ForgetEnvironment(name)
	live, err := c.BranchPolicies(ctx, name)
	if err != nil {
		return err
	}
	for _, w := range want {
		if slices.ContainsFunc(live, func(p github.BranchPolicy) bool { return pattern(p) == w }) {
			continue
		}
		if err := c.AddBranchPolicy(ctx, name, github.BranchPolicy{Name: w, Type: "branch"}); err != nil {
			return err
		}
	}
	for _, p := range live {
		if slices.Contains(want, pattern(p)) {
			continue
		}
		if err := c.RemoveBranchPolicy(ctx, name, p); err != nil {
			return err
		}
	}
	return nil
}

// deleteEnvironment deletes the environment that was seen, and not one that has its name since.
func deleteEnvironment(ctx context.Context, c *github.Client, have environment) error {
	c.ForgetEnvironment(have.Name)
	live, err := c.FreshEnvironment(ctx, have.Name)
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	if err == nil && strconv.FormatInt(live.ID, 10) != have.ID {
		err = fmt.Errorf("%w: another environment has that name now", resource.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deleting environment %s: %w", have.Name, err)
	}
	return c.DeleteEnvironment(ctx, have.Name)
}
