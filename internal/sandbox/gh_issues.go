package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ghIssue is an issue that is no pull request.
type ghIssue struct {
	ID      int64     `json:"id"`
	Number  int       `json:"number"`
	Title   string    `json:"title"`
	Body    string    `json:"body"`
	Author  string    `json:"author"`
	Open    bool      `json:"open"`
	Reason  string    `json:"reason,omitempty"` // why it was closed, or opened again
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Closed  time.Time `json:"closed,omitzero"`
}

func ghIssueRoutes() []ghRoute {
	read, write := reads("issues", readAccess), writes("issues", readAccess)
	return []ghRoute{
		{pattern: "GET ~/issues", need: read, handle: (*ghCall).listIssues},
		{pattern: "POST ~/issues", need: write, handle: (*ghCall).createIssue},
		{pattern: "GET ~/issues/{issue_number}", need: read, handle: (*ghCall).getIssue},
		{pattern: "PATCH ~/issues/{issue_number}", need: write, handle: (*ghCall).patchIssue},
	}
}

func (g *ghCall) findIssue() (*ghIssue, error) {
	i := slices.IndexFunc(g.repo.Issues, func(x *ghIssue) bool { return strconv.Itoa(x.Number) == g.vars["issue_number"] })
	if i < 0 {
		return nil, ghMissing()
	}
	return g.repo.Issues[i], nil
}

// listIssues lists pull requests as well, as GitHub does: to it they are issues.
func (g *ghCall) listIssues() (any, error) {
	q := g.req.URL.Query()
	state, creator := cmp.Or(q.Get("state"), "open"), q.Get("creator")
	list := []ghObject{}
	keep := func(open bool, author string) bool {
		return (state == "all" || open == (state == "open")) && (creator == "" || creator == author)
	}
	numbers := map[int]ghObject{}
	for _, x := range g.repo.Issues {
		if keep(x.Open, x.Author) {
			numbers[x.Number] = g.issueObject(x)
		}
	}
	for _, p := range g.repo.Pulls {
		if keep(p.Open, p.Author) {
			o := g.issueObject(&ghIssue{ID: p.ID, Number: p.Number, Title: p.Title, Author: p.Author, Open: p.Open, Created: p.Created, Updated: p.Updated, Closed: p.Closed})
			o["pull_request"] = ghObject{"url": fmt.Sprintf("%s/pulls/%d", g.repoURL(), p.Number), "html_url": o["html_url"], "diff_url": nil, "patch_url": nil}
			numbers[p.Number] = o
		}
	}
	for n := g.repo.nextNumber() - 1; n > 0; n-- {
		if o, there := numbers[n]; there {
			list = append(list, o)
		}
	}
	if q.Get("direction") == "asc" {
		slices.Reverse(list)
	}
	return ghList(g, list)
}

func (g *ghCall) createIssue() (any, error) {
	var body struct{ Title, Body string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if err := g.issueText(body.Title, body.Body); err != nil {
		return nil, err
	}
	x := &ghIssue{ID: g.state.nextID(), Number: g.repo.nextNumber(), Title: body.Title, Body: body.Body, Author: g.who.name(), Open: true,
		Created: g.now(), Updated: g.now()}
	g.repo.Issues, g.changed = append(g.repo.Issues, x), true
	o := g.issueObject(x)
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

func (g *ghCall) issueText(title, body string) error {
	if title == "" {
		return ghInvalid(ghFieldError{Resource: "Issue", Code: "missing_field", Field: "title"})
	}
	if len(title) > 256 {
		return ghInvalid(ghFieldError{Resource: "Issue", Code: "custom", Field: "title", Message: "title is too long (maximum is 256 characters)"})
	}
	if len(body) > 65536 {
		return ghInvalid(ghFieldError{Resource: "Issue", Code: "custom", Field: "body", Message: "body is too long (maximum is 65536 characters)"})
	}
	return nil
}

func (g *ghCall) getIssue() (any, error) {
	x, err := g.findIssue()
	if err != nil {
		return nil, err
	}
	return g.issueObject(x), nil
}

// patchIssue lets an issue's author, and who may triage, change it.
func (g *ghCall) patchIssue() (any, error) {
	x, err := g.findIssue()
	if err != nil {
		return nil, err
	}
	if x.Author != g.who.name() && g.gh.role(g.who, g.repo) < triageAccess {
		return nil, ghRefused("Must have admin rights to Repository.")
	}
	var body struct {
		Title, Body, State *string
		Reason             string `json:"state_reason"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if err := g.issueText(*cmp.Or(body.Title, &x.Title), *cmp.Or(body.Body, &x.Body)); err != nil {
		return nil, err
	}
	x.Title, x.Body = *cmp.Or(body.Title, &x.Title), *cmp.Or(body.Body, &x.Body)
	if open := body.State == nil && x.Open || body.State != nil && *body.State == "open"; open != x.Open {
		x.Open, x.Closed, x.Reason = open, time.Time{}, "reopened"
		if !open {
			x.Closed, x.Reason = g.now(), cmp.Or(body.Reason, "completed")
		}
	}
	x.Updated, g.changed = g.now(), true
	return g.issueObject(x), nil
}

func (g *ghCall) issueObject(x *ghIssue) ghObject {
	url := fmt.Sprintf("%s/issues/%d", g.repoURL(), x.Number)
	o := ghObject{"id": x.ID, "node_id": ghNode("Issue", x.ID), "url": url, "repository_url": g.repoURL(), "number": x.Number, "title": x.Title,
		"body": x.Body, "html_url": fmt.Sprintf("%s/%s/issues/%d", g.htmlBase(), g.gh.fullName(g.repo), x.Number), "comments_url": url + "/comments",
		"events_url": url + "/events", "labels_url": url + "/labels{/name}", "labels": []any{}, "assignee": nil, "assignees": []any{}, "milestone": nil,
		"locked": false, "comments": 0, "user": g.actorObject(x.Author), "state": map[bool]string{true: "open", false: "closed"}[x.Open],
		"state_reason": nil, "created_at": ghTime(x.Created), "updated_at": ghTime(x.Updated), "closed_at": nil, "author_association": "MEMBER"}
	if x.Reason != "" {
		o["state_reason"] = x.Reason
	}
	if !x.Closed.IsZero() {
		o["closed_at"] = ghTime(x.Closed)
	}
	return o
}
