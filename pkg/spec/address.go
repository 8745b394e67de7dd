package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// addressForm is how the addresses of one kind are written.
type addressForm struct {
	kind    string
	written string         // for messages
	name    *regexp.Regexp // what follows the kind and its slash
}

// addressForms are the kinds of objects that go by a name that the spec gives, so that it can be
// renamed: those of a plan, the stack itself and its repository.
var addressForms = sync.OnceValue(func() []addressForm {
	const (
		target = `[A-Za-z][A-Za-z0-9_-]{0,99}`
		unity  = "[^A-Z\\s./`:]{1,255}"
		text   = `[^\s](?:.*[^\s])?`
		on     = `(?:metastore|catalog:` + unity + `|schema:` + unity + `\.` + unity +
			`|(?:table|volume|model|function):` + unity + `\.` + unity + `\.` + unity + `)`
	)
	form := func(kind, written, name string) addressForm {
		return addressForm{kind: kind, written: kind + "/" + written, name: regexp.MustCompile("^(?:" + name + ")$")}
	}
	action := `(?:` + target + `/)?[A-Za-z_][A-Za-z0-9_]{0,254}`
	return []addressForm{
		form("stack", "NAME", schemaAt([]string{"name"}).Pattern),
		form("repository", "OWNER/NAME", schemaAt([]string{"git", "repository"}).Pattern),
		form("branch", "NAME", text),
		form("branch_protection", "BRANCH", text),
		form("team", "SLUG", schemaAt([]string{"git", "teams"}).PropertyNames.Pattern),
		form("pull_request", "BRANCH", text),
		form("environment", "TARGET", target),
		form("variable", "NAME or variable/TARGET/NAME", action),
		form("secret", "NAME or secret/TARGET/NAME", action),
		form("service_principal", "NAME", text),
		form("workspace_assignment", "TARGET/PRINCIPAL", target+"/"+text),
		form("group", "NAME", text),
		form("group_member", "GROUP/PRINCIPAL", text+"/"+text),
		form("entitlement", "TARGET/PRINCIPAL", target+"/"+text),
		form("git_credential", "TARGET/PRINCIPAL", target+"/"+text),
		form("principal_user", "PRINCIPAL/USER", text+"/"+text),
		form("federation_policy", "PRINCIPAL/TARGET", text+"/(?:"+target+"|pull_request)"),
		form("catalog", "CATALOG", `(?:`+target+`/)?`+unity),
		form("catalog_binding", "CATALOG", `(?:`+target+`/)?`+unity),
		form("schema", "CATALOG.SCHEMA", `(?:`+target+`/)?`+unity+`\.`+unity),
		form("directory", "TARGET/PATH", target+`/[^/\s].*`),
		form("permission", "TARGET/TYPE:OBJECT/PRINCIPAL", target+`/(?:(?:directory|experiment):/|(?:job|cluster_policy):).*[^\s/]/`+text),
		form("grant", "TYPE:FULL.NAME/PRINCIPAL", `(?:`+target+`/)?`+on+`/`+text),
	}
})

func isMovable(kind string) bool {
	return slices.ContainsFunc(addressForms(), func(f addressForm) bool { return f.kind == kind })
}

// checkAddress returns the kind and the canonical text of an address, and whether it is one.
func (r *reading) checkAddress(n *node) (kind, address string, ok bool) {
	value, ok := n.value()
	if !ok {
		return "", "", false
	}
	kind, name, _ := strings.Cut(value, "/")
	refuse := func(advice string) (string, string, bool) {
		r.fail(n, found("spec/address", fmt.Sprintf("%s is not the address of something that can be renamed", n.quote()), advice))
		return kind, "", false
	}
	var kinds []string
	for _, f := range addressForms() {
		kinds = append(kinds, f.kind)
		switch {
		case f.kind != kind:
		case !f.name.MatchString(name), strings.HasPrefix(kind, "branch") && refuseBranchName(name) != "":
			return refuse("write " + f.written)
		default:
			return kind, canonicalAddress(value), true
		}
	}
	switch kind {
	case "first_commit", "workflow_permissions":
		return refuse("a repository has only one, and it has no name")
	case "deployment", "workflow_run":
		return refuse("it is nobody's to own, and goes by the names of what it is for")
	default:
		return refuse(orNearest("write KIND/NAME, as a plan does; the kinds are "+oneOf(kinds), kind, kinds))
	}
}

// canonicalAddress spells an address as a plan does: secrets and variables are in upper case there.
func canonicalAddress(address string) string {
	i := strings.LastIndexByte(address, '/')
	if strings.HasPrefix(address, "secret/") || strings.HasPrefix(address, "variable/") {
		return address[:i] + strings.ToUpper(address[i:])
	}
	return address
}

// wishedAddresses returns the addresses of what the spec wishes by a name of its own. What it implies,
// and what only live state gives an address to, is not among them.
func (r *reading) wishedAddresses() []string {
	var all []string
	add := func(n *node, parts ...string) {
		if n != nil && !n.misnamed && !slices.Contains(parts, "") {
			all = append(all, strings.Join(parts, "/"))
		}
	}
	add(r.root.get("name"), "stack", r.root.str("name"))
	add(r.root.find("git", "repository"), "repository", r.root.find("git").str("repository"))
	for _, b := range r.root.get("branches").children() {
		add(b, "branch", b.name())
		add(b.get("protection"), "branch_protection", b.name())
	}
	for _, t := range r.root.find("git", "teams").children() {
		add(t, "team", t.name())
	}
	for _, t := range r.root.get("targets").children() {
		principal := t.str("service_principal")
		add(t.get("environment"), "environment", t.name())
		add(t, "service_principal", principal)
		add(t, "workspace_assignment", t.name(), principal)
	}
	for _, p := range r.root.get("service_principals").children() {
		add(p, "service_principal", p.name())
		for _, g := range p.get("groups").children() {
			add(g, "group_member", g.text, p.name())
		}
		for _, t := range r.root.get("targets").children() {
			if t.str("service_principal") == p.name() {
				add(p.get("directory"), "directory", t.name(), strings.TrimPrefix(workspacePath(p.str("directory")), "/"))
			}
		}
	}
	for _, g := range r.root.get("groups").children() {
		add(g, "group", g.name())
	}
	for _, c := range r.root.get("catalogs").children() {
		add(c, "catalog", c.name())
		add(c.get("isolated_to"), "catalog_binding", c.name())
		for _, s := range c.get("schemas").children() {
			add(s, "schema", c.name()+"."+s.name())
		}
	}
	for _, section := range []string{"secret", "variable"} {
		for _, n := range r.root.get(section + "s").children() {
			parts := []string{section, n.str("environment"), strings.ToUpper(n.name())}
			if n.get("environment") == nil {
				parts = slices.Delete(parts, 1, 2)
			}
			add(n, parts...)
		}
	}
	return all
}
