package spec

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// WorkflowsBranch is the branch of the pull request with a stack's workflow files, so no project's code
// may be pushed to it.
const WorkflowsBranch = "mlopsctl/workflows"

// checkProjects looks at the folders, the branches of the pull requests and the targets of the projects.
func (r *reading) checkProjects() {
	folders, branches := map[string]*node{}, map[string]*node{}
	for _, p := range r.root.get("projects").children() {
		r.checkProjectFolder(p, folders)
		r.checkCodeBranch(p, branches)
		r.checkDispatch(p)
		for _, t := range p.get("deploy").children() {
			r.checkDeployed(t)
		}
	}
}

// checkProjectFolder refuses projects in one folder: it holds one databricks.yml.
func (r *reading) checkProjectFolder(p *node, first map[string]*node) {
	at := p.get("path")
	if p.misnamed || at != nil && at.broken || at == nil && !r.absent(p, "path") {
		return
	}
	folder := path.Clean(cmp.Or(p.str("path"), p.name()))
	if other := first[folder]; other != nil {
		r.failKey(cmp.Or(at, p), found("spec/project-path", fmt.Sprintf("the projects %q and %q lie in one folder", other.name(), p.name()),
			"a folder holds one databricks.yml; name the folder of each by path"))
		return
	}
	first[folder] = p
}

// checkCodeBranch refuses a branch that has another use: what is pushed to it waits for a review.
func (r *reading) checkCodeBranch(p *node, first map[string]*node) {
	code := p.get("code")
	if code == nil || code.anyBroken() || p.misnamed {
		return
	}
	branch := cmp.Or(code.str("branch"), "add-"+p.name())
	refuse := func(f finding) { r.fail(cmp.Or(code.get("branch"), code), f) }
	known, _ := r.declared("branches")
	other := first[branch]
	first[branch] = p
	switch {
	case refuseBranchName(branch) != "":
		refuse(found("spec/branch-name", fmt.Sprintf("%q is not a branch's name", branch), refuseBranchName(branch)))
	case slices.Contains(known, branch):
		refuse(found("spec/code-branch", fmt.Sprintf("%q is one of the spec's branches", branch),
			"the code is reviewed on a branch of its own before it is merged; name another"))
	case strings.HasPrefix(branch, "mlopsctl/"):
		refuse(found("spec/code-branch", fmt.Sprintf("%q may be a branch that mlopsctl keeps for itself", branch), "name one that does not begin with mlopsctl/"))
	case other != nil:
		refuse(found("spec/code-branch", fmt.Sprintf("the projects %q and %q push their code to one branch", other.name(), p.name()),
			"each project's code is a pull request of its own; name another branch"))
	}
}

// checkDispatch warns where the template's own workflow would not get to its end. The repository's may be another.
func (r *reading) checkDispatch(p *node) {
	if p.misnamed || p.str("workflows") != string(DispatchWorkflows) {
		return
	}
	folder := path.Clean(cmp.Or(p.str("path"), p.name()))
	if looked := strings.ReplaceAll(p.name(), "-", "_"); folder != looked {
		r.warn(cmp.Or(p.get("path"), p), found("spec/dispatch-folder", fmt.Sprintf("the template's deploy-cicd.yml looks for the project %q in the folder %s, not in %s", p.name(), looked, folder),
			"name the project as the template did, or mend the workflow"))
	}
	if n := r.root.get("git").get("workflow_permissions").get("create_pull_requests"); n != nil && n.text == "false" {
		r.warn(p.get("workflows"), found("spec/dispatch-pull-request", "the template's deploy-cicd.yml opens a pull request with the workflow's token, which git.workflow_permissions does not let it do",
			"set create_pull_requests: true, or let the workflow use a token of its own"))
	}
}

// checkDeployed refuses a target of which nobody could say what is deployed there, or by whom.
func (r *reading) checkDeployed(t *node) {
	if !r.refers(t, "targets", "target") {
		return
	}
	target := r.root.find("targets", t.text)
	for _, key := range []string{"service_principal", "branch"} {
		if r.absent(target, key) {
			r.fail(t, found("spec/deploy-target", fmt.Sprintf("the target %s has no %s", t.quote(), key),
				"a deployment is made off the target's branch, by its principal; give it both, or leave it out of deploy"))
		}
	}
}

// checkProjectFiles warns of a project that is not where the spec says. It may be on the default branch
// already, so that is no error, and it can wait until there is none.
func (r *reading) checkProjectFiles() {
	if r.diags.HasErrors() {
		return
	}
	for _, p := range r.root.get("projects").children() {
		at := p.get("path")
		if p.misnamed || at != nil && at.broken || p.get("code") == nil && p.str("workflows") != string(GenerateWorkflows) {
			continue
		}
		folder := path.Join(r.stack.Git.Source, cmp.Or(p.str("path"), p.name()))
		info, err := os.Stat(filepath.Join(r.stack.Dir, filepath.FromSlash(folder), "databricks.yml"))
		if err == nil && info.Mode().IsRegular() {
			continue
		}
		r.warn(cmp.Or(at, p), found("spec/project-files", fmt.Sprintf("%s holds no databricks.yml", folder),
			"mind the path; without it here, nothing can be pushed for the project"))
	}
}
