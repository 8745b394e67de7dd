package databricks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Person is who this program is on a workspace. User is a user name, or a service principal's application id.
type Person struct {
	User, Display string
	Groups        []string
	Admin         bool // of the workspace
}

// Who returns who this program is on a workspace.
func (f *Fleet) Who(ctx context.Context, host string) (Person, error) {
	me, err := f.me(ctx, host)
	if err != nil {
		return Person{}, err
	}
	p := Person{User: me.user, Display: me.display}
	for _, name := range me.names {
		if name != everyone && name != me.user {
			p.Groups = append(p.Groups, name)
		}
	}
	p.Admin = slices.Contains(p.Groups, "admins") // the workspace's own group
	return p, nil
}

// Standing is whether this program may do something, as far as that can be read.
type Standing string

// The standings.
const (
	May     Standing = "may"
	MayNot  Standing = "may not"
	Unknown Standing = "unknown"
)

// AdministersAccount returns whether this program is an account admin. It asks for the roles of principal, an
// application id or a user name; without one, or where the role comes through a group, only what the account
// has already let it read can tell.
func (f *Fleet) AdministersAccount(ctx context.Context, principal string) (Standing, error) {
	if f.trusted.Load() {
		return May, nil
	}
	if principal == "" {
		_, err := f.listWorkspaces(ctx)
		if errors.Is(err, resource.ErrForbidden) {
			return MayNot, nil
		}
		return Unknown, err
	}
	roles, err := f.rolesOf(ctx, principal)
	switch {
	case errors.Is(err, resource.ErrForbidden):
		return MayNot, nil
	case err != nil:
		return Unknown, err
	case slices.Contains(roles, "account_admin"):
		return May, nil
	default:
		return Unknown, nil
	}
}

func (f *Fleet) rolesOf(ctx context.Context, principal string) ([]string, error) {
	return memo.Recall(ctx, &f.memo, "roles/"+principal, func(ctx context.Context) ([]string, error) {
		type holder struct {
			Roles []struct {
				Value string `json:"value"`
			} `json:"roles"`
		}
		l := lookup{resource: "ServicePrincipals", by: "applicationId", names: []string{principal}, attributes: "id,roles"}
		if strings.Contains(principal, "@") {
			l.resource, l.by = "Users", "userName"
		}
		found, err := scim[holder](ctx, f, "", l)
		if err != nil {
			return nil, fmt.Errorf("reading the roles of %s in the account: %w", principal, misplaced(err))
		}
		var roles []string
		for _, p := range found {
			for _, r := range p.Roles {
				roles = append(roles, r.Value)
			}
		}
		return roles, nil
	})
}

// ManagesPrincipal returns whether this program may issue credentials for a principal: who may list them may.
func (f *Fleet) ManagesPrincipal(ctx context.Context, principalID string) (Standing, error) {
	_, err := f.OAuthSecrets(ctx, principalID)
	switch {
	case errors.Is(err, resource.ErrForbidden):
		return MayNot, nil
	case err != nil:
		return Unknown, err
	default:
		return May, nil
	}
}

// AdministersMetastore reports whether this program, or a group of its, owns the workspace's metastore.
func (f *Fleet) AdministersMetastore(ctx context.Context, host string) (bool, error) {
	m, err := f.MetastoreSummary(ctx, host)
	if err != nil {
		return false, err
	}
	me, err := f.me(ctx, host)
	return me.is(m.Owner), err
}

// Manages returns whether this program may change a securable: as its owner, or with MANAGE on it or on what
// holds it. Of one that is not there nothing is known.
func (f *Fleet) Manages(ctx context.Context, host string, s Securable) (Standing, error) {
	return f.Holds(ctx, host, s, "MANAGE")
}

// MayGrant returns whether this program may grant on a securable: as Manages, and as the owner of what holds
// it or an administrator of the metastore.
func (f *Fleet) MayGrant(ctx context.Context, host string, s Securable) (Standing, error) {
	var who []string
	var absent error
	for _, up := range s.holders() {
		entitled, err := f.entitled(ctx, host, up, "MANAGE")
		switch {
		case errors.Is(err, resource.ErrNotFound):
			absent = err
		case err != nil:
			return Unknown, err
		}
		who = append(who, entitled...)
	}
	m, err := f.MetastoreSummary(ctx, host)
	if err != nil {
		return Unknown, err
	}
	may, err := f.anyOf(ctx, host, append(who, m.Owner))
	if may == MayNot && absent != nil {
		return Unknown, absent
	}
	return may, err
}

