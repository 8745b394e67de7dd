package spec

import (
	"fmt"
	"slices"
	"strings"
)

// checkSecrets looks at where each secret's value comes from and where it goes.
func (r *reading) checkSecrets() {
	for _, s := range r.root.get("secrets").children() {
		if s.form != mapping {
			continue
		}
		r.checkSource(s, []string{"env", "file", "command", "oauth_secret", "access_token", "personal_access_token"})
		r.checkEnvironmentRef(s.get("environment"))
		for _, source := range []string{"oauth_secret", "access_token", "personal_access_token"} {
			if t := s.find(source, "target"); r.refers(t, "targets", "target") {
				r.needsPrincipal(t, "issue it for")
				if source == "personal_access_token" {
					r.checkTokenCloud(t, r.root.find("targets", t.text))
				}
			}
		}
		r.checkRotation(s)
	}
}

// checkSource demands exactly one of these sources.
func (r *reading) checkSource(s *node, sources []string) {
	var first *node
	for _, c := range s.children() {
		if !slices.Contains(sources, c.name()) {
			continue
		}
		if first != nil {
			r.failKey(c, found("spec/secret-source", fmt.Sprintf("%s is a second source of %s", c.name(), s.name()),
				fmt.Sprintf("it has one; the other is %s, in line %d", first.name(), first.keyAt.Line)))
			continue
		}
		first = c
	}
	none := !slices.ContainsFunc(sources, func(key string) bool { return !r.absent(s, key) })
	if first == nil && none && !s.anyBroken() {
		r.failName(s, found("spec/secret-source", fmt.Sprintf("%s has no source", s.where()), "give it one of "+oneOf(sources)))
	}
}

// checkRotation holds lifetimes against Databricks' limit and against each other.
func (r *reading) checkRotation(s *node) {
	source, usual := "oauth_secret", defaultLifetime
	if s.get("personal_access_token") != nil {
		source, usual = "personal_access_token", defaultTokenLifetime
	}
	lifetime := s.find(source, "lifetime")
	lives, said := r.checkSpan(lifetime, "a lifetime")
	if said && lives > longest {
		r.fail(lifetime, found("spec/lifetime", fmt.Sprintf("%s is longer than Databricks allows", lifetime.quote()), "write at most 730d"))
	}
	if !said {
		lives = usual
	}
	known := lifetime == nil || !lifetime.broken
	before := s.get("rotate_before")
	if s.get("access_token") != nil {
		r.failKey(before, found("spec/rotate-before", "an access token lives for one hour, and is renewed by every apply near its end",
			"leave rotate_before out"))
	}
	span, ok := r.checkSpan(before, "a span of time")
	if ok && known && s.get(source) != nil && span >= lives {
		r.fail(before, found("spec/rotate-before", fmt.Sprintf("%s would renew the secret at every apply", before.quote()),
			fmt.Sprintf("it must be shorter than the lifetime, %s", showSpan(lives))))
	}
	r.checkOverlap(s)
	overlap := s.get("overlap")
	if span, ok := r.checkSpan(overlap, "a span of time"); ok && known && span > lives {
		r.fail(overlap, found("spec/overlap", fmt.Sprintf("%s is longer than the secret lives", overlap.quote()),
			fmt.Sprintf("it must be at most the lifetime, %s", showSpan(lives))))
	}
}

// checkTokenCloud refuses a token on behalf of a principal where the cloud issues none.
func (r *reading) checkTokenCloud(at, target *node) {
	host := target.str("host")
	if !strings.HasSuffix(strings.ToLower(strings.TrimRight(host, "/")), ".azuredatabricks.net") {
		return
	}
	r.fail(at, found("spec/token-cloud", fmt.Sprintf("%s is a workspace of Azure, which issues no token on behalf of a service principal", host),
		"use oidc, which needs no secret at all, or oauth_secret"))
}

// checkOverlap refuses an overlap of what the stack does not revoke, or revokes at another time.
func (r *reading) checkOverlap(s *node) {
	overlap := s.get("overlap")
	switch {
	case s.get("access_token") != nil:
		r.failKey(overlap, found("spec/overlap", "the OAuth secret behind an access token goes with its token",
			"leave overlap out; it is for an oauth_secret"))
	case r.absent(s, "oauth_secret") && r.absent(s, "personal_access_token"):
		r.failKey(overlap, found("spec/overlap", fmt.Sprintf("the value of %s is not the stack's to revoke", s.where()),
			"leave overlap out; it is for an oauth_secret"))
	}
}

// checkEnvironmentRef looks for the target whose environment a secret or a variable goes to.
func (r *reading) checkEnvironmentRef(n *node) {
	if !r.refersEnvironment(n) {
		return
	}
	t := r.root.find("targets", n.text)
	if r.absent(t, "environment") {
		r.fail(n, found("spec/unknown-env", fmt.Sprintf("the target %s has no environment", n.text),
			fmt.Sprintf("add environment: {} to targets.%s, or leave it out here", n.text)))
	}
}

func (r *reading) refersEnvironment(n *node) bool {
	name, ok := n.value()
	if !ok {
		return false
	}
	known, sound := r.declared("targets")
	if slices.Contains(known, name) {
		return true
	}
	if sound {
		r.fail(n, found("spec/unknown-env", fmt.Sprintf("unknown environment %s", n.quote()),
			orNearest("an environment goes by its target's name, and is declared there", name, known)))
	}
	return false
}

// checkActionsNames holds the names of secrets and variables against GitHub's rules and against each
// other. A name that ci_auth implies may be spelled out: then the spec's own entry counts.
func (r *reading) checkActionsNames() {
	for _, section := range []string{"secrets", "variables"} {
		first := map[string]*node{}
		for _, n := range r.root.get(section).children() {
			if section == "variables" {
				r.checkEnvironmentRef(n.get("environment"))
			}
			if n.misnamed {
				continue
			}
			r.checkActionsName(n, first)
		}
	}
}

func (r *reading) checkActionsName(n *node, first map[string]*node) {
	name := strings.ToUpper(n.name())
	if strings.HasPrefix(name, "GITHUB_") {
		r.failName(n, found("spec/actions-name", fmt.Sprintf("%q is not the name of a secret or a variable", n.name()),
			"GitHub keeps the names that begin with GITHUB_ to itself"))
		return
	}
	scope := n.str("environment") + "/" + name
	if other := first[scope]; other != nil {
		r.failName(n, found("spec/duplicate-name", fmt.Sprintf("%q and %q are one name on GitHub", other.name(), n.name()),
			"names of secrets and variables know no case; rename one"))
		return
	}
	first[scope] = n
}
