package sandbox

import (
	"slices"
	"strings"
)

// bindingWire is a workspace that may use an isolated securable, as it travels and as it is kept.
type bindingWire struct {
	Workspace int64  `json:"workspace_id"`
	Type      string `json:"binding_type"`
}

const readWrite = "BINDING_TYPE_READ_WRITE"

// bound is the catalog that a binding operation is about. Whoever manages it reaches it from every
// workspace of the metastore: otherwise isolating a catalog could lock everybody out.
func (c *dbxCall) bound() (*dbxSecurable, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(c.vars["type"], catalogType) {
		return nil, dbxInvalid("The sandbox has bindings of catalogs only, not of a %s.", c.vars["type"])
	}
	s, err := c.d.lookUp(m.ID, catalogType, c.vars["name"])
	if err != nil {
		return nil, err
	}
	if !c.called(s.Owner) && !c.metastoreAdmin(m.ID) && !c.holds(s, "MANAGE") {
		return nil, dbxForbidden("User is not an owner of Catalog '%s'.", s.Name)
	}
	return s, nil
}

func (c *dbxCall) listBindings() (any, error) {
	s, err := c.bound()
	if err != nil {
		return nil, err
	}
	size, err := c.pageSize("max_results", 1000)
	if err != nil {
		return nil, err
	}
	part, next, err := page(s.Bindings, c.req.URL.Query().Get("page_token"), size)
	if err != nil {
		return nil, err
	}
	o := dbxObject{"bindings": slices.Concat([]bindingWire{}, part)}
	set(o, "next_page_token", next)
	return o, nil
}

// patchBindings removes first and adds then, so that one request can change a binding's type.
func (c *dbxCall) patchBindings() (any, error) {
	s, err := c.bound()
	if err != nil {
		return nil, err
	}
	var b struct {
		Add    []bindingWire `json:"add"`
		Remove []bindingWire `json:"remove"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	next := slices.Clone(s.Bindings)
	for _, r := range b.Remove {
		next = slices.DeleteFunc(next, func(have bindingWire) bool {
			return have.Workspace == r.Workspace && (r.Type == "" || r.Type == have.Type)
		})
	}
	for _, a := range b.Add {
		if a.Type == "" {
			a.Type = readWrite
		}
		if a.Type != readWrite && a.Type != "BINDING_TYPE_READ_ONLY" {
			return nil, dbxInvalid("binding_type %q is not known.", a.Type)
		}
		w := c.d.workspaceByID(numeral(a.Workspace))
		if w == nil || w.Metastore != s.Metastore {
			return nil, dbxInvalid("Workspace %d is not attached to the metastore.", a.Workspace)
		}
		next = slices.DeleteFunc(next, func(have bindingWire) bool { return have.Workspace == a.Workspace })
		next = append(next, a)
	}
	s.Bindings, c.changed = next, true
	return dbxObject{"bindings": slices.Concat([]bindingWire{}, s.Bindings)}, nil
}
