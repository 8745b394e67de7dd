package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// permissionKind is what one principal may do with one object of a workspace. A level holds the lower ones, so
// it is kept as the list of all of them: then one that was there before the stack stays when a higher one goes.
var permissionKind = resource.Kind[*databricks.Fleet, permission]{
	Name: "permission",
	Doc:  "What a principal may do with a directory, an experiment, a job or a cluster policy of a workspace.",
	Identity: []string{
		"host", "object_type", "object", "object_id", "principal_type", "principal", "assigned", "revoke", "exclusive", "among", "inherited",
	},
	LiveIdentity: []string{"workspace_id", "object_type", "object_id", "principal"},
	Items:        "levels",
	ReadsOpen:    true, // whether an object is there does not depend on who is to use it
	Declare:      declarePermissions,
	Read:         readPermission,
	Create: func(ctx context.Context, f *databricks.Fleet, want permission) (permission, error) {
		return writePermission(ctx, f, resource.Change[permission]{Want: want})
	},
	Update: func(ctx context.Context, f *databricks.Fleet, have, want permission) (permission, error) {
		return writePermission(ctx, f, resource.Change[permission]{Have: have, Want: want})
	},
	Delete: func(ctx context.Context, f *databricks.Fleet, have permission) error {
		return writePermissions(ctx, f, []resource.Change[permission]{{Have: have, Want: have, Gone: true}})[0]
	},
	Danger: func(have, want permission) resource.Guard {
		if len(beyond(have.Levels, want.Levels)) > 0 {
			return resource.AccessLoss
		}
		return resource.Unguarded
	},
	Warn: warnPermission,
	Shrink: func(want, made permission) permission {
		want.Revoke = beyond(made.Levels, want.Levels)
		return want
	},
	Others: func(ctx context.Context, f *databricks.Fleet, want permission) ([]resource.Wish, error) {
		decls, err := otherPermissions(ctx, f, want)
		if err != nil {
			return nil, err
		}
		return resource.ToWishes(decls)
	},
	Batch: func(p permission) string { return p.Host + " " + p.object() },
	Write: writePermissions,
}

type permission struct {
	Host          string        `json:"host"`
	ObjectType    string        `json:"object_type"` // as a spec says: directory, experiment, job, cluster_policy
	Object        string        `json:"object"`      // its path, its name, or a job's id
	ObjectID      resource.Text `json:"object_id,omitzero"`
	PrincipalType string        `json:"principal_type"`
	Principal     resource.Text `json:"principal"`
	Levels        []string      `json:"levels"` // the lowest first
	// Assigned says that the spec lets the principal into the workspace.
	Assigned bool `json:"assigned,omitempty"`
	// Revoke are levels that are to go if the principal was given them.
	Revoke []string `json:"revoke,omitempty"`
	// Exclusive is set where the spec takes over the list of who was given what on the object: how addresses
	// call the object. The first wish on it has all that are on the list in Among, and of a live one, in
	// Inherited, what the object has from a directory above it.
	Exclusive   string   `json:"exclusive,omitempty"`
	Among       []listed `json:"among,omitempty"`
	Inherited   []string `json:"inherited,omitempty"`
	WorkspaceID string   `json:"workspace_id,omitempty"`
}

// listed is somebody on a list that the spec takes over.
type listed struct {
	PrincipalType string        `json:"principal_type"`
	Principal     resource.Text `json:"principal"`
}

func (p permission) object() string { return p.ObjectType + ":" + p.Object }

// jobOwner is a level that is never given or taken here: a job has exactly one owner.
const jobOwner = "IS_OWNER"

// ladder are the levels of a type of object, the lowest first.
func ladder(objectType string) []string {
	levels := spec.AccessLevels(objectType)
	if objectType == "job" {
		levels = append(levels, jobOwner)
	}
	return levels
}

// upTo returns the levels that any of some hold. One that this version does not know holds itself.
func upTo(objectType string, levels []string) []string {
	all := ladder(objectType)
	top := -1
	var others []string
	for _, l := range levels {
		if i := slices.Index(all, l); i >= 0 {
			top = max(top, i)
		} else {
			others = append(others, l)
		}
	}
	return append(all[:top+1:top+1], others...)
}

// highest returns the level that holds all of some, "" for none.
func highest(objectType string, levels []string) string {
	held := upTo(objectType, levels)
	if len(held) == 0 {
		return ""
	}
	return held[len(held)-1]
}

