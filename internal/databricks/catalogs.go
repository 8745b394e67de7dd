package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Catalog is a Unity Catalog catalog. IsolationMode is OPEN or ISOLATED. A catalog has no id; when it was
// made, in milliseconds since 1970, tells it from another of its name.
type Catalog struct {
	Name          string            `json:"name"`
	Comment       string            `json:"comment,omitempty"`
	StorageRoot   string            `json:"storage_root,omitempty"`
	Properties    map[string]string `json:"properties,omitempty"`
	MetastoreID   string            `json:"metastore_id,omitempty"`
	Owner         string            `json:"owner,omitempty"`
	IsolationMode string            `json:"isolation_mode,omitempty"`
	CreatedAt     int64             `json:"created_at,omitempty"`
	UpdatedAt     int64             `json:"updated_at,omitempty"` // in milliseconds
	UpdatedBy     string            `json:"updated_by,omitempty"`
}

// Schema is a schema of a catalog.
type Schema struct {
	Catalog     string            `json:"catalog_name"`
	Name        string            `json:"name"`
	Comment     string            `json:"comment,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	MetastoreID string            `json:"metastore_id,omitempty"`
	ID          string            `json:"schema_id,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	UpdatedAt   int64             `json:"updated_at,omitempty"` // in milliseconds
	UpdatedBy   string            `json:"updated_by,omitempty"`
}

// Catalog returns the catalog of that name as the workspace sees it, resource.ErrNotFound if there is
// none. A listing holds only what the caller may see, so one that it lacks is asked for by name before
// it counts as absent.
func (f *Fleet) Catalog(ctx context.Context, host, name string) (Catalog, error) {
	all, err := memo.Recall(ctx, &f.memo, "catalogs/"+host, func(ctx context.Context) (map[string]Catalog, error) {
		return f.listCatalogs(ctx, host)
	})
	if err != nil {
		return Catalog{}, fmt.Errorf("listing the catalogs of %s: %w", host, misplaced(err))
	}
	if c, listed := all[strings.ToLower(name)]; listed {
		return c, nil
	}
	return memo.Recall(ctx, &f.memo, "catalog/"+host+"/"+strings.ToLower(name), func(ctx context.Context) (Catalog, error) {
		var c Catalog
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: route(unityCatalog, "catalogs", name)}, &c)
		if err != nil {
			return Catalog{}, fmt.Errorf("reading catalog %s: %w", name, err)
		}
		return c, nil
	})
}

func (f *Fleet) listCatalogs(ctx context.Context, host string) (map[string]Catalog, error) {
	c, err := f.on(host)
	if err != nil {
		return nil, err
	}
	list, err := catalog.NewCatalogs(c).ListAll(ctx, catalog.ListCatalogsRequest{IncludeUnbound: true})
	if err != nil {
		return nil, bare(err)
	}
	all := map[string]Catalog{}
	for _, c := range list {
		all[strings.ToLower(c.Name)] = Catalog{
			Name: c.Name, Comment: c.Comment, StorageRoot: c.StorageRoot, Properties: c.Properties, MetastoreID: c.MetastoreId,
			Owner: c.Owner, IsolationMode: string(c.IsolationMode), CreatedAt: c.CreatedAt,
			UpdatedAt: c.UpdatedAt, UpdatedBy: c.UpdatedBy,
		}
	}
	return all, nil
}

// CreateCatalog makes a catalog; what is empty in want is left to the service.
func (f *Fleet) CreateCatalog(ctx context.Context, host string, want Catalog) (Catalog, error) {
	defer f.ForgetCatalogs()
	var made Catalog
	err := f.sendTo(ctx, host, request{method: http.MethodPost, path: route(unityCatalog, "catalogs"), body: want}, &made)
	if err != nil {
		return Catalog{}, fmt.Errorf("creating catalog %s: %w", want.Name, err)
	}
	return made, nil
}

// CommentCatalog sets a catalog's comment.
func (f *Fleet) CommentCatalog(ctx context.Context, host, name, comment string) (Catalog, error) {
	return f.changeCatalog(ctx, host, name, map[string]any{"comment": comment})
}

// RenameCatalog gives a catalog another name; what lies in it, and the grants on it, stay.
func (f *Fleet) RenameCatalog(ctx context.Context, host, name, newName string) (Catalog, error) {
	return f.changeCatalog(ctx, host, name, map[string]any{"new_name": newName})
}

// IsolateCatalog lets only the workspaces that are bound to a catalog use it.
func (f *Fleet) IsolateCatalog(ctx context.Context, host, name string) (Catalog, error) {
	return f.changeCatalog(ctx, host, name, map[string]any{"isolation_mode": string(catalog.CatalogIsolationModeIsolated)})
}

func (f *Fleet) changeCatalog(ctx context.Context, host, name string, fields map[string]any) (Catalog, error) {
	defer f.ForgetCatalogs()
	var made Catalog
	err := f.sendTo(ctx, host, request{method: http.MethodPatch, path: route(unityCatalog, "catalogs", name), body: fields}, &made)
	if err != nil {
		return Catalog{}, fmt.Errorf("changing catalog %s: %w", name, err)
	}
	return made, nil
}

// DeleteCatalog deletes a catalog; one that is not empty is refused.
func (f *Fleet) DeleteCatalog(ctx context.Context, host, name string) error {
	defer f.ForgetCatalogs()
	err := f.sendTo(ctx, host, request{method: http.MethodDelete, path: route(unityCatalog, "catalogs", name)}, nil)
	if ignoreMissing(err) != nil {
		return fmt.Errorf("deleting catalog %s: %w", name, neverByForce(err))
	}
	return nil
}

