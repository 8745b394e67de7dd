package kinds

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// otherPermissions lists who was given something on an object whose list the spec takes over, and stands on no
// wish for it. Never among them are the workspace's admins, a job's owner, this program itself, and a group
// through which it manages the object: an apply that took these away could not be undone by the next one.
func otherPermissions(ctx context.Context, f *databricks.Fleet, want permission) ([]resource.Decl[permission], error) {
	if want.Exclusive == "" || len(want.Among) == 0 {
		return nil, nil
	}
	o, err := objectOf(ctx, f, want)
	if err != nil || o.ID == "" {
		return nil, err
	}
	list, err := f.Access(ctx, want.Host, o)
	if err != nil {
		return nil, err
	}
	workspace, err := f.WorkspaceID(ctx, want.Host)
	if err != nil {
		return nil, err
	}
	among, err := amongAccess(ctx, f, want)
	if err != nil {
		return nil, err
	}
	want.ObjectID, want.WorkspaceID = resource.Known(o.ID), workspace
	var decls []resource.Decl[permission]
	for _, a := range list {
		on := slices.ContainsFunc(among, func(m databricks.Access) bool { return a.Is(m.Kind, m.Name) })
		if on || len(a.Direct) == 0 {
			continue
		}
		stays, err := mustStayAccess(ctx, f, want, a)
		if err != nil {
			return nil, err
		}
		if !stays {
			decls = append(decls, otherPermission(want, a))
		}
	}
	slices.SortFunc(decls, func(a, b resource.Decl[permission]) int { return strings.Compare(a.Addr.String(), b.Addr.String()) })
	return decls, nil
}

// amongAccess returns who is on the list, as the permissions API names them. One that is still to be made can
// have been given nothing.
func amongAccess(ctx context.Context, f *databricks.Fleet, want permission) ([]databricks.Access, error) {
	var among []databricks.Access
	for _, l := range want.Among {
		principal, err := principalOf(ctx, f, grant{Host: want.Host, PrincipalType: l.PrincipalType, Principal: l.Principal})
		var nobody *resource.Blocked
		if err != nil && !errors.As(err, &nobody) {
			return nil, err
		}
		if principal != "" {
			among = append(among, databricks.Access{Kind: accessKind(l.PrincipalType), Name: principal})
		}
	}
	return among, nil
}

func mustStayAccess(ctx context.Context, f *databricks.Fleet, want permission, a databricks.Access) (bool, error) {
	if a.Is(databricks.AccessGroup, databricks.WorkspaceAdmins) || slices.Contains(a.Direct, jobOwner) {
		return true, nil
	}
	self, member, err := f.Stands(ctx, want.Host, a.Name)
	return self || member && slices.Contains(a.Direct, "CAN_MANAGE"), err
}

func otherPermission(want permission, a databricks.Access) resource.Decl[permission] {
	kind, name := ofSpec, a.Name
	switch a.Kind {
	case databricks.AccessGroup:
		kind, name = ofGroup, "group:"+a.Name
	case databricks.AccessUser:
		kind, name = ofUser, "user:"+a.Name
	}
	return resource.Decl[permission]{
		Addr: resource.Addr{Kind: "permission", Scope: want.Exclusive, Name: name},
		Want: permission{
			Host: want.Host, ObjectType: want.ObjectType, Object: want.Object, ObjectID: want.ObjectID,
			PrincipalType: kind, Principal: resource.Known(a.Name), Levels: upTo(want.ObjectType, a.Direct), WorkspaceID: want.WorkspaceID,
		},
	}
}
