package github

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Feature is something that GitHub offers on a private repository only with some plans.
type Feature string

// The features that a spec can ask for.
const (
	Rulesets           Feature = "rules on branches"
	EnvironmentPolicy  Feature = "branch policies of environments"
	EnvironmentReviews Feature = "required reviewers of environments"
)

// Lacks returns why the repository cannot have a feature, or "". Visibility is what the repository has,
// or will be given. Where the plan cannot be seen, nothing is said to be lacking.
func (c *Client) Lacks(ctx context.Context, f Feature, visibility string) (string, error) {
	if visibility == "public" || c.host.dialect != public {
		return "", nil
	}
	plan, err := c.plan(ctx)
	if err != nil || plan == "" {
		return "", err
	}
	lacking := plan == "free" || f == EnvironmentReviews && plan != "enterprise" && plan != "business_plus"
	if !lacking {
		return "", nil
	}
	return fmt.Sprintf("the GitHub plan %q of %s has no %s in private repositories: upgrade the plan, make the repository public, or take them out of the spec", plan, c.opt.Owner, f), nil
}

// plan returns the name of the owner's plan, "" where it is not shown to this token.
func (c *Client) plan(ctx context.Context) (string, error) {
	return memo.Recall(ctx, &c.memo, "plan", func(ctx context.Context) (string, error) {
		owner, err := c.Owner(ctx)
		if err != nil {
			return "", err
		}
		if owner.IsOrganization() {
			var o Organization
			o, err = c.Organization(ctx)
			owner = o.Account
		} else {
			var self Account
			if self, err = c.Self(ctx); err == nil && self.ID == owner.ID {
				owner = self
			}
		}
		if errors.Is(err, resource.ErrNotFound) || errors.Is(err, resource.ErrForbidden) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("looking up the plan of %s: %w", c.opt.Owner, err)
		}
		if owner.Plan == nil {
			return "", nil
		}
		return owner.Plan.Name, nil
	})
}

// VisibilityOr returns the repository's visibility, or planned while there is no repository. One that
// nobody wished another visibility for is made private.
func (c *Client) VisibilityOr(ctx context.Context, planned string) (string, error) {
	r, err := c.Repository(ctx)
	switch {
	case err == nil:
		return r.Visibility, nil
	case !errors.Is(err, resource.ErrNotFound):
		return "", err
	case planned == "":
		return "private", nil
	default:
		return planned, nil
	}
}
