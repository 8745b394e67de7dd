package kinds

import (
	"context"
	"errors"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// entitlementKind is what a principal may do in a workspace. It adds, and takes away what the stack gave.
var entitlementKind = resource.Kind[*databricks.Fleet, entitlement]{
	Name:         "entitlement",
	Doc:          "What a service principal may do in a workspace by entitlements of its own.",
	Identity:     []string{"host", "principal", "principal_id", "revoke"},
	LiveIdentity: []string{"host", "principal_id"},
	Items:        "entitlements",
	Declare:      declareEntitlements,
	Read:         readEntitlement,
	Create: func(ctx context.Context, f *databricks.Fleet, want entitlement) (entitlement, error) {
		want.Revoke = nil
		return want, f.Entitle(ctx, want.Host, want.PrincipalID.Value, databricks.EntitlementChange{Add: want.Entitlements})
	},
	Update: func(ctx context.Context, f *databricks.Fleet, have, want entitlement) (entitlement, error) {
		change := databricks.EntitlementChange{Add: beyond(want.Entitlements, have.Entitlements), Remove: beyond(have.Entitlements, want.Entitlements)}
		want.Revoke = nil
		return want, f.Entitle(ctx, want.Host, want.PrincipalID.Value, change)
	},
	Delete: func(ctx context.Context, f *databricks.Fleet, have entitlement) error {
		return f.Entitle(ctx, have.Host, have.PrincipalID.Value, databricks.EntitlementChange{Remove: have.Entitlements})
	},
	Danger: func(have, want entitlement) resource.Guard {
		if len(beyond(have.Entitlements, want.Entitlements)) > 0 {
			return resource.AccessLoss
		}
		return resource.Unguarded
	},
	Shrink: func(want, made entitlement) entitlement {
		want.Revoke = beyond(made.Entitlements, want.Entitlements)
		return want
	},
}

type entitlement struct {
	Host         string        `json:"host"`
	Principal    string        `json:"principal"`
	PrincipalID  resource.Text `json:"principal_id"`
	Entitlements []string      `json:"entitlements"`
	Revoke       []string      `json:"revoke,omitempty"` // what is to go if the principal has it
}

func declareEntitlements(w resource.Wishes) []resource.Decl[entitlement] {
	var decls []resource.Decl[entitlement]
	for _, p := range w.ServicePrincipals {
		if len(p.Entitlements) == 0 {
			continue
		}
		for _, t := range targetsOf(w, p.Name) {
			decls = append(decls, resource.Decl[entitlement]{
				Addr: resource.Addr{Kind: "entitlement", Scope: t.Name, Name: p.Name},
				Key:  t.Host + " " + p.Name, // two targets may share a workspace
				Want: entitlement{
					Host: t.Host, Principal: p.Name, PrincipalID: resource.From(principalAddr(p.Name), "id"), Entitlements: sortedSet(p.Entitlements),
				},
				Needs: []resource.Need{{
					Addr: assignmentAddr(t.Name, p.Name).String(), Why: "the workspace knows a principal once it is assigned to it",
				}},
				At: w.At("service_principals", p.Name, "entitlements"),
			})
		}
	}
	return decls
}

// targetsOf returns the targets that run as a principal.
func targetsOf(w resource.Wishes, principal string) []spec.Target {
	return slices.DeleteFunc(slices.Clone(w.Targets), func(t spec.Target) bool { return t.ServicePrincipal != principal || t.Host == "" })
}

func readEntitlement(ctx context.Context, f *databricks.Fleet, want entitlement) (entitlement, error) {
	live, err := f.Entitlements(ctx, want.Host, want.Principal, want.PrincipalID.Value)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return entitlement{}, err
	}
	have := want
	have.Entitlements = common(append([]string{}, live...), append(slices.Clone(want.Entitlements), want.Revoke...))
	have.Revoke = nil
	if len(have.Entitlements) == 0 {
		return have, resource.ErrNotFound
	}
	return have, nil
}
