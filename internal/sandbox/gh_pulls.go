package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ghPull is a pull request: of a branch of the repository that it is for, or of a fork.
type ghPull struct {
	ID       int64       `json:"id"`
	Number   int         `json:"number"`
	Title    string      `json:"title"`
	Body     *string     `json:"body"`
	Head     string      `json:"head"`
	Fork     int64       `json:"fork,omitempty"` // the id of the repository that the head is in; 0: the one that it is for
	Base     string      `json:"base"`
	Author   string      `json:"author"`
	Draft    bool        `json:"draft"`
	Open     bool        `json:"open"`
	Merged   string      `json:"merged"` // the merge's commit
	MergedBy string      `json:"merged_by"`
	Approved []string    `json:"approved"` // logins
	Reviews  []*ghReview `json:"reviews,omitempty"`
	Created  time.Time   `json:"created"`
	Updated  time.Time   `json:"updated"`
	Closed   time.Time   `json:"closed,omitzero"`
}

func ghPullRoutes() []ghRoute {
	read, write := reads("pull_requests", readAccess), writes("pull_requests", writeAccess)
	return []ghRoute{
		{pattern: "GET ~/pulls", need: read, handle: (*ghCall).listPulls},
		{pattern: "POST ~/pulls", need: writes("pull_requests", readAccess), handle: (*ghCall).createPull},
		{pattern: "GET ~/pulls/{pull_number}", need: read, handle: (*ghCall).getPull},
		{pattern: "PATCH ~/pulls/{pull_number}", need: write, handle: (*ghCall).patchPull},
		{pattern: "PUT ~/pulls/{pull_number}/merge", need: writes("contents", writeAccess), handle: (*ghCall).mergePull},
		{pattern: "GET ~/pulls/{pull_number}/reviews", need: read, handle: (*ghCall).listReviews},
		{pattern: "POST ~/pulls/{pull_number}/reviews", need: write, handle: (*ghCall).reviewPull},
		{pattern: "GET ~/pulls/{pull_number}/files", need: read, handle: (*ghCall).listPullFiles},
	}
}

func (g *ghCall) pull() (*ghPull, error) {
	i := slices.IndexFunc(g.repo.Pulls, func(p *ghPull) bool { return strconv.Itoa(p.Number) == g.vars["pull_number"] })
	if i < 0 {
		return nil, ghMissing()
	}
	return g.repo.Pulls[i], nil
}

func (g *ghCall) listPulls() (any, error) {
	q := g.req.URL.Query()
	state := cmp.Or(q.Get("state"), "open")
	owner, head, _ := strings.Cut(q.Get("head"), ":")
	list := []ghObject{}
	for _, p := range slices.Backward(g.repo.Pulls) {
		if state != "all" && p.Open != (state == "open") || head != "" && !g.isFrom(p, owner, head) || q.Get("base") != "" && p.Base != q.Get("base") {
			continue
		}
		o, err := g.pullObject(p)
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"merged", "mergeable", "rebaseable", "mergeable_state", "merged_by", "comments", "review_comments",
			"maintainer_can_modify", "commits", "additions", "deletions", "changed_files"} {
			delete(o, name)
		}
		list = append(list, o)
	}
	return ghList(g, list)
}

func (g *ghCall) getPull() (any, error) {
	p, err := g.pull()
	if err != nil {
		return nil, err
	}
	return g.pullObject(p)
}

