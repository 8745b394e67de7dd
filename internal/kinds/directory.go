package kinds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// directoryKind is where a principal's files lie in a workspace: a new one under the same path is another one,
// by its id.
var directoryKind = resource.Kind[*databricks.Fleet, directory]{
	Name:         "directory",
	Doc:          "A directory in a workspace for the files of a principal; the guide's Terraform module adds it.",
	Identity:     []string{"host", "path"},
	LiveIdentity: []string{"workspace_id", "object_id"},
	Guard:        resource.DataLoss,
	Declare:      declareDirectories,
	Read:         readDirectory,
	Create:       createDirectory,
	Delete:       deleteDirectory,
	Find: func(ctx context.Context, f *databricks.Fleet, want directory) (directory, bool, error) {
		f.ForgetNodes()
		return found(readDirectory(ctx, f, want))
	},
}

type directory struct {
	Host        string `json:"host"`
	Path        string `json:"path"`
	WorkspaceID string `json:"workspace_id,omitempty"`
	ObjectID    string `json:"object_id,omitempty"`
}

func declareDirectories(w resource.Wishes) []resource.Decl[directory] {
	var decls []resource.Decl[directory]
	for _, p := range w.ServicePrincipals {
		for _, t := range w.Targets {
			if p.Directory == "" || t.Host == "" || t.ServicePrincipal != p.Name {
				continue
			}
			decls = append(decls, resource.Decl[directory]{
				Addr: directoryAddr(t.Name, p.Directory),
				Key:  t.Host + " " + p.Directory, // two targets may share a workspace
				Want: directory{Host: t.Host, Path: p.Directory},
				At:   w.At("service_principals", p.Name, "directory"),
			})
		}
	}
	return decls
}

// directoryAddr is the address of a directory; its path goes without the slash that every one begins with.
func directoryAddr(target, path string) resource.Addr {
	return resource.Addr{Kind: "directory", Scope: target, Name: strings.TrimPrefix(path, "/")}
}

// declaredDirectory returns the address of the directory at a path of a workspace, if the spec makes it.
func declaredDirectory(w resource.Wishes, host, path string) (resource.Addr, bool) {
	for _, d := range declareDirectories(w) {
		if d.Want.Host == host && d.Want.Path == path {
			return d.Addr, true
		}
	}
	return resource.Addr{}, false
}

func readDirectory(ctx context.Context, f *databricks.Fleet, want directory) (directory, error) {
	n, err := f.Node(ctx, want.Host, want.Path)
	switch {
	case err != nil:
		return directory{}, err
	case !n.IsDirectory():
		return directory{}, &resource.Blocked{Reason: fmt.Sprintf(
			"%s is a %s there, and no directory; move it, or choose another path", want.Path, strings.ToLower(n.Type))}
	}
	want.ObjectID = n.ID
	if want.WorkspaceID == "" {
		want.WorkspaceID, err = f.WorkspaceID(ctx, want.Host)
	}
	return want, err
}

// createDirectory looks once more before it makes one: to the service a directory that is there already is as
// good as a new one, and then it is not the stack's.
func createDirectory(ctx context.Context, f *databricks.Fleet, want directory) (directory, error) {
	f.ForgetNodes()
	_, err := f.Node(ctx, want.Host, want.Path)
	switch {
	case err == nil:
		return directory{}, fmt.Errorf("directory %s: %w", want.Path, resource.ErrExists)
	case !errors.Is(err, resource.ErrNotFound):
		return directory{}, err
	}
	if err := f.MakeDirectory(ctx, want.Host, want.Path); err != nil {
		return directory{}, err
	}
	return readDirectory(ctx, f, want)
}

// deleteDirectory deletes the directory that was seen, and not one that has its path since.
func deleteDirectory(ctx context.Context, f *databricks.Fleet, have directory) error {
	f.ForgetNodes()
	n, err := f.Node(ctx, have.Host, have.Path)
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	if err == nil && n.ID != have.ObjectID {
		err = fmt.Errorf("%w: another object has that path now", resource.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deleting the directory %s: %w", have.Path, err)
	}
	return f.DeleteDirectory(ctx, have.Host, have.Path)
}
