package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkCatalogs looks at names, at references, and at where a catalog lives.
func (r *reading) checkCatalogs() {
	for _, c := range r.root.get("catalogs").children() {
		exists := c.truth("exists")
		if advice := refuseUnityName(c.name()); advice != "" {
			r.failName(c, found("spec/catalog-name", fmt.Sprintf("%q is not a catalog's name", c.name()), advice))
		} else if isReserved(c.name()) && !exists {
			r.failName(c, found("spec/catalog-name", fmt.Sprintf("%q is a catalog of Databricks' own", c.name()),
				"add exists: true, or choose another name"))
		}
		for _, t := range c.get("isolated_to").children() {
			r.refers(t, "targets", "target")
		}
		r.refers(c.get("target"), "targets", "target")
		for _, s := range c.get("schemas").children() {
			r.checkSchema(s)
		}
		if exists {
			r.checkForeignCatalog(c)
		}
		r.checkCatalogHome(c)
	}
}

func (r *reading) checkSchema(s *node) {
	if advice := refuseUnityName(s.name()); advice != "" {
		r.failName(s, found("spec/schema-name", fmt.Sprintf("%q is not a schema's name", s.name()), advice))
	} else if s.name() == "information_schema" {
		r.failName(s, found("spec/schema-name", "every catalog has its information_schema from the start", "leave it out"))
	}
}

func isReserved(catalog string) bool {
	return slices.Contains([]string{"system", "samples", "hive_metastore"}, catalog) || strings.HasPrefix(catalog, "__databricks")
}

// refuseUnityName returns why Unity Catalog takes no such name, or "".
func refuseUnityName(name string) string {
	switch {
	case name == "" || len([]rune(name)) > 255:
		return "a name has 1 to 255 characters"
	case strings.ToLower(name) != name:
		return fmt.Sprintf("Unity Catalog keeps names in lower case: write %q", strings.ToLower(name))
	case strings.ContainsAny(name, ". /`\u00a0") || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return "Unity Catalog takes no full stops, spaces, slashes and backticks in a name"
	default:
		return ""
	}
}

// checkForeignCatalog refuses settings of a catalog that is never changed.
func (r *reading) checkForeignCatalog(c *node) {
	for _, key := range []string{"comment", "storage_root", "isolated_to"} {
		r.failKey(c.get(key), found("spec/foreign-catalog", fmt.Sprintf("%s belongs to somebody else, so its %s is not ours to set", c.where(), key),
			fmt.Sprintf("leave %s out, or exists: true", key)))
	}
}

// checkCatalogHome refuses a catalog of which nobody can say in which metastore it lives.
func (r *reading) checkCatalogHome(c *node) {
	if c.get("target") != nil || !r.absent(c, "target") || c.get("isolated_to") != nil || !r.absent(c, "isolated_to") {
		return
	}
	if _, sound := r.declared("targets"); !sound {
		return
	}
	hosts := map[string]bool{}
	for _, t := range r.root.get("targets").children() {
		if r.catalogOf(t) == c.name() || t.anyBroken() || t.strange {
			return
		}
		if host := t.str("host"); host != "" {
			hosts[cleanHost(host)] = true
		}
	}
	switch len(hosts) {
	case 0:
		r.failName(c, found("spec/catalog-home", fmt.Sprintf("no target has a workspace in whose metastore %s could live", c.where()),
			"give a target its host"))
	case 1: // it can only be that one
	default:
		r.failName(c, found("spec/catalog-home", fmt.Sprintf("no target names the catalog %q", c.name()),
			fmt.Sprintf("say in whose metastore it lives: target: %s", oneOf(r.root.get("targets").keys))))
	}
}

// catalogOf returns the name of a target's catalog, "" where it is broken.
func (r *reading) catalogOf(t *node) string {
	if n := t.get("catalog"); n != nil {
		return t.str("catalog")
	}
	if !r.absent(t, "catalog") {
		return ""
	}
	return t.name()
}

// checkTargetCatalogs refuses a recipe on a target whose catalog nobody declared, once a target.
func (r *reading) checkTargetCatalogs() {
	known, sound := r.declared("catalogs")
	if !sound {
		return
	}
	targets := r.root.get("targets")
	wished := map[string]bool{}
	for _, p := range r.root.get("permissions").children() {
		for _, name := range p.texts("targets") {
			wished[name] = p.str("grant") != "" || wished[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wished)) {
		t := targets.get(name)
		catalog := r.catalogOf(t)
		if t == nil || !wished[name] || t.get("catalog") != nil || catalog == "" || slices.Contains(known, catalog) {
			continue
		}
		r.failName(t, found("spec/target-catalog", fmt.Sprintf("the catalog %q of the target %s is not declared", catalog, name),
			fmt.Sprintf("declare it under catalogs (with exists: true when it is somebody else's), or name another with targets.%s.catalog", name)))
	}
}