// Holds returns whether this program has a privilege on a securable: as its owner, or by a grant there or on
// what holds it; on a metastore also as its administrator.
func (f *Fleet) Holds(ctx context.Context, host string, s Securable, privilege string) (Standing, error) {
	who, err := f.entitled(ctx, host, s, privilege)
	if err != nil {
		return Unknown, err
	}
	for i, up := range s.holders() {
		if i == 0 {
			continue // s itself
		}
		granted, err := f.grantees(ctx, host, up, privilege)
		if err != nil {
			return Unknown, err
		}
		who = append(who, granted...)
	}
	return f.anyOf(ctx, host, who)
}

// entitled are the owner of a securable, and whoever holds a privilege by a grant on it, as far as this program
// may see them.
func (f *Fleet) entitled(ctx context.Context, host string, s Securable, privilege string) ([]string, error) {
	owner, err := f.Owner(ctx, host, s)
	if errors.Is(err, resource.ErrForbidden) {
		return nil, nil // who may not even see it has no right on it
	}
	if err != nil {
		return nil, err
	}
	granted, err := f.grantees(ctx, host, s, privilege)
	return append(granted, owner), err
}

func (f *Fleet) grantees(ctx context.Context, host string, s Securable, privilege string) ([]string, error) {
	grants, err := f.Grants(ctx, host, s)
	if err != nil && !errors.Is(err, resource.ErrForbidden) {
		return nil, err
	}
	var who []string
	for _, g := range grants {
		if g.gives(privilege) {
			who = append(who, g.Principal)
		}
	}
	return who, nil
}

// anyOf returns whether this program is one of those, or in one of them.
func (f *Fleet) anyOf(ctx context.Context, host string, who []string) (Standing, error) {
	me, err := f.me(ctx, host)
	if err != nil {
		return Unknown, err
	}
	if slices.ContainsFunc(who, me.is) {
		return May, nil
	}
	sum := MayNot
	for _, name := range who {
		switch f.belongs(ctx, me, name) {
		case May:
			return May, nil
		case Unknown:
			sum = Unknown
		}
	}
	return sum, nil
}

// belongs returns whether this program is in a group that its workspace does not show it in: a workspace shows
// the groups that are assigned to it, and an account group may own a metastore all the same.
func (f *Fleet) belongs(ctx context.Context, me self, name string) Standing {
	if name == "" || strings.Contains(name, "@") || isApplicationID(name) {
		return MayNot // somebody else, and no group
	}
	if !f.HasAccount() {
		return Unknown
	}
	type group struct {
		Members []struct {
			Value string `json:"value"`
			Ref   string `json:"$ref"`
		} `json:"members"`
	}
	found, err := memo.Recall(ctx, &f.memo, "members/"+name, func(ctx context.Context) ([]group, error) {
		return scim[group](ctx, f, "", lookup{resource: "Groups", by: "displayName", names: []string{name}, attributes: "id,members"})
	})
	if err != nil {
		return Unknown
	}
	sum := MayNot
	for _, g := range found {
		for _, m := range g.Members {
			switch {
			case m.Value == me.id:
				return May
			case strings.Contains(m.Ref, "Groups/"):
				sum = Unknown // it may be in that one
			}
		}
	}
	return sum
}

// isApplicationID recognises the form of a service principal's name in grants.
var isApplicationID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString

// gives reports whether a grant holds a privilege. ALL_PRIVILEGES leaves three out.
func (g Grant) gives(privilege string) bool {
	excepted := privilege == "MANAGE" || privilege == "EXTERNAL_USE_SCHEMA" || privilege == "EXTERNAL_USE_LOCATION"
	return slices.Contains(g.Privileges, privilege) || !excepted && slices.Contains(g.Privileges, "ALL_PRIVILEGES")
}
