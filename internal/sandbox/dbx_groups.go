package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Sandbox) accountGroupRoutes() {
	one := func(h func(*dbxCall, *dbxGroup) (any, error)) dbxHandler {
		return func(c *dbxCall) (any, error) {
			id, _ := strconv.ParseInt(c.vars["id"], 10, 64) // what is no number is nobody's id
			g := c.d.group(id)
			if g == nil {
				return nil, scimMissing("Group", c.vars["id"])
			}
			return h(c, g)
		}
	}
	s.onAccount(http.MethodGet, groupsPath, (*dbxCall).listGroups)
	s.onAccount(http.MethodPost, groupsPath, (*dbxCall).createGroup)
	s.onAccount(http.MethodGet, groupsPath+"/{id}", one((*dbxCall).getGroup))
	s.onAccount(http.MethodPatch, groupsPath+"/{id}", one((*dbxCall).patchGroup))
	s.onAccount(http.MethodPut, groupsPath+"/{id}", one((*dbxCall).putGroup))
	s.onAccount(http.MethodDelete, groupsPath+"/{id}", one((*dbxCall).deleteGroup))
}

// listGroups leaves the members out, as the account's API has done since August 2025.
func (c *dbxCall) listGroups() (any, error) {
	var list []dbxObject
	for _, g := range c.d.Groups {
		o := c.d.groupObject(g)
		delete(o, "members")
		list = append(list, o)
	}
	return c.scimList(list)
}

func (d *Databricks) groupObject(g *dbxGroup) dbxObject {
	o := dbxObject{"id": numeral(g.ID), "displayName": g.Name, "meta": dbxObject{"resourceType": "Group"}}
	set(o, "externalId", g.ExternalID)
	scimValues(o, "roles", g.Roles)
	members := make([]dbxObject, len(g.Members))
	for i, id := range g.Members {
		kind, name := d.who(id)
		members[i] = dbxObject{"value": numeral(id), "display": name, "$ref": kind + "/" + numeral(id)}
	}
	if len(members) > 0 {
		o["members"] = members
	}
	return o
}

// who is the SCIM kind and the display name of an id.
func (d *Databricks) who(id int64) (kind, name string) {
	if g := d.group(id); g != nil {
		return "Groups", g.Name
	}
	p := d.principal(id)
	switch {
	case p == nil:
		return "", ""
	case p.user():
		return "Users", p.DisplayName
	default:
		return "ServicePrincipals", p.DisplayName
	}
}

type groupBody struct {
	DisplayName string     `json:"displayName"`
	ExternalID  string     `json:"externalId"`
	Members     []scimItem `json:"members"`
	Roles       []scimItem `json:"roles"`
}

func (c *dbxCall) createGroup() (any, error) {
	var b groupBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if err := c.groupNameFree(b.DisplayName, nil); err != nil {
		return nil, err
	}
	members, err := c.d.memberIDs(scimItems(b.Members))
	if err != nil {
		return nil, err
	}
	g := &dbxGroup{ID: c.state.principalID(), Name: b.DisplayName, ExternalID: b.ExternalID, Roles: scimItems(b.Roles), Members: members}
	c.d.Groups = append(c.d.Groups, g)
	c.changed = true
	return &reply{status: http.StatusCreated, body: c.d.groupObject(g)}, nil
}

// groupNameFree refuses names that another group has: a group's name is its own, in any case.
func (c *dbxCall) groupNameFree(name string, except *dbxGroup) error {
	switch other := c.d.groupNamed(name); {
	case name == "":
		return scimInvalid("invalidValue", "displayName is missing.")
	case strings.EqualFold(name, allUsers) || strings.EqualFold(name, "users") || strings.EqualFold(name, "admins"):
		return scimInvalid("invalidValue", "Group name "+name+" is reserved.")
	case other != nil && other != except:
		return scimConflict("Group with name " + name + " already exists.")
	default:
		return nil
	}
}

// memberIDs are the ids of members, which must exist. An application id is not an id.
func (d *Databricks) memberIDs(values []string) ([]int64, error) {
	var ids []int64
	for _, v := range values {
		id, err := strconv.ParseInt(v, 10, 64)
		if kind, _ := d.who(id); err != nil || kind == "" {
			return nil, scimInvalid("invalidValue", "Member "+v+" does not exist.")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *dbxCall) getGroup(g *dbxGroup) (any, error) {
	query := c.req.URL.Query()
	return scimSelect(c.d.groupObject(g), query.Get("attributes"), query.Get("excludedAttributes")), nil
}

func (c *dbxCall) patchGroup(g *dbxGroup) (any, error) {
	next := *g
	members := make([]string, len(g.Members))
	for i, id := range g.Members {
		members[i] = numeral(id)
	}
	t := scimTarget{
		texts: map[string]*string{"displayName": &next.Name, "externalId": &next.ExternalID},
		lists: map[string]*[]string{"members": &members, "roles": &next.Roles},
	}
	if err := c.scimPatch(t); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent}, c.replaceGroup(g, next, members)
}

func (c *dbxCall) putGroup(g *dbxGroup) (any, error) {
	var b groupBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	next := dbxGroup{ID: g.ID, Name: b.DisplayName, ExternalID: b.ExternalID, Roles: scimItems(b.Roles)}
	if err := c.replaceGroup(g, next, scimItems(b.Members)); err != nil {
		return nil, err
	}
	return c.d.groupObject(g), nil
}

func (c *dbxCall) replaceGroup(g *dbxGroup, next dbxGroup, members []string) error {
	if err := c.groupNameFree(next.Name, g); err != nil {
		return err
	}
	ids, err := c.d.memberIDs(members)
	if err != nil {
		return err
	}
	next.Members = ids
	for _, grants := range c.d.Grants { // they belong to the group, whatever it is called
		for _, row := range grants.Rows {
			if strings.EqualFold(row.Principal, g.Name) {
				row.Principal = next.Name
			}
		}
	}
	for _, w := range c.d.Workspaces {
		w.renameGroup(g.Name, next.Name)
	}
	*g, c.changed = next, true
	return nil
}

func (c *dbxCall) deleteGroup(g *dbxGroup) (any, error) {
	c.d.Groups = slices.DeleteFunc(c.d.Groups, func(o *dbxGroup) bool { return o == g })
	c.d.forget(g.ID)
	c.changed = true
	return &reply{status: http.StatusNoContent}, nil
}
