package spec

import (
	"fmt"
	"slices"
	"strings"
)

// checkPermissions looks at every entry in the form that it has: a recipe, a grant spelled out, or access to
// an object of a workspace.
func (r *reading) checkPermissions() {
	seen := map[string]*node{}
	for _, p := range r.root.get("permissions").children() {
		if p.form != mapping || p.strange {
			continue // not an entry
		}
		if !r.absent(p, "grant") {
			r.checkRecipe(p)
			continue
		}
		if !r.checkForm(p) {
			continue
		}
		if isAccess(p) {
			r.checkAccess(p)
		} else {
			r.checkGrant(p)
		}
		r.checkRepeatedGrant(p, seen)
	}
}

// checkRecipe looks at an entry that says training or batch_inference.
func (r *reading) checkRecipe(p *node) {
	for _, key := range []string{"principal", "on", "privileges", "level", "target"} {
		r.failKey(p.get(key), found("spec/permission-form", fmt.Sprintf("%q does not go with grant", key),
			"a recipe has targets, schema, input and output; a grant spelled out stands in an entry of its own"))
	}
	switch p.str("grant") {
	case "training":
		r.failKey(p.get("output"), found("spec/permission-form", "training writes no output", "leave output out; training creates its tables in the schema"))
		r.missing(p, "schema")
	case "batch_inference":
		if r.absent(p, "schema") && r.absent(p, "output") {
			r.missing(p, "input")
		}
	}
	r.missing(p, "targets")
	for _, t := range p.get("targets").children() {
		if r.refers(t, "targets", "target") {
			r.needsPrincipal(t, "get the grants")
		}
	}
	if schema, ok := p.get("schema").value(); ok && refuseUnityName(schema) != "" {
		r.fail(p.get("schema"), found("spec/schema-name", fmt.Sprintf("%s is not a schema's name", p.get("schema").quote()), refuseUnityName(schema)))
	}
	r.hintRecipeSchema(p)
}

// missing reports a key that this form of the entry needs.
func (r *reading) missing(n *node, key string) {
	if !r.absent(n, key) {
		return
	}
	r.meant[Pointer(child(n.path, key)...)] = true
	r.failAt(n.keyAt, found("spec/missing-key", fmt.Sprintf("%s needs the key %q", n.where(), key),
		"for example: "+example(key, schemaAt(child(n.path, key)))))
}

// needsPrincipal reports a reference to a target without a principal.
func (r *reading) needsPrincipal(ref *node, purpose string) {
	t := r.root.find("targets", ref.text)
	if r.absent(t, "service_principal") {
		r.fail(ref, found("spec/no-principal", fmt.Sprintf("the target %s has no service_principal to %s", ref.text, purpose),
			fmt.Sprintf("give targets.%s its service_principal, or leave the target out here", ref.text)))
	}
}

// checkForm reports whether an entry is a wish spelled out, and says what it lacks.
func (r *reading) checkForm(p *node) bool {
	wish := []string{"principal", "on", "privileges", "level"}
	recipe := []string{"targets", "schema", "input", "output"}
	has := func(key string) bool { return !r.absent(p, key) }
	if !slices.ContainsFunc(wish, has) {
		r.failKey(p, found("spec/permission-form", fmt.Sprintf("%s is neither a recipe nor a grant", p.where()),
			"a recipe has grant and targets; a grant has principal, on and privileges, or level for an object of a workspace"))
		return false
	}
	gives, other, what := "privileges", "level", "a securable of Unity Catalog takes privileges"
	if isAccess(p) {
		gives, other, what = "level", "privileges", "an object of a workspace takes one level"
	}
	if n := p.get(other); n != nil {
		r.meant[Pointer(child(p.path, gives)...)] = true
		r.failKey(n, found("spec/permission-form", fmt.Sprintf("%q does not go with this", other), what))
	}
	for _, key := range []string{"principal", "on", gives} {
		if !r.meant[Pointer(child(p.path, key)...)] {
			r.missing(p, key)
		}
	}
	for _, key := range recipe {
		r.failKey(p.get(key), found("spec/permission-form", fmt.Sprintf("%q goes with grant alone", key),
			"a grant spelled out has principal, on, privileges or level, and target"))
	}
	return true
}

func (r *reading) checkGrant(p *node) {
	r.checkPrincipal(p.get("principal"))
	r.refers(p.get("target"), "targets", "target")
	kind, name, ok := r.checkSecurable(p)
	if !ok {
		return
	}
	for _, n := range p.get("privileges").children() {
		r.checkPrivilege(n, kind)
	}
	if kind == "metastore" {
		r.checkMetastore(p)
		return
	}
	r.checkGrantCatalog(p.get("on"), kind, name)
}

// checkPrincipal refuses what is no principal of the account.
func (r *reading) checkPrincipal(n *node) {
	const local = "Unity Catalog knows account groups alone; everybody is group:account users"
	r.checkPrincipalBut(n, map[string]string{"users": local, "admins": local})
}