// neverByForce says of something that holds something that it is not deleted with it: `force` would take
// tables and models along, and nothing brings those back. That refusal has no code of its own.
func neverByForce(err error) error {
	if says(err, "not empty") || says(err, "force") {
		return fmt.Errorf("%w; what it holds is never deleted with it: move or drop that first, or keep it (`mlopsctl state release`)", err)
	}
	return err
}

// ForgetCatalogs drops what was known of catalogs and what lies in them: several workspaces may share
// a metastore, and whether something in a catalog is missing depends on the catalog.
func (f *Fleet) ForgetCatalogs() {
	f.memo.Drop("catalogs/", "catalog/", "schemas/", "schema/", "grants/", "owner/", "bindings/")
}

// Schema returns the schema of that name, resource.ErrNotFound if there is none or no such catalog.
// As with catalogs, one that the listing lacks is asked for by name.
func (f *Fleet) Schema(ctx context.Context, host, catalogName, name string) (Schema, error) {
	if _, err := f.Catalog(ctx, host, catalogName); err != nil {
		return Schema{}, err
	}
	in := host + "/" + strings.ToLower(catalogName)
	all, err := memo.Recall(ctx, &f.memo, "schemas/"+in, func(ctx context.Context) (map[string]Schema, error) {
		return f.listSchemas(ctx, host, catalogName)
	})
	if err != nil {
		// The catalog is there, so what is not found is hidden: it is isolated from this workspace.
		if errors.Is(err, resource.ErrNotFound) {
			err = fmt.Errorf("%w to see into it from %s: %v", resource.ErrForbidden, host, err) // not wrapped: it must not match ErrNotFound
		}
		return Schema{}, fmt.Errorf("listing the schemas of catalog %s: %w", catalogName, err)
	}
	if s, listed := all[strings.ToLower(name)]; listed {
		return s, nil
	}
	return memo.Recall(ctx, &f.memo, "schema/"+in+"."+strings.ToLower(name), func(ctx context.Context) (Schema, error) {
		var s Schema
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: route(unityCatalog, "schemas", catalogName+"."+name)}, &s)
		if err != nil {
			return Schema{}, fmt.Errorf("reading schema %s.%s: %w", catalogName, name, err)
		}
		return s, nil
	})
}

func (f *Fleet) listSchemas(ctx context.Context, host, catalogName string) (map[string]Schema, error) {
	c, err := f.on(host)
	if err != nil {
		return nil, err
	}
	list, err := catalog.NewSchemas(c).ListAll(ctx, catalog.ListSchemasRequest{CatalogName: catalogName})
	if err != nil {
		return nil, bare(err)
	}
	all := map[string]Schema{}
	for _, s := range list {
		all[strings.ToLower(s.Name)] = Schema{
			Catalog: s.CatalogName, Name: s.Name, Comment: s.Comment, Properties: s.Properties,
			MetastoreID: s.MetastoreId, ID: s.SchemaId, Owner: s.Owner,
			UpdatedAt: s.UpdatedAt, UpdatedBy: s.UpdatedBy,
		}
	}
	return all, nil
}

// CreateSchema makes a schema. A catalog that was made a moment ago and is not there yet is
// resource.ErrNotYet.
func (f *Fleet) CreateSchema(ctx context.Context, host string, want Schema) (Schema, error) {
	defer f.forgetSchemas()
	var made Schema
	err := f.sendTo(ctx, host, request{method: http.MethodPost, path: route(unityCatalog, "schemas"), body: want}, &made)
	if refusedWith(err, http.StatusNotFound) {
		err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	}
	if err != nil {
		return Schema{}, fmt.Errorf("creating schema %s.%s: %w", want.Catalog, want.Name, err)
	}
	return made, nil
}

// CommentSchema sets a schema's comment.
func (f *Fleet) CommentSchema(ctx context.Context, host string, s Schema) (Schema, error) {
	return f.changeSchema(ctx, host, s, map[string]any{"comment": s.Comment})
}

// RenameSchema gives a schema another name in its catalog; what lies in it, and the grants on it, stay.
func (f *Fleet) RenameSchema(ctx context.Context, host string, s Schema, newName string) (Schema, error) {
	return f.changeSchema(ctx, host, s, map[string]any{"new_name": newName})
}

func (f *Fleet) changeSchema(ctx context.Context, host string, s Schema, fields map[string]any) (Schema, error) {
	defer f.forgetSchemas()
	var made Schema
	err := f.sendTo(ctx, host, request{
		method: http.MethodPatch, path: route(unityCatalog, "schemas", s.Catalog+"."+s.Name), body: fields,
	}, &made)
	if err != nil {
		return Schema{}, fmt.Errorf("changing schema %s.%s: %w", s.Catalog, s.Name, err)
	}
	return made, nil
}

// DeleteSchema deletes a schema; one that is not empty is refused.
func (f *Fleet) DeleteSchema(ctx context.Context, host, catalogName, name string) error {
	defer f.forgetSchemas()
	err := f.sendTo(ctx, host, request{method: http.MethodDelete, path: route(unityCatalog, "schemas", catalogName+"."+name)}, nil)
	if ignoreMissing(err) != nil {
		return fmt.Errorf("deleting schema %s.%s: %w", catalogName, name, neverByForce(err))
	}
	return nil
}

func (f *Fleet) forgetSchemas() { f.memo.Drop("schemas/", "schema/", "grants/", "owner/") }
