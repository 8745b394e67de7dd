package kinds

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// A principal is made a user of its workspaces, never more.
const workspaceUser, workspaceAdmin = "USER", "ADMIN"

// workspaceAssignmentKind is what lets a principal into a workspace.
var workspaceAssignmentKind = resource.Kind[*databricks.Fleet, workspaceAssignment]{
	Name:         "workspace_assignment",
	Doc:          "A service principal's access to a workspace: the guide adds it there by hand.",
	Identity:     []string{"host", "principal", "principal_id", "inside"},
	LiveIdentity: []string{"workspace_id", "principal_id"},
	Declare:      declareWorkspaceAssignments,
	Read:         readWorkspaceAssignment,
	Create:       assignToWorkspace,
	Update: func(ctx context.Context, f *databricks.Fleet, _, want workspaceAssignment) (workspaceAssignment, error) {
		return assignToWorkspace(ctx, f, want)
	},
	Delete: func(ctx context.Context, f *databricks.Fleet, have workspaceAssignment) error {
		return f.Unassign(ctx, have.workspace(), have.PrincipalID.Value)
	},
	Foreign: func(want workspaceAssignment) bool { return want.Inside },
}

type workspaceAssignment struct {
	Host        string        `json:"host"`
	Principal   string        `json:"principal"`
	PrincipalID resource.Text `json:"principal_id"`
	Permissions []string      `json:"permissions"`
	// Inside says that there is no account, so that an assignment is looked at and never made or removed.
	Inside bool `json:"inside,omitempty"`
	// WorkspaceID is the same under every URL of the workspace.
	WorkspaceID string `json:"workspace_id,omitempty"`
}

func (a workspaceAssignment) workspace() databricks.Workspace {
	return databricks.Workspace{Host: a.Host, ID: a.WorkspaceID}
}

func declareWorkspaceAssignments(w resource.Wishes) []resource.Decl[workspaceAssignment] {
	var decls []resource.Decl[workspaceAssignment]
	declare := func(t spec.Target, principal string, at diag.Pos) {
		decls = append(decls, resource.Decl[workspaceAssignment]{
			Addr: assignmentAddr(t.Name, principal),
			Key:  t.Host + " " + principal, // two targets may share a workspace
			Want: workspaceAssignment{
				Host: t.Host, Principal: principal, Permissions: []string{workspaceUser}, Inside: w.Account == nil,
				PrincipalID: resource.From(principalAddr(principal), "id"),
			},
			At: at,
		})
	}
	for _, t := range w.Targets {
		if t.Host == "" || t.ServicePrincipal == "" {
			continue
		}
		declare(t, t.ServicePrincipal, w.At("targets", t.Name, "service_principal"))
		if reader := w.ReadBy(); reader != "" {
			declare(t, reader, w.At("ci", "reader"))
		}
		if operator := w.AppliedBy(); operator != "" {
			declare(t, operator, w.At("ci", "operator"))
		}
	}
	return decls
}

func assignmentAddr(target, principal string) resource.Addr {
	return resource.Addr{Kind: "workspace_assignment", Scope: target, Name: principal}
}

func readWorkspaceAssignment(ctx context.Context, f *databricks.Fleet, want workspaceAssignment) (workspaceAssignment, error) {
	if !f.HasAccount() {
		return assignmentSeenFromInside(ctx, f, want)
	}
	var err error
	if want.WorkspaceID == "" {
		if want.WorkspaceID, err = f.WorkspaceID(ctx, want.Host); err != nil {
			return workspaceAssignment{}, err
		}
	}
	permissions, err := f.Assignment(ctx, want.workspace(), want.PrincipalID.Value)
	return want.with(permissions), err
}

// assignmentSeenFromInside asks the workspace itself, which shows the principals that may use it.
func assignmentSeenFromInside(ctx context.Context, f *databricks.Fleet, want workspaceAssignment) (workspaceAssignment, error) {
	shown, err := f.Principals(ctx, want.Host, want.Principal)
	if err != nil {
		return workspaceAssignment{}, err
	}
	if slices.ContainsFunc(shown, func(p databricks.Principal) bool { return p.ID == want.PrincipalID.Value }) {
		return want, nil
	}
	return workspaceAssignment{}, &resource.Blocked{Reason: fmt.Sprintf(
		"service principal %q may not use %s, and without `account:` that is not changed; ask an administrator of the Databricks account: assign the service principal %q (id %s) to the workspace %s with the permission User",
		want.Principal, want.Host, want.Principal, want.PrincipalID.Value, want.Host)}
}

func assignToWorkspace(ctx context.Context, f *databricks.Fleet, want workspaceAssignment) (workspaceAssignment, error) {
	var err error
	if want.WorkspaceID == "" {
		want.WorkspaceID, err = f.WorkspaceID(ctx, want.Host)
	}
	if err != nil {
		return workspaceAssignment{}, err
	}
	permissions, err := f.Assign(ctx, want.workspace(), want.PrincipalID.Value, workspaceUser)
	if err != nil {
		return workspaceAssignment{}, err
	}
	return want.with(permissions), nil
}

// with returns the assignment as it is live. An admin may do all that a user may, so it is right.
func (want workspaceAssignment) with(permissions []string) workspaceAssignment {
	if slices.Contains(permissions, workspaceAdmin) {
		permissions = []string{workspaceUser}
	}
	want.Permissions = permissions
	return want
}