func (g *ghCall) createPull() (any, error) {
	var body struct {
		Title, Head, Base string
		Repo              string `json:"head_repo"`
		Body              *string
		Draft             bool
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if body.Title == "" {
		return nil, ghInvalid(ghFieldError{Resource: "PullRequest", Code: "missing_field", Field: "title"})
	}
	st, err := g.openGit()
	if err != nil {
		return nil, err
	}
	r, head, err := g.proposer(body.Head, body.Repo)
	if err != nil {
		return nil, err
	}
	p := &ghPull{Number: g.repo.nextNumber(), Title: body.Title, Body: body.Body, Head: head, Base: body.Base,
		Author: g.who.name(), Draft: body.Draft, Open: true, Created: g.now(), Updated: g.now()}
	if r != g.repo {
		p.Fork = r.ID
	}
	from, err := g.proposed(g.repo, st, p)
	if err != nil {
		return nil, err
	}
	into, err := st.branch(body.Base)
	if err != nil {
		return nil, err
	}
	switch {
	case from.IsZero():
		return nil, ghInvalid(ghFieldError{Resource: "PullRequest", Code: "invalid", Field: "head"})
	case into.IsZero():
		return nil, ghInvalid(ghFieldError{Resource: "PullRequest", Code: "invalid", Field: "base"})
	}
	label := g.gh.accountByID(r.Owner).Login + ":" + head
	if slices.ContainsFunc(g.repo.Pulls, func(o *ghPull) bool { return o.Open && o.Head == head && o.Fork == p.Fork && o.Base == body.Base }) {
		return nil, ghInvalid(ghFieldError{Resource: "PullRequest", Code: "custom",
			Message: fmt.Sprintf("A pull request already exists for %s.", label)})
	}
	if inside, err := st.contains(into, from); err != nil || inside {
		return nil, errors.Join(err, ghInvalid(ghFieldError{Resource: "PullRequest", Code: "custom",
			Message: fmt.Sprintf("No commits between %s and %s", body.Base, head)}))
	}
	p.ID = g.state.nextID()
	g.repo.Pulls, g.changed = append(g.repo.Pulls, p), true
	if err := g.pullMoved(g.repo, p); err != nil {
		return nil, err
	}
	o, err := g.pullObject(p)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

// isFrom reports whether a pull request is from that branch of that owner's.
func (g *ghCall) isFrom(p *ghPull, owner, branch string) bool {
	r := g.gh.headRepo(g.repo, p)
	return r != nil && p.Head == branch && strings.EqualFold(g.gh.accountByID(r.Owner).Login, owner)
}

// nextNumber is that of the next issue or pull request: they are numbered together.
func (r *ghRepo) nextNumber() int { return len(r.Pulls) + len(r.Issues) + 1 }

func (g *ghCall) patchPull() (any, error) {
	p, err := g.pull()
	if err != nil {
		return nil, err
	}
	var body struct{ Title, Body, State, Base *string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if body.Title != nil {
		p.Title = *body.Title
	}
	if body.Body != nil {
		p.Body = body.Body
	}
	if body.Base != nil {
		p.Base = *body.Base
	}
	switch {
	case body.State == nil || p.Merged != "":
	case *body.State != "open":
		p.Open, p.Closed = false, g.now()
	case !p.Open:
		if err := g.reopen(p); err != nil {
			return nil, err
		}
	}
	p.Updated, g.changed = g.now(), true
	return g.pullObject(p)
}

// reopen opens a pull request again, which starts its runs like the first time: whoever asks is a person here, and no
// workflow's token.
func (g *ghCall) reopen(p *ghPull) error {
	st, err := g.gitStore(g.repo)
	if err != nil {
		return err
	}
	head, err := g.proposed(g.repo, st, p)
	if err != nil {
		return err
	}
	if head.IsZero() {
		return ghInvalid(ghFieldError{Resource: "PullRequest", Code: "invalid", Field: "state",
			Message: fmt.Sprintf("state cannot be changed. The %s branch has been deleted.", p.Head)})
	}
	p.Open, p.Closed = true, time.Time{}
	return g.pullMoved(g.repo, p)
}

// actorObject is the user of that name; an App's bot is a user of its own.
func (g *ghCall) actorObject(login string) ghObject {
	if a := g.gh.account(login); a != nil {
		return g.userSimple(a)
	}
	bot := g.userSimple(&ghAccount{Login: login})
	bot["type"] = "Bot"
	return bot
}
