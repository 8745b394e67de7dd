package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// builtIn are the built-in rules that follow from a plan's changes and the spec; what a kind or the spec's own
// checks find under a built-in rule's code comes beside them.
func builtIn() []func(Input) diag.List {
	return []func(Input) diag.List{
		ofEach("grant", allPrivileges), ofEach("grant", accountUsers), ofEach("branch_protection", bypassActors),
		ofEach("secret", storedSecret), ofEach("secret", longLivedSecret), ofEach("environment", unguardedEnvironment),
		ofEach("branch", unprotectedBranch), ofEach("workflow_permissions", wideWorkflowPermissions),
	}
}

// finding is what a built-in rule says of a change; the zero finding is nothing.
type finding struct{ code, summary, detail string }

// ofEach asks about every object of a kind that is wished.
func ofEach(kind string, ask func(Input, plan.Change) finding) func(Input) diag.List {
	return func(in Input) diag.List {
		var list diag.List
		for _, c := range in.Changes {
			if c.Kind != kind || c.Leaving || c.Action == plan.Delete || c.Action == plan.Release {
				continue
			}
			if f := ask(in, c); f.code != "" {
				list = append(list, diag.Diagnostic{Severity: diag.Warning, Code: f.code, Summary: f.summary, Detail: f.detail,
					Address: c.Address, Source: &c.Source})
			}
		}
		return list
	}
}

func allPrivileges(_ Input, c plan.Change) finding {
	if !slices.Contains(texts(c, "privileges"), "ALL_PRIVILEGES") {
		return finding{}
	}
	return finding{"policy/all-privileges", fmt.Sprintf("%s holds ALL_PRIVILEGES", c.Address), "list the privileges that are needed"}
}

func accountUsers(in Input, c plan.Change) finding {
	catalog, _, _ := strings.Cut(text(c, "securable"), ".")
	if text(c, "principal_type") != "group" || text(c, "principal") != "account users" || !in.isProduction(catalog) {
		return finding{}
	}
	return finding{"policy/account-users", fmt.Sprintf("%s gives everybody in the account something in production", c.Address),
		"grant it to a group that needs it"}
}

// isProduction reports whether a production target works in that catalog.
func (in Input) isProduction(catalog string) bool {
	return slices.ContainsFunc(in.Stack.Targets, func(t spec.Target) bool {
		return spec.IsProduction(t) && strings.EqualFold(t.Catalog, catalog)
	})
}

func bypassActors(_ Input, c plan.Change) finding {
	actors := texts(c, "bypass_actors")
	if len(actors) == 0 {
		return finding{}
	}
	return finding{"policy/bypass-actors", fmt.Sprintf("%s can be bypassed by %s", c.Address, strings.Join(actors, ", ")),
		"remove them, or write exclusive: true in the protection"}
}

func storedSecret(_ Input, c plan.Change) finding {
	if text(c, "issue") == "" {
		return finding{}
	}
	return finding{"policy/stored-secret", fmt.Sprintf("%s holds a credential of Databricks", c.Address), "with ci_auth: oidc none is stored"}
}

func longLivedSecret(_ Input, c plan.Change) finding {
	const longest = 90 * 24 * time.Hour
	lives, _ := field(c, "lifetime_seconds").(float64)
	if text(c, "issue") == "" || time.Duration(lives)*time.Second <= longest {
		return finding{}
	}
	return finding{"policy/long-lived-secret", fmt.Sprintf("%s lives for %d days", c.Address, int(lives)/86400), "at most 90 days; it is renewed by itself"}
}

func unguardedEnvironment(in Input, c plan.Change) finding {
	_, name, _ := strings.Cut(c.Address, "/")
	if name == spec.ApplyEnvironment && in.Stack.AppliedBy() != "" {
		return unguardedOperator(c)
	}
	if t := in.Stack.Target(name); t == nil || !spec.IsProduction(*t) {
		return finding{}
	}
	var lacks []string
	if len(texts(c, "reviewers")) == 0 {
		lacks = append(lacks, "reviewers")
	}
	if len(texts(c, "branches")) == 0 {
		lacks = append(lacks, "branches that alone may deploy")
	}
	if len(lacks) == 0 {
		return finding{}
	}
	return finding{"policy/unguarded-environment", fmt.Sprintf("%s has no %s", c.Address, strings.Join(lacks, " and no ")), "give it reviewers, and branches: [release]"}
}

// unguardedOperator is about the environment that the operator applies from. Its reviewers are not the spec's to say, so that
// only a look at it tells.
func unguardedOperator(c plan.Change) finding {
	if c.Action == plan.Unknown || len(texts(c, "reviewers")) > 0 {
		return finding{}
	}
	return finding{"policy/unguarded-environment", fmt.Sprintf("%s has no reviewers: what is merged is applied without an approval", c.Address),
		"an administrator sets required reviewers under Settings > Environments > " + spec.ApplyEnvironment + "; the plan leaves them as they are"}
}

func unprotectedBranch(in Input, c plan.Change) finding {
	_, name, _ := strings.Cut(c.Address, "/")
	deploys := slices.ContainsFunc(in.Stack.Targets, func(t spec.Target) bool { return spec.IsProduction(t) && t.Branch == name })
	protected := slices.ContainsFunc(in.Stack.Branches, func(b spec.Branch) bool {
		return b.Name == name && b.Protection != nil && b.Protection.RequiredApprovals != nil && *b.Protection.RequiredApprovals > 0
	})
	if !deploys || protected {
		return finding{}
	}
	return finding{"policy/unprotected-branch", fmt.Sprintf("production is deployed from %s, and the spec asks for no approval there", name),
		fmt.Sprintf("branches.%s: { protection: { required_approvals: 1 } }", name)}
}

func wideWorkflowPermissions(_ Input, c plan.Change) finding {
	if text(c, "default") != "write" {
		return finding{}
	}
	return finding{"policy/wide-workflow-permissions", "the token of every workflow may write, unless the workflow says otherwise",
		"default: read, and each workflow says what it needs"}
}

// field returns what a field will be: as wished, else as it is.
func field(c plan.Change, name string) any {
	for _, o := range []map[string]any{c.After, c.Want, c.Before} {
		if v, there := o[name]; there {
			return v
		}
	}
	return nil
}

func text(c plan.Change, name string) string {
	s, _ := field(c, name).(string)
	return s
}

func texts(c plan.Change, name string) []string {
	var all []string
	list, _ := field(c, name).([]any)
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}
