package kinds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/deployments"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// deploymentKind is a project's bundle on a target, as the team's pipeline deployed it. What leaves the
// spec is no longer looked at: nothing is ever removed from a workspace here.
var deploymentKind = resource.Kind[*deployments.Line, deployment]{
	Name:      "deployment",
	Doc:       "A project's bundle on a target: deployed from the newest commit of its branch, its jobs there, switched on and run by its principal.",
	Identity:  []string{"repository", "project", "path", "branch", "workflow", "stock", "host", "target", "application_id", "scheduled"},
	ReadsOpen: true,
	Awaited:   true,
	Starts:    true,
	Declare:   declareDeployments,
	Read:      readDeployment,
	Create: func(ctx context.Context, l *deployments.Line, want deployment) (deployment, error) {
		return want, l.Bring(ctx, want.place())
	},
	Update: func(ctx context.Context, l *deployments.Line, _, want deployment) (deployment, error) {
		return want, l.Bring(ctx, want.place())
	},
}

type deployment struct {
	Repository    resource.Text `json:"repository,omitzero"`
	Project       string        `json:"project,omitempty"`
	Path          string        `json:"path,omitempty"`
	Branch        string        `json:"branch,omitempty"`
	Workflow      string        `json:"workflow,omitempty"`
	Stock         bool          `json:"stock,omitempty"` // the workflow is for this target alone, as the MLOps Stacks template's are
	Host          string        `json:"host,omitempty"`
	Target        string        `json:"target,omitempty"`
	ApplicationID resource.Text `json:"application_id,omitzero"` // of the target's principal
	Scheduled     bool          `json:"scheduled,omitempty"`     // its jobs have to start by themselves

	Commit string `json:"commit,omitempty"` // in words: what is wished is whichever commit is the newest
	// Of the bundle's jobs: those that are gone, those that are switched off and have to start by
	// themselves, and those that run as somebody else.
	MissingJobs []string `json:"missing_jobs,omitzero"`
	PausedJobs  []string `json:"paused_jobs,omitzero"`
	ForeignJobs []string `json:"foreign_jobs,omitzero"`

	Deployed string   `json:"deployed,omitempty"` // the commit
	Jobs     []string `json:"jobs,omitempty"`     // all, by their keys in the bundle
}

func declareDeployments(w resource.Wishes) []resource.Decl[deployment] {
	var decls []resource.Decl[deployment]
	for _, p := range w.Projects {
		for _, name := range p.Deploy {
			t := w.Target(name)
			if t == nil || t.Host == "" {
				continue
			}
			decls = append(decls, resource.Decl[deployment]{
				Addr: deploymentAddr(w.Stack, p, t.Name),
				Want: deployment{
					Repository: inRepository(), Project: p.Name, Path: p.Path, Branch: t.Branch, Workflow: deployWorkflow(p, t.Name), Stock: p.Workflows != spec.GenerateWorkflows,
					Host: t.Host, Target: t.Name, ApplicationID: resource.From(principalAddr(t.ServicePrincipal), "application_id"),
					Scheduled: spec.IsProduction(*t), Commit: newestOf(t.Branch),
					MissingJobs: []string{}, PausedJobs: []string{}, ForeignJobs: []string{},
				},
				Needs: append(codeFirst(p), beforeDeployment(w.Stack, *t)...),
				At:    w.At("projects", p.Name, "deploy"),
			})
		}
	}
	return decls
}

// deploymentAddr is deployment/TARGET, and deployment/TARGET/PROJECT in a stack of several projects.
func deploymentAddr(s *spec.Stack, p spec.Project, target string) resource.Addr {
	if len(s.Projects) == 1 {
		return resource.Addr{Kind: "deployment", Name: target}
	}
	return resource.Addr{Kind: "deployment", Scope: target, Name: p.Name}
}

// deployWorkflow is the file of the workflow that deploys: the one that is generated, or the template's
// own for the target.
func deployWorkflow(p spec.Project, target string) string {
	if p.Workflows == spec.GenerateWorkflows {
		return workflows.DeployFile(p.Name)
	}
	return ".github/workflows/" + p.Name + "-bundle-cd-" + target + ".yml"
}

