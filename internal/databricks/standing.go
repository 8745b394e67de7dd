package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// standings are what a clear answer means.
func standings() map[bool]Standing { return map[bool]Standing{true: May, false: MayNot} }

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
	me, err := f.me(ctx, host)
	if err != nil {
		return Unknown, err
	}
	owner, err := f.Owner(ctx, host, s)
	switch {
	case errors.Is(err, resource.ErrForbidden):
		return MayNot, nil // who may not even see it
	case err != nil:
		return Unknown, err
	case me.is(owner):
		return May, nil
	default:
		return f.Holds(ctx, host, s, "MANAGE")
	}
}

// MayGrant returns whether this program may grant on a securable: as Manages, and as the owner of what holds
// it or an administrator of the metastore.
func (f *Fleet) MayGrant(ctx context.Context, host string, s Securable) (Standing, error) {
	var absent error
	for _, up := range s.holders() {
		manages, err := f.manages(ctx, host, up)
		switch {
		case errors.Is(err, resource.ErrNotFound):
			absent = err
		case manages:
			return May, nil
		case err != nil && !errors.Is(err, resource.ErrForbidden):
			return Unknown, err
		}
	}
	may, err := f.AdministersMetastore(ctx, host)
	switch {
	case err != nil || absent != nil && !may:
		return Unknown, errors.Join(err, absent)
	default:
		return standings()[may], nil
	}
}

// Holds returns whether this program has a privilege on a securable: as its owner, or by a grant there or on
// what holds it; on a metastore also as its administrator.
func (f *Fleet) Holds(ctx context.Context, host string, s Securable, privilege string) (Standing, error) {
	me, err := f.me(ctx, host)
	if err != nil {
		return Unknown, err
	}
	owner, err := f.Owner(ctx, host, s)
	if err == nil && me.is(owner) {
		return May, nil
	}
	chain := s.holders()
	if s.Type == "metastore" {
		chain = []Securable{s}
	}
	for _, up := range chain {
		grants, err := f.Grants(ctx, host, up)
		if err != nil && !errors.Is(err, resource.ErrForbidden) {
			return Unknown, err
		}
		if slices.ContainsFunc(grants, func(g Grant) bool { return me.is(g.Principal) && g.gives(privilege) }) {
			return May, nil
		}
	}
	return MayNot, nil
}

// gives reports whether a grant holds a privilege. ALL_PRIVILEGES leaves three out.
func (g Grant) gives(privilege string) bool {
	excepted := privilege == "MANAGE" || privilege == "EXTERNAL_USE_SCHEMA" || privilege == "EXTERNAL_USE_LOCATION"
	return slices.Contains(g.Privileges, privilege) || !excepted && slices.Contains(g.Privileges, "ALL_PRIVILEGES")
}

// Effective is a privilege that a principal holds on a securable, and the securable that it comes from;
// From is "" where it is granted there.
type Effective struct{ Privilege, From string }

// EffectivePrivileges returns what anybody of those names, as grants have them, holds on a securable all in all:
// granted there, and on what holds it. What an owner holds is not among it. All that this program may see is
// read once.
func (f *Fleet) EffectivePrivileges(ctx context.Context, host string, s Securable, names ...string) ([]Effective, error) {
	all, err := memo.Recall(ctx, &f.memo, "effective/"+host+"/"+strings.ToLower(s.String()), func(ctx context.Context) (map[string][]Effective, error) {
		return f.effective(ctx, host, s)
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is effectively held on %s: %w", s, err)
	}
	var held []Effective
	for _, name := range append(names, everyone) {
		held = append(held, all[strings.ToLower(name)]...)
	}
	return held, nil
}

func (f *Fleet) effective(ctx context.Context, host string, s Securable) (map[string][]Effective, error) {
	path, err := f.grantsPath(ctx, host, s)
	if err != nil {
		return nil, err
	}
	r := request{method: http.MethodGet, path: strings.Replace(path, "/permissions/", "/effective-permissions/", 1), query: map[string]any{"max_results": 0}}
	all := map[string][]Effective{}
	for {
		var page effectiveList
		if err := f.sendTo(ctx, host, r, &page); err != nil {
			return nil, err
		}
		page.into(all)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == r.query["page_token"] {
			return nil, errCircle
		}
		r.query["page_token"] = page.Next
	}
}

type effectiveList struct {
	Assignments []struct {
		Principal  string `json:"principal"`
		Privileges []struct {
			Privilege string `json:"privilege"`
			FromType  string `json:"inherited_from_type"`
			FromName  string `json:"inherited_from_name"`
		} `json:"privileges"`
	} `json:"privilege_assignments"`
	Next string `json:"next_page_token"`
}

func (l effectiveList) into(all map[string][]Effective) {
	for _, a := range l.Assignments {
		name := strings.ToLower(a.Principal)
		for _, p := range a.Privileges {
			e := Effective{Privilege: strings.ToUpper(underscores.Replace(p.Privilege))}
			if p.FromName != "" {
				e.From = strings.ToLower(p.FromType) + ":" + p.FromName
			}
			all[name] = append(all[name], e)
		}
	}
}

// Gives reports whether an effective privilege is that one, or stands for it.
func (e Effective) Gives(privilege string) bool {
	return Grant{Privileges: []string{e.Privilege}}.gives(privilege)
}
