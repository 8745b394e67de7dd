package sandbox

import (
	"net/http"
	"strings"
)

func (s *Sandbox) schemaRoutes() {
	const one = catalogBelow + "/schemas/{name}"
	s.onWorkspace(http.MethodGet, catalogBelow+"/schemas", (*dbxCall).listSchemas)
	s.onWorkspace(http.MethodPost, catalogBelow+"/schemas", (*dbxCall).createSchema)
	s.onWorkspace(http.MethodGet, one, func(c *dbxCall) (any, error) {
		o, err := c.find(schemaType, c.vars["name"])
		if err != nil {
			return nil, err
		}
		return c.schemaObject(o), nil
	})
	s.onWorkspace(http.MethodPatch, one, func(c *dbxCall) (any, error) {
		o, err := c.find(schemaType, c.vars["name"])
		if err != nil {
			return nil, err
		}
		fields, err := c.fields()
		if err != nil {
			return nil, err
		}
		if err := c.patchSecurable(o, *o, fields, ""); err != nil {
			return nil, err
		}
		return c.schemaObject(o), nil
	})
	s.onWorkspace(http.MethodDelete, one, func(c *dbxCall) (any, error) {
		o, err := c.find(schemaType, c.vars["name"])
		if err != nil {
			return nil, err
		}
		return c.remove(o, c.d.below(o))
	})
}

func (c *dbxCall) schemaObject(s *dbxSecurable) dbxObject {
	o := c.common(s)
	o["catalog_name"], _, _ = strings.Cut(s.Name, ".")
	o["catalog_type"], o["schema_id"], o["enable_predictive_optimization"] = "MANAGED_CATALOG", s.ID, s.Optimize
	if s.StorageRoot != "" {
		o["storage_root"] = s.StorageRoot
		o["storage_location"] = strings.TrimSuffix(s.StorageRoot, "/") + "/__unitystorage/schemas/" + s.ID
	}
	if len(s.Properties) > 0 {
		o["properties"] = s.Properties
	}
	return o
}

func (c *dbxCall) listSchemas() (any, error) {
	name := c.req.URL.Query().Get("catalog_name")
	if name == "" {
		return nil, dbxInvalid("catalog_name is missing.")
	}
	catalog, err := c.find(catalogType, name)
	if err != nil {
		return nil, err
	}
	return securablePage(c, "schemas", c.visible(catalog.Metastore, schemaType, catalog.Name+"."), c.schemaObject)
}

func (c *dbxCall) createSchema() (any, error) {
	var b struct {
		Name        string            `json:"name"`
		Catalog     string            `json:"catalog_name"`
		Comment     string            `json:"comment"`
		StorageRoot string            `json:"storage_root"`
		Properties  map[string]string `json:"properties"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if err := checkName("schema", b.Name); err != nil {
		return nil, err
	}
	if b.Catalog == "" {
		return nil, dbxInvalid("catalog_name is missing.")
	}
	catalog, err := c.find(catalogType, b.Catalog)
	if err != nil {
		return nil, err
	}
	name := catalog.Name + "." + strings.ToLower(b.Name)
	may := c.metastoreAdmin(catalog.Metastore) || (c.holds(catalog, "USE_CATALOG") && c.holds(catalog, "CREATE_SCHEMA"))
	switch {
	case !may:
		return nil, dbxForbidden("User does not have CREATE SCHEMA on Catalog '%s'.", catalog.Name)
	case c.d.securable(catalog.Metastore, schemaType, name) != nil:
		return nil, dbxExists("SCHEMA_ALREADY_EXISTS", "Schema '%s' already exists", name)
	}
	s := c.addSecurable(&dbxSecurable{
		Metastore: catalog.Metastore, Type: schemaType, Name: name, Owner: c.me.login(), Comment: b.Comment,
		StorageRoot: b.StorageRoot, Properties: b.Properties,
	})
	s.defaultProperties()
	c.changed = true
	return c.schemaObject(s), nil
}