// codeFirst are the pull requests with which the project's code and its workflows come.
func codeFirst(p spec.Project) []resource.Need {
	var needs []resource.Need
	if p.Code != nil {
		needs = append(needs, resource.Need{Addr: pullRequestAddr(p.Code.Branch).String(), Why: "the project's code comes with it"})
	}
	switch p.Workflows {
	case spec.DispatchWorkflows:
		needs = append(needs, resource.Need{Addr: workflowRunAddr(p.Name).String(), Why: "the workflow that deploys comes with its pull request"})
	case spec.GenerateWorkflows:
		needs = append(needs, resource.Need{Addr: pullRequestAddr(spec.WorkflowsBranch).String(), Why: "the workflow that deploys comes with it"})
	}
	return needs
}

// newestOf is the wish of every deployment.
func newestOf(branch string) string { return "the newest of " + branch }

// beforeDeployment is what the pipeline's job needs to log in, and to make what the bundle has.
func beforeDeployment(s *spec.Stack, t spec.Target) []resource.Need {
	needs := []resource.Need{
		{Addr: branchAddr(t.Branch).String(), Why: "it is deployed from this branch"},
		{Addr: assignmentAddr(t.Name, t.ServicePrincipal).String(), Why: "the job logs in there"},
	}
	if t.Environment != nil {
		needs = append(needs, resource.Need{Addr: environmentAddr(t.Name).String(), Why: "the job runs in it"})
	}
	if logsInByOIDC(t) {
		policy := resource.Addr{Kind: "federation_policy", Scope: t.ServicePrincipal, Name: t.Name}
		needs = append(needs, resource.Need{Addr: policy.String(), Why: "the job logs in by it"})
	}
	environment, prefix := ciScope(t)
	for _, name := range []string{"DATABRICKS_HOST", "DATABRICKS_CLIENT_ID"} {
		needs = append(needs, resource.Need{Addr: resource.Addr{Kind: "variable", Scope: environment, Name: prefix + name}.String(), Why: "the job logs in with it"})
	}
	return needs
}

func (d deployment) place() deployments.Place {
	p := deployments.Place{Path: d.Path, Branch: d.Branch, Workflow: d.Workflow, Host: d.Host, Target: d.Target, ApplicationID: d.ApplicationID.Value, Scheduled: d.Scheduled}
	if !d.Stock {
		p.TargetInput, p.RequestInput = workflows.TargetInput, workflows.RequestInput
	}
	return p
}

func readDeployment(ctx context.Context, l *deployments.Line, want deployment) (deployment, error) {
	switch {
	case want.Repository.Value == "":
		return deployment{}, &resource.Blocked{Reason: "the repository with its code is not there yet"}
	case want.ApplicationID.Value == "":
		return deployment{}, &resource.Blocked{Reason: "the service principal that deploys it is not there yet"}
	}
	s, err := l.Look(ctx, want.place())
	absent := errors.Is(err, resource.ErrNotFound)
	if err != nil && !absent {
		return deployment{}, err
	}
	have, why := want.seen(s), "nothing is deployed there yet"
	if !absent {
		if why = have.differs(want); why == "" {
			return have, nil
		}
	}
	failed, stopped := l.Progress(ctx, want.place(), why)
	switch {
	case stopped != nil:
		return deployment{}, stopped
	case failed != "" && absent:
		have.Commit = "nothing: " + failed // it is there as far as that is to be seen
	case failed != "" && have.Commit != want.Commit:
		have.Commit += "; " + failed
	case absent:
		return deployment{}, err
	}
	return have, nil
}

// seen is the deployment as it is.
func (d deployment) seen(s deployments.State) deployment {
	d.Deployed, d.Jobs = s.Commit, s.Jobs
	if s.Stale != "" {
		d.Commit = s.Stale
	}
	d.MissingJobs, d.PausedJobs, d.ForeignJobs = orNone(s.Missing), orNone(s.Paused), orNone(s.Foreign)
	return d
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// differs says in words what of a deployment is not as wished.
func (d deployment) differs(want deployment) string {
	var why []string
	if d.Commit != want.Commit {
		why = append(why, "deployed is "+d.Commit)
	}
	for _, part := range []struct {
		what string
		jobs []string
	}{{"jobs that are gone", d.MissingJobs}, {"jobs that are switched off", d.PausedJobs}, {"jobs that run as somebody else", d.ForeignJobs}} {
		if len(part.jobs) > 0 {
			why = append(why, fmt.Sprintf("%s: %s", part.what, strings.Join(part.jobs, ", ")))
		}
	}
	return strings.Join(why, "; ")
}
