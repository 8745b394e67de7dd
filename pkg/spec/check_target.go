package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// checkTargets looks at each target's references and at the way its CI job logs in.
func (r *reading) checkTargets() {
	first := map[string]*node{}
	for _, t := range r.root.get("targets").children() {
		r.checkTargetName(t, first)
		if r.root.get("branches") != nil { // else branches are not managed, and any may be there
			r.refers(t.get("branch"), "branches", "branch")
		}
		if t.get("catalog") != nil {
			r.refers(t.get("catalog"), "catalogs", "catalog")
		}
		r.checkLogin(t)
	}
	r.checkSharedPrincipals()
}

// checkTargetName refuses targets that would share a GitHub environment, which knows no case, or
// the beginning of a secret's name.
func (r *reading) checkTargetName(t *node, first map[string]*node) {
	if t.misnamed {
		return
	}
	prefix := namePrefix(t.name())
	if other := first[prefix]; other != nil {
		r.failName(t, found("spec/duplicate-name", fmt.Sprintf("the targets %q and %q have one name on GitHub", other.name(), t.name()),
			"environments and secrets know no case, and a secret's name no hyphen; rename one"))
		return
	}
	first[prefix] = t
}

// namePrefix is what the names of a target's secrets and variables begin with on a repository.
func namePrefix(target string) string {
	return strings.ToUpper(strings.ReplaceAll(target, "-", "_"))
}

func (r *reading) checkLogin(t *node) {
	auth := t.get("ci_auth")
	if auth != nil && r.absent(t, "service_principal") {
		r.failKey(auth, found("spec/ci-auth", fmt.Sprintf("%s has no service_principal to log in as", t.where()),
			"name its service_principal, or leave ci_auth out"))
		return
	}
	if auth != nil && auth.broken || t.str("service_principal") == "" {
		return
	}
	way, _ := auth.value()
	if way == string(PersonalAccessToken) {
		r.checkTokenCloud(auth, t)
	}
	if way != "" && way != string(OIDC) {
		return
	}
	if r.absent(t, "environment") && r.absent(t, "branch") {
		r.failName(t, found("spec/oidc-subject", fmt.Sprintf("nothing says which runs may log in as the principal of %s", t.where()),
			"give it an environment, or the branch that its jobs run from; or choose another ci_auth"))
	}
}

// checkSharedPrincipals warns where production's principal serves another target too.
func (r *reading) checkSharedPrincipals() {
	users := map[string][]*node{}
	for _, t := range r.root.get("targets").children() {
		if name := t.str("service_principal"); name != "" {
			users[name] = append(users[name], t)
		}
	}
	for _, t := range r.root.get("targets").children() {
		shared := users[t.str("service_principal")]
		if !IsProduction(Target{Name: t.name()}) || len(shared) < 2 {
			continue
		}
		other := shared[slices.IndexFunc(shared, func(o *node) bool { return o != t })]
		r.warn(t.get("service_principal"), found("policy/shared-principal",
			fmt.Sprintf("the targets %s and %s run as one principal", other.name(), t.name()),
			"whoever may deploy the one may change the other; give each target a principal of its own"))
		r.diags[len(r.diags)-1].Address = "service_principal/" + t.str("service_principal")
	}
}

// checkEnvironments looks at who may deploy: a target's own branch must be among them, and a branch
// that the target is for should not be one of many.
func (r *reading) checkEnvironments() {
	for _, t := range r.root.get("targets").children() {
		env, branch := t.get("environment"), t.str("branch")
		patterns := env.get("branches")
		switch {
		case env == nil || env.anyBroken():
		case patterns == nil && branch != "" && t.str("service_principal") != "" && r.absent(env, "branches"):
			r.warn(t.get("environment"), found("spec/open-environment",
				fmt.Sprintf("a run of any branch may log in as the principal of %s", t.where()),
				fmt.Sprintf("add branches: [%s]", branch)))
		case patterns != nil && branch != "" && !admits(patterns, branch):
			r.fail(patterns, found("spec/environment-branch", fmt.Sprintf("%s admits no run of its own branch %q", t.where(), branch),
				fmt.Sprintf("add %s to environment.branches", branch)))
		}
		r.checkPatterns(patterns)
	}
}

