package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// entitled is a member of a workspace, with what it was given there itself; what it has through groups is theirs.
type entitled struct {
	ID           string      `json:"id"`
	Entitlements []scimValue `json:"entitlements"`
}

type scimValue struct {
	Value string `json:"value"`
}

// Entitlements returns what a service principal was given in a workspace, sorted, or resource.ErrNotFound where the
// workspace does not know it. The principals that the spec mentions are asked for together, by their names; one
// that is called otherwise by now is asked for by its id.
func (f *Fleet) Entitlements(ctx context.Context, host, name, id string) ([]string, error) {
	if _, err := number("principal", id); err != nil {
		return nil, err
	}
	key, names := together("entitlements/"+host, f.opt.Principals, name)
	all, err := memo.Recall(ctx, &f.memo, key, func(ctx context.Context) ([]entitled, error) {
		return scim[entitled](ctx, f, host, lookup{resource: "ServicePrincipals", by: "displayName", names: names, attributes: "id,displayName,entitlements"})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the entitlements of %s on %s: %w", name, host, misplaced(err))
	}
	i := slices.IndexFunc(all, func(e entitled) bool { return e.ID == id })
	if i >= 0 {
		return values(all[i].Entitlements), nil
	}
	one, err := memo.Recall(ctx, &f.memo, "entitlements/"+host+"/"+id, func(ctx context.Context) (entitled, error) {
		var e entitled
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: f.scimPath(host)}.below("ServicePrincipals", id), &e)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the entitlements of %s on %s: %w", name, host, err)
	}
	return values(one.Entitlements), nil
}

func values(list []scimValue) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, v.Value)
	}
	slices.Sort(out)
	return out
}

// EntitlementChange is what one request gives a principal in a workspace, and takes away.
type EntitlementChange struct{ Add, Remove []string }

// Entitle gives a service principal entitlements in a workspace and takes others away, in one request; what it
// names neither way stays. A principal that the workspace does not know yet is resource.ErrNotYet.
func (f *Fleet) Entitle(ctx context.Context, host, id string, change EntitlementChange) error {
	if _, err := number("principal", id); err != nil {
		return err
	}
	var operations []map[string]any
	if len(change.Add) > 0 {
		list := make([]map[string]string, 0, len(change.Add))
		for _, e := range change.Add {
			list = append(list, map[string]string{"value": e})
		}
		operations = append(operations, map[string]any{"op": "add", "path": "entitlements", "value": list})
	}
	for _, e := range change.Remove {
		operations = append(operations, map[string]any{"op": "remove", "path": fmt.Sprintf("entitlements[value eq %s]", quoted(e))})
	}
	defer f.memo.Drop("entitlements/")
	body := map[string]any{"schemas": []string{patchOp}, "Operations": operations}
	err := f.sendTo(ctx, host, request{method: http.MethodPatch, path: f.scimPath(host), body: body}.below("ServicePrincipals", id), nil)
	switch {
	case len(change.Add) == 0 && (says(err, noAttribute) || errors.Is(err, resource.ErrNotFound)):
		return nil // it had none any more
	case errors.Is(err, resource.ErrNotFound):
		err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	}
	if err != nil {
		return fmt.Errorf("changing the entitlements of principal %s on %s: %w", id, host, err)
	}
	return nil
}

// noAttribute is how the service refuses to take an entitlement away from a principal that has none at all
// (terraform-provider-databricks, scim/resource_entitlement.go).
const noAttribute = "No such attribute with the name"
