package databricks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/client"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Principal is a service principal. ID is the numeric id, which the account's APIs use; ApplicationID
// is the OAuth client id, which grants use. DisplayName is not unique.
type Principal struct {
	ID            string `json:"id"`
	ApplicationID string `json:"applicationId"`
	DisplayName   string `json:"displayName"`
	Active        bool   `json:"active"`
}

// Principals returns the service principals of that name: the account's for host "", otherwise those
// that the workspace shows. The names that the spec mentions are asked for together.
func (f *Fleet) Principals(ctx context.Context, host, name string) ([]Principal, error) {
	key, names := together("principals/"+host, f.opt.Principals, name)
	found, err := memo.Recall(ctx, &f.memo, key, func(ctx context.Context) ([]Principal, error) {
		return scim[Principal](ctx, f, host, lookup{resource: "ServicePrincipals", by: "displayName", names: names, attributes: "id,applicationId,displayName,active"})
	})
	if err != nil {
		return nil, fmt.Errorf("looking for service principal %s: %w", name, misplaced(err))
	}
	return slices.DeleteFunc(slices.Clone(found), func(p Principal) bool { return p.DisplayName != name }), nil
}

// Principal returns the account's service principal of that numeric id, whatever it is called, or
// resource.ErrNotFound.
func (f *Fleet) Principal(ctx context.Context, id string) (Principal, error) {
	return memo.Recall(ctx, &f.memo, "principals/by id/"+id, func(ctx context.Context) (Principal, error) {
		c, err := f.onAccount()
		if err != nil {
			return Principal{}, err
		}
		if _, err := number("principal", id); err != nil {
			return Principal{}, err
		}
		var p Principal
		err = send(ctx, c, request{method: http.MethodGet, path: f.scimPath("")}.below("ServicePrincipals", id), &p)
		if err != nil {
			return Principal{}, fmt.Errorf("reading service principal %s: %w", id, err)
		}
		return p, nil
	})
}

// ForgetPrincipals makes the next look for a service principal one at live state.
func (f *Fleet) ForgetPrincipals() { f.memo.Drop("principals/") }

// CreatePrincipal makes a service principal in the account. Two of one name do not clash there.
func (f *Fleet) CreatePrincipal(ctx context.Context, name string) (Principal, error) {
	c, err := f.onAccount()
	if err != nil {
		return Principal{}, err
	}
	defer f.ForgetPrincipals()
	var made Principal
	body := map[string]any{
		"schemas":     []string{"urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"},
		"displayName": name, "active": true,
	}
	err = send(ctx, c, request{method: http.MethodPost, path: f.scimPath(""), body: body}.below("ServicePrincipals"), &made)
	if err != nil {
		return Principal{}, fmt.Errorf("creating service principal %s: %w", name, err)
	}
	return made, nil
}

// ActivatePrincipal switches a service principal of the account on.
func (f *Fleet) ActivatePrincipal(ctx context.Context, id string) error {
	return f.changePrincipal(ctx, id, "active", true)
}

// RenamePrincipal gives a service principal of the account another display name. Only the account can:
// a workspace's own directory refuses it.
func (f *Fleet) RenamePrincipal(ctx context.Context, id, name string) error {
	return f.changePrincipal(ctx, id, "displayName", name)
}

func (f *Fleet) changePrincipal(ctx context.Context, id, field string, value any) error {
	c, err := f.onAccount()
	if err != nil {
		return err
	}
	defer f.ForgetPrincipals()
	// PATCH, as a PUT would take away every role and group that it does not name.
	body := map[string]any{
		"schemas":    []string{patchOp},
		"Operations": []map[string]any{{"op": "replace", "path": field, "value": value}},
	}
	err = send(ctx, c, request{method: http.MethodPatch, path: f.scimPath(""), body: body}.below("ServicePrincipals", id), nil)
	if err != nil {
		return fmt.Errorf("changing the %s of service principal %s: %w", field, id, err)
	}
	return nil
}

// DeletePrincipal deletes a service principal of the account, with its secrets and its federation
// policies. It cannot be undone.
func (f *Fleet) DeletePrincipal(ctx context.Context, id string) error {
	c, err := f.onAccount()
	if err != nil {
		return err
	}
	defer f.memo.Drop("principals/", "federation/"+id, "assignments/", "grants/", "members/", "access/", "entitlements/", "rules/", "git/") // which go with it
	err = send(ctx, c, request{method: http.MethodDelete, path: f.scimPath("")}.below("ServicePrincipals", id), nil)
	if ignoreMissing(err) != nil {
		return fmt.Errorf("deleting service principal %s: %w", id, err)
	}
	return nil
}

// directory returns where groups and users are looked up: in the account, "", if there is one.
func (f *Fleet) directory(host string) string {
	if f.HasAccount() {
		return ""
	}
	return host
}

// together returns the memo's key and the names for a look at name: all names of the spec at once, if
// it is one of them.
func together(key string, all []string, name string) (string, []string) {
	if slices.Contains(all, name) {
		return key, all
	}
	return key + "/" + name, []string{name}
}

// lookup is a search in a SCIM directory for several names at once.
type lookup struct {
	resource, by string
	names        []string
	attributes   string
}

// A filter may have 200 nodes, and with its names it stands in a URL.
const namesPerFilter = 50

// pageSize is what one page of a SCIM directory is asked for. The SDK's own iterator asks for one
// more page than there is.
const pageSize = 100

func scim[T any](ctx context.Context, f *Fleet, host string, l lookup) ([]T, error) {
	c, err := f.directoryClient(host)
	if err != nil {
		return nil, err
	}
	all := []T{}
	for names := range slices.Chunk(l.names, namesPerFilter) {
		terms := make([]string, 0, len(names))
		for _, n := range names {
			terms = append(terms, fmt.Sprintf("%s eq %s", l.by, quoted(n)))
		}
		found, err := scimPages[T](ctx, c, request{method: http.MethodGet, path: f.scimPath(host), query: map[string]any{
			"filter": strings.Join(terms, " or "), "attributes": l.attributes, "count": pageSize,
		}}.below(l.resource))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func scimPages[T any](ctx context.Context, c *client.DatabricksClient, r request) ([]T, error) {
	all := []T{}
	for {
		r.query["startIndex"] = len(all) + 1
		var page struct {
			TotalResults *int `json:"totalResults"`
			Resources    []T  `json:"Resources"`
		}
		if err := send(ctx, c, r, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Resources...)
		switch {
		case page.TotalResults == nil:
			return nil, fmt.Errorf("%w: it does not say how many results there are; %s", resource.ErrLost, newer)
		case len(all) >= *page.TotalResults:
			return all, nil
		case len(page.Resources) == 0:
			// What did not come must not look absent: it would be made a second time.
			return nil, fmt.Errorf("of %d results only %d came: %s changed meanwhile, plan again", *page.TotalResults, len(all), r.path)
		}
	}
}

func (f *Fleet) directoryClient(host string) (*client.DatabricksClient, error) {
	if host == "" {
		return f.onAccount()
	}
	return f.on(host)
}

func (f *Fleet) scimPath(host string) string {
	if host == "" {
		return route("/api/2.0/accounts", f.AccountID(), "scim", "v2")
	}
	return "/api/2.0/preview/scim/v2"
}

func (r request) below(segments ...string) request {
	r.path = route(r.path, segments...)
	return r
}

var quotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quoted returns a name as a string of a SCIM filter.
func quoted(name string) string { return `"` + quotes.Replace(name) + `"` }