// checkPrincipalBut refuses what is no principal, and groups that cannot be given anything here, with why.
func (r *reading) checkPrincipalBut(n *node, refusedGroups map[string]string) {
	value, ok := n.value()
	if !ok {
		return
	}
	kind, name, cut := strings.Cut(value, ":")
	refuse := func(advice string) {
		r.fail(n, found("spec/principal", fmt.Sprintf("%s is not a principal", n.quote()), advice))
	}
	switch {
	case !cut || name == "" || strings.TrimSpace(name) != name || !slices.Contains([]string{"group", "user", "service_principal"}, kind):
		refuse("write group:NAME, user:EMAIL or service_principal:NAME")
	case kind == "user" && !strings.Contains(name, "@"):
		refuse("a user goes by the e-mail address")
	case kind == "group" && refusedGroups[name] != "":
		refuse(refusedGroups[name])
	}
}

// checkSecurable takes `on` apart.
func (r *reading) checkSecurable(p *node) (kind, name string, ok bool) {
	n := p.get("on")
	value, ok := n.value()
	if !ok {
		return "", "", false
	}
	kind, name, _ = strings.Cut(value, ":")
	want, known := securableDepth(kind)
	parts := strings.Split(name, ".")
	refuse := func(advice string) {
		r.fail(n, found("spec/securable", fmt.Sprintf("%s is not a securable", n.quote()), advice))
	}
	switch {
	case !known:
		refuse(orNearest("write metastore, or catalog:, schema:, table:, volume:, model: or function: and the full name",
			kind, append([]string{"metastore", "catalog", "schema", "table", "volume", "model", "function"}, accessKinds()...)))
	case kind == "metastore" && name != "":
		refuse("write metastore alone; target says whose")
	case want > 0 && (len(parts) != want || slices.ContainsFunc(parts, func(s string) bool { return refuseUnityName(s) != "" })):
		refuse("write " + kind + ":" + strings.Join([]string{"CATALOG", "SCHEMA", "NAME"}[:want], ".") + ", in lower case")
	default:
		return kind, name, true
	}
	return "", "", false
}

// securableDepth is how many parts the full name of a kind of securable has, and whether there is such a kind.
func securableDepth(kind string) (parts int, known bool) {
	parts, known = map[string]int{"metastore": 0, "catalog": 1, "schema": 2, "table": 3, "volume": 3, "model": 3, "function": 3}[kind]
	return parts, known
}

// checkMetastore refuses a grant of which nobody can say in which metastore it is.
func (r *reading) checkMetastore(p *node) {
	if !r.absent(p, "target") {
		return
	}
	if len(r.hosts()) != 1 {
		r.fail(p.get("on"), found("spec/metastore-target", fmt.Sprintf("%s does not say in whose metastore", p.where()),
			fmt.Sprintf("add target: with one of %s", oneOf(r.root.get("targets").names()))))
	}
}

// checkGrantCatalog looks for the catalog that a securable lies in.
func (r *reading) checkGrantCatalog(n *node, kind, name string) {
	catalog, rest, _ := strings.Cut(name, ".")
	known, sound := r.declared("catalogs")
	switch {
	case !sound:
	case !slices.Contains(known, catalog):
		r.fail(n, found("spec/unknown-catalog", fmt.Sprintf("unknown catalog %q", catalog),
			orNearest("declare it under catalogs, with exists: true when it is somebody else's", catalog, known)))
	case kind != "catalog":
		schema, _, _ := strings.Cut(rest, ".")
		r.hintSchema(n, catalog, schema)
	}
}

// hintRecipeSchema warns where a recipe's schema is not among those of a target's catalog.
func (r *reading) hintRecipeSchema(p *node) {
	for _, key := range []string{"schema", "input", "output"} {
		schema, _, _ := strings.Cut(p.str(key), ".")
		for _, t := range p.texts("targets") {
			if schema != "" && r.hintSchema(p.get(key), r.catalogOf(r.root.find("targets", t)), schema) {
				break
			}
		}
	}
}

// hintSchema warns of a schema that its catalog does not list, and reports whether it did. It may be
// there all the same; in a catalog that the stack makes it is not.
func (r *reading) hintSchema(n *node, catalog, schema string) bool {
	c := r.root.find("catalogs", catalog)
	schemas := c.get("schemas")
	if c == nil || c.truth("exists") || c.strange || schemas.get(schema) != nil || schemas == nil && !r.absent(c, "schemas") ||
		schemas != nil && (schemas.broken || schemas.strange) {
		return false
	}
	r.warn(n, found("spec/unknown-schema", fmt.Sprintf("the catalog %s lists no schema %q", catalog, schema),
		orNearest(fmt.Sprintf("list it under catalogs.%s.schemas, unless others make it", catalog), schema, schemas.names())))
	return true
}

// checkRepeatedGrant warns of two entries for one principal on one securable.
func (r *reading) checkRepeatedGrant(p *node, seen map[string]*node) {
	if p.str("principal") == "" || p.str("on") == "" || p.get("target") != nil && p.get("target").broken {
		return
	}
	key := strings.Join([]string{strings.ToLower(p.str("principal")), strings.TrimSuffix(p.str("on"), ":"), p.str("target")}, "\n")
	if first := seen[key]; first != nil {
		r.warn(p, found("spec/repeated", fmt.Sprintf("%s grants to the same principal on the same securable as %s", p.where(), first.where()),
			map[bool]string{true: "keep the one with the higher level", false: "list the privileges in one entry"}[isAccess(p)]))
		return
	}
	seen[key] = p
}
