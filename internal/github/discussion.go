package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Comment is a comment on a pull request or an issue.
type Comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

// Issue is an issue of the repository.
type Issue struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	State  string `json:"state"` // open, closed
	User   struct {
		Login string `json:"login"`
	} `json:"user"`
	Pull json.RawMessage `json:"pull_request"` // there for a pull request, which the service lists as well
}

// Talks reports whether a request does nothing but speak in a repository's issues and pull requests.
func Talks(req *http.Request) bool {
	p := strings.TrimPrefix(req.URL.Path, "/api/v3")
	for _, allowed := range []string{
		"POST /repos/*/*/issues", "PATCH /repos/*/*/issues/*", "POST /repos/*/*/issues/*/comments",
		"PATCH /repos/*/*/issues/comments/*", "DELETE /repos/*/*/issues/comments/*",
	} {
		if ok, err := path.Match(allowed, req.Method+" "+p); err == nil && ok {
			return true
		}
	}
	return false
}

// Login returns the name under which the token writes: of its user, or of an App's bot.
func (c *Client) Login(ctx context.Context) (string, error) {
	var answer struct {
		Data struct{ Viewer struct{ Login string } }
	}
	_, err := c.send(ctx, request{method: http.MethodPost, path: c.host.graphql(), body: map[string]string{"query": "query { viewer { login } }"}}, &answer)
	if err != nil {
		return "", fmt.Errorf("asking whose token this is: %w", err)
	}
	if answer.Data.Viewer.Login == "" {
		return "", fmt.Errorf("asking whose token this is: %s does not say", c.host.api.Host)
	}
	return answer.Data.Viewer.Login, nil
}

// Comments returns the comments on a pull request or an issue, the oldest first.
func (c *Client) Comments(ctx context.Context, number int) ([]Comment, error) {
	list, err := pages[Comment](ctx, c, listing{path: c.at("issues", strconv.Itoa(number), "comments"), size: 100})
	if err != nil {
		return nil, fmt.Errorf("listing the comments on #%d: %w", number, err)
	}
	slices.SortFunc(list, func(a, b Comment) int { return int(min(1, max(-1, a.ID-b.ID))) })
	return list, nil
}

// Comment writes a comment.
func (c *Client) Comment(ctx context.Context, number int, body string) (Comment, error) {
	var made Comment
	r := request{method: http.MethodPost, path: c.at("issues", strconv.Itoa(number), "comments"), body: map[string]string{"body": body}}
	if _, err := c.send(ctx, r, &made); err != nil {
		return made, fmt.Errorf("commenting on #%d: %w", number, err)
	}
	return made, nil
}

// EditComment gives a comment another text.
func (c *Client) EditComment(ctx context.Context, id int64, body string) error {
	r := request{method: http.MethodPatch, path: c.at("issues", "comments", strconv.FormatInt(id, 10)), body: map[string]string{"body": body}}
	if _, err := c.send(ctx, r, nil); err != nil {
		return fmt.Errorf("changing comment %d: %w", id, err)
	}
	return nil
}

// DeleteComment removes a comment; one that is gone already is no error.
func (c *Client) DeleteComment(ctx context.Context, id int64) error {
	r := request{method: http.MethodDelete, path: c.at("issues", "comments", strconv.FormatInt(id, 10))}
	if _, err := c.send(ctx, r, nil); err != nil && !errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("deleting comment %d: %w", id, err)
	}
	return nil
}

// Issues returns the issues that a login opened, the oldest first, without pull requests; state is open, closed
// or all.
func (c *Client) Issues(ctx context.Context, login, state string) ([]Issue, error) {
	path := c.at("issues") + "?direction=asc&state=" + state + "&creator=" + url.QueryEscape(login)
	list, err := pages[Issue](ctx, c, listing{path: path, size: 100})
	if err != nil {
		return nil, fmt.Errorf("listing the issues of %s: %w", c.FullName(), err)
	}
	return slices.DeleteFunc(list, func(i Issue) bool { return i.Pull != nil || i.User.Login != login }), nil
}

// OpenIssue opens an issue.
func (c *Client) OpenIssue(ctx context.Context, title, body string) (Issue, error) {
	var made Issue
	r := request{method: http.MethodPost, path: c.at("issues"), body: map[string]string{"title": title, "body": body}}
	if _, err := c.send(ctx, r, &made); err != nil {
		return made, fmt.Errorf("opening an issue in %s: %w", c.FullName(), err)
	}
	return made, nil
}

// EditIssue gives an issue the title, the text and the state of i.
func (c *Client) EditIssue(ctx context.Context, i Issue) error {
	r := request{method: http.MethodPatch, path: c.at("issues", strconv.Itoa(i.Number)),
		body: map[string]string{"title": i.Title, "body": i.Body, "state": i.State}}
	if _, err := c.send(ctx, r, nil); err != nil {
		return fmt.Errorf("changing issue #%d: %w", i.Number, err)
	}
	return nil
}
