package kinds

import (
	"context"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// workflowPermissionsKind is Settings > Actions > General > Workflow permissions.
var workflowPermissionsKind = resource.Kind[*github.Client, workflowPermissions]{
	Name:     "workflow_permissions",
	Doc:      "What the token of the repository's workflows may do, and whether they may open pull requests.",
	Identity: []string{"repository"},
	Declare:  declareWorkflowPermissions,
	Read:     readWorkflowPermissions,
	// The settings are there as soon as the repository is, with the organisation's defaults, so a
	// create is an update of what is found then.
	Create: func(ctx context.Context, c *github.Client, want workflowPermissions) (workflowPermissions, error) {
		have, err := readWorkflowPermissions(ctx, c, want)
		if err != nil {
			return have, err
		}
		return updateWorkflowPermissions(ctx, c, have, want)
	},
	Update: updateWorkflowPermissions,
}

type workflowPermissions struct {
	Repository         resource.Text `json:"repository,omitzero"`
	Default            string        `json:"default,omitempty"`
	CreatePullRequests *bool         `json:"create_pull_requests,omitempty"`
}

func declareWorkflowPermissions(w resource.Wishes) []resource.Decl[workflowPermissions] {
	p := w.Git.WorkflowPermissions
	if p == nil {
		return nil
	}
	return []resource.Decl[workflowPermissions]{{
		Addr: resource.Addr{Kind: "workflow_permissions"},
		Want: workflowPermissions{Repository: inRepository(), Default: p.Default, CreatePullRequests: p.CreatePullRequests},
		At:   w.At("git", "workflow_permissions"),
	}}
}

func readWorkflowPermissions(ctx context.Context, c *github.Client, want workflowPermissions) (workflowPermissions, error) {
	live, err := c.WorkflowPermissions(ctx)
	have := workflowPermissions{Repository: want.Repository, CreatePullRequests: live.PullRequests}
	if live.Default != nil {
		have.Default = *live.Default
	}
	return have, err
}

// updateWorkflowPermissions sends only what differs: an organisation's limit on one setting would
// otherwise refuse both.
func updateWorkflowPermissions(ctx context.Context, c *github.Client, have, want workflowPermissions) (workflowPermissions, error) {
	var send github.WorkflowPermissions
	if want.Default != "" && want.Default != have.Default {
		send.Default = &want.Default
	}
	if p := want.CreatePullRequests; p != nil && (have.CreatePullRequests == nil || *p != *have.CreatePullRequests) {
		send.PullRequests = p
	}
	if send != (github.WorkflowPermissions{}) {
		if err := c.SetWorkflowPermissions(ctx, send); err != nil {
			return have, err
		}
	}
	return readWorkflowPermissions(ctx, c, want)
}
