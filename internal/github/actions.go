package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// WorkflowPermissions are the settings for the token of the repository's workflows. A nil field is
// left as it is by a write.
type WorkflowPermissions struct {
	Default      *string `json:"default_workflow_permissions,omitempty"`
	PullRequests *bool   `json:"can_approve_pull_request_reviews,omitempty"`
}

// WorkflowPermissions returns the repository's settings.
func (c *Client) WorkflowPermissions(ctx context.Context) (WorkflowPermissions, error) {
	return memo.Recall(ctx, &c.memo, "workflow permissions", func(ctx context.Context) (WorkflowPermissions, error) {
		var p WorkflowPermissions
		if err := c.get(ctx, c.at("actions", "permissions", "workflow"), &p); err != nil {
			return p, fmt.Errorf("reading the workflow permissions of %s: %w", c.FullName(), hidden(err))
		}
		return p, nil
	})
}

// SetWorkflowPermissions changes the settings that p names. GitHub answers 409 where the organisation
// forbids one of them, whichever it is; the error then says what the organisation allows.
func (c *Client) SetWorkflowPermissions(ctx context.Context, p WorkflowPermissions) error {
	c.memo.Drop("workflow permissions")
	defer c.memo.Drop("workflow permissions")
	_, err := c.send(ctx, request{method: http.MethodPut, path: c.at("actions", "permissions", "workflow"), body: p}, nil)
	switch {
	case err == nil:
		return nil
	case hasStatus(err, http.StatusConflict):
		return fmt.Errorf("changing the workflow permissions of %s: %w; %s", c.FullName(), err, c.organizationLimit(ctx))
	default:
		return fmt.Errorf("changing the workflow permissions of %s: %w", c.FullName(), err)
	}
}

// OrganizationLimit returns what the organisation's own settings are, beyond which one that forbids it lets no
// repository go.
func (c *Client) OrganizationLimit(ctx context.Context) (WorkflowPermissions, error) {
	return memo.Recall(ctx, &c.memo, "org workflow permissions", func(ctx context.Context) (WorkflowPermissions, error) {
		var limit WorkflowPermissions
		if err := c.get(ctx, route("orgs", c.opt.Owner, "actions", "permissions", "workflow"), &limit); err != nil {
			return limit, fmt.Errorf("reading the workflow permissions of the organisation %s: %w", c.opt.Owner, err)
		}
		return limit, nil
	})
}

// organizationLimit says in words what the organisation allows its repositories.
func (c *Client) organizationLimit(ctx context.Context) string {
	limit, err := c.OrganizationLimit(ctx)
	if err != nil || limit.Default == nil || limit.PullRequests == nil {
		return fmt.Sprintf("the organisation %s or its enterprise forbids it; an owner can change that in the organisation's settings, Actions, General", c.opt.Owner)
	}
	pulls := "may not"
	if *limit.PullRequests {
		pulls = "may"
	}
	return fmt.Sprintf("the organisation %s gives its workflows %s permissions and says that they %s create pull requests; an owner can change that in the organisation's settings, Actions, General (its enterprise may be stricter still)", c.opt.Owner, *limit.Default, pulls)
}

// SubjectTemplate is how the subject of OIDC tokens is made up.
type SubjectTemplate struct {
	UseDefault   bool     `json:"use_default"`
	Keys         []string `json:"include_claim_keys"`
	UseImmutable bool     `json:"use_immutable_subject"`
	Prefix       string   `json:"sub_claim_prefix"`
}

func (c *Client) subjectTemplate(ctx context.Context) (SubjectTemplate, error) {
	return memo.Recall(ctx, &c.memo, "subject", func(ctx context.Context) (SubjectTemplate, error) {
		t := SubjectTemplate{UseDefault: true}
		if err := c.get(ctx, c.at("actions", "oidc", "customization", "sub"), &t); err != nil {
			return t, fmt.Errorf("reading the OIDC subject template of %s: %w", c.FullName(), hidden(err))
		}
		return t, nil
	})
}

// organizationTemplate is what a repository follows that has opted into its organisation's template.
func (c *Client) organizationTemplate(ctx context.Context) (SubjectTemplate, error) {
	return memo.Recall(ctx, &c.memo, "org subject", func(ctx context.Context) (SubjectTemplate, error) {
		var t SubjectTemplate
		err := c.get(ctx, route("orgs", c.opt.Owner, "actions", "oidc", "customization", "sub"), &t)
		if errors.Is(err, resource.ErrNotFound) {
			return t, nil // a user, or an organisation that never made one: the default's keys
		}
		if err != nil {
			return t, fmt.Errorf("reading the OIDC subject template of organisation %s: %w", c.opt.Owner, err)
		}
		return t, nil
	})
}
