package kinds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// catalogKind is a catalog of a metastore, seen from the workspace of a target that names it.
var catalogKind = resource.Kind[*databricks.Fleet, catalog]{
	Name:         "catalog",
	Doc:          "A Unity Catalog catalog, which holds the schemas, models and tables of a target.",
	Identity:     []string{"host", "name", "exists", "former"},
	LiveIdentity: []string{"metastore_id", "name", "created_at"},
	CreateOnly:   []string{"stack"},
	Immutable:    []string{"storage_root"}, // another one would be another catalog, without the data
	Guard:        resource.DataLoss,
	Touched:      touchedCatalog,
	Declare:      declareCatalogs,
	Read:         readCatalog,
	Create:       createCatalog,
	Update:       updateCatalog,
	Delete:       deleteCatalog,
	Find: func(ctx context.Context, f *databricks.Fleet, want catalog) (catalog, bool, error) {
		f.Forget()
		return found(readCatalog(ctx, f, want))
	},
	Foreign: func(want catalog) bool { return want.Exists },
	Marked:  func(stack string, have catalog) bool { return stack != "" && have.Stack == stack },
	Moved: func(want, was catalog) catalog {
		want.Former, want.Called = was.Name, strings.ToLower(want.Name)
		return want
	},
}

// stackProperty is the property of a catalog or schema that says which stack made it. One that was there
// before is never given it.
const stackProperty = "mlopsctl.stack"

type catalog struct {
	Host        string  `json:"host"`
	Name        string  `json:"name"`             // of a live one as Unity Catalog spells it, in lower case
	Former      string  `json:"former,omitempty"` // under which it is found until it is called what is wished
	Called      string  `json:"called,omitempty"`
	Exists      bool    `json:"exists,omitempty"` // it is somebody else's: looked at, never made or changed
	Comment     *string `json:"comment,omitempty"`
	StorageRoot string  `json:"storage_root,omitempty"`
	MetastoreID string  `json:"metastore_id,omitempty"`
	Owner       string  `json:"owner,omitempty"`
	CreatedAt   int64   `json:"created_at,omitempty"`
	Stack       string  `json:"stack,omitempty"` // that made it
}

func declareCatalogs(w resource.Wishes) []resource.Decl[catalog] {
	var decls []resource.Decl[catalog]
	for _, c := range w.Catalogs {
		want := catalog{Name: c.Name, Exists: c.Exists}
		if !c.Exists {
			want.Comment, want.StorageRoot, want.Stack = c.Comment, strings.TrimRight(c.StorageRoot, "/"), w.Name
		}
		at := w.At("catalogs", c.Name)
		homes := homesOf(w, c.Name)
		if len(homes) == 0 && len(w.Targets) > 0 {
			decls = append(decls, resource.Decl[catalog]{Addr: resource.Addr{Kind: "catalog", Name: c.Name}, Want: want, At: at})
		}
		for _, h := range homes {
			want.Host = h.host
			decls = append(decls, resource.Decl[catalog]{Addr: h.address("catalog", c.Name), Key: h.key(c.Name), Want: want, At: at})
		}
	}
	return decls
}

func readCatalog(ctx context.Context, f *databricks.Fleet, want catalog) (catalog, error) {
	if want.Host == "" {
		return catalog{}, &resource.Blocked{Reason: fmt.Sprintf(
			"no target names catalog %s, and the targets have several metastores; set `catalogs.%s.target`", want.Name, want.Name)}
	}
	var err error
	if want.Host, err = f.Reach(ctx, want.Host, want.MetastoreID); err != nil {
		return catalog{}, err
	}
	live, err := catalogCalled(ctx, f, want.Host, []string{want.Former, want.Name})
	switch {
	case err == nil:
		return want.seen(live), nil
	case !errors.Is(err, resource.ErrNotFound):
		return catalog{}, err
	case want.CreatedAt != 0:
		return catalog{}, err // it was there once; nothing is to be made
	case want.Exists:
		return catalog{}, &resource.Blocked{Reason: fmt.Sprintf(
			"catalog %s is not there, and `exists: true` says that somebody else makes it", want.Name)}
	default:
		return catalog{}, cmp.Or(rootless(ctx, f, want), resource.ErrNotFound)
	}
}

