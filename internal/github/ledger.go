package github

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// ledgerRefs is where the refs lie that Refs reads.
const ledgerRefs = "refs/mlopsctl/"

// Refs returns where the refs of the ledger stand, as they are now.
func (c *Client) Refs(ctx context.Context) (gitrepo.Refs, error) {
	refs, err := gitrepo.ReadRefs(ctx, c.remote(), ledgerRefs)
	return refs, c.soon(err)
}

// FetchVersions returns the commit of that hash and its first parents, depth of them, or all where depth is 0.
func (c *Client) FetchVersions(ctx context.Context, hash string, depth int) ([]gitrepo.Version, error) {
	versions, err := gitrepo.Fetch(ctx, c.remote(), hash, depth)
	return versions, c.soon(err)
}

// MoveRefs makes all of the moves or none, in the name that Push uses. See gitrepo.MoveRefs.
func (c *Client) MoveRefs(ctx context.Context, moves []gitrepo.Move) (gitrepo.Refs, error) {
	by, err := c.signature(ctx, c.opt.Dir)
	if err != nil {
		return gitrepo.Refs{}, err
	}
	signed := slices.Clone(moves)
	for i, m := range signed {
		if m.New != nil {
			commit := *m.New
			commit.Author, signed[i].New = by, &commit
		}
	}
	refs, err := gitrepo.MoveRefs(ctx, c.remote(), signed)
	return refs, c.soon(err)
}

// signature is who commits: the token's user where it belongs to one, else the user that git knows in dir.
func (c *Client) signature(ctx context.Context, dir string) (gitrepo.Signature, error) {
	name, email, err := c.Author(ctx)
	if err != nil {
		return gitrepo.Signature{}, err
	}
	if name == "" {
		name, email = gitrepo.LocalUser(dir)
	}
	return gitrepo.Signature{Name: name, Email: email, When: c.opt.Now()}, nil
}

func (c *Client) remote() gitrepo.Remote {
	return gitrepo.Remote{
		URL: c.host.web.JoinPath(c.opt.Owner, c.Name()+".git").String(), Token: c.opt.Token, Transport: c.opt.Transport,
	}
}

// soon says of a repository that was created a moment ago that git does not find it yet.
func (c *Client) soon(err error) error {
	if errors.Is(err, resource.ErrNotFound) && c.newborn() {
		return fmt.Errorf("%w: %v", resource.ErrNotYet, err)
	}
	return err
}
