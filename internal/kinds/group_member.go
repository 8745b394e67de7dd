package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// groupMemberKind is one principal's membership of one group. Memberships are added; other people's are looked
// at only where the spec takes the whole list over.
var groupMemberKind = resource.Kind[*databricks.Fleet, groupMember]{
	Name:         "group_member",
	Doc:          "A principal's membership of a group of the Databricks account.",
	Identity:     []string{"group", "group_id", "principal_type", "principal", "principal_id", "hosts"},
	LiveIdentity: []string{"group_id", "principal_id"},
	ReadsOpen:    true, // whether there is such a user does not depend on the group
	Declare:      declareGroupMembers,
	Read:         readGroupMember,
	Create: func(ctx context.Context, f *databricks.Fleet, want groupMember) (groupMember, error) {
		if err := writeMembers(ctx, f, []resource.Change[groupMember]{{Want: want}})[0]; err != nil {
			return groupMember{}, err
		}
		return readGroupMember(ctx, f, want)
	},
	Delete: func(ctx context.Context, f *databricks.Fleet, have groupMember) error {
		return writeMembers(ctx, f, []resource.Change[groupMember]{{Have: have, Want: have, Gone: true}})[0]
	},
	Foreign: func(want groupMember) bool { return len(want.Hosts) > 0 },
	Batch:   func(m groupMember) string { return strings.ToLower(m.Group) },
	Write:   writeMembers,
}

type groupMember struct {
	Group         string        `json:"group"`
	GroupID       resource.Text `json:"group_id,omitzero"` // absent: looked up by the name
	PrincipalType string        `json:"principal_type"`
	Principal     string        `json:"principal"`
	PrincipalID   resource.Text `json:"principal_id,omitzero"` // absent: looked up by the name
	Hosts         []string      `json:"hosts,omitempty"`       // where it is looked at when the spec has no account
}

func declareGroupMembers(w resource.Wishes) []resource.Decl[groupMember] {
	var decls []resource.Decl[groupMember]
	add := func(g spec.Group, principal string, at diag.Pos) {
		d := declareGroupMember(w, g, principal)
		d.At = at
		decls = append(decls, d)
	}
	for _, g := range w.Groups {
		for i, m := range g.Members {
			add(g, m, w.At("groups", g.Name, "members", fmt.Sprint(i)))
		}
	}
	for _, p := range w.ServicePrincipals {
		for i, name := range p.Groups {
			if g := w.Group(name); g != nil {
				add(*g, spelledPrincipal+p.Name, w.At("service_principals", p.Name, "groups", fmt.Sprint(i)))
			}
		}
	}
	return decls
}

func declareGroupMember(w resource.Wishes, g spec.Group, principal string) resource.Decl[groupMember] {
	kind, name, _ := strings.Cut(principal, ":")
	want := groupMember{Group: g.Name, PrincipalType: kind, Principal: name}
	needs := []resource.Need{{Addr: groupAddr(g.Name).String(), Why: "it is a membership of this group"}}
	if !g.Exists { // what is somebody else's is looked up, so that a membership needs no wish for it
		want.GroupID = resource.From(groupAddr(g.Name), "id")
	}
	if w.Account == nil {
		want.Hosts = seatsOf(w)
	}
	called := principal
	switch inner := w.Group(name); {
	case kind == ofSpec && makesPrincipal(w, name):
		want.PrincipalID, called = resource.From(principalAddr(name), "id"), name
	case kind == ofSpec:
		want.PrincipalType = ofOther
	case kind == ofGroup && inner != nil && !inner.Exists:
		want.PrincipalID = resource.From(groupAddr(inner.Name), "id")
	}
	addr := resource.Addr{Kind: "group_member", Scope: g.Name, Name: called}
	return resource.Decl[groupMember]{Addr: addr, Key: addr.String(), Want: want, Needs: needs}
}

// makesPrincipal reports whether a service principal is one of the spec's own.
func makesPrincipal(w resource.Wishes, name string) bool {
	return slices.ContainsFunc(w.Targets, func(t spec.Target) bool { return t.ServicePrincipal == name }) ||
		slices.ContainsFunc(w.ServicePrincipals, func(p spec.ServicePrincipal) bool { return p.Name == name }) ||
		slices.Contains(w.Checkers(), name)
}

func readGroupMember(ctx context.Context, f *databricks.Fleet, want groupMember) (groupMember, error) {
	if want.PrincipalID.IsZero() {
		id, err := principalID(ctx, f, want)
		if err != nil {
			return groupMember{}, err
		}
		want.PrincipalID = resource.Known(id)
	}
	if want.GroupID.IsZero() {
		id, err := groupID(ctx, f, want)
		if err != nil {
			return groupMember{}, err
		}
		want.GroupID = resource.Known(id)
	}
	if want.GroupID.Value == "" || want.PrincipalID.Value == "" {
		return want, resource.ErrNotFound // one of the two is still to be made
	}
	_, members, err := groupSeen(ctx, f, want)
	if err != nil {
		return groupMember{}, err
	}
	if slices.ContainsFunc(members, func(m databricks.Member) bool { return m.ID == want.PrincipalID.Value }) {
		return want, nil
	}
	if !f.HasAccount() {
		return groupMember{}, &resource.Blocked{Reason: fmt.Sprintf(
			"%s %q is no member of group %q, and without `account:` that is not changed; ask an administrator of the Databricks account: add the %s %q (id %s) to the group %q",
			sortOf(want), want.Principal, want.Group, sortOf(want), want.Principal, want.PrincipalID.Value, want.Group)}
	}
	return want, resource.ErrNotFound
}

