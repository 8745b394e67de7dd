package kinds

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// otherGrants lists who holds something on a securable whose list the spec takes over, and stands on no
// wish for it. Never among them are the owner, this program itself, and a group through which it manages
// the securable: an apply that took these away could not be undone by the next one.
func otherGrants(ctx context.Context, f *databricks.Fleet, want grant) ([]resource.Decl[grant], error) {
	if want.Exclusive == "" || len(want.Among) == 0 {
		return nil, nil
	}
	grants, err := f.Grants(ctx, want.Host, want.securable())
	if errors.Is(err, resource.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := f.AllGrants(ctx, want.Host, want.securable(), grants); err != nil {
		return nil, err
	}
	among, err := amongOf(ctx, f, want)
	if err != nil {
		return nil, err
	}
	m, err := f.Metastore(ctx, want.Host)
	if err != nil {
		return nil, err
	}
	want.MetastoreID = m.ID
	var decls []resource.Decl[grant]
	for _, g := range grants {
		if len(g.Privileges) == 0 || slices.ContainsFunc(among, func(name string) bool { return strings.EqualFold(name, g.Principal) }) {
			continue
		}
		stays, err := mustStay(ctx, f, want, g)
		if err != nil {
			return nil, err
		}
		if !stays {
			decls = append(decls, otherGrant(want, g))
		}
	}
	slices.SortFunc(decls, func(a, b resource.Decl[grant]) int { return strings.Compare(a.Addr.String(), b.Addr.String()) })
	return decls, nil
}

// amongOf returns who is on the list, as grants name them. One that is still to be made can hold nothing.
func amongOf(ctx context.Context, f *databricks.Fleet, want grant) ([]string, error) {
	var among []string
	for _, t := range want.Among {
		name, isOther := strings.CutPrefix(t.Value, spelledPrincipal)
		if !isOther {
			among = append(among, t.Value)
			continue
		}
		live, err := livePrincipals(ctx, f, servicePrincipal{DisplayName: name, Hosts: []string{want.Host}})
		if err != nil {
			return nil, err
		}
		for _, p := range live {
			among = append(among, p.ApplicationID)
		}
	}
	return among, nil
}

func mustStay(ctx context.Context, f *databricks.Fleet, want grant, g databricks.Grant) (bool, error) {
	self, member, err := f.Stands(ctx, want.Host, g.Principal)
	if err != nil || self || member && slices.Contains(g.Privileges, "MANAGE") {
		return true, err
	}
	owner, err := f.Owner(ctx, want.Host, want.securable())
	return err != nil || strings.EqualFold(owner, g.Principal), err
}

// isApplicationID recognises a service principal among the principals of grants, where nothing says what
// each of them is; users are called by their addresses.
var isApplicationID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString

func otherGrant(want grant, g databricks.Grant) resource.Decl[grant] {
	kind, name := ofGroup, "group:"+g.Principal
	switch {
	case isApplicationID(g.Principal):
		kind, name = ofSpec, g.Principal
	case strings.Contains(g.Principal, "@"):
		kind, name = ofUser, "user:"+g.Principal
	}
	return resource.Decl[grant]{
		Addr: resource.Addr{Kind: "grant", Scope: want.Exclusive, Name: name},
		Want: grant{
			Host: want.Host, SecurableType: want.SecurableType, Securable: want.Securable,
			PrincipalType: kind, Principal: resource.Known(g.Principal), Privileges: g.Privileges,
			WhenMissing: madeFirst, MetastoreID: want.MetastoreID,
		},
	}
}
