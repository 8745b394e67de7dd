package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// Shown is what GitHub's answers say of the token that asked. A classic token and an OAuth login bear scopes;
// of a fine-grained token's rights nothing is said.
type Shown struct {
	Classic bool
	Scopes  []string
	Expires time.Time // zero: never, or not shown
}

// note keeps what an answer says of the token. A refusal may come without it.
func (c *Client) note(h http.Header) {
	s := &Shown{}
	if list := h.Values("X-Oauth-Scopes"); len(list) > 0 {
		s.Classic = true
		s.Scopes = strings.FieldsFunc(strings.Join(list, ","), func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(s.Scopes)
	}
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, h.Get("Github-Authentication-Token-Expiration")); err == nil {
			s.Expires = at
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = s
}

// Shown returns what GitHub says of the token, from an answer that came anyway where there was one.
func (c *Client) Shown(ctx context.Context) (Shown, error) {
	c.mu.Lock()
	s := c.shown
	c.mu.Unlock()
	if s == nil {
		if _, err := c.Owner(ctx); err != nil {
			return Shown{}, err
		}
		c.mu.Lock()
		s = c.shown
		c.mu.Unlock()
	}
	if s == nil {
		return Shown{}, fmt.Errorf("%s has not answered yet", c.host.api.Host) // impossible: the owner was just read
	}
	return *s, nil
}

// Organization is what an organisation shows of itself. A nil field is one that the token may not see.
type Organization struct {
	Account
	Create         *bool `json:"members_can_create_repositories"`
	CreatePublic   *bool `json:"members_can_create_public_repositories"`
	CreatePrivate  *bool `json:"members_can_create_private_repositories"`
	CreateInternal *bool `json:"members_can_create_internal_repositories"`
}

// MembersCreate reports whether members may create repositories of a visibility; shown is false where the
// organisation does not tell this token.
func (o Organization) MembersCreate(visibility string) (may, shown bool) {
	if o.Create == nil {
		return false, false
	}
	of := map[string]*bool{"public": o.CreatePublic, "private": o.CreatePrivate, "internal": o.CreateInternal}[visibility]
	return *o.Create && (of == nil || *of), true
}

// Organization returns the organisation that owns the repository, or would own it.
func (c *Client) Organization(ctx context.Context) (Organization, error) {
	return memo.Recall(ctx, &c.memo, "organization", func(ctx context.Context) (Organization, error) {
		var o Organization
		if err := c.get(ctx, route("orgs", c.opt.Owner), &o); err != nil {
			return o, fmt.Errorf("looking up the organisation %s: %w", c.opt.Owner, err)
		}
		return o, nil
	})
}

// Membership returns the role of the token's user in the organisation: admin (an owner) or member.
// resource.ErrNotFound is neither, or a token that may not see it.
func (c *Client) Membership(ctx context.Context) (string, error) {
	return memo.Recall(ctx, &c.memo, "membership", func(ctx context.Context) (string, error) {
		self, err := c.Self(ctx)
		if err != nil {
			return "", err
		}
		var m struct{ Role, State string }
		if err := c.get(ctx, route("orgs", c.opt.Owner, "memberships", self.Login), &m); err != nil {
			return "", fmt.Errorf("looking up %s in the organisation %s: %w", self.Login, c.opt.Owner, err)
		}
		if m.State == "pending" {
			return "invited", nil
		}
		return m.Role, nil
	})
}
