package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// mergeBranches brings one branch into another on the server.
func (g *ghCall) mergeBranches() (any, error) {
	var body struct {
		Base, Head string
		Message    string `json:"commit_message"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	base, err := st.branch(body.Base)
	if err != nil {
		return nil, err
	}
	head, err := st.resolve(body.Head)
	if base.IsZero() || err != nil {
		f := ghMissing()
		f.message = "Base does not exist"
		if !base.IsZero() {
			f.message = "Head does not exist"
		}
		return nil, f
	}
	message := cmp.Or(body.Message, fmt.Sprintf("Merge %s into %s", body.Head, body.Base))
	merged, err := st.merge(gitMerge{base: base, head: head.Hash, method: "merge", message: message, who: g.who.name(), when: g.now()})
	if errors.Is(err, errMergeConflict) {
		return nil, ghConflict("Merge conflict")
	}
	if err != nil {
		return nil, err
	}
	if merged.IsZero() {
		return &reply{status: http.StatusNoContent}, nil
	}
	if err := g.moveRef(st, refChange{name: "refs/heads/" + body.Base, old: base, new: merged}); err != nil {
		return nil, err
	}
	o, err := g.commitFull(st, merged)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusCreated, body: o}, nil
}

func ghNotAllowed(format string, args ...any) *failure {
	return &failure{status: http.StatusMethodNotAllowed, message: fmt.Sprintf(format, args...)}
}

// mergePull merges a pull request if the base's rules are satisfied.
func (g *ghCall) mergePull() (any, error) {
	p, err := g.pull()
	if err != nil {
		return nil, err
	}
	var body struct {
		Title   string `json:"commit_title"`
		Message string `json:"commit_message"`
		SHA     string
		Method  string `json:"merge_method"`
	}
	if len(g.body) > 0 {
		if err := g.read(&body); err != nil {
			return nil, err
		}
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	head, err := st.ref(p.ref())
	if err != nil {
		return nil, err
	}
	base, err := st.branch(p.Base)
	if err != nil {
		return nil, err
	}
	method := cmp.Or(body.Method, "merge")
	if !p.Open || p.Draft || head.IsZero() || base.IsZero() {
		return nil, ghNotAllowed("Pull Request is not mergeable")
	}
	if body.SHA != "" && body.SHA != head.String() {
		return nil, ghConflict("Head branch was modified. Review and try the merge again.")
	}
	if err := g.mayMerge(p, method, head); err != nil {
		return nil, err
	}
	message := cmp.Or(body.Title, fmt.Sprintf("Merge pull request #%d from %s", p.Number, strings.Replace(g.headLabel(p), ":", "/", 1)))
	if body.Message != "" {
		message += "\n\n" + body.Message
	}
	merged, err := st.merge(gitMerge{base: base, head: head, method: method, message: message, who: g.who.name(), when: g.now()})
	if errors.Is(err, errMergeConflict) {
		return nil, ghNotAllowed("Pull Request is not mergeable")
	}
	if err != nil {
		return nil, err
	}
	if merged.IsZero() {
		merged = base
	}
	// The rules have been asked above, as a pull request has to meet them.
	if err := g.applyMove(g.repo, st, refChange{name: "refs/heads/" + p.Base, old: base, new: merged}); err != nil {
		return nil, err
	}
	p.Open, p.Merged, p.MergedBy, p.Closed, p.Updated = false, merged.String(), g.who.name(), g.now(), g.now()
	g.changed = true
	return ghObject{"sha": merged.String(), "merged": true, "message": "Pull Request successfully merged"}, nil
}

// mayMerge holds a merge against the repository's settings and the base's rulesets.
func (g *ghCall) mayMerge(p *ghPull, method string, head plumbing.Hash) error {
	flag := map[string]string{"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}[method]
	if !g.repo.Flags[flag] {
		return ghNotAllowed("%s merges are not allowed on this repository.", method)
	}
	if against := g.againstMerge(p, method, head); against != "" {
		return ghNotAllowed("Repository rule violations found\n\n%s\n\n", against)
	}
	return nil
}

// againstMerge is what the base's rulesets have against merging now, "" for nothing.
func (g *ghCall) againstMerge(p *ghPull, method string, head plumbing.Hash) string {
	for _, set := range g.repo.Rulesets {
		if set.Enforcement != "active" || !set.covers(g.repo, "refs/heads/"+p.Base) || g.gh.bypasses(g.who, g.repo, set) {
			continue
		}
		for _, rule := range set.Rules {
			switch rule.Type {
			case "pull_request":
				count, _ := rule.Parameters["required_approving_review_count"].(float64)
				if len(p.Approved) < int(count) {
					return fmt.Sprintf("At least %d approving review is required by reviewers with write access.", int(count))
				}
			case "required_status_checks":
				if missing := g.repo.missingChecks(rule, head.String()); missing != "" {
					return missing
				}
			case "required_linear_history":
				if method == "merge" {
					return "This branch must not contain merge commits."
				}
			}
		}
	}
	return ""
}

// pullObject is a pull request as its own address shows it.
func (g *ghCall) pullObject(p *ghPull) (ghObject, error) {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return nil, err
	}
	head, err := st.ref(p.ref())
	if err != nil {
		return nil, err
	}
	base, err := st.branch(p.Base)
	if err != nil {
		return nil, err
	}
	url, page := fmt.Sprintf("%s/pulls/%d", g.repoURL(), p.Number), fmt.Sprintf("%s/%s/pull/%d", g.htmlBase(), g.gh.fullName(g.repo), p.Number)
	issue := fmt.Sprintf("%s/issues/%d", g.repoURL(), p.Number)
	side := func(label string, r *ghRepo, sha string) ghObject {
		_, branch, _ := strings.Cut(label, ":")
		o := ghObject{"label": label, "ref": branch, "sha": sha, "user": g.actorObject(p.Author), "repo": nil}
		if r != nil {
			o["user"], o["repo"] = g.userSimple(g.gh.accountByID(r.Owner)), g.repoSimple(r)
		}
		return o
	}
	addresses := map[string]string{"comments": issue + "/comments", "commits": url + "/commits", "statuses": g.repoURL() + "/statuses/" + head.String(),
		"html": page, "issue": issue, "review_comments": url + "/comments", "review_comment": g.repoURL() + "/pulls/comments{/number}", "self": url}
	links := ghObject{}
	for name, address := range addresses {
		links[name] = ghObject{"href": address}
	}
	o := ghObject{
		"id": p.ID, "node_id": ghNode("PullRequest", p.ID), "number": p.Number, "title": p.Title, "body": p.Body, "url": url, "html_url": page,
		"diff_url": page + ".diff", "patch_url": page + ".patch", "issue_url": issue, "commits_url": url + "/commits",
		"review_comments_url": url + "/comments", "review_comment_url": addresses["review_comment"], "comments_url": issue + "/comments",
		"statuses_url": addresses["statuses"], "state": map[bool]string{true: "open", false: "closed"}[p.Open], "locked": false,
		"user": g.actorObject(p.Author), "labels": []any{}, "milestone": nil, "created_at": ghTime(p.Created), "updated_at": ghTime(p.Updated),
		"closed_at": nil, "merged_at": nil, "merge_commit_sha": nil, "assignee": nil, "assignees": []any{}, "requested_reviewers": []any{},
		"requested_teams": []any{}, "head": side(g.headLabel(p), g.gh.headRepo(g.repo, p), head.String()),
		"base": side(g.gh.accountByID(g.repo.Owner).Login+":"+p.Base, g.repo, base.String()), "_links": links,
		"author_association": "MEMBER", "auto_merge": nil, "draft": p.Draft, "merged": p.Merged != "", "mergeable": nil, "rebaseable": nil,
		"mergeable_state": "unknown", "merged_by": nil, "comments": 0, "review_comments": 0, "maintainer_can_modify": false, "commits": 1,
		"additions": 0, "deletions": 0, "changed_files": 0,
	}
	if !p.Closed.IsZero() {
		o["closed_at"] = ghTime(p.Closed)
	}
	if p.Merged != "" {
		o["merged_at"], o["merge_commit_sha"], o["merged_by"] = ghTime(p.Closed), p.Merged, g.actorObject(p.MergedBy)
	}
	return o, nil
}
