package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func (x Examiner) introduceGitHub(ctx context.Context, h *rights.Host) {
	h.Login.What = "a login"
	c, err := x.credential(ctx)
	if err != nil {
		refusedLogin(&h.Login, err)
		return
	}
	who := "an App"
	if !c.app() {
		self, err := x.GitHub.Self(ctx)
		if err != nil && !errors.Is(err, resource.ErrForbidden) {
			refusedLogin(&h.Login, err)
			return
		}
		who = cmp.Or(self.Login, "a token without a user")
	}
	fine(&h.Login, fmt.Sprintf("%s, by %s", who, c.login.Origin))
	h.Facts = append(h.Facts, rights.Fact{Name: "token", Value: c.describe()})
	if !c.shown.Expires.IsZero() {
		h.Facts = append(h.Facts, rights.Fact{Name: "expires", Value: c.shown.Expires.UTC().Format(time.RFC3339)})
	}
	x.standOnGitHub(ctx, c, h)
}

func (c credential) describe() string {
	switch {
	case c.app():
		var list []string
		for _, name := range slices.Sorted(maps.Keys(c.permissions)) {
			list = append(list, name+": "+c.permissions[name])
		}
		return "of an App's installation, with " + cmp.Or(strings.Join(list, ", "), "no permission")
	case c.shown.Classic:
		return "classic, with the scopes " + cmp.Or(strings.Join(c.shown.Scopes, ", "), "(none)")
	default:
		return "fine-grained; GitHub does not show its rights"
	}
}

// standOnGitHub tells the roles in the organisation and on the repository, and the organisation's limits.
func (x Examiner) standOnGitHub(ctx context.Context, c credential, h *rights.Host) {
	say := func(name, value string) { h.Facts = append(h.Facts, rights.Fact{Name: name, Value: value}) }
	owner, err := x.GitHub.Owner(ctx)
	if err == nil && owner.IsOrganization() {
		if !c.app() {
			role, err := x.GitHub.Membership(ctx)
			switch {
			case err == nil && role == "admin":
				say("organisation", owner.Login+": an owner")
			case err == nil:
				say("organisation", owner.Login+": a "+role)
			default:
				say("organisation", owner.Login+": no member, or the token does not see it")
			}
		}
		limit, err := x.GitHub.OrganizationLimit(ctx)
		if err == nil && limit.Default != nil && limit.PullRequests != nil {
			say("workflows", fmt.Sprintf("%s gives them a token to %s; they %s open pull requests", owner.Login, *limit.Default, map[bool]string{true: "may", false: "may not"}[*limit.PullRequests]))
		} else {
			say("workflows", owner.Login+" does not show this token its limits")
		}
	}
	r, err := x.GitHub.Repository(ctx)
	switch {
	case errors.Is(err, resource.ErrNotFound):
		say("repository", x.GitHub.FullName()+": not there, or hidden from this token")
	case err != nil:
		say("repository", err.Error())
	case c.app() || r.Roles == nil:
		say("repository", r.FullName)
	default:
		say("repository", r.FullName+": "+highest(r.Roles))
	}
}

func refusedLogin(f *rights.Finding, err error) {
	missing(f, err.Error(), "")
	if !errors.Is(err, resource.ErrUnauthorized) {
		f.Fix = "see what stands between this machine and the host, and try again"
	}
}