func readPermission(ctx context.Context, f *databricks.Fleet, want permission) (permission, error) {
	recorded := want.WorkspaceID != ""
	o, err := objectOf(ctx, f, want)
	if err != nil {
		return permission{}, err
	}
	principal, err := principalOf(ctx, f, want.who())
	var nobody *resource.Blocked
	if err != nil && (!recorded || !errors.As(err, &nobody)) {
		return permission{}, err
	}
	list, err := accessList(ctx, f, want, o)
	if err != nil {
		return permission{}, err
	}
	if want.WorkspaceID == "" {
		if want.WorkspaceID, err = f.WorkspaceID(ctx, want.Host); err != nil {
			return permission{}, err
		}
	}
	if o.ID != "" {
		want.ObjectID = resource.Known(o.ID)
	}
	if recorded {
		return seenRecorded(want, accessOf(list, want.PrincipalType, principal))
	}
	return seenPermission(ctx, f, want, seenAccess{principal: principal, list: list})
}

// accessList returns who may do what on an object, nobody on one that is still to be made.
func accessList(ctx context.Context, f *databricks.Fleet, want permission, o databricks.Object) ([]databricks.Access, error) {
	if o.ID == "" {
		return nil, nil
	}
	list, err := f.Access(ctx, want.Host, o)
	if errors.Is(err, resource.ErrNotFound) && want.WorkspaceID == "" && want.ObjectID.IsZero() {
		return nil, want.unplaced()
	}
	return list, err
}

// seenRecorded is what is left of what was given once: that a principal may do something for another reason is
// nothing that could be taken away.
func seenRecorded(want permission, a databricks.Access) (permission, error) {
	want.Revoke, want.Exclusive, want.Among, want.Inherited = nil, "", nil, nil
	want.Levels = common(want.Levels, upTo(want.ObjectType, a.Direct))
	if len(want.Levels) == 0 {
		return permission{}, resource.ErrNotFound
	}
	return want, nil
}

// seenAccess is what a wish is held against.
type seenAccess struct {
	principal string
	list      []databricks.Access
}

func seenPermission(ctx context.Context, f *databricks.Fleet, want permission, s seenAccess) (permission, error) {
	a := accessOf(s.list, want.PrincipalType, s.principal)
	direct := upTo(want.ObjectType, a.Direct)
	held := common(want.Levels, upTo(want.ObjectType, append(slices.Clone(a.Direct), a.Inherited...)))
	if len(held) < len(want.Levels) {
		held = common(want.Levels, direct) // what is inherited counts where it is enough
		if err := mustBeShown(ctx, f, want, s.principal); err != nil {
			return permission{}, err
		}
	}
	tooMuch := common(direct, want.Revoke)
	if want.Exclusive != "" {
		self, _, err := f.Stands(ctx, want.Host, s.principal)
		if err != nil {
			return permission{}, err
		}
		if tooMuch = beyond(direct, want.Levels); self || slices.Contains(direct, jobOwner) {
			tooMuch = nil
		}
	}
	if len(held)+len(tooMuch) == 0 {
		none := permission{WorkspaceID: want.WorkspaceID, Levels: []string{}}
		if want.ObjectID.Ref == nil {
			none.ObjectID = want.ObjectID
		}
		return none, resource.ErrNotFound
	}
	have := want
	have.Levels = inOrder(want.ObjectType, append(held, tooMuch...))
	if len(want.Among) > 0 {
		have.Inherited = inheritedBy(s.list)
	}
	return have, nil
}

// inOrder returns levels as a wish lists them, each once.
func inOrder(objectType string, levels []string) []string {
	all := ladder(objectType)
	out := common(all, levels)
	return append(out, sortedSet(beyond(levels, all))...)
}

// accessOf returns what a principal has on an object.
func accessOf(list []databricks.Access, principalType, principal string) databricks.Access {
	for _, a := range list {
		if principal != "" && a.Is(accessKind(principalType), principal) {
			return a
		}
	}
	return databricks.Access{}
}

func accessKind(principalType string) string {
	switch principalType {
	case ofGroup:
		return databricks.AccessGroup
	case ofUser:
		return databricks.AccessUser
	default:
		return databricks.AccessPrincipal
	}
}

// inheritedBy lists what others have on an object without having been given it there, but for the workspace's
// admins, who have it everywhere.
func inheritedBy(list []databricks.Access) []string {
	var out []string
	for _, a := range list {
		if len(a.Inherited) > 0 && !a.Is(databricks.AccessGroup, databricks.WorkspaceAdmins) {
			out = append(out, fmt.Sprintf("%s %s", a.Name, strings.Join(a.Inherited, ", ")))
		}
	}
	slices.Sort(out)
	return out
}

func warnPermission(want permission, have *permission) *resource.Warning {
	if have == nil || len(have.Inherited) == 0 {
		return nil
	}
	return &resource.Warning{
		Code:    "plan/inherited-access",
		Summary: fmt.Sprintf("%s is not for the spec's principals alone: from a directory above it, it has %s", want.object(), strings.Join(have.Inherited, "; ")),
		Detail:  "what is inherited is taken away where it was given; or choose a place below another directory than /Shared, which everybody manages",
	}
}

// who is the wish's principal in the form that grants look it up in.
func (p permission) who() grant {
	return grant{Host: p.Host, PrincipalType: p.PrincipalType, Principal: p.Principal}
}
