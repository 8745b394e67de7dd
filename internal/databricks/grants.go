package databricks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Securable is an object of Unity Catalog that privileges are granted on: Type is metastore, catalog,
// schema, table, volume, function or model, Name its full name; a metastore's is left empty.
type Securable struct{ Type, Name string }

// String returns TYPE:NAME, and for a metastore its type.
func (s Securable) String() string {
	if s.Name == "" {
		return s.Type
	}
	return s.Type + ":" + s.Name
}

// Grant is what a principal holds on a securable by a grant there: an application id, the name of a
// group or of a user, and privileges in upper case with underscores, sorted.
type Grant struct {
	Principal  string
	Privileges []string
}

// GrantChange is what one principal is given and what is taken from it.
type GrantChange struct {
	Principal string   `json:"principal"`
	Add       []string `json:"add,omitempty"`
	Remove    []string `json:"remove,omitempty"`
}

// Grants returns every grant on a securable, resource.ErrNotFound where the securable is missing.
func (f *Fleet) Grants(ctx context.Context, host string, s Securable) ([]Grant, error) {
	return memo.Recall(ctx, &f.memo, "grants/"+host+"/"+strings.ToLower(s.String()), func(ctx context.Context) ([]Grant, error) {
		if err := f.mustExist(ctx, host, s); err != nil {
			return nil, err
		}
		path, err := f.grantsPath(ctx, host, s)
		if err != nil {
			return nil, err
		}
		// 0 asks for pages of the service's own size; without it the answer is to become an error.
		r := request{method: http.MethodGet, path: path, query: map[string]any{"max_results": 0}}
		all := []Grant{}
		for {
			var page grantList
			if err := f.sendTo(ctx, host, r, &page); err != nil {
				return nil, fmt.Errorf("reading the grants on %s: %w", s, err)
			}
			all = append(all, page.grants()...)
			if page.NextPageToken == "" {
				return all, nil
			}
			if page.NextPageToken == r.query["page_token"] {
				return nil, fmt.Errorf("reading the grants on %s: %w", s, errCircle)
			}
			r.query["page_token"] = page.NextPageToken
		}
	})
}

// ForgetGrants makes the next look at a grant one at live state.
func (f *Fleet) ForgetGrants() { f.memo.Drop("grants/") }

// mustExist answers from the listings that a catalog or a schema is missing, without a request of its
// own for each of them.
func (f *Fleet) mustExist(ctx context.Context, host string, s Securable) error {
	switch s.Type {
	case "catalog":
		_, err := f.Catalog(ctx, host, s.Name)
		return err
	case "schema":
		catalogName, name, _ := strings.Cut(s.Name, ".")
		_, err := f.Schema(ctx, host, catalogName, name)
		return err
	default:
		return nil
	}
}

// ChangeGrants makes all changes on one securable in one request, as parallel changes of one securable
// are not known to be safe, and returns the grants that it then has. Nobody else's are touched. A
// principal that Unity Catalog does not know yet is resource.ErrNotYet.
func (f *Fleet) ChangeGrants(ctx context.Context, host string, s Securable, changes []GrantChange) ([]Grant, error) {
	path, err := f.grantsPath(ctx, host, s)
	if err != nil {
		return nil, err
	}
	defer f.memo.Drop("grants/")
	var made grantList
	err = f.sendTo(ctx, host, request{method: http.MethodPatch, path: path, body: map[string]any{"changes": changes}}, &made)
	if unknownPrincipal(err) {
		err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	}
	if err != nil {
		return nil, fmt.Errorf("changing the grants on %s: %w", s, err)
	}
	return made.grants(), nil
}

// unknownPrincipal reports whether a grant was refused because of its principal. The code is not the
// same everywhere, the text is: "Could not find principal with name X"
// (terraform-provider-databricks#2237, #5045).
func unknownPrincipal(err error) bool {
	return code(err) == "PRINCIPAL_DOES_NOT_EXIST" || says(err, "could not find principal")
}

// Owner returns the owner of a securable. An owner holds every privilege without a grant.
func (f *Fleet) Owner(ctx context.Context, host string, s Securable) (string, error) {
	switch s.Type {
	case "metastore":
		m, err := f.MetastoreSummary(ctx, host)
		return m.Owner, err
	case "catalog":
		c, err := f.Catalog(ctx, host, s.Name)
		return c.Owner, err
	case "schema":
		catalogName, name, _ := strings.Cut(s.Name, ".")
		schema, err := f.Schema(ctx, host, catalogName, name)
		return schema.Owner, err
	case "table", "volume", "function", "model":
		return memo.Recall(ctx, &f.memo, "owner/"+host+"/"+strings.ToLower(s.String()), func(ctx context.Context) (string, error) {
			var object struct {
				Owner string `json:"owner"`
			}
			err := f.sendTo(ctx, host, request{method: http.MethodGet, path: route(unityCatalog, s.Type+"s", s.Name)}, &object)
			if err != nil {
				return "", fmt.Errorf("reading %s: %w", s, err)
			}
			return object.Owner, nil
		})
	default:
		return "", fmt.Errorf("%q is not a type of securable", s.Type)
	}
}

func (f *Fleet) grantsPath(ctx context.Context, host string, s Securable) (string, error) {
	kind, name := s.Type, s.Name
	switch kind {
	case "metastore":
		m, err := f.Metastore(ctx, host)
		if err != nil {
			return "", err
		}
		name = m.ID
	case "model":
		kind = "function" // registered models are granted on as functions
	case "catalog", "schema", "table", "volume", "function":
	default:
		return "", fmt.Errorf("%q is not a type of securable", kind)
	}
	return route(unityCatalog, "permissions", kind, name), nil
}

type grantList struct {
	Assignments []struct {
		Principal  string   `json:"principal"`
		Privileges []string `json:"privileges"`
	} `json:"privilege_assignments"`
	NextPageToken string `json:"next_page_token"`
}

var underscores = strings.NewReplacer(" ", "_")

func (l grantList) grants() []Grant {
	var out []Grant
	for _, a := range l.Assignments {
		if a.Principal == "" {
			continue // a principal that was deleted leaves its rows behind without a name
		}
		g := Grant{Principal: a.Principal}
		for _, p := range a.Privileges {
			g.Privileges = append(g.Privileges, strings.ToUpper(underscores.Replace(p)))
		}
		slices.Sort(g.Privileges)
		out = append(out, g)
	}
	return out
}