// groupID returns the id of the group of a membership.
func groupID(ctx context.Context, f *databricks.Fleet, m groupMember) (string, error) {
	if !m.GroupID.IsZero() {
		return m.GroupID.Value, nil
	}
	g, err := liveGroup(ctx, f, m.Group, m.Hosts)
	if errors.Is(err, resource.ErrNotFound) {
		err = &resource.Blocked{Reason: fmt.Sprintf("group %q does not exist in the Databricks account", m.Group)}
	}
	return g.ID, err
}

// groupSeen returns the group of a membership, asking one workspace after another where there is no account.
func groupSeen(ctx context.Context, f *databricks.Fleet, want groupMember) (databricks.Group, []databricks.Member, error) {
	hosts := want.Hosts
	if f.HasAccount() || len(hosts) == 0 {
		hosts = []string{""}
	}
	var g databricks.Group
	var members []databricks.Member
	var err error
	for _, host := range hosts {
		if g, members, err = f.Group(ctx, host, want.GroupID.Value); err == nil {
			break
		}
	}
	return g, members, err
}

// sortOf is what people call a member's type.
func sortOf(m groupMember) string {
	if m.PrincipalType == ofOther || m.PrincipalType == ofSpec {
		return "service principal"
	}
	return m.PrincipalType
}

// principalID looks a principal up that the spec does not make.
func principalID(ctx context.Context, f *databricks.Fleet, m groupMember) (string, error) {
	var id string
	var err error
	switch m.PrincipalType {
	case ofUser:
		id, err = firstOf(f, m.Hosts, func(host string) (string, error) {
			u, err := f.UserNamed(ctx, host, m.Principal)
			return u.ID, err
		})
	case ofGroup:
		var g databricks.Group
		g, err = liveGroup(ctx, f, m.Principal, m.Hosts)
		id = g.ID
	default:
		var live []databricks.Principal
		live, err = livePrincipals(ctx, f, servicePrincipal{DisplayName: m.Principal, Hosts: m.Hosts})
		if len(live) > 1 {
			return "", ambiguous(m.Principal, live)
		}
		if err == nil && len(live) == 0 {
			err = resource.ErrNotFound
		}
		if err == nil {
			id = live[0].ID
		}
	}
	if errors.Is(err, resource.ErrNotFound) {
		err = &resource.Blocked{Reason: fmt.Sprintf("%s %q does not exist in the Databricks account, and the spec does not make it; check its name, or have it made there", sortOf(m), m.Principal)}
	}
	return id, err
}

// firstOf asks the account, or one workspace after another until one of them knows.
func firstOf(f *databricks.Fleet, hosts []string, ask func(host string) (string, error)) (id string, err error) {
	if f.HasAccount() {
		return ask("")
	}
	err = resource.ErrNotFound
	for _, host := range hosts {
		if id, err = ask(host); err == nil {
			return id, nil
		}
	}
	return "", err
}

// writeMembers makes all changes of one group's members in one request.
func writeMembers(ctx context.Context, f *databricks.Fleet, changes []resource.Change[groupMember]) []error {
	group, err := groupID(ctx, f, changes[0].Want)
	if err != nil {
		return slices.Repeat([]error{err}, len(changes))
	}
	member := func(m groupMember) (string, error) {
		if !m.PrincipalID.IsZero() {
			return m.PrincipalID.Value, nil
		}
		return principalID(ctx, f, m)
	}
	return writeList(changes, member, func(add, remove []string) error {
		return f.ChangeMembers(ctx, group, databricks.MemberChange{Add: add, Remove: remove})
	})
}

// writeList makes all changes of one list in one request. entry is what the list calls the object of a
// change; one that it does not find is left out, and is its change's error.
func writeList[S any](changes []resource.Change[S], entry func(S) (string, error), send func(add, remove []string) error) []error {
	errs := make([]error, len(changes))
	var add, remove []string
	var of []int // the changes that are sent
	for i, c := range changes {
		var name string
		if name, errs[i] = entry(c.Want); errs[i] != nil {
			continue
		}
		if c.Gone {
			remove = append(remove, name)
		} else {
			add = append(add, name)
		}
		of = append(of, i)
	}
	if len(of) == 0 {
		return errs
	}
	err := send(add, remove)
	if errors.Is(err, resource.ErrNotFound) && len(add) == 0 {
		err = nil // what has the list is gone, and the entry with it
	}
	for _, i := range of {
		errs[i] = err
	}
	return errs
}
