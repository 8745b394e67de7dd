package rights

import (
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// row is what one kind takes: to look at its objects, and to carry a change of one out.
type row struct{ read, write func(deed) []Right }

// table has a row for every kind. What stands in it is the least that the services document; where they
// document several ways, the one that an operator is most likely to have.
func table() map[string]row {
	return map[string]row{
		"repository":           {read: repositoryReads, write: repositoryWrites},
		"first_commit":         {read: tokens("contents", "read"), write: firstCommitWrites},
		"branch":               {read: branchReads, write: branchWrites},
		"branch_protection":    {read: protectionReads, write: administers},
		"team":                 {read: teamReads, write: teamWrites},
		"workflow_permissions": {read: adminReads, write: workflowPermissionWrites},
		"environment":          {read: environmentReads, write: environmentWrites},
		"variable":             {read: stored("actions_variables", "read"), write: stored("actions_variables", "write")},
		"secret":               {read: secretReads, write: secretWrites},
		"pull_request":         {read: tokens("pull_requests", "read"), write: pullRequestWrites},
		"workflow_run":         {read: workflowRunReads, write: startsRun},
		"deployment":           {read: deploymentReads, write: startsRun},

		"service_principal":    {read: principalReads, write: onAccount},
		"workspace_assignment": {read: assignmentReads, write: onAccount},
		"federation_policy":    {read: onAccount, write: onAccount},
		"group":                {read: principalReads, write: onAccount},
		"group_member":         {read: principalReads, write: onAccount},
		"principal_user":       {read: managesPrincipal, write: managesPrincipal},

		"catalog":         {read: inWorkspace, write: catalogWrites},
		"catalog_binding": {read: manages("catalog"), write: bindingWrites},
		"schema":          {read: inWorkspace, write: schemaWrites},
		"grant":           {read: grantsOn, write: grantsOn},
		"entitlement":     {read: administersWorkspace, write: administersWorkspace},
		"directory":       {read: inWorkspace, write: directoryWrites},
		"permission":      {read: managesObject, write: managesObject},
		"git_credential":  {read: managesGit, write: managesGit},
	}
}

// token is a permission of the credential for GitHub, and the scope that stands for it.
func (at Places) token(permission, level string) Right {
	scope := "repo"
	switch permission {
	case "members":
		scope = "read:org"
	case "workflows":
		scope = "workflow"
	}
	return Right{Host: at.GitHub, Sort: Token, On: permission, Level: level, Scope: scope}
}

func (at Places) role(name string) Right { return Right{Host: at.GitHub, Sort: Role, Level: name} }

func tokens(permission, level string) func(deed) []Right {
	return func(d deed) []Right { return []Right{d.at.token(permission, level)} }
}

// administers is for the settings of the repository.
func administers(d deed) []Right {
	return []Right{d.at.token("administration", "write"), d.at.role("admin")}
}

func adminReads(d deed) []Right {
	return []Right{d.at.token("administration", "read"), d.at.role("admin")}
}

// protectionReads: who may bypass a ruleset is shown to those alone who could change it.
func protectionReads(d deed) []Right {
	if _, managed := d.object["bypass_actors"]; managed {
		return administers(d)
	}
	return []Right{d.at.token("metadata", "read")}
}

func repositoryReads(d deed) []Right {
	list := []Right{d.at.token("metadata", "read")}
	if d.object["oidc"] == true {
		list = append(list, d.at.token("actions", "read"))
	}
	return list
}

func repositoryWrites(d deed) []Right {
	switch d.action {
	case plan.Create:
		return []Right{d.at.token("administration", "write"), {Host: d.at.GitHub, Sort: Repository, On: d.at.Owner, Level: d.text("visibility")}}
	case plan.Delete:
		deletes := d.at.token("administration", "write")
		deletes.Scope = "delete_repo"
		return []Right{deletes, d.at.role("admin")}
	default:
		return administers(d)
	}
}

func firstCommitWrites(d deed) []Right {
	list := []Right{d.at.token("contents", "write"), d.at.role("write")}
	if d.at.Workflows && slices.ContainsFunc(d.texts("paths"), mayHoldWorkflows) {
		list = append(list, d.at.token("workflows", "write"))
	}
	return list
}

func mayHoldWorkflows(path string) bool {
	path = strings.Trim(path, "./")
	return path == "" || strings.HasPrefix("github/workflows", path) || strings.HasPrefix(path, "github/workflows/")
}

func branchReads(d deed) []Right {
	list := []Right{d.at.token("contents", "read")}
	if d.object["oidc"] == true {
		list = append(list, d.at.token("actions", "read"))
	}
	return list
}

func branchWrites(d deed) []Right {
	var list []Right
	if d.action != plan.Update {
		list = []Right{d.at.token("contents", "write"), d.at.role("write")}
	}
	if d.object["default"] == true && d.action != plan.Delete {
		list = append(list, administers(d)...)
	}
	return list
}

func teamReads(d deed) []Right { return append(adminReads(d), d.at.token("members", "read")) }

func teamWrites(d deed) []Right { return append(administers(d), d.at.token("members", "read")) }

func workflowPermissionWrites(d deed) []Right {
	list := administers(d)
	if d.text("default") == "write" {
		list = append(list, Right{Host: d.at.GitHub, Sort: Limit, On: d.at.Owner, Level: "write"})
	}
	if d.object["create_pull_requests"] == true {
		list = append(list, Right{Host: d.at.GitHub, Sort: Limit, On: d.at.Owner, Level: "pull_requests"})
	}
	return list
}

func environmentReads(d deed) []Right {
	return append([]Right{d.at.token("actions", "read")}, reviewers(d)...)
}

func environmentWrites(d deed) []Right { return append(administers(d), reviewers(d)...) }

func reviewers(d deed) []Right {
	if slices.ContainsFunc(d.texts("reviewers"), func(r string) bool { return strings.HasPrefix(r, "team:") }) {
		return []Right{d.at.token("members", "read")}
	}
	return nil
}

// stored is for secrets and variables: those of an environment are a permission of their own.
func stored(permission, level string) func(deed) []Right {
	return func(d deed) []Right {
		of := permission
		if d.scoped {
			of = "environments"
		}
		return []Right{d.at.token(of, level), d.at.role("write")}
	}
}

func secretReads(d deed) []Right { return secretRights(d, "read") }

func secretWrites(d deed) []Right { return secretRights(d, "write") }

// secretRights: a credential that is issued here takes a manager of its principal, besides.
func secretRights(d deed, level string) []Right {
	list := stored("secrets", level)(d)
	switch issue := d.text("issue"); {
	case issue == "personal_access_token":
		list = append(list, Right{Host: d.text("workspace"), Sort: WorkspaceAdmin})
	case issue != "":
		list = append(list, managesPrincipal(d)...)
	}
	return list
}

func pullRequestWrites(d deed) []Right {
	return []Right{
		d.at.token("contents", "write"), d.at.token("pull_requests", "write"), d.at.token("workflows", "write"), d.at.role("write"),
	}
}

func workflowRunReads(d deed) []Right {
	return []Right{d.at.token("actions", "read"), d.at.token("contents", "read"), d.at.token("pull_requests", "read")}
}

// deploymentReads: what is deployed stands in the home of the target's principal, into which only administrators see.
func deploymentReads(d deed) []Right {
	return []Right{d.at.token("actions", "read"), d.at.token("contents", "read"), {Host: d.host, Sort: WorkspaceAdmin}}
}

// startsRun is for what is done by starting a workflow.
func startsRun(d deed) []Right {
	return []Right{d.at.token("actions", "write"), d.at.role("write")}
}
