package kinds

import (
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func pullRequestAddr(branch string) resource.Addr {
	return resource.Addr{Kind: "pull_request", Name: branch}
}

// workflowsTitle is the title of the pull request with a stack's workflows.
func workflowsTitle(from spec.Workflows) string {
	if from == spec.GenerateWorkflows {
		return "Add CI/CD workflows"
	}
	return "Remove CI/CD workflows"
}

func declarePullRequests(w resource.Wishes) []resource.Decl[pullRequest] {
	var decls []resource.Decl[pullRequest]
	generates := false
	for _, p := range w.Projects {
		generates = generates || p.Workflows == spec.GenerateWorkflows
		if p.Code == nil {
			continue
		}
		decls = append(decls, resource.Decl[pullRequest]{
			Addr: pullRequestAddr(p.Code.Branch),
			Want: pullRequest{Repository: inRepository(), Branch: p.Code.Branch, Project: p.Name, Title: p.Code.Title,
				Principals: principalsOf(w.Stack, p.Workflows)},
			Needs: beforePullRequest(w.Stack, p.Workflows),
			At:    w.At("projects", p.Name, "code"),
		})
	}
	from := spec.NoWorkflows
	if generates {
		from = spec.GenerateWorkflows
	}
	if len(w.Projects) > 0 || w.Proposed { // also where nothing is generated: what was generated once is taken away
		decls = append(decls, resource.Decl[pullRequest]{
			Addr: pullRequestAddr(spec.WorkflowsBranch),
			Want: pullRequest{Repository: inRepository(), Branch: spec.WorkflowsBranch, Title: workflowsTitle(from),
				Principals: principalsOf(w.Stack, from), LeavesOut: workflows.Notes(workflows.Of(w.Stack, nil))},
			Needs: beforePullRequest(w.Stack, from),
			At:    w.At("projects"),
		})
	}
	return decls
}

// principalsOf are the principals that databricks.yml names.
func principalsOf(s *spec.Stack, from spec.Workflows) []ciPrincipal {
	if from != spec.GenerateWorkflows {
		return nil
	}
	var names []string
	for _, t := range s.Targets {
		if t.ServicePrincipal != "" {
			names = append(names, t.ServicePrincipal)
		}
	}
	var all []ciPrincipal
	for _, name := range sortedSet(names) {
		all = append(all, ciPrincipal{Name: name, ID: resource.From(principalAddr(name), "application_id")})
	}
	return all
}

// beforePullRequest is what has to be there before a pull request is opened, as its checks run at once.
func beforePullRequest(s *spec.Stack, from spec.Workflows) []resource.Need {
	var needs []resource.Need
	if s.Git.FirstCommit != nil {
		needs = append(needs, resource.Need{Addr: firstCommitAddr.String(), Why: "it is merged into the branch that this begins"})
	}
	if b := s.DefaultBranch(); b != "" {
		needs = append(needs, resource.Need{Addr: branchAddr(b).String(), Why: "it is merged into this branch"})
	}
	for _, t := range s.Targets {
		if from == spec.GenerateWorkflows && t.Environment != nil {
			needs = append(needs, resource.Need{Addr: environmentAddr(t.Name).String(),
				Why: "a job that names an environment which is not there makes it, without its protection"})
		}
	}
	return needs
}
