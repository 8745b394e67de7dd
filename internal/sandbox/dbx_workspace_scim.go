package sandbox

import (
	"net/http"
	"slices"
)

// scimBelow is where a workspace has its SCIM API.
const scimBelow = "/api/2.0/preview"

// workspacePrincipalRoutes are SCIM as a workspace shows it: those who are assigned to it.
func (s *Sandbox) workspacePrincipalRoutes() {
	s.onWorkspace(http.MethodGet, scimBelow+"/scim/v2/Me", (*dbxCall).getMe)
	for _, kind := range []string{principalsPath, usersPath} {
		s.onWorkspace(http.MethodGet, scimBelow+kind, func(c *dbxCall) (any, error) { return c.scimList(c.assigned(kind)) })
		one := func(h func(*dbxCall, *dbxPrincipal) (any, error)) dbxHandler {
			return func(c *dbxCall) (any, error) {
				p, err := c.principalOf(kind)
				if err != nil {
					return nil, err
				}
				if len(c.d.permissions(c.at, p.ID)) == 0 {
					return nil, scimMissing("Resource", c.vars["id"])
				}
				return h(c, p)
			}
		}
		s.onWorkspace(http.MethodGet, scimBelow+kind+"/{id}", one((*dbxCall).getMember))
		s.onWorkspace(http.MethodPatch, scimBelow+kind+"/{id}", one((*dbxCall).patchMember))
		s.onWorkspace(http.MethodDelete, scimBelow+kind+"/{id}", one((*dbxCall).removeMember))
	}
	s.onWorkspace(http.MethodPost, scimBelow+principalsPath, (*dbxCall).addMember)
	s.onWorkspace(http.MethodGet, scimBelow+groupsPath, (*dbxCall).listWorkspaceGroups)
	s.onWorkspace(http.MethodGet, scimBelow+groupsPath+"/{id}", (*dbxCall).getWorkspaceGroup)
}

// getMe answers who the caller is, and in a header which workspace this is.
func (c *dbxCall) getMe() (any, error) {
	query := c.req.URL.Query()
	me := scimSelect(c.member(c.me), query.Get("attributes"), query.Get("excludedAttributes"))
	// Whoever it is, it is shown as a user.
	me["userName"], me["schemas"] = c.me.login(), []string{"urn:ietf:params:scim:schemas:core:2.0:User"}
	delete(me, "applicationId")
	return &reply{status: http.StatusOK, header: http.Header{"X-Databricks-Org-Id": {numeral(c.at.ID)}}, body: me}, nil
}

// member is a principal as the workspace shows it.
func (c *dbxCall) member(p *dbxPrincipal) dbxObject {
	o := c.d.principalObject(p)
	delete(o, "roles") // the account's, which a workspace does not know
	o["schemas"] = []string{"urn:ietf:params:scim:schemas:core:2.0:" + map[bool]string{true: "User", false: "ServicePrincipal"}[p.user()]}
	scimValues(o, "entitlements", c.at.Entitled[numeral(p.ID)])
	groups := []dbxObject{{"display": "users", "value": numeral(c.at.Users), "$ref": "Groups/" + numeral(c.at.Users), "type": "direct"}}
	if slices.Contains(c.d.permissions(c.at, p.ID), "ADMIN") {
		groups = append(groups, dbxObject{"display": "admins", "value": numeral(c.at.Admins), "$ref": "Groups/" + numeral(c.at.Admins), "type": "direct"})
	}
	for _, id := range c.d.groupsOf(p.ID) {
		g := c.d.group(id)
		how := "indirect"
		if slices.Contains(g.Members, p.ID) {
			how = "direct"
		}
		groups = append(groups, dbxObject{"display": g.Name, "value": numeral(id), "$ref": "Groups/" + numeral(id), "type": how})
	}
	o["groups"] = groups
	return o
}

func (c *dbxCall) assigned(kind string) []dbxObject {
	var list []dbxObject
	for _, p := range c.d.Principals {
		if p.user() == (kind == usersPath) && len(c.d.permissions(c.at, p.ID)) > 0 {
			list = append(list, c.member(p))
		}
	}
	return list
}

