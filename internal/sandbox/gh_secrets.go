package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func ghVaultRoutes() []ghRoute {
	secrets, set := reads("secrets", writeAccess), writes("secrets", writeAccess)
	variables, change := reads("actions_variables", writeAccess), writes("actions_variables", writeAccess)
	// Those of an environment belong to its own permission.
	env, envSet := reads("environments", writeAccess), writes("environments", writeAccess)
	return []ghRoute{
		{pattern: "GET ~/actions/secrets", need: secrets, handle: (*ghCall).listSecrets},
		{pattern: "GET ~/actions/secrets/public-key", need: secrets, handle: (*ghCall).getPublicKey},
		{pattern: "GET ~/actions/secrets/{secret_name}", need: secrets, handle: (*ghCall).getSecret},
		{pattern: "PUT ~/actions/secrets/{secret_name}", need: set, handle: (*ghCall).putSecret},
		{pattern: "DELETE ~/actions/secrets/{secret_name}", need: set, handle: (*ghCall).deleteSecret},
		{pattern: "GET ~/actions/variables", need: variables, handle: (*ghCall).listVariables},
		{pattern: "POST ~/actions/variables", need: change, handle: (*ghCall).createVariable},
		{pattern: "GET ~/actions/variables/{name}", need: variables, handle: (*ghCall).getVariable},
		{pattern: "PATCH ~/actions/variables/{name}", need: change, handle: (*ghCall).updateVariable},
		{pattern: "DELETE ~/actions/variables/{name}", need: change, handle: (*ghCall).deleteVariable},
		{pattern: "GET ~/environments/{environment_name}/secrets", need: env, handle: (*ghCall).listSecrets},
		{pattern: "GET ~/environments/{environment_name}/secrets/public-key", need: env, handle: (*ghCall).getPublicKey},
		{pattern: "GET ~/environments/{environment_name}/secrets/{secret_name}", need: env, handle: (*ghCall).getSecret},
		{pattern: "PUT ~/environments/{environment_name}/secrets/{secret_name}", need: envSet, handle: (*ghCall).putSecret},
		{pattern: "DELETE ~/environments/{environment_name}/secrets/{secret_name}", need: envSet, handle: (*ghCall).deleteSecret},
		{pattern: "GET ~/environments/{environment_name}/variables", need: env, handle: (*ghCall).listVariables},
		{pattern: "POST ~/environments/{environment_name}/variables", need: envSet, handle: (*ghCall).createVariable},
		{pattern: "GET ~/environments/{environment_name}/variables/{name}", need: env, handle: (*ghCall).getVariable},
		{pattern: "PATCH ~/environments/{environment_name}/variables/{name}", need: envSet, handle: (*ghCall).updateVariable},
		{pattern: "DELETE ~/environments/{environment_name}/variables/{name}", need: envSet, handle: (*ghCall).deleteVariable},
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

func (g *ghCall) listSecrets() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, s := range slices.SortedFunc(slices.Values(sc.vault.Secrets), func(a, b *ghSecret) int { return cmp.Compare(a.Name, b.Name) }) {
		list = append(list, ghSecretObject(s))
	}
	return ghCounted(g, "secrets", list)
}

func (g *ghCall) getSecret() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
	s := sc.vault.secret(g.vars["secret_name"])
	if s == nil {
		return nil, ghMissing()
	}
	return ghSecretObject(s), nil
}

func (g *ghCall) deleteSecret() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
	s := sc.vault.secret(g.vars["secret_name"])
	if s == nil {
		return nil, ghMissing()
	}
	sc.vault.Secrets = slices.DeleteFunc(sc.vault.Secrets, func(other *ghSecret) bool { return other == s })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

// listVariables has pages of 10, and never of more than 30.
func (g *ghCall) listVariables() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, v := range slices.SortedFunc(slices.Values(sc.vault.Variables), func(a, b *ghVariable) int { return cmp.Compare(a.Name, b.Name) }) {
		list = append(list, ghVariableObject(v))
	}
	part, header := ghPage(g, list, 10, 30)
	return &reply{status: http.StatusOK, header: header, body: ghObject{"total_count": len(list), "variables": part}}, nil
}

func (g *ghCall) getVariable() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
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

func (g *ghCall) createVariable() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
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

func (g *ghCall) updateVariable() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
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

func (g *ghCall) deleteVariable() (any, error) {
	sc, err := g.scope()
	if err != nil {
		return nil, err
	}
	v := sc.vault.variable(g.vars["name"])
	if v == nil {
		return nil, ghMissing()
	}
	sc.vault.Variables = slices.DeleteFunc(sc.vault.Variables, func(other *ghVariable) bool { return other == v })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}
