package kinds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// schemaKind is a schema of a catalog.
var schemaKind = resource.Kind[*databricks.Fleet, schema]{
	Name:         "schema",
	Doc:          "A schema of a catalog, which holds a project's models and tables.",
	Identity:     []string{"host", "catalog", "name", "former"},
	LiveIdentity: []string{"metastore_id", "catalog", "name", "schema_id"},
	CreateOnly:   []string{"stack"},
	Guard:        resource.DataLoss,
	Touched:      touchedSchema,
	Declare:      declareSchemas,
	Read:         readSchema,
	Create:       createSchema,
	Update:       updateSchema,
	Delete:       deleteSchema,
	Find: func(ctx context.Context, f *databricks.Fleet, want schema) (schema, bool, error) {
		f.Forget()
		return found(readSchema(ctx, f, want))
	},
	Marked: func(stack string, have schema) bool { return stack != "" && have.Stack == stack },
	Moved: func(want, was schema) schema {
		want.Former, want.Called = was.Name, strings.ToLower(want.Name)
		return want
	},
}

type schema struct {
	Host    string  `json:"host"`
	Catalog string  `json:"catalog"`
	Name    string  `json:"name"`             // of a live one as Unity Catalog spells it, in lower case
	Former  string  `json:"former,omitempty"` // under which it is found until it is called what is wished
	Called  string  `json:"called,omitempty"`
	Comment *string `json:"comment,omitempty"`
	Owner   string  `json:"owner,omitempty"`
	// What the service gives, and the stack that made it.
	MetastoreID string `json:"metastore_id,omitempty"`
	ID          string `json:"schema_id,omitempty"`
	Stack       string `json:"stack,omitempty"`
}

func declareSchemas(w resource.Wishes) []resource.Decl[schema] {
	var decls []resource.Decl[schema]
	for _, c := range w.Catalogs {
		for _, h := range homesOf(w, c.Name) {
			for _, s := range c.Schemas {
				full := c.Name + "." + s.Name
				decls = append(decls, resource.Decl[schema]{
					Addr: h.address("schema", full), Key: h.key(full),
					Want:  schema{Host: h.host, Catalog: c.Name, Name: s.Name, Comment: s.Comment, Stack: w.Name},
					Needs: catalogNeeds(w, c.Name, h),
					At:    w.At("catalogs", c.Name, "schemas", s.Name),
				})
			}
		}
	}
	return decls
}

func readSchema(ctx context.Context, f *databricks.Fleet, want schema) (schema, error) {
	var err error
	if want.Host, err = f.Reach(ctx, want.Host, want.MetastoreID); err != nil {
		return schema{}, err
	}
	if want.Former != "" {
		live, err := f.Schema(ctx, want.Host, want.Catalog, want.Former)
		if !errors.Is(err, resource.ErrNotFound) {
			return want.seen(live), err
		}
	}
	live, err := f.Schema(ctx, want.Host, want.Catalog, want.Name)
	if err != nil {
		return schema{}, err
	}
	return want.seen(live), nil
}

func (want schema) seen(live databricks.Schema) schema {
	have := schema{
		Host: want.Host, Catalog: strings.ToLower(want.Catalog), Name: strings.ToLower(live.Name),
		Comment: &live.Comment, Owner: live.Owner, MetastoreID: live.MetastoreID, ID: live.ID, Stack: live.Properties[stackProperty],
	}
	if want.Called != "" {
		have.Called = have.Name
	}
	return have
}

func createSchema(ctx context.Context, f *databricks.Fleet, want schema) (schema, error) {
	made, err := f.CreateSchema(ctx, want.Host, databricks.Schema{
		Catalog: want.Catalog, Name: want.Name, Comment: text(want.Comment), Properties: marked(want.Stack),
	})
	if err != nil {
		return schema{}, err
	}
	return want.seen(made), nil
}

// updateSchema renames first, so that a refusal of the name changes nothing.
func updateSchema(ctx context.Context, f *databricks.Fleet, have, want schema) (schema, error) {
	at := databricks.Schema{Catalog: have.Catalog, Name: have.Name, Comment: text(want.Comment)}
	if want.Called != "" && have.Called != want.Called {
		made, err := f.RenameSchema(ctx, have.Host, at, want.Called)
		if err != nil {
			return schema{}, err
		}
		have, at.Name = want.seen(made), made.Name
	}
	if want.Comment == nil || text(want.Comment) == text(have.Comment) {
		return have, nil
	}
	made, err := f.CommentSchema(ctx, have.Host, at)
	if err != nil {
		return schema{}, err
	}
	return want.seen(made), nil
}

// deleteSchema deletes the schema that was seen, and not one that has its name since.
func deleteSchema(ctx context.Context, f *databricks.Fleet, have schema) error {
	f.ForgetCatalogs()
	live, err := f.Schema(ctx, have.Host, have.Catalog, have.Name)
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	if err == nil && (live.MetastoreID != have.MetastoreID || live.ID != have.ID) {
		err = fmt.Errorf("%w: another schema has that name now", resource.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deleting schema %s.%s: %w", have.Catalog, have.Name, err)
	}
	return f.DeleteSchema(ctx, have.Host, have.Catalog, have.Name)
}
