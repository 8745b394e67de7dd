package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ghComment is a comment on a pull request.
type ghComment struct {
	ID      int64     `json:"id"`
	Number  int       `json:"number"`
	Body    string    `json:"body"`
	Author  string    `json:"author"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

func ghCommentRoutes() []ghRoute {
	read, write := reads("pull_requests", readAccess), writes("pull_requests", readAccess)
	return []ghRoute{
		{pattern: "GET ~/issues/{issue_number}/comments", need: read, handle: (*ghCall).listComments},
		{pattern: "POST ~/issues/{issue_number}/comments", need: write, handle: (*ghCall).createComment},
		{pattern: "PATCH ~/issues/comments/{comment_id}", need: write, handle: (*ghCall).updateComment},
		{pattern: "DELETE ~/issues/comments/{comment_id}", need: write, handle: (*ghCall).deleteComment},
	}
}

// issue is the number of the issue, or the pull request, that the path names.
func (g *ghCall) issue() (int, error) {
	if x, err := g.findIssue(); err == nil {
		return x.Number, nil
	}
	i := slices.IndexFunc(g.repo.Pulls, func(p *ghPull) bool { return strconv.Itoa(p.Number) == g.vars["issue_number"] })
	if i < 0 {
		return 0, ghMissing()
	}
	return g.repo.Pulls[i].Number, nil
}

func (g *ghCall) listComments() (any, error) {
	number, err := g.issue()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, c := range g.repo.Comments {
		if c.Number == number {
			list = append(list, g.commentObject(c))
		}
	}
	return ghList(g, list)
}

func (g *ghCall) commentText() (string, error) {
	var body struct{ Body string }
	if err := g.read(&body); err != nil {
		return "", err
	}
	if body.Body == "" {
		return "", ghInvalid(ghFieldError{Resource: "IssueComment", Code: "missing_field", Field: "body"})
	}
	if len(body.Body) > 65536 {
		return "", ghInvalid(ghFieldError{Resource: "IssueComment", Code: "unprocessable", Field: "data",
			Message: "body is too long (maximum is 65536 characters)"})
	}
	return body.Body, nil
}

func (g *ghCall) createComment() (any, error) {
	number, err := g.issue()
	if err != nil {
		return nil, err
	}
	text, err := g.commentText()
	if err != nil {
		return nil, err
	}
	c := &ghComment{ID: g.state.nextID(), Number: number, Body: text, Author: g.who.name(), Created: g.now(), Updated: g.now()}
	g.repo.Comments, g.changed = append(g.repo.Comments, c), true
	o := g.commentObject(c)
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(o["url"])}}, body: o}, nil
}

// comment is the one of the path; only its author and who may write may change it.
func (g *ghCall) comment() (*ghComment, error) {
	i := slices.IndexFunc(g.repo.Comments, func(c *ghComment) bool { return ghSameID(c.ID, g.vars["comment_id"]) })
	if i < 0 {
		return nil, ghMissing()
	}
	c := g.repo.Comments[i]
	if c.Author != g.who.name() && g.gh.role(g.who, g.repo) < writeAccess {
		return nil, ghRefused("Must have admin rights to Repository.")
	}
	return c, nil
}

func (g *ghCall) updateComment() (any, error) {
	c, err := g.comment()
	if err != nil {
		return nil, err
	}
	text, err := g.commentText()
	if err != nil {
		return nil, err
	}
	c.Body, c.Updated, g.changed = text, g.now(), true
	return g.commentObject(c), nil
}

func (g *ghCall) deleteComment() (any, error) {
	c, err := g.comment()
	if err != nil {
		return nil, err
	}
	g.repo.Comments = slices.DeleteFunc(g.repo.Comments, func(other *ghComment) bool { return other == c })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) commentObject(c *ghComment) ghObject {
	issue := fmt.Sprintf("%s/issues/%d", g.repoURL(), c.Number)
	return ghObject{"id": c.ID, "node_id": ghNode("IssueComment", c.ID), "url": fmt.Sprintf("%s/issues/comments/%d", g.repoURL(), c.ID),
		"html_url": fmt.Sprintf("%s/%s/pull/%d#issuecomment-%d", g.htmlBase(), g.gh.fullName(g.repo), c.Number, c.ID), "issue_url": issue,
		"body": c.Body, "user": g.actorObject(c.Author), "created_at": ghTime(c.Created), "updated_at": ghTime(c.Updated),
		"author_association": "MEMBER", "performed_via_github_app": nil}
}
