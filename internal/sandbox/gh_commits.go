package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// ghStatus is the result of a check on a commit.
type ghStatus struct {
	ID          int64   `json:"id"`
	SHA         string  `json:"sha"`
	Context     string  `json:"context"`
	State       string  `json:"state"`
	Description *string `json:"description"`
	Target      *string `json:"target_url"`
	Creator     string  `json:"creator"`
	Created     string  `json:"created"`
}

func ghSignatureObject(s object.Signature) ghObject {
	return ghObject{"name": s.Name, "email": s.Email, "date": ghTime(s.When)}
}

func ghVerification(c *object.Commit) ghObject {
	return ghObject{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
}

// gitCommitObject is a commit as git's own endpoints show it.
func (g *ghCall) gitCommitObject(st *gitStore, hash plumbing.Hash) (ghObject, error) {
	c, err := st.repo.CommitObject(hash)
	if err != nil {
		return nil, fmt.Errorf("reading commit %s: %w", hash, err)
	}
	parents := []ghObject{}
	for _, p := range c.ParentHashes {
		parents = append(parents, ghObject{"sha": p.String(), "url": g.repoURL() + "/git/commits/" + p.String(), "html_url": g.commitPage(p)})
	}
	return ghObject{"sha": hash.String(), "node_id": ghNode("Commit", g.repo.ID) + hash.String(), "url": g.repoURL() + "/git/commits/" + hash.String(),
		"html_url": g.commitPage(hash), "author": ghSignatureObject(c.Author), "committer": ghSignatureObject(c.Committer), "message": c.Message,
		"tree":    ghObject{"sha": c.TreeHash.String(), "url": g.repoURL() + "/git/trees/" + c.TreeHash.String()},
		"parents": parents, "verification": ghVerification(c)}, nil
}

func (g *ghCall) commitPage(hash plumbing.Hash) string {
	return fmt.Sprintf("%s/%s/commit/%s", g.htmlBase(), g.gh.fullName(g.repo), hash)
}

// commitFull is a commit as the repository's endpoints show it.
func (g *ghCall) commitFull(st *gitStore, hash plumbing.Hash) (ghObject, error) {
	inner, err := g.gitCommitObject(st, hash)
	if err != nil {
		return nil, err
	}
	c, err := st.repo.CommitObject(hash)
	if err != nil {
		return nil, fmt.Errorf("reading commit %s: %w", hash, err)
	}
	parents := []ghObject{}
	for _, p := range c.ParentHashes {
		parents = append(parents, ghObject{"sha": p.String(), "url": g.commitURL(p), "html_url": g.commitPage(p)})
	}
	return ghObject{"sha": hash.String(), "node_id": inner["node_id"], "url": g.commitURL(hash), "html_url": g.commitPage(hash),
		"comments_url": g.commitURL(hash) + "/comments", "author": g.byEmail(c.Author), "committer": g.byEmail(c.Committer), "parents": parents,
		"commit": ghObject{"url": inner["url"], "author": inner["author"], "committer": inner["committer"], "message": inner["message"],
			"tree": inner["tree"], "comment_count": 0, "verification": inner["verification"]}}, nil
}

// byEmail is the account that a signature belongs to, or an empty object.
func (g *ghCall) byEmail(s object.Signature) ghObject {
	if login, ok := strings.CutSuffix(s.Email, "@users.noreply.github.com"); ok {
		if a := g.gh.account(login); a != nil {
			return g.userSimple(a)
		}
	}
	return ghObject{}
}

// commitOf finds the commit that a path's ref names.
func (g *ghCall) commitOf(rev string) (*gitStore, *object.Commit, error) {
	st, err := g.openGit()
	if err != nil {
		return nil, nil, err
	}
	c, err := st.resolve(rev)
	if err != nil {
		return nil, nil, ghUnprocessable("No commit found for SHA: %s", rev)
	}
	return st, c, nil
}

func (g *ghCall) getCommit() (any, error) {
	st, c, err := g.commitOf(g.vars["ref"])
	if err != nil {
		return nil, err
	}
	o, err := g.commitFull(st, c.Hash)
	if err != nil {
		return nil, err
	}
	o["stats"], o["files"] = ghObject{"additions": 0, "deletions": 0, "total": 0}, []ghObject{}
	return o, nil
}

func (g *ghCall) listCommits() (any, error) {
	rev := g.req.URL.Query().Get("sha")
	if rev == "" {
		rev = g.repo.Default
	}
	st, c, err := g.commitOf(rev)
	if err != nil {
		return nil, err
	}
	hashes, err := st.history(c, plumbing.ZeroHash)
	if err == nil {
		hashes, err = st.touching(hashes, strings.Trim(g.req.URL.Query().Get("path"), "/"))
	}
	if err != nil {
		return nil, err
	}
	part, header := ghPage(g, hashes, 30, 100)
	list := []ghObject{}
	for _, hash := range part {
		o, err := g.commitFull(st, hash)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return &reply{status: http.StatusOK, header: header, body: list}, nil
}

// compare answers BASE...HEAD.
func (g *ghCall) compare() (any, error) {
	base, head, ok := strings.Cut(g.vars["basehead"], "...")
	if !ok {
		return nil, ghMissing()
	}
	st, b, err := g.commitOf(base)
	if err != nil {
		return nil, ghMissing()
	}
	_, h, err := g.commitOf(head)
	if err != nil {
		return nil, ghMissing()
	}
	ahead, err := st.history(h, b.Hash)
	if err != nil {
		return nil, err
	}
	behind, err := st.history(b, h.Hash)
	if err != nil {
		return nil, err
	}
	shared, err := b.MergeBase(h)
	if err != nil || len(shared) == 0 {
		return nil, ghMissing()
	}
	commits := []ghObject{}
	for _, hash := range slices.Backward(ahead) {
		o, err := g.commitFull(st, hash)
		if err != nil {
			return nil, err
		}
		commits = append(commits, o)
	}
	files, err := g.diffEntries(st, refChange{old: shared[0].Hash, new: h.Hash})
	if err != nil {
		return nil, err
	}
	first, err := g.commitFull(st, b.Hash)
	if err != nil {
		return nil, err
	}
	common, err := g.commitFull(st, shared[0].Hash)
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("%s/%s/compare/%s...%s", g.htmlBase(), g.gh.fullName(g.repo), base, head)
	return ghObject{"url": g.repoURL() + "/compare/" + g.vars["basehead"], "html_url": url, "permalink_url": url, "diff_url": url + ".diff",
		"patch_url": url + ".patch", "base_commit": first, "merge_base_commit": common, "status": ghCompared(len(ahead), len(behind)),
		"ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead), "commits": commits, "files": files}, nil
}

func ghCompared(ahead, behind int) string {
	switch {
	case ahead > 0 && behind > 0:
		return "diverged"
	case ahead > 0:
		return "ahead"
	case behind > 0:
		return "behind"
	default:
		return "identical"
	}
}

func (g *ghCall) createStatus() (any, error) {
	status := &ghStatus{Context: "default", SHA: g.vars["sha"]}
	if err := g.read(status); err != nil {
		return nil, err
	}
	_, c, err := g.commitOf(g.vars["sha"])
	if err != nil {
		return nil, err
	}
	status.ID, status.SHA, status.Creator, status.Created = g.state.nextID(), c.Hash.String(), g.who.name(), ghTime(g.now())
	g.repo.Statuses, g.changed = append(g.repo.Statuses, status), true
	o := g.statusObject(status)
	o["creator"] = nil
	if a := g.gh.account(status.Creator); a != nil {
		o["creator"] = g.userSimple(a)
	}
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

func (g *ghCall) statusObject(s *ghStatus) ghObject {
	return ghObject{"id": s.ID, "node_id": ghNode("StatusContext", s.ID), "url": g.repoURL() + "/statuses/" + s.SHA, "state": s.State,
		"description": s.Description, "target_url": s.Target, "context": s.Context, "avatar_url": nil, "created_at": s.Created, "updated_at": s.Created}
}

// combinedStatus takes the newest status of every context.
func (g *ghCall) combinedStatus() (any, error) {
	_, c, err := g.commitOf(g.vars["ref"])
	if err != nil {
		return nil, err
	}
	newest := map[string]*ghStatus{}
	for _, s := range g.repo.Statuses {
		if s.SHA == c.Hash.String() {
			newest[s.Context] = s
		}
	}
	state, list := "success", []ghObject{}
	for _, name := range ghKeys(newest) {
		list = append(list, g.statusObject(newest[name]))
		switch newest[name].State {
		case "error", "failure":
			state = "failure"
		case "pending":
			if state == "success" {
				state = "pending"
			}
		}
	}
	if len(list) == 0 {
		state = "pending"
	}
	return ghObject{"state": state, "statuses": list, "sha": c.Hash.String(), "total_count": len(list), "repository": g.repoSimple(g.repo),
		"commit_url": g.commitURL(c.Hash), "url": g.commitURL(c.Hash) + "/status"}, nil
}
