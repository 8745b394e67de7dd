package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// ghReview is one review of a pull request.
type ghReview struct {
	ID     int64     `json:"id"`
	Author string    `json:"author"`
	State  string    `json:"state"`
	Body   string    `json:"body"`
	At     time.Time `json:"at"`
}

// reviewPull takes a review; an author may not approve what is his own.
func (g *ghCall) reviewPull() (any, error) {
	p, err := g.pull()
	if err != nil {
		return nil, err
	}
	var body struct{ Event, Body string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if body.Event == "APPROVE" && p.Author == g.who.name() {
		return nil, &failure{status: http.StatusUnprocessableEntity, message: "Unprocessable Entity",
			errors: []any{"Can not approve your own pull request"}}
	}
	state := map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}[body.Event]
	review := &ghReview{ID: g.state.nextID(), Author: g.who.name(), State: state, Body: body.Body, At: g.now()}
	p.Reviews, g.changed = append(p.Reviews, review), true
	p.Approved = slices.DeleteFunc(p.Approved, func(login string) bool { return login == review.Author && state == "CHANGES_REQUESTED" })
	if state == "APPROVED" && !slices.Contains(p.Approved, review.Author) {
		p.Approved = append(p.Approved, review.Author)
	}
	return g.reviewObject(p, review), nil
}

func (g *ghCall) listReviews() (any, error) {
	p, err := g.pull()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, r := range p.Reviews {
		list = append(list, g.reviewObject(p, r))
	}
	return ghList(g, list)
}

func (g *ghCall) reviewObject(p *ghPull, r *ghReview) ghObject {
	url := fmt.Sprintf("%s/pulls/%d", g.repoURL(), p.Number)
	page := fmt.Sprintf("%s/%s/pull/%d", g.htmlBase(), g.gh.fullName(g.repo), p.Number)
	return ghObject{"id": r.ID, "node_id": ghNode("PullRequestReview", r.ID), "user": g.actorObject(r.Author), "body": r.Body, "state": r.State,
		"html_url": page, "pull_request_url": url, "submitted_at": ghTime(r.At), "commit_id": nil, "author_association": "MEMBER",
		"_links": ghObject{"html": ghObject{"href": page}, "pull_request": ghObject{"href": url}}}
}

// listPullFiles lists what a pull request changes.
func (g *ghCall) listPullFiles() (any, error) {
	p, err := g.pull()
	if err != nil {
		return nil, err
	}
	st, b, err := g.commitOf(p.Base)
	if err != nil {
		return nil, err
	}
	_, h, err := g.commitOf(p.ref())
	if err != nil {
		return nil, err
	}
	from := b.Hash
	if shared, err := b.MergeBase(h); err == nil && len(shared) > 0 {
		from = shared[0].Hash
	}
	list, err := g.diffEntries(st, refChange{old: from, new: h.Hash})
	if err != nil {
		return nil, err
	}
	return ghList(g, list)
}

// diffEntries are the files that differ between two commits.
func (g *ghCall) diffEntries(st *gitStore, c refChange) ([]ghObject, error) {
	have, err := st.files(c.old)
	if err != nil {
		return nil, err
	}
	want, err := st.files(c.new)
	if err != nil {
		return nil, err
	}
	list := []ghObject{}
	for _, path := range have.differing(want) {
		page := fmt.Sprintf("%s/%s", g.htmlBase(), g.gh.fullName(g.repo))
		list = append(list, ghObject{"filename": path, "status": have.change(want, path), "sha": want[path].Hash.String(), "additions": 0, "deletions": 0, "changes": 0,
			"blob_url": fmt.Sprintf("%s/blob/%s/%s", page, c.new, path), "raw_url": fmt.Sprintf("%s/raw/%s/%s", page, c.new, path),
			"contents_url": fmt.Sprintf("%s/contents/%s?ref=%s", g.repoURL(), path, c.new)})
	}
	return list, nil
}
