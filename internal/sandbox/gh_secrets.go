package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ghVaultRoutes are the secrets and variables of a repository and, under a permission of their own,
// those of an environment.
func ghVaultRoutes() []ghRoute {
	const repository, environment = "~/actions", "~/environments/{environment_name}"
	env, envSet := reads("environments", writeAccess), writes("environments", writeAccess)
	return slices.Concat(
		ghSecretRoutes(repository, reads("secrets", writeAccess), writes("secrets", writeAccess)),
		ghVariableRoutes(repository, reads("actions_variables", writeAccess), writes("actions_variables", writeAccess)),
		ghSecretRoutes(environment, env, envSet),
		ghVariableRoutes(environment, env, envSet),
	)
}

func ghSecretRoutes(base string, look, set need) []ghRoute {
	return []ghRoute{
		{pattern: "GET " + base + "/secrets", need: look, handle: scoped((*ghCall).listSecrets)},
		{pattern: "GET " + base + "/secrets/public-key", need: look, handle: scoped((*ghCall).getPublicKey)},
		{pattern: "GET " + base + "/secrets/{secret_name}", need: look, handle: scoped((*ghCall).getSecret)},
		{pattern: "PUT " + base + "/secrets/{secret_name}", need: set, handle: scoped((*ghCall).putSecret)},
		{pattern: "DELETE " + base + "/secrets/{secret_name}", need: set, handle: scoped((*ghCall).deleteSecret)},
	}
}

func ghVariableRoutes(base string, look, set need) []ghRoute {
	return []ghRoute{
		{pattern: "GET " + base + "/variables", need: look, handle: scoped((*ghCall).listVariables)},
		{pattern: "POST " + base + "/variables", need: set, handle: scoped((*ghCall).createVariable)},
		{pattern: "GET " + base + "/variables/{name}", need: look, handle: scoped((*ghCall).getVariable)},
		{pattern: "PATCH " + base + "/variables/{name}", need: set, handle: scoped((*ghCall).updateVariable)},
		{pattern: "DELETE " + base + "/variables/{name}", need: set, handle: scoped((*ghCall).deleteVariable)},
	}
}

// scoped gives a handler the scope that its request means.
func scoped(handle func(*ghCall, ghScope) (any, error)) func(*ghCall) (any, error) {
	return func(g *ghCall) (any, error) {
		sc, err := g.scope()
		if err != nil {
			return nil, err
		}
		return handle(g, sc)
	}
}

func (v *ghVault) secret(name string) *ghSecret {
	i := slices.IndexFunc(v.Secrets, func(s *ghSecret) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return nil
	}
	return v.Secrets[i]
}

func (v *ghVault) variable(name string) *ghVariable {
	i := slices.IndexFunc(v.Variables, func(x *ghVariable) bool { return strings.EqualFold(x.Name, name) })
	if i < 0 {
		return nil
	}
	return v.Variables[i]
}

func ghSecretObject(s *ghSecret) ghObject {
	return ghObject{"name": s.Name, "created_at": ghTime(s.Created), "updated_at": ghTime(s.Updated)}
}

func ghVariableObject(v *ghVariable) ghObject {
	return ghObject{"name": v.Name, "value": v.Value, "created_at": ghTime(v.Created), "updated_at": ghTime(v.Updated)}
}

func (g *ghCall) listSecrets(sc ghScope) (any, error) {
	var list []ghObject
	for _, s := range slices.SortedFunc(slices.Values(sc.vault.Secrets), func(a, b *ghSecret) int { return cmp.Compare(a.Name, b.Name) }) {
		list = append(list, ghSecretObject(s))
	}
	return ghCounted(g, "secrets", list)
}

func (g *ghCall) getSecret(sc ghScope) (any, error) {
	s := sc.vault.secret(g.vars["secret_name"])
	if s == nil {
		return nil, ghMissing()
	}
	return ghSecretObject(s), nil
}

func (g *ghCall) deleteSecret(sc ghScope) (any, error) {
	s := sc.vault.secret(g.vars["secret_name"])
	if s == nil {
		return nil, ghMissing()
	}
	sc.vault.Secrets = slices.DeleteFunc(sc.vault.Secrets, func(other *ghSecret) bool { return other == s })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

// listVariables has pages of 10, and never of more than 30.
func (g *ghCall) listVariables(sc ghScope) (any, error) {
	var list []ghObject
	for _, v := range slices.SortedFunc(slices.Values(sc.vault.Variables), func(a, b *ghVariable) int { return cmp.Compare(a.Name, b.Name) }) {
		list = append(list, ghVariableObject(v))
	}
	part, header := ghPage(g, list, 10, 30)
	return &reply{status: http.StatusOK, header: header, body: ghObject{"total_count": len(list), "variables": part}}, nil
}

func (g *ghCall) getVariable(sc ghScope) (any, error) {
	v := sc.vault.variable(g.vars["name"])
	if v == nil {
		return nil, ghMissing()
	}
	return ghVariableObject(v), nil
}

func ghVariableFits(value string) error {
	if len(value) > 48*1024 {
		return ghUnprocessable("Variable value is too large: the limit is 48 KB")
	}
	return nil
}

func (g *ghCall) createVariable(sc ghScope) (any, error) {
	var body struct{ Name, Value string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	name, err := ghVaultName("Variable", body.Name)
	if err != nil {
		return nil, err
	}
	if err := ghVariableFits(body.Value); err != nil {
		return nil, err
	}
	if sc.vault.variable(name) != nil {
		return nil, ghConflict("Already exists - Variable already exists")
	}
	if len(sc.vault.Variables) >= sc.maxVariables {
		return nil, ghUnprocessable("You've reached the maximum number of variables (%d).", sc.maxVariables)
	}
	sc.vault.Variables = append(sc.vault.Variables, &ghVariable{Name: name, Value: body.Value, Created: g.now(), Updated: g.now()})
	g.changed = true
	return &reply{status: http.StatusCreated, body: ghObject{}}, nil
}

func (g *ghCall) updateVariable(sc ghScope) (any, error) {
	v := sc.vault.variable(g.vars["name"])
	if v == nil {
		return nil, ghMissing()
	}
	var body struct{ Name, Value *string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	changed := *v
	if body.Name != nil && !strings.EqualFold(*body.Name, v.Name) {
		var err error
		if changed.Name, err = ghVaultName("Variable", *body.Name); err != nil {
			return nil, err
		}
		if sc.vault.variable(changed.Name) != nil {
			return nil, ghConflict("Already exists - %s", fmt.Sprintf("variable %s already exists", changed.Name))
		}
	}
	if body.Value != nil {
		if err := ghVariableFits(*body.Value); err != nil {
			return nil, err
		}
		changed.Value = *body.Value
	}
	changed.Updated = g.now()
	*v, g.changed = changed, true
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) deleteVariable(sc ghScope) (any, error) {
	v := sc.vault.variable(g.vars["name"])
	if v == nil {
		return nil, ghMissing()
	}
	sc.vault.Variables = slices.DeleteFunc(sc.vault.Variables, func(other *ghVariable) bool { return other == v })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}
