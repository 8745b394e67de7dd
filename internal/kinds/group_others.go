package kinds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// membersOf lists whom the spec wishes in a group, as it names them. A principal of which the spec says the
// application id goes by that.
func membersOf(w resource.Wishes, g spec.Group) []string {
	members := slices.Clone(g.Members)
	for _, p := range w.ServicePrincipals {
		if slices.ContainsFunc(p.Groups, func(name string) bool { return strings.EqualFold(name, g.Name) }) {
			members = append(members, spelledPrincipal+p.Name)
		}
	}
	for i, m := range members {
		if name, ok := strings.CutPrefix(m, spelledPrincipal); ok && pickedID(w, name) != "" {
			members[i] = m + " " + pickedID(w, name)
		}
	}
	return sortedSet(members)
}

// otherMembers lists who is in a group whose members the spec takes over, and is none of them. This program
// itself stays: an apply that took its own rights away could not be undone by the next one.
func otherMembers(ctx context.Context, f *databricks.Fleet, want group) ([]resource.Wish, error) {
	if !want.Exclusive || !f.HasAccount() {
		return nil, nil
	}
	live, err := readGroup(ctx, f, want)
	if err != nil {
		return nil, err
	}
	want.ID = live.ID
	_, members, err := f.Group(ctx, "", want.ID)
	if err != nil {
		return nil, err
	}
	among := map[string]bool{}
	for _, named := range want.Among {
		ids, err := idsOfMember(ctx, f, named)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			among[id] = true
		}
	}
	var decls []resource.Decl[groupMember]
	for _, m := range members {
		if among[m.ID] {
			continue
		}
		d, stays, err := otherMember(ctx, f, want, m)
		if err != nil {
			return nil, err
		}
		if !stays {
			decls = append(decls, d)
		}
	}
	slices.SortFunc(decls, func(a, b resource.Decl[groupMember]) int {
		return cmp.Compare(a.Addr.String(), b.Addr.String())
	})
	return resource.ToWishes(decls)
}

// idsOfMember returns the ids of whom the spec names. One that is still to be made is no member.
func idsOfMember(ctx context.Context, f *databricks.Fleet, named string) ([]string, error) {
	kind, name, _ := strings.Cut(named, ":")
	var ids []string
	var err error
	switch kind {
	case ofUser:
		var u databricks.User
		u, err = f.UserNamed(ctx, "", name)
		ids = []string{u.ID}
	case ofGroup:
		var g databricks.Group
		g, err = f.GroupNamed(ctx, "", name)
		ids = []string{g.ID}
	default:
		picked := ""
		if i := strings.LastIndexByte(name, ' '); i >= 0 && isApplicationID(name[i+1:]) {
			name, picked = name[:i], name[i+1:]
		}
		var live []databricks.Principal
		live, err = f.Principals(ctx, "", name)
		for _, p := range live {
			if picked == "" || strings.EqualFold(p.ApplicationID, picked) {
				ids = append(ids, p.ID)
			}
		}
	}
	if errors.Is(err, resource.ErrNotFound) {
		return nil, nil
	}
	return ids, err
}

func otherMember(ctx context.Context, f *databricks.Fleet, g group, m databricks.Member) (resource.Decl[groupMember], bool, error) {
	want := groupMember{
		Group: g.Name, GroupID: resource.Known(g.ID), PrincipalID: resource.Known(m.ID), PrincipalType: ofGroup, Principal: cmp.Or(m.Display, m.ID),
	}
	login := ""
	switch kind, _, _ := strings.Cut(m.Ref, "/"); kind {
	case "Users":
		u, err := f.User(ctx, m.ID)
		if err != nil && !errors.Is(err, resource.ErrNotFound) {
			return resource.Decl[groupMember]{}, false, err
		}
		want.PrincipalType, want.Principal, login = ofUser, cmp.Or(u.Name, want.Principal), u.Name
	case "ServicePrincipals":
		p, err := f.Principal(ctx, m.ID)
		if err != nil && !errors.Is(err, resource.ErrNotFound) {
			return resource.Decl[groupMember]{}, false, err
		}
		want.PrincipalType, want.Principal, login = ofOther, cmp.Or(p.DisplayName, want.Principal), p.ApplicationID
	}
	self, err := isSelf(ctx, f, login, g.Seats)
	name := strings.ReplaceAll(sortOf(want), " ", "_") + ":" + want.Principal
	if want.PrincipalType == ofOther {
		name += fmt.Sprintf(" (%s)", cmp.Or(login, m.ID)) // its name is not its own
	}
	return resource.Decl[groupMember]{Addr: resource.Addr{Kind: "group_member", Scope: g.Name, Name: name}, Want: want}, self, err
}

// isSelf reports whether this program goes by a login, as far as a workspace can say who it is.
func isSelf(ctx context.Context, f *databricks.Fleet, login string, seats []string) (bool, error) {
	if login == "" {
		return false, nil
	}
	var failure error
	for _, host := range seats {
		var self bool
		if self, _, failure = f.Stands(ctx, host, login); failure == nil {
			return self, nil
		}
	}
	return false, failure
}