// admits reports whether a branch matches one of an environment's patterns, as GitHub reads them.
func admits(patterns *node, branch string) bool {
	return slices.ContainsFunc(patterns.children(), func(p *node) bool {
		ok, err := path.Match(p.text, branch)
		return ok && err == nil || strings.Contains(p.text, "**") || p.text == branch
	})
}

// checkPatterns warns of a plain name that is not among the spec's branches: most likely a slip.
func (r *reading) checkPatterns(patterns *node) {
	known, sound := r.declared("branches")
	if !sound || len(known) == 0 {
		return
	}
	for _, p := range patterns.children() {
		name, ok := p.value()
		if ok && !strings.ContainsAny(name, "*?[/") && !slices.Contains(known, name) {
			r.warn(p, found("spec/unknown-branch", fmt.Sprintf("unknown branch %s", p.quote()), unknownAdvice(name, "branches", known)))
		}
	}
}

// checkPrincipals refuses what is said of a principal that nothing in the spec uses.
func (r *reading) checkPrincipals() {
	var used []string // as what a target runs, or spelled out
	for _, t := range r.root.get("targets").children() {
		n := t.get("service_principal")
		if n != nil && n.broken || !r.absent(t, "service_principal") && n == nil {
			return
		}
		used = append(used, t.str("service_principal"))
	}
	run := slices.Clone(used)
	used = append(used, r.spelledPrincipals()...)
	if _, sound := r.declared("targets"); !sound {
		return
	}
	for _, p := range r.root.get("service_principals").children() {
		if !slices.Contains(used, p.name()) {
			r.failName(p, found("spec/unknown-principal", fmt.Sprintf("no target runs as %q", p.name()),
				orNearest("name it as the service_principal of a target, or leave it out", p.name(), used)))
			continue
		}
		r.checkBelongings(p, run)
	}
}

// spelledPrincipals are the service principals that the spec names where any principal may stand.
func (r *reading) spelledPrincipals() []string {
	var texts, names []string
	for _, p := range r.root.get("permissions").children() {
		texts = append(texts, p.str("principal"))
	}
	for _, g := range r.root.get("groups").children() {
		texts = append(texts, g.texts("members")...)
	}
	for _, p := range r.root.get("service_principals").children() {
		texts = append(texts, p.texts("users")...)
	}
	for _, text := range texts {
		if name, ok := strings.CutPrefix(text, "service_principal:"); ok {
			names = append(names, name)
		}
	}
	return names
}

// need is a wish that cannot be carried out without something of a target.
type need struct{ target, why string }

// needs lists what is wished on targets' workspaces.
func (r *reading) needs() []need {
	var all []need
	add := func(n *node, why string) {
		if name, ok := n.value(); ok {
			all = append(all, need{target: name, why: why})
		}
	}
	for _, t := range r.root.get("targets").children() {
		if t.get("service_principal") != nil {
			all = append(all, need{target: t.name(), why: "its service_principal is assigned to the workspace"})
		}
	}
	for _, p := range r.root.get("permissions").children() {
		for _, t := range p.get("targets").children() {
			add(t, fmt.Sprintf("%s grants in it", p.where()))
		}
		in := "metastore"
		if isAccess(p) {
			in = "workspace"
		}
		add(p.get("target"), fmt.Sprintf("%s grants in its %s", p.where(), in))
	}
	for _, c := range r.root.get("catalogs").children() {
		for _, t := range c.get("isolated_to").children() {
			add(t, fmt.Sprintf("%s is bound to its workspace", c.where()))
		}
		add(c.get("target"), fmt.Sprintf("%s lives in its metastore", c.where()))
	}
	return all
}

// checkTargetHosts refuses a target that has wishes and no host, once.
func (r *reading) checkTargetHosts() {
	targets := r.root.get("targets")
	for _, need := range r.needs() {
		if t := targets.get(need.target); r.absent(t, "host") {
			r.meant[Pointer(child(t.path, "host")...)] = true
			r.failAt(t.keyAt, found("spec/target-host", fmt.Sprintf("%s needs a host", t.where()),
				fmt.Sprintf("%s; add host: https://…", need.why)))
		}
	}
}
