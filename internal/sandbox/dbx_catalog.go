package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (s *Sandbox) catalogRoutes() {
	const one = catalogBelow + "/catalogs/{name}"
	s.onWorkspace(http.MethodGet, catalogBelow+"/catalogs", (*dbxCall).listCatalogs)
	s.onWorkspace(http.MethodPost, catalogBelow+"/catalogs", (*dbxCall).createCatalog)
	s.onWorkspace(http.MethodGet, one, (*dbxCall).getCatalog)
	s.onWorkspace(http.MethodPatch, one, (*dbxCall).patchCatalog)
	s.onWorkspace(http.MethodDelete, one, (*dbxCall).deleteCatalog)
	s.onWorkspace(http.MethodGet, catalogBelow+"/bindings/{type}/{name}", (*dbxCall).listBindings)
	s.onWorkspace(http.MethodPatch, catalogBelow+"/bindings/{type}/{name}", (*dbxCall).patchBindings)
}

func (c *dbxCall) catalogObject(s *dbxSecurable) dbxObject {
	o := c.common(s)
	o["catalog_type"], o["securable_type"], o["isolation_mode"] = "MANAGED_CATALOG", "CATALOG", "OPEN"
	o["enable_predictive_optimization"] = s.Optimize
	if s.Isolated {
		o["isolation_mode"] = "ISOLATED"
	}
	if s.StorageRoot != "" {
		o["storage_root"] = s.StorageRoot
		o["storage_location"] = strings.TrimSuffix(s.StorageRoot, "/") + "/__unitystorage/catalogs/" + s.ID
	}
	if len(s.Properties) > 0 {
		o["properties"] = s.Properties
	}
	return o
}