// catalogCalled returns the catalog of the first name under which there is one.
func catalogCalled(ctx context.Context, f *databricks.Fleet, host string, names []string) (databricks.Catalog, error) {
	for _, name := range names[:len(names)-1] {
		if name == "" {
			continue
		}
		if c, err := f.Catalog(ctx, host, name); !errors.Is(err, resource.ErrNotFound) {
			return c, err
		}
	}
	return f.Catalog(ctx, host, names[len(names)-1])
}

// rootless says that a catalog cannot be made without a storage root, where the metastore has none of
// its own. Whoever may not see that finds out when the catalog is made.
func rootless(ctx context.Context, f *databricks.Fleet, want catalog) error {
	if want.StorageRoot != "" {
		return nil
	}
	m, err := f.MetastoreSummary(ctx, want.Host)
	if err != nil || m.StorageRoot != "" {
		return nil // the catalog's own request says what is wrong
	}
	return &resource.Blocked{Reason: fmt.Sprintf(
		"the metastore of %s has no storage of its own; set `catalogs.%s.storage_root` to a place in an external location", want.Host, want.Name)}
}

func (want catalog) seen(live databricks.Catalog) catalog {
	comment := live.Comment
	have := catalog{
		Host: want.Host, Name: strings.ToLower(live.Name), Exists: want.Exists, Comment: &comment,
		StorageRoot: strings.TrimRight(live.StorageRoot, "/"), MetastoreID: live.MetastoreID, Owner: live.Owner,
		CreatedAt: live.CreatedAt, Stack: live.Properties[stackProperty],
	}
	if want.Called != "" {
		have.Called = have.Name
	}
	return have
}

func createCatalog(ctx context.Context, f *databricks.Fleet, want catalog) (catalog, error) {
	made, err := f.CreateCatalog(ctx, want.Host, databricks.Catalog{
		Name: want.Name, Comment: text(want.Comment), StorageRoot: want.StorageRoot, Properties: marked(want.Stack),
	})
	if err != nil {
		return catalog{}, err
	}
	return want.seen(made), nil
}

// marked are the properties of what a stack makes.
func marked(stack string) map[string]string {
	if stack == "" {
		return nil
	}
	return map[string]string{stackProperty: stack}
}

// updateCatalog renames first, so that a refusal of the name changes nothing.
func updateCatalog(ctx context.Context, f *databricks.Fleet, have, want catalog) (catalog, error) {
	if want.Called != "" && have.Called != want.Called {
		made, err := f.RenameCatalog(ctx, have.Host, have.Called, want.Called)
		if err != nil {
			return catalog{}, err
		}
		have = want.seen(made)
	}
	if want.Comment == nil || text(want.Comment) == text(have.Comment) {
		return have, nil
	}
	made, err := f.CommentCatalog(ctx, have.Host, have.Name, text(want.Comment))
	if err != nil {
		return catalog{}, err
	}
	return want.seen(made), nil
}

// deleteCatalog deletes the catalog that was seen, and not one that has its name since.
func deleteCatalog(ctx context.Context, f *databricks.Fleet, have catalog) error {
	f.ForgetCatalogs()
	live, err := f.Catalog(ctx, have.Host, have.Name)
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	if err == nil && (live.MetastoreID != have.MetastoreID || live.CreatedAt != have.CreatedAt) {
		err = fmt.Errorf("%w: another catalog has that name now", resource.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deleting catalog %s: %w", have.Name, err)
	}
	return f.DeleteCatalog(ctx, have.Host, have.Name)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
