package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Sandbox) assignmentRoutes() {
	s.onAccount(http.MethodGet, "/workspaces", func(c *dbxCall) (any, error) {
		list := []dbxObject{}
		for _, w := range c.d.Workspaces {
			list = append(list, c.d.workspaceObject(w))
		}
		return list, nil
	})
	one := func(h func(*dbxCall, *dbxWorkspace) (any, error)) dbxHandler {
		return func(c *dbxCall) (any, error) {
			w := c.d.workspaceByID(c.vars["workspace"])
			if w == nil {
				return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Workspace %s does not exist.", c.vars["workspace"])
			}
			return h(c, w)
		}
	}
	s.onAccount(http.MethodGet, "/workspaces/{workspace}", one(func(c *dbxCall, w *dbxWorkspace) (any, error) { return c.d.workspaceObject(w), nil }))
	s.onAccount(http.MethodGet, "/workspaces/{workspace}/permissionassignments", one((*dbxCall).listAssignments))
	s.onAccount(http.MethodPut, "/workspaces/{workspace}/permissionassignments/principals/{principal}", one((*dbxCall).putAssignment))
	s.onAccount(http.MethodDelete, "/workspaces/{workspace}/permissionassignments/principals/{principal}", one((*dbxCall).deleteAssignment))
}

func (d *Databricks) workspaceObject(w *dbxWorkspace) dbxObject {
	_, host, _ := strings.Cut(w.Host, "://")
	deployment := strings.TrimSuffix(host, ".cloud.databricks.com")
	region := "us-west-2"
	if m := d.metastore(w.Metastore); m != nil {
		region = m.Region
	}
	return dbxObject{
		"account_id": d.AccountID, "workspace_id": w.ID, "workspace_name": deployment, "deployment_name": deployment,
		"workspace_status": "RUNNING", "workspace_status_message": "Workspace is running.", "aws_region": region,
		"cloud": "aws", "pricing_tier": "ENTERPRISE",
	}
}

func (c *dbxCall) listAssignments(w *dbxWorkspace) (any, error) {
	list := []dbxObject{}
	for _, a := range w.Assignments {
		list = append(list, c.d.assignmentObject(a.Principal, a.Permissions))
	}
	return dbxObject{"permission_assignments": list}, nil
}

func (d *Databricks) assignmentObject(id int64, permissions []string) dbxObject {
	kind, name := d.who(id)
	principal := dbxObject{"principal_id": id, "display_name": name}
	switch kind {
	case "Groups":
		principal["group_name"] = name
	case "Users":
		principal["user_name"] = d.principal(id).UserName
	default:
		principal["service_principal_name"] = d.principal(id).ApplicationID
	}
	o := dbxObject{"principal": principal}
	if len(permissions) > 0 {
		o["permissions"] = permissions
	}
	return o
}

// putAssignment replaces a principal's permissions. A list that is absent, empty or holds a value
// that nobody knows takes everything away: the service's own trap.
func (c *dbxCall) putAssignment(w *dbxWorkspace) (any, error) {
	id, err := strconv.ParseInt(c.vars["principal"], 10, 64)
	kind, _ := c.d.who(id)
	if p := c.d.principal(id); p != nil && p.Unassignable > 0 {
		p.Unassignable--
		kind, c.changed = "", true
	}
	if err != nil || kind == "" {
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Principal %s not in workspace %d", c.vars["principal"], w.ID)
	}
	var b struct {
		Permissions []string `json:"permissions"`
	}
	if len(c.body) > 0 {
		if err := c.read(&b); err != nil {
			return nil, err
		}
	}
	unknown := func(p string) bool { return p != "USER" && p != "ADMIN" }
	if slices.ContainsFunc(b.Permissions, unknown) {
		b.Permissions = nil
	}
	w.assign(id, b.Permissions)
	c.changed = true
	held := first(w.Assignments, func(a *dbxAssignment) bool { return a.Principal == id })
	if held == nil {
		return c.d.assignmentObject(id, nil), nil
	}
	return c.d.assignmentObject(id, held.Permissions), nil
}

func (c *dbxCall) deleteAssignment(w *dbxWorkspace) (any, error) {
	id, _ := strconv.ParseInt(c.vars["principal"], 10, 64) // what is no number is nobody's id
	if !slices.ContainsFunc(w.Assignments, func(a *dbxAssignment) bool { return a.Principal == id }) {
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Principal %s not in workspace %d", c.vars["principal"], w.ID)
	}
	w.assign(id, nil)
	c.changed = true
	return dbxObject{}, nil
}

// assign gives a principal exactly these permissions; an admin is no mere user beside it.
func (w *dbxWorkspace) assign(id int64, permissions []string) {
	w.Assignments = slices.DeleteFunc(w.Assignments, func(a *dbxAssignment) bool { return a.Principal == id })
	if len(permissions) == 0 { // what it had in the workspace goes with it
		delete(w.Entitled, numeral(id))
		w.GitCredentials = slices.DeleteFunc(w.GitCredentials, func(g *dbxGitCredential) bool { return g.Principal == id })
		return
	}
	kept := []string{"USER"}
	if slices.Contains(permissions, "ADMIN") {
		kept = []string{"ADMIN"}
	}
	w.Assignments = append(w.Assignments, &dbxAssignment{Principal: id, Permissions: kept})
}
