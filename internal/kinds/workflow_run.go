package kinds

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/proposal"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// workflowRunKind is the guide's Deploy CICD: the repository's own workflow, run once for a project, and the pull
// request that it opens, which is followed and never opened twice. What leaves the spec is no longer looked at.
var workflowRunKind = resource.Kind[*proposal.Desk, workflowRun]{
	Name:      "workflow_run",
	Doc:       "A run of the repository's own deploy-cicd.yml for a project, and the pull request with its CI/CD that it opens; a person merges it.",
	Identity:  []string{"repository", "project"},
	ReadsOpen: true,
	Awaited:   true,
	Starts:    true,
	Declare:   declareWorkflowRuns,
	Read:      readWorkflowRun,
	Create: func(ctx context.Context, k *proposal.Desk, want workflowRun) (workflowRun, error) {
		return want, k.Ask(ctx, want.Project)
	},
	Update: func(ctx context.Context, k *proposal.Desk, _, want workflowRun) (workflowRun, error) {
		return want, k.Ask(ctx, want.Project)
	},
	Find: func(ctx context.Context, k *proposal.Desk, want workflowRun) (workflowRun, bool, error) {
		there, err := k.Found(ctx, want.Project)
		return want, there, err
	},
}

type workflowRun struct {
	Repository resource.Text `json:"repository,omitzero"`
	Project    string        `json:"project,omitempty"`
	Workflows  string        `json:"workflows,omitempty"` // where the project's are, in words
}

// onDefault is what every such run is wished to end with.
const onDefault = "on the default branch"

func workflowRunAddr(project string) resource.Addr {
	return resource.Addr{Kind: "workflow_run", Scope: "deploy-cicd", Name: project}
}

func declareWorkflowRuns(w resource.Wishes) []resource.Decl[workflowRun] {
	var decls []resource.Decl[workflowRun]
	for _, p := range w.Projects {
		if p.Workflows != spec.DispatchWorkflows {
			continue
		}
		decls = append(decls, resource.Decl[workflowRun]{
			Addr:  workflowRunAddr(p.Name),
			Want:  workflowRun{Repository: inRepository(), Project: p.Name, Workflows: onDefault},
			Needs: beforeWorkflowRun(p),
			At:    w.At("projects", p.Name, "workflows"),
		})
	}
	return decls
}

// beforeWorkflowRun is what the template's workflow needs to get to its end.
func beforeWorkflowRun(p spec.Project) []resource.Need {
	needs := []resource.Need{
		{Addr: "workflow_permissions", Why: "it opens a pull request with the token that these are for"},
		{Addr: resource.Addr{Kind: "secret", Name: "WORKFLOW_TOKEN"}.String(), Why: "it pushes with it"},
		{Addr: resource.Addr{Kind: "secret", Name: "STAGING_WORKSPACE_TOKEN"}.String(), Why: "it logs in with it"},
	}
	if p.Code != nil {
		needs = append(needs, resource.Need{Addr: pullRequestAddr(p.Code.Branch).String(), Why: "it adds to the project's code"})
	}
	return needs
}

// readWorkflowRun finds it done as soon as the project's workflows are on the default branch, by whatever way they
// came there.
func readWorkflowRun(ctx context.Context, k *proposal.Desk, want workflowRun) (workflowRun, error) {
	if want.Repository.Value == "" {
		return workflowRun{}, &resource.Blocked{Reason: "the repository is not there yet, and the project's code comes first"}
	}
	c, err := k.Came(ctx, want.Project)
	absent := fmt.Errorf("a run of deploy-cicd.yml for %s: %w", want.Project, resource.ErrNotFound)
	switch {
	case err != nil:
		return workflowRun{}, err
	case c.Landed:
		return want, &resource.Moot{Reason: fmt.Sprintf("the workflows of %s are on %s", want.Project, c.Base)}
	case c.Pull != nil && c.Pull.Open():
		return workflowRun{}, waitsForPull(ctx, k, c)
	case c.Run != nil && !c.Run.Over():
		return workflowRun{}, &resource.Waiting{Reason: fmt.Sprintf("run %d (%s) is %s and opens the pull request with the workflows%s", c.Run.ID, c.Run.Title, c.Run.Status, whose(c)), URL: c.Run.URL}
	case c.Run != nil && c.Ours && c.Failed != "":
		return workflowRun{}, fmt.Errorf("%s: look at it, and apply again: %s", c.Failed, c.Run.URL)
	case c.Run != nil && c.Ours:
		return workflowRun{}, fmt.Errorf("run %d (%s) has succeeded, and yet no pull request adds workflows of %s; look at what the run says: %s", c.Run.ID, c.Run.Title, want.Project, c.Run.URL)
	case c.Pull != nil && !c.Pull.Merged():
		return workflowRun{}, &resource.Waiting{Reason: fmt.Sprintf("#%d was closed without being merged: a person opens it again, or runs deploy-cicd.yml again", c.Pull.Number), URL: c.Pull.URL}
	case c.Failed != "":
		have := want
		have.Workflows = "nowhere: " + c.Failed
		return have, nil
	default:
		return workflowRun{}, absent
	}
}

// whose says that a run may be for another project, which GitHub does not tell.
func whose(c proposal.Came) string {
	if c.Ours {
		return ""
	}
	return "; GitHub does not tell of which project"
}

func waitsForPull(ctx context.Context, k *proposal.Desk, c proposal.Came) error {
	why, err := k.Waits(ctx, proposal.View{Pull: c.Pull})
	if err != nil {
		return err
	}
	if len(c.Older) > 0 {
		var older []string
		for _, number := range c.Older {
			older = append(older, fmt.Sprintf("#%d", number))
		}
		why += "; " + strings.Join(older, " and ") + " of earlier runs can be closed"
	}
	return &resource.Waiting{Reason: why, URL: c.Pull.URL}
}
