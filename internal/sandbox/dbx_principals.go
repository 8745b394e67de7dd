package sandbox

import (
	"net/http"
	"slices"
	"strconv"
)

// accountPrincipalRoutes are the account's service principals and users.
func (s *Sandbox) accountPrincipalRoutes() {
	for _, kind := range []string{principalsPath, usersPath} {
		s.onAccount(http.MethodGet, kind, func(c *dbxCall) (any, error) { return c.scimList(c.principals(kind)) })
		s.onAccount(http.MethodPost, kind, func(c *dbxCall) (any, error) { return c.createPrincipal(kind) })
		one := func(h func(*dbxCall, *dbxPrincipal) (any, error)) dbxHandler {
			return func(c *dbxCall) (any, error) {
				p, err := c.principalOf(kind)
				if err != nil {
					return nil, err
				}
				return h(c, p)
			}
		}
		s.onAccount(http.MethodGet, kind+"/{id}", one((*dbxCall).getPrincipal))
		s.onAccount(http.MethodPatch, kind+"/{id}", one((*dbxCall).patchPrincipal))
		s.onAccount(http.MethodPut, kind+"/{id}", one((*dbxCall).putPrincipal))
		s.onAccount(http.MethodDelete, kind+"/{id}", one((*dbxCall).deletePrincipal))
	}
	s.accountGroupRoutes()
}

const (
	principalsPath = "/scim/v2/ServicePrincipals"
	usersPath      = "/scim/v2/Users"
	groupsPath     = "/scim/v2/Groups"
)

// principals are the account's service principals or users, in the order in which they were made.
func (c *dbxCall) principals(kind string) []dbxObject {
	var list []dbxObject
	for _, p := range c.d.Principals {
		if p.user() == (kind == usersPath) {
			list = append(list, c.d.principalObject(p))
		}
	}
	return list
}

func (c *dbxCall) principalOf(kind string) (*dbxPrincipal, error) {
	id, _ := strconv.ParseInt(c.vars["id"], 10, 64) // what is no number is nobody's id
	p := c.d.principal(id)
	if p == nil || p.user() != (kind == usersPath) {
		return nil, scimMissing("Resource", c.vars["id"])
	}
	return p, nil
}

func (d *Databricks) principalObject(p *dbxPrincipal) dbxObject {
	o := dbxObject{"id": numeral(p.ID), "active": p.Active}
	set(o, "displayName", p.DisplayName)
	set(o, "externalId", p.ExternalID)
	scimValues(o, "roles", p.Roles)
	if p.user() {
		o["userName"] = p.UserName
		o["emails"] = []dbxObject{{"value": p.UserName, "type": "work", "primary": true}}
	} else {
		o["applicationId"] = p.ApplicationID
	}
	return o
}

// principalBody is what a POST or a PUT says of a service principal or a user. Anything else that
// SCIM knows is accepted and not kept, as the services do.
type principalBody struct {
	ID            string     `json:"id"`
	ApplicationID string     `json:"applicationId"`
	UserName      string     `json:"userName"`
	DisplayName   string     `json:"displayName"`
	ExternalID    string     `json:"externalId"`
	Active        *bool      `json:"active"`
	Roles         []scimItem `json:"roles"`
	Entitlements  []scimItem `json:"entitlements"`
}

type scimItem struct {
	Value string `json:"value"`
}

func scimItems(items []scimItem) []string {
	var values []string
	for _, i := range items {
		values = append(values, i.Value)
	}
	return values
}

func (c *dbxCall) createPrincipal(kind string) (any, error) {
	var b principalBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	p, err := c.newPrincipal(b, kind)
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusCreated, body: c.d.principalObject(p)}, nil
}

// newPrincipal makes a principal. Display names are nobody's own: two of one name are two principals.
func (c *dbxCall) newPrincipal(b principalBody, kind string) (*dbxPrincipal, error) {
	user := kind == usersPath
	p := &dbxPrincipal{
		DisplayName: b.DisplayName, ExternalID: b.ExternalID, Active: b.Active == nil || *b.Active, Roles: scimItems(b.Roles),
		Unassignable: c.d.Delays.Assignment, Ungrantable: c.d.Delays.Grant,
	}
	switch {
	case user && b.UserName == "":
		return nil, scimInvalid("invalidValue", "userName is missing.")
	case user && c.d.byLogin(b.UserName) != nil:
		return nil, scimConflict("User with email " + b.UserName + " already exists in this account")
	case user:
		p.UserName = b.UserName
	case b.ApplicationID != "" && c.d.byLogin(b.ApplicationID) != nil:
		return nil, scimConflict("Service principal with application ID " + b.ApplicationID + " already exists.")
	default:
		p.ApplicationID = b.ApplicationID
	}
	p.ID = c.state.principalID()
	if !user && p.ApplicationID == "" {
		p.ApplicationID = c.state.nextUUID()
	}
	if !user {
		maker := "servicePrincipals/" + c.me.login()
		if c.me.user() {
			maker = "users/" + c.me.login()
		}
		p.Rules = []ruleWire{{Principals: []string{maker}, Role: managerRole}} // whoever makes one manages it
	}
	c.d.Principals = append(c.d.Principals, p)
	c.changed = true
	return p, nil
}

func (c *dbxCall) getPrincipal(p *dbxPrincipal) (any, error) {
	query := c.req.URL.Query()
	return scimSelect(c.d.principalObject(p), query.Get("attributes"), query.Get("excludedAttributes")), nil
}

func (c *dbxCall) patchPrincipal(p *dbxPrincipal) (any, error) {
	next := *p
	t := scimTarget{
		texts: map[string]*string{"displayName": &next.DisplayName, "externalId": &next.ExternalID},
		flags: map[string]*bool{"active": &next.Active},
		lists: map[string]*[]string{"roles": &next.Roles},
	}
	if err := c.scimPatch(t); err != nil {
		return nil, err
	}
	*p, c.changed = next, true
	return &reply{status: http.StatusNoContent}, nil
}

// putPrincipal replaces: what the body leaves out is gone.
func (c *dbxCall) putPrincipal(p *dbxPrincipal) (any, error) {
	var b principalBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if b.ApplicationID != "" && b.ApplicationID != p.ApplicationID {
		return nil, scimInvalid("mutability", "applicationId cannot be changed.")
	}
	if b.UserName != "" && b.UserName != p.UserName {
		return nil, scimInvalid("mutability", "userName cannot be changed.")
	}
	p.DisplayName, p.ExternalID, p.Active, p.Roles = b.DisplayName, b.ExternalID, b.Active == nil || *b.Active, scimItems(b.Roles)
	c.changed = true
	return c.d.principalObject(p), nil
}

// deletePrincipal takes a principal's credentials, assignments and memberships with it. Grants to it
// stay as rows without a name, as the service keeps them.
func (c *dbxCall) deletePrincipal(p *dbxPrincipal) (any, error) {
	c.d.Principals = slices.DeleteFunc(c.d.Principals, func(o *dbxPrincipal) bool { return o == p })
	c.d.Tokens = slices.DeleteFunc(c.d.Tokens, func(t *dbxToken) bool { return t.Principal == p.ID })
	c.d.forget(p.ID)
	c.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

// forget removes an id from groups and workspaces.
func (d *Databricks) forget(id int64) {
	for _, g := range d.Groups {
		g.Members = slices.DeleteFunc(g.Members, func(m int64) bool { return m == id })
	}
	for _, w := range d.Workspaces {
		w.assign(id, nil)
	}
}
