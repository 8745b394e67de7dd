package kinds

import (
	"context"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// schemaKind is a schema of a catalog.
var schemaKind = resource.Kind[*databricks.Fleet, schema]{
	Name:     "schema",
	Doc:      "A schema of a catalog, which holds a project's models and tables.",
	Identity: []string{"host", "catalog", "name"},
	Guard:    resource.DataLoss,
	Declare:  declareSchemas,
	Read:     readSchema,
	Create:   createSchema,
	Update:   commentSchema,
	Delete: func(ctx context.Context, f *databricks.Fleet, have schema) error {
		return f.DeleteSchema(ctx, have.Host, have.Catalog, have.Name)
	},
	Find: func(ctx context.Context, f *databricks.Fleet, want schema) (schema, bool, error) {
		f.Forget()
		return found(readSchema(ctx, f, want))
	},
}

type schema struct {
	Host    string  `json:"host"`
	Catalog string  `json:"catalog"`
	Name    string  `json:"name"`
	Comment *string `json:"comment,omitempty"`
	Owner   string  `json:"owner,omitempty"`
}

func declareSchemas(w resource.Wishes) []resource.Decl[schema] {
	var decls []resource.Decl[schema]
	for _, c := range w.Catalogs {
		for _, h := range homesOf(w, c.Name) {
			for _, s := range c.Schemas {
				full := c.Name + "." + s.Name
				decls = append(decls, resource.Decl[schema]{
					Addr: h.address("schema", full), Key: h.key(full),
					Want:  schema{Host: h.host, Catalog: c.Name, Name: s.Name, Comment: s.Comment},
					Needs: catalogNeeds(w, c.Name, h),
					At:    w.At("catalogs", c.Name, "schemas", s.Name),
				})
			}
		}
	}
	return decls
}

func readSchema(ctx context.Context, f *databricks.Fleet, want schema) (schema, error) {
	live, err := f.Schema(ctx, want.Host, want.Catalog, want.Name)
	if err != nil {
		return schema{}, err
	}
	return want.seen(live), nil
}

func (want schema) seen(live databricks.Schema) schema {
	want.Comment, want.Owner = &live.Comment, live.Owner
	return want
}

func createSchema(ctx context.Context, f *databricks.Fleet, want schema) (schema, error) {
	made, err := f.CreateSchema(ctx, want.Host, want.wire())
	if err != nil {
		return schema{}, err
	}
	return want.seen(made), nil
}

func commentSchema(ctx context.Context, f *databricks.Fleet, _, want schema) (schema, error) {
	made, err := f.CommentSchema(ctx, want.Host, want.wire())
	if err != nil {
		return schema{}, err
	}
	return want.seen(made), nil
}

func (want schema) wire() databricks.Schema {
	return databricks.Schema{Catalog: want.Catalog, Name: want.Name, Comment: text(want.Comment)}
}
