package sandbox

import (
	"slices"
	"strings"
)

// accessObject is what the permissions API gives a list of who may do what: a type and an id, as in its
// paths.
type accessObject struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (o accessObject) path() string { return "/" + o.Type + "/" + o.ID }

// dbxAccessList are the entries that were made on an object itself; what is inherited is not kept.
type dbxAccessList struct {
	Object  accessObject `json:"object"`
	Entries []dbxAccess  `json:"entries"`
}

// dbxAccess is one entry: who, and the one level that it has there.
type dbxAccess struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Level string `json:"level"`
}

// The kinds of those who may be given access, as the wire calls them.
const (
	userAccess      = "user_name"
	groupAccess     = "group_name"
	principalAccess = "service_principal_name"
)

// The groups that every workspace has of its own.
const (
	everyUser = "users"
	everyRule = "admins"
)

const (
	canRead   = "CAN_READ"
	canRun    = "CAN_RUN"
	canEdit   = "CAN_EDIT"
	canUse    = "CAN_USE"
	canView   = "CAN_VIEW"
	canManage = "CAN_MANAGE"
	isOwner   = "IS_OWNER"
)

// accessLevels are the levels of each type of object, the lowest first: a level holds those before it.
func accessLevels(kind string) []string {
	switch kind {
	case "directories", "notebooks", "files":
		return []string{canRead, canRun, canEdit, canManage}
	case "experiments":
		return []string{canRead, canEdit, canManage}
	case "jobs":
		return []string{canView, "CAN_MANAGE_RUN", canManage, isOwner}
	case "cluster-policies":
		return []string{canUse}
	case "authorization":
		return []string{canUse, canManage}
	default:
		return nil
	}
}

// accessType is what an answer calls the type of an object.
func accessType(o accessObject) string {
	switch o.Type {
	case "directories":
		return "directory"
	case "experiments":
		return "mlflowExperiment"
	case "cluster-policies":
		return "cluster-policy"
	case "authorization":
		return o.ID
	default:
		return strings.TrimSuffix(o.Type, "s")
	}
}

// rules says whether the caller administers the workspace.
func (c *dbxCall) rules() bool { return c.workspaceAdmin() == nil }

// may says whether the caller has a level on an object, by an entry there or on a directory above it.
func (c *dbxCall) may(o accessObject, at, level string) bool {
	if c.rules() {
		return true
	}
	enough := func(o accessObject) bool {
		levels := accessLevels(o.Type)
		return slices.ContainsFunc(c.at.entries(o), func(a dbxAccess) bool {
			return c.names(a) && slices.Index(levels, a.Level) >= slices.Index(levels, level)
		})
	}
	return enough(o) || at != "" && slices.ContainsFunc(c.at.above(at), func(up *dbxNode) bool { return enough(up.object()) })
}

// names says whether an entry is the caller's, or that of a group that the caller is in.
func (c *dbxCall) names(a dbxAccess) bool {
	if a.Kind == groupAccess {
		return a.Name == everyUser || slices.ContainsFunc(c.d.groupsOf(c.me.ID), func(id int64) bool { return strings.EqualFold(c.d.group(id).Name, a.Name) })
	}
	return strings.EqualFold(a.Name, c.me.login())
}

// entries are those of an object itself.
func (w *dbxWorkspace) entries(o accessObject) []dbxAccess {
	if list := first(w.Access, func(l *dbxAccessList) bool { return l.Object == o }); list != nil {
		return list.Entries
	}
	return nil
}

// allow gives somebody a level on an object, in the place of the one that it had there.
func (w *dbxWorkspace) allow(o accessObject, a dbxAccess) {
	w.setEntries(o, withEntry(w.entries(o), a))
}

func withEntry(entries []dbxAccess, a dbxAccess) []dbxAccess {
	same := func(e dbxAccess) bool { return e.Kind == a.Kind && strings.EqualFold(e.Name, a.Name) }
	return append(slices.DeleteFunc(slices.Clone(entries), same), a)
}

func (w *dbxWorkspace) setEntries(o accessObject, entries []dbxAccess) {
	w.disown(o)
	if len(entries) > 0 {
		w.Access = append(w.Access, &dbxAccessList{Object: o, Entries: entries})
	}
}

// disown forgets who may do what on an object.
func (w *dbxWorkspace) disown(o accessObject) {
	w.Access = slices.DeleteFunc(w.Access, func(l *dbxAccessList) bool { return l.Object == o })
}

// renameGroup gives a group's entries the name that it has now.
func (w *dbxWorkspace) renameGroup(was, is string) {
	for _, list := range w.Access {
		for i, a := range list.Entries {
			if a.Kind == groupAccess && strings.EqualFold(a.Name, was) {
				list.Entries[i].Name = is
			}
		}
	}
}

// access is an entry for a principal.
func (p *dbxPrincipal) access(level string) dbxAccess {
	kind := principalAccess
	if p.user() {
		kind = userAccess
	}
	return dbxAccess{Kind: kind, Name: p.login(), Level: level}
}
