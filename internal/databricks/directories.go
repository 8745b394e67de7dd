package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const workspaceTree = "/api/2.0/workspace"

// Node is what lies at a path of a workspace: its id, and its type as the service calls it.
type Node struct{ ID, Type string }

// IsDirectory reports whether other things lie in it.
func (n Node) IsDirectory() bool { return n.Type == "DIRECTORY" }

// Node returns what lies at a path of a workspace, resource.ErrNotFound where nothing does.
func (f *Fleet) Node(ctx context.Context, host, path string) (Node, error) {
	return memo.Recall(ctx, &f.memo, "nodes/"+host+path, func(ctx context.Context) (Node, error) {
		var found struct {
			ID   int64  `json:"object_id"`
			Type string `json:"object_type"`
		}
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: workspaceTree + "/get-status", query: map[string]any{"path": path}}, &found)
		if err == nil && (found.ID == 0 && path != "/" || found.Type == "") {
			err = fmt.Errorf("%w: it names no object; %s", resource.ErrLost, newer)
		}
		if err != nil {
			return Node{}, fmt.Errorf("looking at %s in %s: %w", path, host, err)
		}
		return Node{ID: strconv.FormatInt(found.ID, 10), Type: found.Type}, nil
	})
}

// ForgetNodes makes the next look at a path one at live state.
func (f *Fleet) ForgetNodes() { f.memo.Drop("nodes/") }

// MakeDirectory makes a directory, and those above it that are missing. One that is there already is no
// error to the service.
func (f *Fleet) MakeDirectory(ctx context.Context, host, path string) error {
	defer f.ForgetNodes()
	err := f.sendTo(ctx, host, request{method: http.MethodPost, path: workspaceTree + "/mkdirs", body: map[string]any{"path": path}}, nil)
	if err != nil {
		return fmt.Errorf("making the directory %s: %w", path, err)
	}
	return nil
}

// DeleteDirectory deletes a directory that holds nothing. With something in it the service refuses: what
// other people put there is not deleted.
func (f *Fleet) DeleteDirectory(ctx context.Context, host, path string) error {
	defer f.memo.Drop("nodes/", "access/")
	err := f.sendTo(ctx, host, request{method: http.MethodPost, path: workspaceTree + "/delete", body: map[string]any{"path": path, "recursive": false}}, nil)
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	if code(err) == "DIRECTORY_NOT_EMPTY" {
		err = fmt.Errorf("%w; move or delete what is in it, or let it go with `mlopsctl state release`", err)
	}
	if err != nil {
		return fmt.Errorf("deleting the directory %s: %w", path, err)
	}
	return nil
}
