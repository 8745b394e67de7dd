package databricks

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// Binding is a workspace's right to use an isolated catalog.
type Binding struct {
	WorkspaceID string
	ReadOnly    bool
}

// Bindings returns the workspaces that are bound to a catalog.
func (f *Fleet) Bindings(ctx context.Context, host, name string) ([]Binding, error) {
	return memo.Recall(ctx, &f.memo, "bindings/"+host+"/"+strings.ToLower(name), func(ctx context.Context) ([]Binding, error) {
		all := []Binding{}
		r := request{method: http.MethodGet, path: bindingsPath(name), query: map[string]any{"max_results": 0}}
		for {
			var page bindingList
			if err := f.sendTo(ctx, host, r, &page); err != nil {
				return nil, fmt.Errorf("reading the workspaces of catalog %s: %w", name, err)
			}
			for _, b := range page.Bindings {
				all = append(all, Binding{WorkspaceID: fmt.Sprint(b.WorkspaceID), ReadOnly: b.Type == readOnly})
			}
			if page.NextPageToken == "" {
				return all, nil
			}
			r.query["page_token"] = page.NextPageToken
		}
	})
}

// Bind lets workspaces read and write a catalog once it is isolated; those that might only read are
// given their new binding in the same request. Other workspaces keep theirs.
func (f *Fleet) Bind(ctx context.Context, host, name string, workspaceIDs []string) error {
	have, err := f.Bindings(ctx, host, name)
	if err != nil {
		return err
	}
	reading := map[string]bool{}
	for _, b := range have {
		reading[b.WorkspaceID] = b.ReadOnly
	}
	var change struct {
		Add    []binding `json:"add"`
		Remove []binding `json:"remove,omitempty"`
	}
	for _, id := range workspaceIDs {
		n, err := number("workspace", id)
		if err != nil {
			return err
		}
		change.Add = append(change.Add, binding{WorkspaceID: n, Type: readWrite})
		if reading[id] {
			change.Remove = append(change.Remove, binding{WorkspaceID: n, Type: readOnly})
		}
	}
	defer f.forgetCatalogs()
	err = f.sendTo(ctx, host, request{method: http.MethodPatch, path: bindingsPath(name), body: change}, nil)
	if err != nil {
		return fmt.Errorf("binding workspaces to catalog %s: %w", name, err)
	}
	return nil
}

const (
	readWrite = string(catalog.WorkspaceBindingBindingTypeBindingTypeReadWrite)
	readOnly  = string(catalog.WorkspaceBindingBindingTypeBindingTypeReadOnly)
)

type binding struct {
	WorkspaceID int64  `json:"workspace_id"`
	Type        string `json:"binding_type,omitempty"`
}

type bindingList struct {
	Bindings      []binding `json:"bindings"`
	NextPageToken string    `json:"next_page_token"`
}

func bindingsPath(name string) string { return route(unityCatalog, "bindings", "catalog", name) }
