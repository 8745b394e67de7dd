package sandbox

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// tableRoutes are what a schema holds. Nothing of it is made here: jobs make tables, bundles models.
func (s *Sandbox) tableRoutes() {
	s.onWorkspace(http.MethodGet, catalogBelow+"/tables", func(c *dbxCall) (any, error) { return c.listBelow("tables", tableType) })
	s.onWorkspace(http.MethodGet, catalogBelow+"/tables/{name}/exists", (*dbxCall).tableExists)
	s.onWorkspace(http.MethodGet, catalogBelow+"/tables/{name}", func(c *dbxCall) (any, error) { return c.getBelow(tableType, "") })
	s.onWorkspace(http.MethodGet, catalogBelow+"/table-summaries", (*dbxCall).tableSummaries)
	s.onWorkspace(http.MethodGet, catalogBelow+"/volumes", func(c *dbxCall) (any, error) { return c.listBelow("volumes", volumeType) })
	s.onWorkspace(http.MethodGet, catalogBelow+"/volumes/{name}", func(c *dbxCall) (any, error) { return c.getBelow(volumeType, "") })
	s.onWorkspace(http.MethodGet, catalogBelow+"/functions/{name}", func(c *dbxCall) (any, error) { return c.getBelow(functionType, "FUNCTION") })
	s.onWorkspace(http.MethodGet, catalogBelow+"/models/{name}", func(c *dbxCall) (any, error) { return c.getBelow(functionType, "MODEL") })
}

func (c *dbxCall) belowObject(s *dbxSecurable) dbxObject {
	o := c.common(s)
	parts := strings.Split(s.Name, ".")
	o["catalog_name"], o["schema_name"] = parts[0], parts[1]
	switch {
	case s.Type == tableType && s.Kind == "VIEW":
		o["table_type"], o["table_id"] = s.Kind, s.ID
	case s.Type == tableType:
		o["table_type"], o["table_id"], o["data_source_format"] = s.Kind, s.ID, "DELTA"
	case s.Type == volumeType:
		o["volume_type"], o["volume_id"] = s.Kind, s.ID
	case s.Kind == "FUNCTION":
		o["function_id"] = s.ID
	}
	return o
}

func (c *dbxCall) getBelow(kind, detail string) (any, error) {
	s, err := c.find(kind, c.vars["name"])
	if err != nil {
		return nil, err
	}
	if detail != "" && s.Kind != detail {
		return nil, absent(kind, s.Name)
	}
	return c.belowObject(s), nil
}

// tableExists answers false for a table that is not there, and for one whose schema is not.
func (c *dbxCall) tableExists() (any, error) {
	_, err := c.find(tableType, c.vars["name"])
	var f *failure
	if errors.As(err, &f) && f.status == http.StatusNotFound {
		return dbxObject{"table_exists": false}, nil
	}
	if err != nil {
		return nil, err
	}
	return dbxObject{"table_exists": true}, nil
}

func (c *dbxCall) listBelow(name, kind string) (any, error) {
	query := c.req.URL.Query()
	if query.Get("catalog_name") == "" || query.Get("schema_name") == "" {
		return nil, dbxInvalid("catalog_name and schema_name are required.")
	}
	schema, err := c.find(schemaType, query.Get("catalog_name")+"."+query.Get("schema_name"))
	if err != nil {
		return nil, err
	}
	return securablePage(c, name, c.visible(schema.Metastore, kind, schema.Name+"."), c.belowObject)
}

// tableSummaries lists a catalog's tables by SQL patterns, in which _ is any character and % is any
// text: a name with an underscore matches more than itself.
func (c *dbxCall) tableSummaries() (any, error) {
	query := c.req.URL.Query()
	if query.Get("catalog_name") == "" {
		return nil, dbxInvalid("catalog_name is missing.")
	}
	catalog, err := c.find(catalogType, query.Get("catalog_name"))
	if err != nil {
		return nil, err
	}
	schemas, tables := like(query.Get("schema_name_pattern")), like(query.Get("table_name_pattern"))
	list := filter(c.visible(catalog.Metastore, tableType, catalog.Name+"."), func(s *dbxSecurable) bool {
		parts := strings.Split(s.Name, ".")
		return schemas.MatchString(parts[1]) && tables.MatchString(parts[2])
	})
	return securablePage(c, "tables", list, func(s *dbxSecurable) dbxObject {
		return dbxObject{"full_name": s.Name, "table_type": s.Kind}
	})
}

func like(pattern string) *regexp.Regexp {
	if pattern == "" {
		pattern = "%"
	}
	quoted := regexp.QuoteMeta(strings.ToLower(pattern))
	return regexp.MustCompile("^" + strings.NewReplacer("%", ".*", "_", ".").Replace(quoted) + "$")
}
