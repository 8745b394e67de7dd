package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Name returns the name under which the repository is asked for: the spec's, or until it is renamed its
// former one.
func (c *Client) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.former != "" {
		return c.former
	}
	return c.opt.Repo
}

// Formerly has the client speak to the repository under its former name, if it is there and none under
// the name of the spec is. The answers under that name are not those under this one.
func (c *Client) Formerly(ctx context.Context, former string) error {
	if c.Name() == former {
		return nil
	}
	_, err := c.Repository(ctx)
	if !errors.Is(err, resource.ErrNotFound) {
		return err
	}
	c.call(former)
	if _, err = c.Repository(ctx); errors.Is(err, resource.ErrNotFound) {
		c.call("")
		return nil
	}
	return err
}

func (c *Client) call(former string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.former = former
	c.memo.Drop("")
}

// RenameRepository gives the repository the name of the spec. GitHub redirects the former name, until
// somebody makes another repository of that name.
func (c *Client) RenameRepository(ctx context.Context) error {
	path, former := c.at(), c.Name()
	c.call("")
	_, err := c.send(ctx, request{method: http.MethodPatch, path: path, body: map[string]any{"name": c.opt.Repo}}, nil)
	if err != nil {
		if !errors.Is(err, resource.ErrLost) {
			c.call(former)
		}
		return fmt.Errorf("renaming the repository to %s: %w", c.FullName(), err)
	}
	return nil
}
