package kinds

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// catalogBindingKind is one object a catalog: its isolation, and the workspaces that may use it.
var catalogBindingKind = resource.Kind[*databricks.Fleet, catalogBinding]{
	Name:     "catalog_binding",
	Doc:      "A catalog's isolation: only the workspaces that are bound to it may use it.",
	Identity: []string{"host", "catalog", "unbind"},
	Items:    "workspaces",
	Declare:  declareCatalogBindings,
	Read:     readCatalogBinding,
	Create:   isolateCatalog,
	Update: func(ctx context.Context, f *databricks.Fleet, _, want catalogBinding) (catalogBinding, error) {
		return isolateCatalog(ctx, f, want)
	},
	Danger: func(have, want catalogBinding) resource.Guard {
		if have.IsolationMode != isolated || len(beyond(have.Workspaces, want.Workspaces)) > 0 {
			return resource.AccessLoss // from workspaces that nobody named, or that were bound here
		}
		return resource.Unguarded
	},
	// A workspace that was bound here and left the list is unbound. The isolation stays when the list goes:
	// nobody said that everybody may see the catalog.
	Shrink: func(want, made catalogBinding) catalogBinding {
		want.Unbind = beyond(made.Workspaces, want.Workspaces)
		return want
	},
	Find: func(ctx context.Context, f *databricks.Fleet, want catalogBinding) (catalogBinding, bool, error) {
		f.Forget()
		return found(readCatalogBinding(ctx, f, want))
	},
}

type catalogBinding struct {
	Host          string   `json:"host"`
	Catalog       string   `json:"catalog"`
	IsolationMode string   `json:"isolation_mode"`
	Workspaces    []string `json:"workspaces"` // the wished hosts that may use it; others keep their bindings
	Unbind        []string `json:"unbind,omitempty"`
}

// beyond returns what list has and the other has not.
func beyond(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

const isolated = "ISOLATED"

func declareCatalogBindings(w resource.Wishes) []resource.Decl[catalogBinding] {
	var decls []resource.Decl[catalogBinding]
	for _, c := range w.Catalogs {
		for _, h := range homesOf(w, c.Name) {
			hosts := insiders(w, c, h)
			if len(hosts) == 0 {
				continue // nothing is isolated, or another metastore's catalog of that name
			}
			decls = append(decls, resource.Decl[catalogBinding]{
				Addr: h.address("catalog_binding", c.Name), Key: h.key(c.Name),
				Want: catalogBinding{Host: h.host, Catalog: c.Name, IsolationMode: isolated, Workspaces: hosts},
				Needs: []resource.Need{{
					Addr: h.address("catalog", c.Name).String(), Why: "it is the isolation of this catalog",
				}},
				At: w.At("catalogs", c.Name, "isolated_to"),
			})
		}
	}
	return decls
}

func readCatalogBinding(ctx context.Context, f *databricks.Fleet, want catalogBinding) (catalogBinding, error) {
	live, err := f.Catalog(ctx, want.Host, want.Catalog)
	if err != nil {
		return catalogBinding{}, err
	}
	bindings, err := f.Bindings(ctx, want.Host, want.Catalog)
	if err != nil {
		return catalogBinding{}, err
	}
	have := catalogBinding{Host: want.Host, Catalog: want.Catalog, IsolationMode: live.IsolationMode, Workspaces: []string{}, Unbind: want.Unbind}
	for _, host := range slices.Concat(want.Workspaces, want.Unbind) {
		id, err := f.WorkspaceID(ctx, host)
		if err != nil {
			return catalogBinding{}, err
		}
		if slices.Contains(bindings, databricks.Binding{WorkspaceID: id}) {
			have.Workspaces = append(have.Workspaces, host)
		}
	}
	slices.Sort(have.Workspaces)
	return have, nil
}

// isolateCatalog binds the workspaces, and then isolates the catalog: bindings have no effect before,
// and isolating first would lock everybody out until they are there, this program too. It takes two
// requests, as the service has none that does both; each of them may be repeated.
func isolateCatalog(ctx context.Context, f *databricks.Fleet, want catalogBinding) (catalogBinding, error) {
	have, err := readCatalogBinding(ctx, f, want)
	if err != nil {
		return catalogBinding{}, err
	}
	if err := rebind(ctx, f, have, want); err != nil {
		return catalogBinding{}, err
	}
	if have.IsolationMode != isolated {
		// A service that said that it bound them, and did not, would let nobody in.
		if have, err = readCatalogBinding(ctx, f, want); err != nil {
			return catalogBinding{}, err
		}
		if out := beyond(want.Workspaces, have.Workspaces); len(out) > 0 {
			return catalogBinding{}, fmt.Errorf("isolating catalog %s: the service accepted to bind %s but does not show it, so the catalog stays open", want.Catalog, out[0])
		}
		if _, err := f.IsolateCatalog(ctx, want.Host, want.Catalog); err != nil {
			return catalogBinding{}, err
		}
	}
	return readCatalogBinding(ctx, f, want)
}

// rebind binds the workspaces that are missing, and unbinds those that left the list.
func rebind(ctx context.Context, f *databricks.Fleet, have, want catalogBinding) error {
	bind, err := idsOf(ctx, f, beyond(want.Workspaces, have.Workspaces))
	if err != nil {
		return fmt.Errorf("binding workspaces to catalog %s: %w", want.Catalog, err)
	}
	unbind, err := idsOf(ctx, f, beyond(have.Workspaces, want.Workspaces))
	if err != nil {
		return fmt.Errorf("unbinding workspaces from catalog %s: %w", want.Catalog, err)
	}
	if len(bind)+len(unbind) == 0 {
		return nil
	}
	return f.ChangeBindings(ctx, want.Host, want.Catalog, databricks.BindingChange{Bind: bind, Unbind: unbind})
}

func idsOf(ctx context.Context, f *databricks.Fleet, hosts []string) ([]string, error) {
	var ids []string
	for _, host := range hosts {
		id, err := f.WorkspaceID(ctx, host)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
