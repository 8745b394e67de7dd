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

// BindingChange is which workspaces may read and write a catalog once it is isolated, and which no longer
// may use it at all.
type BindingChange struct{ Bind, Unbind []string }

// ChangeBindings makes the whole change in one request; workspaces that might only read and are bound are
// given their new binding in it, too. Other workspaces keep theirs.
func (f *Fleet) ChangeBindings(ctx context.Context, host, name string, c BindingChange) error {
	have, err := f.Bindings(ctx, host, name)
	if err != nil {
		return err
	}
	bound := map[string]string{}
	for _, b := range have {
		bound[b.WorkspaceID] = readWrite
		if b.ReadOnly {
			bound[b.WorkspaceID] = readOnly
		}
	}
	var change struct {
		Add    []binding `json:"add,omitempty"`
		Remove []binding `json:"remove,omitempty"`
	}
	for _, id := range c.Bind {
		n, err := number("workspace", id)
		if err != nil {
			return err
		}
		change.Add = append(change.Add, binding{WorkspaceID: n, Type: readWrite})
		if bound[id] == readOnly {
			change.Remove = append(change.Remove, binding{WorkspaceID: n, Type: readOnly})
		}
	}
	for _, id := range c.Unbind {
		n, err := number("workspace", id)
		if err != nil {
			return err
		}
		if bound[id] != "" {
			change.Remove = append(change.Remove, binding{WorkspaceID: n, Type: bound[id]})
		}
	}
	if len(change.Add)+len(change.Remove) == 0 {
		return nil
	}
	defer f.ForgetCatalogs()
	err = f.sendTo(ctx, host, request{method: http.MethodPatch, path: bindingsPath(name), body: change}, nil)
	if err != nil {
		return fmt.Errorf("changing the workspaces of catalog %s: %w", name, err)
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
