package databricks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Workspace is a workspace by its URL and, where that is known already, its id: one that has left the spec
// cannot be asked for it.
type Workspace struct{ Host, ID string }

// Assignment returns the permissions that the principal has on the workspace by an assignment of its
// own, resource.ErrNotFound if none. All assignments of a workspace come in one answer.
func (f *Fleet) Assignment(ctx context.Context, w Workspace, principalID string) ([]string, error) {
	p, err := number("principal", principalID)
	if err != nil {
		return nil, err
	}
	all, err := memo.Recall(ctx, &f.memo, "assignments/"+w.Host, func(ctx context.Context) (map[int64]assignment, error) {
		return f.assignments(ctx, w)
	})
	if err != nil {
		return nil, fmt.Errorf("reading who is assigned to %s: %w", w.Host, misplaced(err))
	}
	switch found := all[p]; {
	case found.problem != "":
		return nil, fmt.Errorf("reading the assignment of principal %s to %s: the account answers: %s", principalID, w.Host, found.problem)
	case len(found.permissions) == 0:
		return nil, fmt.Errorf("assignment of principal %s to %s: %w", principalID, w.Host, resource.ErrNotFound)
	default:
		return found.permissions, nil
	}
}

// assignment is one principal's. A problem is the account's with this one, and says nothing of the others.
type assignment struct {
	permissions []string
	problem     string
}

func (f *Fleet) assignments(ctx context.Context, w Workspace) (map[int64]assignment, error) {
	api, workspace, err := f.assignmentAPI(ctx, w)
	if err != nil {
		return nil, err
	}
	list, err := api.ListAll(ctx, iam.ListWorkspaceAssignmentRequest{WorkspaceId: workspace})
	if err != nil {
		return nil, bare(err)
	}
	f.trusted.Store(true)
	all := map[int64]assignment{}
	for _, a := range list {
		switch {
		case a.Principal != nil:
			all[a.Principal.PrincipalId] = assignment{permissions: permissions(a.Permissions), problem: a.Error}
		case a.Error != "":
			return nil, fmt.Errorf("the account answers: %s", a.Error)
		}
	}
	return all, nil
}

// Assign gives the principal that permission on the workspace, USER or ADMIN, and returns those that
// it then has. A principal that the workspace does not know yet is resource.ErrNotYet.
func (f *Fleet) Assign(ctx context.Context, w Workspace, principalID, permission string) ([]string, error) {
	// The service takes any other value for an order to remove the principal from the workspace.
	if permission != "USER" && permission != "ADMIN" {
		return nil, fmt.Errorf("permission %q on a workspace: it is USER or ADMIN", permission)
	}
	p, err := number("principal", principalID)
	if err != nil {
		return nil, err
	}
	api, workspace, err := f.assignmentAPI(ctx, w)
	if err != nil {
		return nil, err
	}
	defer f.memo.Drop("assignments/" + w.Host)
	made, err := api.Update(ctx, iam.UpdateWorkspaceAssignments{
		WorkspaceId: workspace, PrincipalId: p, Permissions: []iam.WorkspacePermission{iam.WorkspacePermission(permission)},
	})
	if err != nil {
		return nil, fmt.Errorf("assigning principal %s to %s: %w", principalID, w.Host, unknownToWorkspace(bare(err)))
	}
	// An answer of 200 may carry a refusal.
	if made.Error != "" {
		err := fmt.Errorf("the account answers: %s", made.Error)
		if isUnknownToWorkspace(made.Error) {
			err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
		}
		return nil, fmt.Errorf("assigning principal %s to %s: %w", principalID, w.Host, err)
	}
	return permissions(made.Permissions), nil
}

// Unassign removes the principal from the workspace.
func (f *Fleet) Unassign(ctx context.Context, w Workspace, principalID string) error {
	p, err := number("principal", principalID)
	if err != nil {
		return err
	}
	api, workspace, err := f.assignmentAPI(ctx, w)
	if err != nil {
		return err
	}
	defer f.memo.Drop("assignments/" + w.Host)
	err = bare(api.Delete(ctx, iam.DeleteWorkspaceAssignmentRequest{WorkspaceId: workspace, PrincipalId: p}))
	if ignoreMissing(err) != nil {
		return fmt.Errorf("removing principal %s from %s: %w", principalID, w.Host, err)
	}
	return nil
}

func (f *Fleet) assignmentAPI(ctx context.Context, w Workspace) (*iam.WorkspaceAssignmentAPI, int64, error) {
	c, err := f.onAccount()
	if err != nil {
		return nil, 0, err
	}
	if w.ID == "" {
		if w.ID, err = f.WorkspaceID(ctx, w.Host); err != nil {
			return nil, 0, err
		}
	}
	n, err := number("workspace", w.ID)
	return iam.NewWorkspaceAssignment(c), n, err
}

// unknownToWorkspace says of a principal that the account knows and the workspace does not that it is
// not visible yet: about half of all new principals are refused so for some seconds.
func unknownToWorkspace(err error) error {
	if refusedWith(err, http.StatusNotFound) || says(err, notInWorkspace) {
		return fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	}
	return err
}

// notInWorkspace is the text of that refusal, which has no code of its own: "Principal 1 not in
// workspace 2" (terraform-provider-databricks#5367).
const notInWorkspace = "not in workspace"

func isUnknownToWorkspace(message string) bool {
	return strings.Contains(strings.ToLower(message), notInWorkspace)
}

func permissions(list []iam.WorkspacePermission) []string {
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, string(p))
	}
	slices.Sort(out)
	return out
}
