package kinds

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// home is where a catalog lives: a metastore, and the workspace from which it is read and changed.
// A catalog has several when targets of different metastores name it; then target tells them apart.
type home struct {
	target, host, metastore string
	hosts                   []string // of the targets that name the catalog there
	several                 bool
}

// homesOf returns where the catalog of that name lives, in the order of the targets. None means that
// the spec does not say: no target names the catalog, and they have more than one metastore.
func homesOf(w resource.Wishes, name string) []home {
	c := w.Catalog(name)
	homes := gather(w, func(t spec.Target) bool {
		return t.Catalog == name || c != nil && (c.Target == t.Name || slices.Contains(c.IsolatedTo, t.Name))
	})
	if len(homes) == 0 {
		homes = gather(w, func(spec.Target) bool { return true })
		if len(homes) > 1 {
			return nil
		}
	}
	for i := range homes {
		homes[i].several = len(homes) > 1
		if c == nil {
			continue
		}
		if inside := insiders(w, *c, homes[i]); len(inside) > 0 {
			homes[i].host = inside[0] // an isolated catalog is seen from there alone
		}
	}
	return homes
}

func gather(w resource.Wishes, named func(spec.Target) bool) []home {
	var homes []home
	for _, t := range w.Targets {
		if t.Host == "" || !named(t) {
			continue
		}
		m := metastoreOf(w, t.Host)
		i := slices.IndexFunc(homes, func(h home) bool { return h.metastore == m })
		if i < 0 {
			homes = append(homes, home{target: t.Name, host: t.Host, metastore: m})
			i = len(homes) - 1
		}
		homes[i].hosts = append(homes[i].hosts, t.Host)
	}
	return homes
}

// insiders returns the workspaces of a home that may use the catalog once it is isolated, sorted.
func insiders(w resource.Wishes, c spec.Catalog, h home) []string {
	hosts := []string{}
	for _, name := range c.IsolatedTo {
		if t := w.Target(name); t != nil && slices.Contains(h.hosts, t.Host) {
			hosts = append(hosts, t.Host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// homeAt returns the catalog's home in the metastore of a target.
func homeAt(w resource.Wishes, name string, t spec.Target) home {
	m := metastoreOf(w, t.Host)
	homes := homesOf(w, name)
	if i := slices.IndexFunc(homes, func(h home) bool { return h.metastore == m }); i >= 0 {
		return homes[i]
	}
	return home{target: t.Name, host: t.Host, metastore: m, hosts: []string{t.Host}, several: len(homes) > 0}
}

// metastoreOf returns the metastore's id; a host whose metastore is not known counts as one of its own.
func metastoreOf(w resource.Wishes, host string) string {
	return cmp.Or(w.Metastores[host], "of "+host)
}

// address returns the address of something in the catalog: with the home's target before it where the
// name alone would stand for several.
func (h home) address(kind, name string) resource.Addr {
	a := resource.Addr{Kind: kind, Name: name}
	if h.several {
		a.Scope = h.target
	}
	return a
}

// key tells live objects of Unity Catalog apart: names are compared without regard to case.
func (h home) key(parts ...string) string {
	return strings.ToLower(h.metastore + " " + strings.Join(parts, " "))
}

// catalogNeeds is what must be there before something can be made in a catalog of the spec.
func catalogNeeds(w resource.Wishes, name string, h home) []resource.Need {
	c := w.Catalog(name)
	if c == nil {
		return nil
	}
	needs := []resource.Need{{Addr: h.address("catalog", name).String(), Why: "it lies in this catalog"}}
	if len(insiders(w, *c, h)) > 0 {
		// Where the catalog is isolated already, this workspace sees it only once it is bound.
		needs = append(needs, resource.Need{
			Addr: h.address("catalog_binding", name).String(), Why: "it is made from a workspace that must be able to see the catalog",
		})
	}
	return needs
}

// schemaNeeds is what must be there before something can be made in a schema: the schema, where the
// spec makes it, and what its catalog needs.
func schemaNeeds(w resource.Wishes, catalogName, name string, h home) []resource.Need {
	if !declaresSchema(w, catalogName, name) {
		return catalogNeeds(w, catalogName, h)
	}
	schema := h.address("schema", catalogName+"."+name).String()
	return append([]resource.Need{{Addr: schema, Why: "it lies in this schema"}}, catalogNeeds(w, catalogName, h)...)
}

func declaresSchema(w resource.Wishes, catalogName, name string) bool {
	c := w.Catalog(catalogName)
	return c != nil && slices.ContainsFunc(c.Schemas, func(s spec.Schema) bool { return s.Name == name })
}