func (c *dbxCall) getMember(p *dbxPrincipal) (any, error) { return c.member(p), nil }

// addMember assigns a principal of the account by its application id, and makes one where none is
// named.
func (c *dbxCall) addMember() (any, error) {
	if err := c.workspaceAdmin(); err != nil {
		return nil, err
	}
	var b principalBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	p := c.d.byLogin(b.ApplicationID)
	if p != nil && len(c.d.permissions(c.at, p.ID)) > 0 {
		return nil, scimConflict("Service principal with application ID " + b.ApplicationID + " already exists.")
	}
	if p == nil || b.ApplicationID == "" {
		made, err := c.newPrincipal(b, principalsPath)
		if err != nil {
			return nil, err
		}
		p = made
	}
	c.at.assign(p.ID, []string{"USER"})
	if entitlements := scimItems(b.Entitlements); entitlements != nil {
		c.at.Entitled[numeral(p.ID)] = entitlements
	}
	c.changed = true
	return &reply{status: http.StatusCreated, body: c.member(p)}, nil
}

// patchMember changes entitlements. A principal's name and whether it is active are the account's.
func (c *dbxCall) patchMember(p *dbxPrincipal) (any, error) {
	if err := c.workspaceAdmin(); err != nil {
		return nil, err
	}
	entitlements := slices.Clone(c.at.Entitled[numeral(p.ID)])
	if err := c.scimPatch(scimTarget{lists: map[string]*[]string{"entitlements": &entitlements}}); err != nil {
		return nil, err
	}
	known := []string{"workspace-access", "databricks-sql-access", "allow-cluster-create", "allow-instance-pool-create", "workspace-consume"}
	for _, e := range entitlements {
		if !slices.Contains(known, e) {
			return nil, scimInvalid("invalidValue", "Unknown entitlement "+e+".")
		}
		if e == "workspace-consume" && (slices.Contains(entitlements, "workspace-access") || slices.Contains(entitlements, "databricks-sql-access")) {
			return nil, scimInvalid("invalidValue", "workspace-consume does not go with workspace-access or databricks-sql-access.")
		}
	}
	c.at.Entitled[numeral(p.ID)] = entitlements
	c.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

func (c *dbxCall) removeMember(p *dbxPrincipal) (any, error) {
	if err := c.workspaceAdmin(); err != nil {
		return nil, err
	}
	c.at.assign(p.ID, nil)
	delete(c.at.Entitled, numeral(p.ID))
	c.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

func (c *dbxCall) listWorkspaceGroups() (any, error) { return c.scimList(c.workspaceGroups()) }

// workspaceGroups are the workspace's own two groups and the account's that are assigned to it.
func (c *dbxCall) workspaceGroups() []dbxObject {
	local := func(id int64, name, permission string) dbxObject {
		var members []dbxObject
		for _, a := range c.at.Assignments {
			if kind, display := c.d.who(a.Principal); permission == "USER" || slices.Contains(a.Permissions, permission) {
				members = append(members, dbxObject{"value": numeral(a.Principal), "display": display, "$ref": kind + "/" + numeral(a.Principal)})
			}
		}
		return dbxObject{"id": numeral(id), "displayName": name, "meta": dbxObject{"resourceType": "WorkspaceGroup"}, "members": members,
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}}
	}
	list := []dbxObject{local(c.at.Admins, "admins", "ADMIN"), local(c.at.Users, "users", "USER")}
	for _, g := range c.d.Groups {
		if len(c.d.permissions(c.at, g.ID)) > 0 {
			o := c.d.groupObject(g)
			o["schemas"] = []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}
			list = append(list, o)
		}
	}
	return list
}

func (c *dbxCall) getWorkspaceGroup() (any, error) {
	for _, o := range c.workspaceGroups() {
		if o["id"] == c.vars["id"] {
			return o, nil
		}
	}
	return nil, scimMissing("Group", c.vars["id"])
}
