package github

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Proposal is a pull request, as far as what it proposes goes.
type Proposal struct {
	Number int    `json:"number"`
	State  string `json:"state"`
	Head   Tip    `json:"head"`
	Base   Tip    `json:"base"`
}

// Tip is the end of a branch. Repo is nil where its repository is gone.
type Tip struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

// Proposal returns a pull request.
func (c *Client) Proposal(ctx context.Context, number int) (Proposal, error) {
	var p Proposal
	if err := c.get(ctx, c.at("pulls", strconv.Itoa(number)), &p); err != nil {
		return p, fmt.Errorf("reading pull request #%d of %s: %w", number, c.FullName(), err)
	}
	return p, nil
}

// Fork returns the commit at which a branch left another, and by how many commits it is behind.
func (c *Client) Fork(ctx context.Context, base, head string) (commit string, behind int, err error) {
	var answer struct {
		MergeBase struct {
			SHA string `json:"sha"`
		} `json:"merge_base_commit"`
		Behind int `json:"behind_by"`
	}
	if err := c.get(ctx, c.at("compare", base+"..."+head)+"?per_page=1", &answer); err != nil {
		return "", 0, fmt.Errorf("comparing %s with %s: %w", head, base, err)
	}
	return answer.MergeBase.SHA, answer.Behind, nil
}

// ErrNoFile is a path at which a commit holds something other than a file of a size that the service hands out:
// a link, a folder, another repository, more than a megabyte.
var ErrNoFile = errors.New("it is no plain file of at most a megabyte")

// FileAt returns what a commit holds at a path, as data. A path that it does not hold is resource.ErrNotFound.
func (c *Client) FileAt(ctx context.Context, name, commit string) ([]byte, error) {
	segments := append([]string{"contents"}, strings.Split(name, "/")...)
	var f struct {
		Type, Encoding, Content, Path, Target string
		Size                                  int64
	}
	resp, err := c.send(ctx, request{method: http.MethodGet, path: c.at(segments...) + "?ref=" + url.QueryEscape(commit)}, &f)
	if resp != nil && resp.StatusCode == http.StatusOK && err != nil {
		return nil, fmt.Errorf("%s at %s: %w", name, commit, ErrNoFile) // a folder is a list
	}
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return nil, fmt.Errorf("%s at %s: %w", name, commit, err)
	case err != nil:
		return nil, fmt.Errorf("reading %s at %s: %w", name, commit, err)
	case f.Type != "file", f.Encoding != "base64", f.Target != "", f.Path != name:
		return nil, fmt.Errorf("%s at %s: %w", name, commit, ErrNoFile)
	}
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(f.Content, "\n", ""))
	if err != nil || int64(len(data)) != f.Size {
		return nil, fmt.Errorf("reading %s at %s: its content is not as the service describes it", name, commit)
	}
	return data, nil
}
