package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Sandbox) permissionRoutes() {
	const one = "/api/2.0/permissions/{type}/{id}"
	on := func(method, path string, h func(*dbxCall, accessObject) (any, error)) {
		s.onWorkspace(method, path, func(c *dbxCall) (any, error) {
			o, err := c.accessObject()
			if err != nil {
				return nil, err
			}
			return h(c, o)
		})
	}
	on(http.MethodGet, one+"/permissionLevels", func(_ *dbxCall, o accessObject) (any, error) {
		list := []dbxObject{}
		for _, level := range accessLevels(o.Type) {
			list = append(list, dbxObject{"permission_level": level, "description": "The level " + level + " on a " + accessType(o)})
		}
		return dbxObject{"permission_levels": list}, nil
	})
	on(http.MethodGet, one, func(c *dbxCall, o accessObject) (any, error) { return c.accessWire(o), nil })
	on(http.MethodPatch, one, func(c *dbxCall, o accessObject) (any, error) { return c.changeAccess(o, c.at.entries(o)) })
	on(http.MethodPut, one, (*dbxCall).replaceAccess)
}

// accessObject is the object of a request, if it is there and the caller manages it.
func (c *dbxCall) accessObject() (accessObject, error) {
	o := accessObject{Type: c.vars["type"], ID: c.vars["id"]}
	if accessLevels(o.Type) == nil {
		return o, dbxInvalid("'%s' is not a valid object type that the sandbox knows.", o.Type)
	}
	at, there := c.placeOf(o)
	switch {
	case !there && !c.rules():
		return o, dbxForbidden("%s does not have Manage permissions on %s.", c.me.login(), o.path())
	case !there:
		return o, dbxMissing("RESOURCE_DOES_NOT_EXIST", "%s %s does not exist.", title(accessType(o)), o.ID)
	case !c.may(o, at, canManage):
		return o, dbxForbidden("%s does not have Manage permissions on %s.", c.me.login(), o.path())
	}
	return o, nil
}

// placeOf reports whether an object is there, and where in the tree what it inherits comes from; "" for what
// lies in no tree.
func (c *dbxCall) placeOf(o accessObject) (at string, there bool) {
	switch o.Type {
	case "experiments":
		if e := c.at.experiment(o.ID); e != nil && e.active() {
			return e.Name, true
		}
	case "jobs":
		return "", first(c.at.Jobs, func(j *dbxJob) bool { return numeral(j.ID) == o.ID }) != nil
	case "cluster-policies":
		return "", first(c.at.ClusterPolicies, func(p *dbxClusterPolicy) bool { return p.ID == o.ID }) != nil
	case "authorization":
		return "", o.ID == "tokens"
	default:
		if n := first(c.at.Tree, func(n *dbxNode) bool { return n.object() == o }); n != nil {
			return n.Path, true
		}
	}
	return "", false
}

// inheritedAccess is one entry that an object has from another one.
type inheritedAccess struct {
	dbxAccess
	from string
}

// inherited are the entries of what holds an object, and what admins have everywhere.
func (c *dbxCall) inherited(o accessObject) []inheritedAccess {
	var list []inheritedAccess
	at, _ := c.placeOf(o)
	from := "/" + o.Type + "/"
	if at != "" {
		from = "/directories/0"
		for _, up := range c.at.above(at) {
			for _, a := range c.at.entries(up.object()) {
				if slices.Contains(accessLevels(o.Type), a.Level) { // an experiment knows no CAN_RUN
					list = append(list, inheritedAccess{a, up.object().path()})
				}
			}
		}
	}
	levels := accessLevels(o.Type)
	highest := levels[len(levels)-1]
	if o.Type == "jobs" {
		highest = canManage
	}
	return append(list, inheritedAccess{dbxAccess{Kind: groupAccess, Name: everyRule, Level: highest}, from})
}

// accessWire shows an object's list: for each of those on it, its own level and what it inherits.
func (c *dbxCall) accessWire(o accessObject) dbxObject {
	rows := []dbxObject{}
	add := func(a dbxAccess, how dbxObject) {
		how["permission_level"] = a.Level
		for _, row := range rows {
			if name, _ := row[a.Kind].(string); strings.EqualFold(name, a.Name) {
				row["all_permissions"] = append(row["all_permissions"].([]dbxObject), how)
				return
			}
		}
		row := dbxObject{a.Kind: a.Name, "all_permissions": []dbxObject{how}}
		if p := c.d.byLogin(a.Name); p != nil && a.Kind != groupAccess {
			row["display_name"] = p.DisplayName
		}
		rows = append(rows, row)
	}
	for _, a := range c.at.entries(o) {
		if c.known(a) {
			add(a, dbxObject{"inherited": false})
		}
	}
	for _, a := range c.inherited(o) {
		if c.known(a.dbxAccess) {
			add(a.dbxAccess, dbxObject{"inherited": true, "inherited_from_object": []string{a.from}})
		}
	}
	return dbxObject{"object_id": o.path(), "object_type": accessType(o), "access_control_list": rows}
}

