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
	Name:      "catalog",
	Doc:       "A Unity Catalog catalog, which holds the schemas, models and tables of a target.",
	Identity:  []string{"host", "name", "exists"},
	Immutable: []string{"storage_root"}, // another one would be another catalog, without the data
	Guard:     resource.DataLoss,
	Declare:   declareCatalogs,
	Read:      readCatalog,
	Create:    createCatalog,
	Update:    commentCatalog,
	Delete: func(ctx context.Context, f *databricks.Fleet, have catalog) error {
		return f.DeleteCatalog(ctx, have.Host, have.Name)
	},
	Find: func(ctx context.Context, f *databricks.Fleet, want catalog) (catalog, bool, error) {
		f.Forget()
		return found(readCatalog(ctx, f, want))
	},
}

type catalog struct {
	Host        string  `json:"host"`
	Name        string  `json:"name"`
	Exists      bool    `json:"exists,omitempty"` // it is somebody else's: looked at, never made or changed
	Comment     *string `json:"comment,omitempty"`
	StorageRoot string  `json:"storage_root,omitempty"`
	MetastoreID string  `json:"metastore_id,omitempty"`
	Owner       string  `json:"owner,omitempty"`
}

func declareCatalogs(w resource.Wishes) []resource.Decl[catalog] {
	var decls []resource.Decl[catalog]
	for _, c := range w.Catalogs {
		want := catalog{Name: c.Name, Exists: c.Exists}
		if !c.Exists {
			want.Comment, want.StorageRoot = c.Comment, strings.TrimRight(c.StorageRoot, "/")
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
	live, err := f.Catalog(ctx, want.Host, want.Name)
	switch {
	case err == nil:
		return want.seen(live), nil
	case !errors.Is(err, resource.ErrNotFound):
		return catalog{}, err
	case want.Exists:
		return catalog{}, &resource.Blocked{Reason: fmt.Sprintf(
			"catalog %s is not there, and `exists: true` says that somebody else makes it", want.Name)}
	default:
		return catalog{}, cmp.Or(rootless(ctx, f, want), resource.ErrNotFound)
	}
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
	return catalog{
		Host: want.Host, Name: want.Name, Exists: want.Exists, Comment: &comment,
		StorageRoot: strings.TrimRight(live.StorageRoot, "/"), MetastoreID: live.MetastoreID, Owner: live.Owner,
	}
}

func createCatalog(ctx context.Context, f *databricks.Fleet, want catalog) (catalog, error) {
	made, err := f.CreateCatalog(ctx, want.Host, databricks.Catalog{Name: want.Name, Comment: text(want.Comment), StorageRoot: want.StorageRoot})
	if err != nil {
		return catalog{}, err
	}
	return want.seen(made), nil
}

func commentCatalog(ctx context.Context, f *databricks.Fleet, _, want catalog) (catalog, error) {
	made, err := f.CommentCatalog(ctx, want.Host, want.Name, text(want.Comment))
	if err != nil {
		return catalog{}, err
	}
	return want.seen(made), nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
