package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

func ghBranchRoutes() []ghRoute {
	read, admin := reads("contents", readAccess), reads("administration", adminAccess)
	change := writes("administration", adminAccess)
	return []ghRoute{
		{pattern: "GET ~/branches", need: read, handle: (*ghCall).listBranches},
		{pattern: "GET ~/branches/{branch}/protection", need: admin, handle: (*ghCall).getProtection},
		{pattern: "PUT ~/branches/{branch}/protection", need: change, handle: (*ghCall).putProtection},
		{pattern: "DELETE ~/branches/{branch}/protection", need: change, handle: (*ghCall).deleteProtection},
		{pattern: "GET ~/branches/{branch...}", need: read, handle: (*ghCall).getBranch},
	}
}

func (g *ghCall) listBranches() (any, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	refs, err := st.refs("refs/heads/")
	if err != nil {
		return nil, err
	}
	only := g.req.URL.Query().Get("protected")
	var list []ghObject
	for _, ref := range refs {
		name := strings.TrimPrefix(ref.name, "refs/heads/")
		if only != "" && (only == "true") != g.protected(name) {
			continue
		}
		list = append(list, ghObject{"name": name, "protected": g.protected(name),
			"commit": ghObject{"sha": ref.hash.String(), "url": g.commitURL(ref.hash)}})
	}
	return ghList(g, list)
}

func (g *ghCall) commitURL(hash plumbing.Hash) string {
	return fmt.Sprintf("%s/repos/%s/commits/%s", g.apiBase(), g.gh.fullName(g.repo), hash)
}

func (g *ghCall) protected(branch string) bool {
	return g.repo.Protection[branch] != nil || slices.ContainsFunc(g.repo.Rulesets, func(set *ghRuleset) bool {
		return set.Enforcement == "active" && set.covers(g.repo, "refs/heads/"+branch)
	})
}

// branchHash finds the branch of the path; a branch that is not there has a 404 of its own.
func (g *ghCall) branchHash() (*gitStore, plumbing.Hash, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	hash, err := st.branch(g.vars["branch"])
	if err != nil {
		return nil, hash, err
	}
	if hash.IsZero() {
		return nil, hash, &failure{status: http.StatusNotFound, message: "Branch not found"}
	}
	return st, hash, nil
}

func (g *ghCall) getBranch() (any, error) {
	st, hash, err := g.branchHash()
	if err != nil {
		return nil, err
	}
	commit, err := g.commitFull(st, hash)
	if err != nil {
		return nil, err
	}
	name := g.vars["branch"]
	url := fmt.Sprintf("%s/repos/%s/branches/%s", g.apiBase(), g.gh.fullName(g.repo), name)
	protection := ghObject{"enabled": g.repo.Protection[name] != nil,
		"required_status_checks": ghObject{"enforcement_level": "off", "contexts": []string{}, "checks": []string{}}}
	return ghObject{"name": name, "commit": commit, "protected": g.protected(name), "protection": protection, "protection_url": url + "/protection",
		"_links": ghObject{"self": url, "html": fmt.Sprintf("%s/%s/tree/%s", g.htmlBase(), g.gh.fullName(g.repo), name)}}, nil
}

func (g *ghCall) protectionPlan() error {
	if g.repo.Visibility != "public" && g.gh.accountByID(g.repo.Owner).Plan == "free" {
		return ghRefused("Upgrade to GitHub Pro or make this repository public to enable this feature.")
	}
	return nil
}

func (g *ghCall) getProtection() (any, error) {
	if err := g.protectionPlan(); err != nil {
		return nil, err
	}
	if _, _, err := g.branchHash(); err != nil {
		return nil, err
	}
	kept := g.repo.Protection[g.vars["branch"]]
	if kept == nil {
		return nil, &failure{status: http.StatusNotFound, message: "Branch not protected"}
	}
	return g.protectionObject(kept), nil
}

func (g *ghCall) putProtection() (any, error) {
	if err := g.protectionPlan(); err != nil {
		return nil, err
	}
	if _, _, err := g.branchHash(); err != nil {
		return nil, err
	}
	var body ghObject
	if err := g.read(&body); err != nil {
		return nil, err
	}
	protection := maps.Clone(g.repo.Protection)
	if protection == nil {
		protection = map[string]ghObject{}
	}
	protection[g.vars["branch"]] = body
	g.repo.Protection, g.changed = protection, true
	return g.protectionObject(body), nil
}

func (g *ghCall) deleteProtection() (any, error) {
	if _, err := g.getProtection(); err != nil {
		return nil, err
	}
	delete(g.repo.Protection, g.vars["branch"])
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

// protectionObject turns what was put into what is read: flags become objects with "enabled".
func (g *ghCall) protectionObject(kept ghObject) ghObject {
	url := fmt.Sprintf("%s/repos/%s/branches/%s/protection", g.apiBase(), g.gh.fullName(g.repo), g.vars["branch"])
	o := ghObject{"url": url, "enforce_admins": ghObject{"url": url + "/enforce_admins", "enabled": kept["enforce_admins"] == true}}
	for _, name := range []string{"required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations",
		"required_conversation_resolution", "lock_branch", "allow_fork_syncing"} {
		o[name] = ghObject{"enabled": kept[name] == true}
	}
	if reviews, ok := kept["required_pull_request_reviews"].(map[string]any); ok {
		out := ghObject{"url": url + "/required_pull_request_reviews", "dismiss_stale_reviews": false, "require_code_owner_reviews": false,
			"require_last_push_approval": false, "required_approving_review_count": 1}
		maps.Copy(out, reviews)
		o["required_pull_request_reviews"] = out
	}
	if checks, ok := kept["required_status_checks"].(map[string]any); ok {
		o["required_status_checks"] = classicChecks(url, checks)
	}
	return o
}

func classicChecks(url string, sent map[string]any) ghObject {
	contexts, checks := []any{}, []any{}
	if list, ok := sent["contexts"].([]any); ok {
		for _, name := range list {
			contexts, checks = append(contexts, name), append(checks, ghObject{"context": name, "app_id": nil})
		}
	}
	if list, ok := sent["checks"].([]any); ok && len(list) > 0 {
		contexts, checks = []any{}, list
		for _, entry := range list {
			check, _ := entry.(map[string]any)
			contexts = append(contexts, check["context"])
		}
	}
	return ghObject{"url": url + "/required_status_checks", "strict": sent["strict"] == true, "contexts": contexts,
		"contexts_url": url + "/required_status_checks/contexts", "checks": checks}
}

// classicViolations is what classic protection has against a change by somebody with that role. An
// administrator need not open a pull request unless enforce_admins says so.
func (st *gitStore) classicViolations(r *ghRepo, role access, c refChange) ([]string, error) {
	kept := r.Protection[strings.TrimPrefix(c.name, "refs/heads/")]
	if kept == nil || c.creates() {
		return nil, nil
	}
	head := "error: GH006: Protected branch update failed for " + c.name + "."
	if c.deletes() {
		if kept["allow_deletions"] == true {
			return nil, nil
		}
		return []string{head, "- Cannot delete a protected branch"}, nil
	}
	if kept["required_pull_request_reviews"] != nil && (role < adminAccess || kept["enforce_admins"] == true) {
		return []string{head, "- Changes must be made through a pull request."}, nil
	}
	forward, err := st.contains(c.new, c.old)
	if err != nil || forward || kept["allow_force_pushes"] == true {
		return nil, err
	}
	return []string{head, "- Cannot force-push to this branch"}, nil
}
