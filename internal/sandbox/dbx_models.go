package sandbox

import (
	"net/http"
	"strings"
)

// modelRoutes are what a bundle makes in a schema. To grants a registered model is a function.
func (s *Sandbox) modelRoutes() {
	s.onWorkspace(http.MethodPost, catalogBelow+"/models", (*dbxCall).createModel)
	s.onWorkspace(http.MethodPatch, catalogBelow+"/models/{name}", (*dbxCall).patchModel)
	s.onWorkspace(http.MethodDelete, catalogBelow+"/models/{name}", func(c *dbxCall) (any, error) {
		o, err := c.model()
		if err != nil {
			return nil, err
		}
		return c.remove(o, nil)
	})
}

func (c *dbxCall) model() (*dbxSecurable, error) {
	o, err := c.find(functionType, c.vars["name"])
	if err == nil && o.Kind != "MODEL" {
		err = absent(functionType, o.Name)
	}
	return o, err
}

// createModel wants CREATE_MODEL on the schema, and to be let in there.
func (c *dbxCall) createModel() (any, error) {
	var b struct {
		Name    string `json:"name"`
		Catalog string `json:"catalog_name"`
		Schema  string `json:"schema_name"`
		Comment string `json:"comment"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if err := checkName("model", b.Name); err != nil {
		return nil, err
	}
	schema, err := c.find(schemaType, b.Catalog+"."+b.Schema)
	if err != nil {
		return nil, err
	}
	name := schema.Name + "." + strings.ToLower(b.Name)
	switch {
	case !c.uses(schema) || !c.holds(schema, "CREATE_MODEL"):
		return nil, dbxForbidden("User does not have CREATE MODEL on Schema '%s'.", schema.Name)
	case c.d.securable(schema.Metastore, functionType, name) != nil:
		return nil, dbxExists("RESOURCE_ALREADY_EXISTS", "Routine or Model '%s' already exists", name)
	}
	o := c.addSecurable(&dbxSecurable{
		Metastore: schema.Metastore, Type: functionType, Kind: "MODEL", Name: name, Owner: c.me.login(), Comment: b.Comment,
	})
	c.changed = true
	return c.belowObject(o), nil
}

func (c *dbxCall) patchModel() (any, error) {
	o, err := c.model()
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
	return c.belowObject(o), nil
}
