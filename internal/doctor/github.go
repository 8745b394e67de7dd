package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// credential is what can be told of the login for GitHub.
type credential struct {
	login       github.Login
	shown       github.Shown
	permissions map[string]string // of an App's installation; nil for a user's token
}

func (c credential) app() bool { return c.permissions != nil }

func (x Examiner) credential(ctx context.Context) (credential, error) {
	login, err := x.GitHubLogin()
	if err != nil {
		return credential{}, err
	}
	c := credential{login: login}
	if login.Permissions != nil {
		c.permissions, err = login.Permissions(ctx)
		if err == nil && c.permissions == nil {
			c.permissions = map[string]string{}
		}
		return c, err
	}
	c.shown, err = x.GitHub.Shown(ctx)
	return c, err
}

func (x Examiner) onGitHub(ctx context.Context, f *rights.Finding) {
	f.What = f.Right.String()
	c, err := x.credential(ctx)
	if err != nil {
		undecided(f, err)
		return
	}
	switch f.Right.Sort {
	case rights.Token:
		x.tokenRight(c, f)
	case rights.Role:
		x.roleRight(ctx, c, f)
	case rights.Repository:
		x.creationRight(ctx, c, f)
	default:
		x.limitRight(ctx, f)
	}
}

func (x Examiner) tokenRight(c credential, f *rights.Finding) {
	r := *f.Right
	host := x.Places.GitHub
	switch {
	case c.app():
		if covers(c.permissions[r.On], r.Level) || r.On == "metadata" {
			fine(f, "the App's installation has it")
			return
		}
		missing(f, fmt.Sprintf("the App's installation has %s: %s", r.On, cmp.Or(c.permissions[r.On], "nothing")),
			fmt.Sprintf("give the App %q: %s under Permissions & events of its settings, and accept that at %s/organizations/%s/settings/installations",
				rights.Permission(r.On), r.Level, host, x.Places.Owner))
	case c.shown.Classic:
		f.What = "the token's scope " + r.Scope
		if slices.ContainsFunc(c.shown.Scopes, func(s string) bool { return includes(s, r.Scope) }) {
			fine(f, "it has it")
			return
		}
		missing(f, "the token has "+cmp.Or(strings.Join(c.shown.Scopes, ", "), "no scope"),
			fmt.Sprintf("add it at %s/settings/tokens, or run `gh auth refresh --hostname %s --scopes %s`", host, strings.TrimPrefix(host, "https://"), r.Scope))
	default:
		f.State, f.Why = rights.Unchecked, "GitHub shows no fine-grained token's rights"
		f.Fix = fmt.Sprintf("see that it has %q: %s, at %s/settings/personal-access-tokens", rights.Permission(r.On), r.Level, host)
	}
}

// covers reports whether a permission's level holds another one.
func covers(have, wanted string) bool {
	return have == "admin" || have == "write" || have == wanted && have != ""
}

// includes reports whether a scope holds another one.
func includes(have, wanted string) bool {
	return have == wanted || wanted == "read:org" && (have == "write:org" || have == "admin:org")
}

func (x Examiner) roleRight(ctx context.Context, c credential, f *rights.Finding) {
	if c.app() {
		fine(f, "an App has no role: its permissions decide")
		return
	}
	r, err := x.GitHub.Repository(ctx)
	switch {
	case err != nil:
		undecided(f, err)
	case r.Roles == nil:
		f.Why = "GitHub does not say which role it has"
	case r.Roles["admin"] || f.Right.Level == "write" && (r.Roles["push"] || r.Roles["maintain"]):
		fine(f, "it has the role "+highest(r.Roles))
	default:
		missing(f, "it has the role "+highest(r.Roles), fmt.Sprintf("an administrator of the repository gives it: %s/%s/settings/access", x.Places.GitHub, r.FullName))
	}
}

func highest(roles map[string]bool) string {
	for _, name := range []string{"admin", "maintain", "push", "triage", "pull"} {
		if roles[name] {
			return name
		}
	}
	return "none"
}

// creationRight asks the organisation what its members may, and for the role there only where that is not
// enough.
func (x Examiner) creationRight(ctx context.Context, c credential, f *rights.Finding) {
	if c.app() {
		fine(f, "an App's permissions decide")
		return
	}
	owner, err := x.GitHub.Owner(ctx)
	if err != nil {
		undecided(f, err)
		return
	}
	if !owner.IsOrganization() {
		x.ownCreation(ctx, owner, f)
		return
	}
	org, err := x.GitHub.Organization(ctx)
	if err != nil {
		undecided(f, err)
		return
	}
	if may, _ := org.MembersCreate(f.Right.Level); may {
		fine(f, "the organisation lets its members do so")
		return
	}
	x.creationByRole(ctx, org, f)
}

func (x Examiner) creationByRole(ctx context.Context, org github.Organization, f *rights.Finding) {
	settings := fmt.Sprintf("%s/organizations/%s/settings/member_privileges", x.Places.GitHub, org.Login)
	role, err := x.GitHub.Membership(ctx)
	_, shown := org.MembersCreate(f.Right.Level)
	switch {
	case err == nil && role == "admin":
		fine(f, "it is an owner of the organisation")
	case errors.Is(err, resource.ErrNotFound):
		missing(f, "the token's user is no member of "+org.Login, fmt.Sprintf("an owner invites it: %s/orgs/%s/people", x.Places.GitHub, org.Login))
	case err != nil:
		undecided(f, err)
	case !shown:
		f.Why = "the organisation does not tell this token what its members may create"
		f.Fix = "an owner sees it at " + settings
	default:
		missing(f, "the organisation lets only its owners do so, and it is a "+role, "an owner creates the repository, or lets members do so: "+settings)
	}
}

func (x Examiner) ownCreation(ctx context.Context, owner github.Account, f *rights.Finding) {
	self, err := x.GitHub.Self(ctx)
	switch {
	case err != nil:
		undecided(f, err)
	case self.ID == owner.ID:
		fine(f, "the token belongs to "+owner.Login)
	default:
		missing(f, "the token belongs to "+self.Login, "only "+owner.Login+" creates repositories there: use a token of that user")
	}
}

// limitRight compares with the organisation's own settings. One that is stricter may forbid it or be only its
// default: GitHub tells that to who tries.
func (x Examiner) limitRight(ctx context.Context, f *rights.Finding) {
	owner, err := x.GitHub.Owner(ctx)
	if err == nil && !owner.IsOrganization() {
		fine(f, "the owner is a user")
		return
	}
	limit, err := x.GitHub.OrganizationLimit(ctx)
	page := fmt.Sprintf("%s/organizations/%s/settings/actions", x.Places.GitHub, x.Places.Owner)
	switch {
	case err != nil:
		undecided(f, err)
		f.Fix = "an owner sees it at " + page
	case f.Right.Level == "write" && limit.Default != nil && *limit.Default == "write",
		f.Right.Level == "pull_requests" && limit.PullRequests != nil && *limit.PullRequests:
		fine(f, "the organisation's own settings are as wide")
	default:
		f.Why = "the organisation's own settings are stricter, and GitHub does not say whether a repository may go beyond them"
		f.Fix = "if it is refused, an owner allows it at " + page
	}
}