// known says whether somebody is still there. Who was deleted is no longer shown.
func (c *dbxCall) known(a dbxAccess) bool {
	if a.Kind != groupAccess {
		return c.d.byLogin(a.Name) != nil
	}
	return a.Name == everyUser || a.Name == everyRule || c.d.groupNamed(a.Name) != nil
}

func (c *dbxCall) replaceAccess(o accessObject) (any, error) {
	if o.Type == "authorization" {
		return nil, dbxInvalid("A PUT of who may use tokens deletes the tokens of everybody whom it leaves out, and the sandbox does not take part in that.")
	}
	return c.changeAccess(o, nil)
}

// changeAccess applies what a request says to a list of entries: what the object has for a PATCH, nothing for
// a PUT. Of two levels for one principal the last one counts.
func (c *dbxCall) changeAccess(o accessObject, entries []dbxAccess) (any, error) {
	var b struct {
		List []map[string]string `json:"access_control_list"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	for _, given := range b.List {
		a, err := c.accessEntry(o, given)
		if err != nil {
			return nil, err
		}
		if a.Level == isOwner && c.req.Method == http.MethodPatch { // a new owner takes the place of the old one
			entries = slices.DeleteFunc(slices.Clone(entries), func(e dbxAccess) bool { return e.Level == isOwner })
		}
		entries = withEntry(entries, a)
	}
	owners := len(filter(entries, func(a dbxAccess) bool { return a.Level == isOwner }))
	if o.Type == "jobs" && owners != 1 {
		return nil, dbxInvalid("The job must have exactly one owner.")
	}
	c.at.setEntries(o, entries)
	c.changed = true
	return c.accessWire(o), nil
}

// accessEntry reads one entry of a request: who has to be known to this workspace, the level to the type of
// object.
func (c *dbxCall) accessEntry(o accessObject, given map[string]string) (dbxAccess, error) {
	var a dbxAccess
	for _, kind := range []string{userAccess, groupAccess, principalAccess} {
		if given[kind] != "" {
			a.Kind, a.Name = kind, given[kind]
		}
	}
	a.Level = given["permission_level"]
	switch {
	case a.Kind == "":
		return a, dbxInvalid("An entry of access_control_list needs a user_name, a group_name or a service_principal_name.")
	case !slices.Contains(accessLevels(o.Type), a.Level):
		return a, dbxInvalid("Permission level %s is not valid for %s; it takes %s.", strconv.Quote(a.Level), accessType(o), strings.Join(accessLevels(o.Type), ", "))
	case a.Kind == groupAccess && a.Name == everyRule && a.Level != canManage:
		return a, dbxInvalid("Cannot change permissions for group 'admins' to %s.", a.Level)
	case a.Kind == groupAccess && a.Level == isOwner:
		return a, dbxInvalid("Group %s cannot be the owner of a job.", a.Name)
	}
	if name, ok := c.inWorkspace(a); ok {
		a.Name = name
		return a, nil
	}
	what := map[string]string{userAccess: "UserName", groupAccess: "GroupName", principalAccess: "ServicePrincipalName"}[a.Kind]
	return a, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Principal: %s(%s) does not exist", what, a.Name)
}

// inWorkspace returns somebody's name as the workspace writes it, if it may enter here.
func (c *dbxCall) inWorkspace(a dbxAccess) (string, bool) {
	if a.Kind == groupAccess {
		if a.Name == everyUser || a.Name == everyRule {
			return a.Name, true
		}
		g := c.d.groupNamed(a.Name)
		if g == nil || len(c.d.permissions(c.at, g.ID)) == 0 {
			return "", false
		}
		return g.Name, true
	}
	p := c.d.byLogin(a.Name)
	if p == nil || p.user() != (a.Kind == userAccess) || len(c.d.permissions(c.at, p.ID)) == 0 {
		return "", false
	}
	return p.login(), true
}
