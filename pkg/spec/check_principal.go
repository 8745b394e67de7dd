package spec

import (
	"fmt"
	"slices"
)

// checkBelongings looks at what a principal has beside its name. Some of it lies in the workspaces of the targets
// that run as it: run are the principals that have such a target.
func (r *reading) checkBelongings(p *node, run []string) {
	if !slices.Contains(run, p.name()) {
		for _, key := range inWorkspaces() {
			r.failKey(p.get(key), found("spec/no-workspace", fmt.Sprintf("no target runs as %q, so there is no workspace for its %s", p.name(), key),
				fmt.Sprintf("name it as the service_principal of a target, or leave %s out", key)))
		}
	}
	for _, u := range p.get("users").children() {
		r.checkPrincipal(u)
	}
	r.checkEntitlements(p.get("entitlements"))
	r.checkGitCredential(p.get("git_credential"))
}

// inWorkspaces are the keys of a principal that are about the workspaces of its targets.
func inWorkspaces() []string { return []string{"entitlements", "git_credential"} }

// checkGitCredential looks at where its token comes from, and at who the provider has to be told it belongs to.
func (r *reading) checkGitCredential(g *node) {
	if token := g.get("token"); token != nil && token.form == mapping {
		r.checkSource(token, []string{"env", "file", "command"})
	}
	needs := map[string]string{"awsCodeCommit": "username", "gitLab": "email", "gitLabEnterpriseEdition": "email"}
	if key := needs[g.str("provider")]; key != "" && r.absent(g, key) {
		r.fail(g.get("provider"), found("spec/git-credential", fmt.Sprintf("%s needs the %s of its user", g.str("provider"), key),
			fmt.Sprintf("add %s to the git_credential", key)))
	}
}

// checkEntitlements refuses those that the workspace refuses together.
func (r *reading) checkEntitlements(list *node) {
	if !slices.ContainsFunc(list.children(), func(n *node) bool { return n.text == "workspace-consume" }) {
		return
	}
	for _, n := range list.children() {
		if n.text == "workspace-access" || n.text == "databricks-sql-access" {
			r.fail(n, found("spec/entitlements", fmt.Sprintf("%s does not go with workspace-consume", n.text),
				"workspace-consume is for those who only look at dashboards; keep one of the two"))
		}
	}
}
