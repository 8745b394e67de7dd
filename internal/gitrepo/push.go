// Package gitrepo speaks git: it pushes local files as the first commit of an empty repository, reads
// and moves refs by compare-and-swap, and reads the history of a local file. It makes the objects in
// memory and speaks git's smart HTTP protocol through the transport that it is given.
package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Commit is a first commit: the files below Dir that Paths name, a folder standing for all that is in
// it and that .gitignore does not leave out.
type Commit struct {
	Dir     string
	Paths   []string
	Branch  string
	Message string
	Author  Signature
}

// Signature is who made a commit, and when.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Push makes the commit and a branch that begins with it, and returns the commit's hash. It never moves
// a branch that exists: resource.ErrExists then. What the server says beside its refusal is in the
// error.
func Push(ctx context.Context, r Remote, c Commit) (hash string, err error) {
	files, err := collect(c.Dir, c.Paths)
	if err != nil {
		return "", err
	}
	b := newBuilder()
	commit, err := b.commit(NewCommit{Message: c.Message, Author: c.Author}, files)
	if err != nil {
		return "", fmt.Errorf("making the first commit: %w", err)
	}
	p := parcel{objects: b}
	p.add(plumbing.NewBranchReferenceName(c.Branch).String(), "", commit)
	_, err = push(ctx, r, p)
	if errors.Is(err, ErrMoved) {
		err = fmt.Errorf("branch %s %w", c.Branch, resource.ErrExists)
	}
	if err != nil {
		return "", fmt.Errorf("pushing the first commit to %s of %s: %w", c.Branch, r.URL, err)
	}
	return commit.String(), nil
}
