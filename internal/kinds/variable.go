package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// variableKind is a GitHub Actions variable.
var variableKind = resource.Kind[*github.Client, variable]{
	Name:         "variable",
	Doc:          "A GitHub Actions variable of the repository or of an environment.",
	Identity:     []string{"repository", "environment", "name"},
	LiveIdentity: []string{"repository", "environment", "name"}, // GitHub gives it no id
	Touched:      touchedVariable,
	Harmless:     true,
	Declare:      declareVariables,
	Read:         readVariable,
	Create: func(ctx context.Context, c *github.Client, want variable) (variable, error) {
		if err := c.CreateVariable(ctx, want.place(), want.Value.Value); err != nil {
			return want, err
		}
		return want, nil
	},
	Update: func(ctx context.Context, c *github.Client, _, want variable) (variable, error) {
		if err := c.UpdateVariable(ctx, want.place(), want.Value.Value); err != nil {
			return want, err
		}
		return want, nil
	},
	Delete: func(ctx context.Context, c *github.Client, have variable) error {
		return c.DeleteVariable(ctx, have.place())
	},
	Ready: func(ctx context.Context, c *github.Client, made variable) (bool, error) {
		_, there, err := found(readVariable(ctx, c, made))
		return there, err
	},
}

type variable struct {
	Repository  resource.Text `json:"repository,omitzero"`
	Environment resource.Text `json:"environment,omitzero"`
	Name        string        `json:"name"`
	Value       resource.Text `json:"value"`
}

func (v variable) place() github.Place {
	return github.Place{Environment: v.Environment.Value, Name: v.Name}
}

// declareVariables lists what the spec spells out, then what ci_auth implies and the spec does not.
func declareVariables(w resource.Wishes) []resource.Decl[variable] {
	var decls []resource.Decl[variable]
	add := func(environment, name string, value resource.Text, at diag.Pos) {
		addr := resource.Addr{Kind: "variable", Scope: environment, Name: name}
		if slices.ContainsFunc(decls, func(d resource.Decl[variable]) bool { return strings.EqualFold(d.Addr.String(), addr.String()) }) {
			return
		}
		decls = append(decls, resource.Decl[variable]{
			Addr: addr, At: at,
			Want: variable{Repository: inRepository(), Environment: inEnvironment(w.Stack, environment), Name: name, Value: value},
		})
	}
	for _, v := range w.Variables {
		add(v.Environment, v.Name, resource.Known(v.Value), w.At("variables", v.Name))
	}
	for _, t := range w.Targets {
		if t.ServicePrincipal == "" {
			continue
		}
		environment, prefix := ciScope(t)
		at := w.At("targets", t.Name, "ci_auth")
		add(environment, prefix+"DATABRICKS_HOST", resource.Known(t.Host), at)
		if t.CIAuth == spec.OIDC || t.CIAuth == spec.OAuthSecret {
			principal := resource.Addr{Kind: "service_principal", Name: t.ServicePrincipal}
			add(environment, prefix+"DATABRICKS_CLIENT_ID", resource.From(principal, "application_id"), at)
		}
	}
	if reader := w.ReadBy(); reader != "" {
		add("", readersVariable, resource.From(principalAddr(reader), "application_id"), w.At("ci", "reader"))
	}
	for _, environment := range operatorsEnvironments(w.Stack) {
		add(environment, "DATABRICKS_CLIENT_ID", resource.From(principalAddr(w.AppliedBy()), "application_id"), w.At("ci", "operator"))
	}
	return decls
}

// readersVariable names the reader to a pull request's job, which runs in no environment.
const readersVariable = "MLOPSCTL_READER_CLIENT_ID"

// ciScope is where a target's CI job finds its settings: its environment, or the repository with a
// prefix to their names.
func ciScope(t spec.Target) (environment, prefix string) {
	if t.Environment != nil {
		return t.Name, ""
	}
	return "", targetPrefix(t.Name)
}

// targetPrefix is a target's name as a part of the name of a variable or secret.
func targetPrefix(target string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(target)) + "_"
}

// inEnvironment is the field by which what is in an environment depends on it.
func inEnvironment(s *spec.Stack, name string) resource.Text {
	if name == "" {
		return resource.Text{}
	}
	if t := s.Target(name); t != nil && t.Environment != nil || slices.Contains(operatorsEnvironments(s), name) {
		return resource.From(environmentAddr(name), "name")
	}
	return resource.Known(name)
}

func readVariable(ctx context.Context, c *github.Client, want variable) (variable, error) {
	all, err := c.Variables(ctx, want.Environment.Value)
	if err != nil {
		return want, err
	}
	value, there := all[strings.ToUpper(want.Name)]
	if !there {
		return want, fmt.Errorf("variable %s: %w", want.place(), resource.ErrNotFound)
	}
	have := want
	have.Value = resource.Known(value)
	return have, nil
}

// found turns a read into an answer for Find.
func found[T any](live T, err error) (T, bool, error) {
	if errors.Is(err, resource.ErrNotFound) {
		return live, false, nil
	}
	return live, err == nil, err
}
