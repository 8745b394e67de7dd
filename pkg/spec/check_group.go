package spec

import (
	"fmt"
	"slices"
	"strings"
)

// checkGroups looks at names, at members, and at what is said of groups of somebody else.
func (r *reading) checkGroups() {
	first := map[string]*node{}
	for _, g := range r.root.get("groups").children() {
		r.checkGroupName(g, first)
		for _, m := range g.get("members").children() {
			r.checkPrincipal(m)
			if m.text == "group:account users" {
				r.fail(m, found("spec/principal", "the group of everybody is a member of no group", "list users and groups of your own"))
			}
		}
		r.checkForeignGroup(g)
	}
	r.checkGroupCycles()
	for _, p := range r.root.get("service_principals").children() {
		for _, g := range p.get("groups").children() {
			r.refersToGroup(g)
		}
	}
}

// checkGroupName refuses the names of Databricks' own groups, and two that the account takes for one.
func (r *reading) checkGroupName(g *node, first map[string]*node) {
	if g.misnamed {
		return
	}
	name := strings.ToLower(g.name())
	switch {
	case slices.Contains([]string{"users", "admins", "account users", "account admins"}, name):
		r.failName(g, found("spec/group-name", fmt.Sprintf("%q is a group of Databricks' own", g.name()),
			"everybody and every administrator is a member of such a group by being one; choose another name"))
	case first[name] != nil:
		r.failName(g, found("spec/duplicate-name", fmt.Sprintf("the groups %q and %q have one name in the account", first[name].name(), g.name()),
			"groups know no case; rename one"))
	default:
		first[name] = g
	}
}

// checkForeignGroup refuses members of a group that is never changed.
func (r *reading) checkForeignGroup(g *node) {
	if !g.truth("exists") {
		return
	}
	for _, key := range []string{"members", "exclusive"} {
		r.failKey(g.get(key), found("spec/foreign-group", fmt.Sprintf("%s belongs to somebody else, so its members are not ours to list", g.where()),
			fmt.Sprintf("leave %s out, or exists: true; a principal of the spec joins it by service_principals.*.groups", key)))
	}
}

// checkGroupCycles reports each circle of groups once, at the first of its groups in the file.
func (r *reading) checkGroupCycles() {
	groups := r.root.get("groups")
	done := map[string]bool{}
	var visit func(name string, way []string) []string
	visit = func(name string, way []string) []string {
		if i := slices.Index(way, name); i >= 0 {
			return append(slices.Clone(way[i:]), name)
		}
		if done[name] {
			return nil
		}
		done[name] = true
		for _, m := range groups.get(name).texts("members") {
			if inner, ok := strings.CutPrefix(m, "group:"); ok {
				if circle := visit(inner, append(way, name)); circle != nil {
					return circle
				}
			}
		}
		return nil
	}
	for _, g := range groups.children() {
		if circle := visit(g.name(), nil); circle != nil {
			r.fail(groups.find(circle[0], "members"), found("spec/group-cycle",
				fmt.Sprintf("groups are members of each other: %s", strings.Join(circle, " holds ")), "take one of the memberships out"))
		}
	}
}

// refersToGroup reports a group that the spec does not declare.
func (r *reading) refersToGroup(n *node) {
	name, ok := n.value()
	known, sound := r.declared("groups")
	if !ok || !sound || slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
		return
	}
	advice := "declare it under groups, with exists: true when it is somebody else's"
	r.fail(n, found("spec/unknown-group", fmt.Sprintf("unknown group %s", n.quote()), orNearest(advice, name, known)))
}
