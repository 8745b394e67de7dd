// Package kinds is the list of the kinds of objects that a spec can wish, one file each. A new kind is
// a file here and a line in All.
package kinds

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/deployments"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/proposal"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Clients are what the kinds work with; each kind has one of them.
type Clients struct {
	GitHub     *github.Client
	Databricks *databricks.Fleet
	Vault      *credentials.Vault
}

// All returns every kind, bound to its client, in the order of the guide: the repository and what is
// in it, principals, what they may use, and how their jobs log in.
func All(c Clients, s *spec.Stack) []resource.Type {
	hub, account := s.Git.Host, ""
	if s.Account != nil {
		account = s.Account.Host
	}
	desk := proposal.New(c.GitHub, s)
	return []resource.Type{
		at(hub, resource.Bind(repositoryKind, c.GitHub)),
		at(hub, resource.Bind(firstCommitKind, c.GitHub)),
		at(hub, resource.Bind(branchKind, c.GitHub)),
		at(hub, resource.Bind(branchProtectionKind, c.GitHub)),
		at(hub, resource.Bind(teamKind, c.GitHub)),
		at(hub, resource.Bind(workflowPermissionsKind, c.GitHub)),
		at(hub, resource.Bind(environmentKind, c.GitHub)),
		at(account, resource.Bind(servicePrincipalKind, c.Databricks)),
		at(account, resource.Bind(workspaceAssignmentKind, c.Databricks)),
		at(account, resource.Bind(groupKind, c.Databricks)),
		at(account, resource.Bind(groupMemberKind, c.Databricks)),
		at(account, resource.Bind(entitlementKind, c.Databricks)),
		at(account, resource.Bind(gitCredentialKind, c.Vault)),
		at(account, resource.Bind(principalUserKind, c.Databricks)),
		at(account, resource.Bind(catalogKind, c.Databricks)),
		at(account, resource.Bind(catalogBindingKind, c.Databricks)),
		at(account, resource.Bind(schemaKind, c.Databricks)),
		at(account, resource.Bind(grantKind, c.Databricks)),
		at(account, resource.Bind(directoryKind, c.Databricks)),
		at(account, resource.Bind(permissionKind, c.Databricks)),
		at(account, resource.Bind(federationPolicyKind, c.Databricks)),
		at(hub, resource.Bind(variableKind, c.GitHub)),
		at(hub, resource.Bind(secretKind, c.Vault)),
		at(hub, resource.Bind(pullRequestKind, desk)),
		at(hub, resource.Bind(workflowRunKind, desk)),
		resource.Bind(deploymentKind, deployments.New(c.GitHub, c.Databricks)),
	}
}

// at says where a kind's objects live, unless an object names a workspace itself.
func at(host string, t resource.Type) resource.Type {
	t.Host = host
	return t
}

// RunAs are the names of the service principals that a spec makes, or takes over, sorted.
func RunAs(s *spec.Stack) []string {
	names, _, _ := Principals(s)
	return slices.DeleteFunc(names, func(name string) bool { return !makesPrincipal(resource.Wishes{Stack: s}, name) })
}

// Principals returns the names of the service principals, groups and users that a spec speaks of, each
// sorted, so that they can be looked up together.
func Principals(s *spec.Stack) (principals, groups, users []string) {
	named := map[string]map[string]bool{"service_principal": {}, "group": {}, "user": {}}
	mention := func(principal string) {
		if sort, name, ok := strings.Cut(principal, ":"); ok && named[sort] != nil {
			named[sort][name] = true
		}
	}
	for _, t := range s.Targets {
		if t.ServicePrincipal != "" {
			named["service_principal"][t.ServicePrincipal] = true
		}
	}
	for _, p := range s.ServicePrincipals {
		named["service_principal"][p.Name] = true
		for _, u := range p.Users {
			mention(u)
		}
	}
	for _, name := range s.Checkers() {
		named["service_principal"][name] = true
	}
	for _, g := range s.Groups {
		named["group"][g.Name] = true
		for _, m := range g.Members {
			mention(m)
		}
	}
	for _, p := range s.Permissions {
		mention(p.Principal)
	}
	return slices.Sorted(maps.Keys(named["service_principal"])), slices.Sorted(maps.Keys(named["group"])), slices.Sorted(maps.Keys(named["user"]))
}