// visible are the securables of a kind that the caller sees in this workspace, by name.
func (c *dbxCall) visible(metastore, kind, below string) []*dbxSecurable {
	list := filter(c.d.Securables, func(s *dbxSecurable) bool {
		return s.Metastore == metastore && s.Type == kind && strings.HasPrefix(s.Name, below) && c.reachable(s) && c.sees(s)
	})
	slices.SortFunc(list, func(a, b *dbxSecurable) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// listCatalogs leaves out what the caller may not see, and isolated catalogs of other workspaces
// unless one asks for them and owns them.
func (c *dbxCall) listCatalogs() (any, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return nil, err
	}
	list := c.visible(m.ID, catalogType, "")
	if c.req.URL.Query().Get("include_unbound") == "true" {
		for _, s := range c.d.Securables {
			if s.Metastore == m.ID && s.Type == catalogType && !c.reachable(s) && c.manages(s) {
				list = append(list, s)
			}
		}
	}
	return securablePage(c, "catalogs", list, c.catalogObject)
}

// securablePage answers one page of a listing of Unity Catalog.
func securablePage(c *dbxCall, name string, list []*dbxSecurable, object func(*dbxSecurable) dbxObject) (any, error) {
	size, err := c.pageSize("max_results", 1000)
	if err != nil {
		return nil, err
	}
	part, next, err := page(list, c.req.URL.Query().Get("page_token"), size)
	if err != nil {
		return nil, err
	}
	objects := []dbxObject{}
	for _, s := range part {
		objects = append(objects, object(s))
	}
	o := dbxObject{name: objects}
	set(o, "next_page_token", next)
	return o, nil
}

func (c *dbxCall) getCatalog() (any, error) {
	s, err := c.find(catalogType, c.vars["name"])
	if err != nil {
		return nil, err
	}
	return c.catalogObject(s), nil
}

// createCatalog makes an open catalog that the caller owns; owner and isolation come with a PATCH.
func (c *dbxCall) createCatalog() (any, error) {
	m, err := c.metastoreHere()
	if err != nil {
		return nil, err
	}
	var b struct {
		Name        string            `json:"name"`
		Comment     string            `json:"comment"`
		StorageRoot string            `json:"storage_root"`
		Properties  map[string]string `json:"properties"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if err := checkName("catalog", b.Name); err != nil {
		return nil, err
	}
	name := strings.ToLower(b.Name)
	switch {
	case !c.metastoreAdmin(m.ID) && !c.granted(m.ID, metastoreType, m.ID, "CREATE_CATALOG"):
		return nil, dbxForbidden("User does not have CREATE CATALOG on Metastore '%s'.", m.Name)
	case c.d.securable(m.ID, catalogType, name) != nil:
		return nil, dbxExists("CATALOG_ALREADY_EXISTS", "Catalog '%s' already exists", name)
	case b.StorageRoot == "" && m.StorageRoot == "":
		return nil, &failure{status: http.StatusBadRequest, code: "INVALID_STATE",
			message: "Metastore storage root URL does not exist. Please provide a storage location for the catalog."}
	}
	s := c.addSecurable(&dbxSecurable{
		Metastore: m.ID, Type: catalogType, Name: name, Owner: c.me.login(), Comment: b.Comment, StorageRoot: b.StorageRoot, Properties: b.Properties,
	})
	s.defaultProperties()
	c.changed = true
	return c.catalogObject(s), nil
}

// defaultProperties are what the service adds to a catalog or schema that was given none.
func (s *dbxSecurable) defaultProperties() {
	if s.Properties == nil {
		s.Properties = map[string]string{
			"unity.catalog.managed.delta.defaults.delta.enableRowTracking": "true",
			"unity.catalog.managed.delta.defaults.delta.checkpointPolicy":  "v2",
		}
	}
}

// checkName refuses what Unity Catalog refuses in a name: dots, spaces, slashes, control characters.
func checkName(kind, name string) error {
	if name == "" {
		return dbxInvalid("%s name is missing.", title(kind))
	}
	if len(name) > 255 || regexp.MustCompile("[. /\x00-\x1f\x7f]").MatchString(name) {
		return dbxInvalid("%q is not a valid name for a %s.", name, kind)
	}
	return nil
}

func (c *dbxCall) patchCatalog() (any, error) {
	s, err := c.find(catalogType, c.vars["name"])
	if err != nil {
		return nil, err
	}
	fields, err := c.fields()
	if err != nil {
		return nil, err
	}
	next := *s
	if raw, ok := fields["isolation_mode"]; ok {
		switch string(raw) {
		case `"ISOLATED"`, `"ISOLATION_MODE_ISOLATED"`:
			next.Isolated = true
		case `"OPEN"`, `"ISOLATION_MODE_OPEN"`:
			next.Isolated = false
		default:
			return nil, dbxInvalid("isolation_mode %s is neither OPEN nor ISOLATED.", raw)
		}
	}
	if err := c.patchSecurable(s, next, fields, "isolation_mode"); err != nil {
		return nil, err
	}
	return c.catalogObject(s), nil
}

// patchSecurable changes what catalogs and schemas have in common, if the caller may. Only the owner
// changes them; a metastore admin changes the owner alone. Owners of what holds it do not.
func (c *dbxCall) patchSecurable(s *dbxSecurable, next dbxSecurable, fields map[string]json.RawMessage, own string) error {
	known := []string{"owner", "comment", "properties", "enable_predictive_optimization", "new_name", own}
	given := 0
	for name := range fields {
		if slices.Contains(known, name) {
			given++
		}
	}
	_, owner := fields["owner"]
	switch {
	case given == 0:
		return dbxInvalid("Update%s Nothing to update", title(s.Type))
	case !c.called(s.Owner) && !c.holds(s, "MANAGE") && (!owner || given > 1 || !c.metastoreAdmin(s.Metastore)):
		return dbxForbidden("User is not an owner of %s '%s'.", title(s.Type), s.Name)
	}
	if err := c.commonFields(&next, fields); err != nil {
		return err
	}
	name, renamed, err := c.newName(s, fields)
	if err != nil {
		return err
	}
	next.Updated, next.UpdatedBy = c.now().UTC(), c.me.login()
	*s, c.changed = next, true
	if renamed {
		c.d.rename(s, name)
	}
	return nil
}

// newName is the full name that a PATCH gives a securable.
func (c *dbxCall) newName(s *dbxSecurable, fields map[string]json.RawMessage) (name string, renamed bool, err error) {
	name, renamed, err = text(fields, "new_name")
	if err == nil && renamed {
		err = checkName(s.Type, name)
	}
	if err != nil || !renamed {
		return "", false, err
	}
	name = s.Name[:strings.LastIndexByte(s.Name, '.')+1] + strings.ToLower(name)
	if other := c.d.securable(s.Metastore, s.Type, name); other != nil && other != s {
		return "", false, dbxExists(strings.ToUpper(s.Type)+"_ALREADY_EXISTS", "%s '%s' already exists", title(s.Type), name)
	}
	return name, true, nil
}

// rename gives a securable another full name, and with it what it holds and the grants on all of it.
func (d *Databricks) rename(s *dbxSecurable, name string) {
	old := s.Name
	for _, o := range append(d.below(s), s) {
		to := name + strings.TrimPrefix(o.Name, old)
		if g := d.grants(o.Metastore, o.Type, o.Name); g != nil {
			g.Name = to
		}
		o.Name = to
	}
}

func (c *dbxCall) commonFields(next *dbxSecurable, fields map[string]json.RawMessage) error {
	if comment, given, err := text(fields, "comment"); err != nil {
		return err
	} else if given {
		next.Comment = comment
	}
	if mode, given, err := text(fields, "enable_predictive_optimization"); err != nil {
		return err
	} else if given {
		next.Optimize = mode
	}
	if owner, given, err := text(fields, "owner"); err != nil {
		return err
	} else if given {
		name, err := c.d.grantee(owner)
		if err != nil {
			return err
		}
		next.Owner = name
	}
	if raw, given := fields["properties"]; given {
		next.Properties = nil
		if json.Unmarshal(raw, &next.Properties) != nil {
			return dbxInvalid("properties is an object of strings.")
		}
	}
	return nil
}

func (c *dbxCall) deleteCatalog() (any, error) {
	s, err := c.find(catalogType, c.vars["name"])
	if err != nil {
		return nil, err
	}
	own := func(o *dbxSecurable) bool {
		return o.Name == s.Name+".default" || o.Name == s.Name+".information_schema"
	}
	return c.remove(s, slices.DeleteFunc(c.d.below(s), own))
}

// remove deletes a securable that holds nothing, or anything with force=true.
func (c *dbxCall) remove(s *dbxSecurable, contents []*dbxSecurable) (any, error) {
	if !c.called(s.Owner) && !c.metastoreAdmin(s.Metastore) && !c.holds(s, "MANAGE") {
		return nil, dbxForbidden("User is not an owner of %s '%s'.", title(s.Type), s.Name)
	}
	if len(contents) > 0 && c.req.URL.Query().Get("force") != "true" {
		return nil, &failure{status: http.StatusBadRequest, code: "INVALID_STATE",
			message: title(s.Type) + " '" + s.Name + "' is not empty. Use force to delete it with all that it holds."}
	}
	c.d.removeSecurable(s)
	c.changed = true
	return dbxObject{}, nil
}
