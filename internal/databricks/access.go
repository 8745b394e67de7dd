package databricks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Object is an object of a workspace that levels are given on: its type as the paths of the permissions API
// call it (directories, experiments, jobs, cluster-policies), and its id there.
type Object struct{ Type, ID string }

// ObjectType returns the type of objects that a spec calls by kind, such as directory; "" for what is none.
func ObjectType(kind string) string {
	switch kind {
	case "directory":
		return "directories"
	case "experiment", "job":
		return kind + "s"
	case "cluster_policy":
		return "cluster-policies"
	default:
		return ""
	}
}

// String returns TYPE/ID.
func (o Object) String() string { return o.Type + "/" + o.ID }

// The fields by which the permissions API names principals: users by their addresses, groups by their names,
// service principals by their application ids.
const (
	AccessUser      = "user_name"
	AccessGroup     = "group_name"
	AccessPrincipal = "service_principal_name"
)

// Access is what one principal has on an object: the levels that it was given there, and those that come from
// what holds the object. Kind is one of AccessUser, AccessGroup and AccessPrincipal.
type Access struct {
	Kind, Name string
	Direct     []string
	Inherited  []string
}

// AccessEntry is one principal's level on an object, as it is sent.
type AccessEntry struct{ Kind, Name, Level string }

// Access returns who may do what on an object, resource.ErrNotFound where the object is missing.
func (f *Fleet) Access(ctx context.Context, host string, o Object) ([]Access, error) {
	return memo.Recall(ctx, &f.memo, "access/"+host+"/"+o.String(), func(ctx context.Context) ([]Access, error) {
		var list accessList
		if err := f.sendTo(ctx, host, request{method: http.MethodGet, path: o.path()}, &list); err != nil {
			return nil, fmt.Errorf("reading who may do what on %s: %w", o, err)
		}
		return list.access(), nil
	})
}

// ManagesObject returns whether this program manages an object, as far as the list of who may do what on it tells.
func (f *Fleet) ManagesObject(ctx context.Context, host string, o Object) (Standing, error) {
	list, err := f.Access(ctx, host, o)
	if err != nil {
		return Unknown, err
	}
	for _, a := range list {
		levels := append(slices.Clone(a.Direct), a.Inherited...)
		if !slices.Contains(levels, "CAN_MANAGE") && !slices.Contains(levels, "IS_OWNER") {
			continue
		}
		if _, itself, err := f.Stands(ctx, host, a.Name); err != nil || itself || a.Is(AccessGroup, WorkspaceUsers) {
			return May, err
		}
	}
	return Unknown, nil
}

// ForgetAccess makes the next look at who may do what one at live state.
func (f *Fleet) ForgetAccess() { f.memo.Drop("access/") }

// AddAccess gives principals their levels on an object, each in the place of the one that it was given there.
// Nobody else's change. It returns the list as it is then. A principal that the workspace does not know yet is
// resource.ErrNotYet.
func (f *Fleet) AddAccess(ctx context.Context, host string, o Object, entries []AccessEntry) ([]Access, error) {
	return f.changeAccess(ctx, host, request{method: http.MethodPatch, path: o.path(), body: accessBody(entries)}, o)
}

// ReplaceAccess makes these entries the ones of an object: whoever is not among them loses what it was given
// there. The service has no way to take away one entry alone, and none to refuse a list that is out of date.
func (f *Fleet) ReplaceAccess(ctx context.Context, host string, o Object, entries []AccessEntry) ([]Access, error) {
	return f.changeAccess(ctx, host, request{method: http.MethodPut, path: o.path(), body: accessBody(entries)}, o)
}

func (f *Fleet) changeAccess(ctx context.Context, host string, r request, o Object) ([]Access, error) {
	defer f.ForgetAccess()
	var list accessList
	err := f.sendTo(ctx, host, r, &list)
	if says(err, "principal:") && says(err, "does not exist") {
		// "Principal: ServicePrincipalName(X) does not exist": its code is that of a missing object.
		err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	}
	if err != nil {
		return nil, fmt.Errorf("changing who may do what on %s: %w", o, err)
	}
	return list.access(), nil
}

func (o Object) path() string { return route("/api/2.0/permissions", o.Type, o.ID) }

func accessBody(entries []AccessEntry) map[string]any {
	list := make([]map[string]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, map[string]string{e.Kind: e.Name, "permission_level": e.Level})
	}
	return map[string]any{"access_control_list": list}
}

type accessList struct {
	Rows []struct {
		User      string `json:"user_name"`
		Group     string `json:"group_name"`
		Principal string `json:"service_principal_name"`
		All       []struct {
			Level     string `json:"permission_level"`
			Inherited bool   `json:"inherited"`
		} `json:"all_permissions"`
	} `json:"access_control_list"`
}

func (l accessList) access() []Access {
	var out []Access
	for _, row := range l.Rows {
		a := Access{Kind: AccessUser, Name: row.User}
		switch {
		case row.Group != "":
			a.Kind, a.Name = AccessGroup, row.Group
		case row.Principal != "":
			a.Kind, a.Name = AccessPrincipal, row.Principal
		}
		if a.Name == "" {
			continue // who was deleted leaves a row without a name behind
		}
		for _, p := range row.All {
			if p.Inherited {
				a.Inherited = append(a.Inherited, p.Level)
			} else {
				a.Direct = append(a.Direct, p.Level)
			}
		}
		out = append(out, a)
	}
	return out
}

// Is reports whether a principal is the one that is named, in any case: the service may echo another.
func (a Access) Is(kind, name string) bool { return a.Kind == kind && strings.EqualFold(a.Name, name) }
