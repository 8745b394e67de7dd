package spec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// reference is ${var.NAME}, ${env.NAME}, or $${ for a plain ${; anything else after ${ is an error.
var reference = regexp.MustCompile(`\$?\$\{(?:[^{}]*\})?`)

var knownReference = regexp.MustCompile(`^\$\{(var|env)\.([A-Za-z_][A-Za-z0-9_-]*)\}$`)

// interpolate puts values in the place of ${var.NAME} and ${env.NAME}.
//
// A spec in a pull request may be anybody's, and a plan shows what it says: so the environment is
// open by name only, and never what a secret enters by. Those names are settled first.
func (r *reading) interpolate() {
	secret := map[string]bool{}
	var first []*node
	for _, s := range r.valueSources() {
		if n := s.get("env"); n != nil {
			first = append(first, n)
			if s, ok := n.value(); ok {
				secret[s] = true
			}
		}
	}
	for _, n := range first {
		r.substitute(n, secret)
		if s, ok := n.value(); ok {
			secret[s] = true
		}
	}
	r.root.walk(func(n *node) {
		if !slices.Contains(first, n) {
			r.substitute(n, secret)
		}
	})
}

// valueSources are the places of the spec that say where a secret's value comes from.
func (r *reading) valueSources() []*node {
	all := slices.Clone(r.root.get("secrets").children())
	for _, p := range r.root.get("service_principals").children() {
		if token := p.find("git_credential", "token"); token != nil {
			all = append(all, token)
		}
	}
	return all
}

func (r *reading) substitute(n *node, secret map[string]bool) {
	raw, ok := n.value()
	if !ok || !strings.Contains(raw, "${") {
		return
	}
	fromEnv := false
	value := reference.ReplaceAllStringFunc(raw, func(ref string) string {
		if strings.HasPrefix(ref, "$${") {
			return ref[1:]
		}
		value, f, ok := r.lookup(ref, secret)
		if !ok {
			r.fail(n, f)
		}
		fromEnv = fromEnv || strings.HasPrefix(ref, "${env.")
		return value
	})
	if n.broken {
		return
	}
	n.text = value
	if fromEnv {
		n.shown = "the value of " + brief(raw)
	}
	if what := lookLike(value); what != "" {
		r.fail(n, found("spec/credential", fmt.Sprintf("the value of %s looks like %s", brief(raw), what),
			"a credential enters by a secret's env:, file: or command: alone"))
	}
	if !visible(value) {
		r.fail(n, found("spec/character", fmt.Sprintf("the value of %s holds a character that cannot be seen", brief(raw)), "remove it"))
	}
	if knownReference.MatchString(raw) {
		r.retype(n)
	}
}

// retype makes a number or a truth value of a value that came from outside whole, where the spec wants
// one. Quotes do not matter: inside of braces YAML wants them around ${…}.
func (r *reading) retype(n *node) {
	f := schemaAt(n.path)
	switch {
	case f == nil || slices.Contains(f.Type, "string"):
	case slices.Contains(f.Type, "boolean") && (n.text == "true" || n.text == "false"):
		n.form = boolean
	case slices.Contains(f.Type, "integer") && canonicalNumber.MatchString(n.text):
		n.form = number
	}
}

// lookup returns the value of one reference, or why there is none.
func (r *reading) lookup(ref string, secret map[string]bool) (string, finding, bool) {
	parts := knownReference.FindStringSubmatch(ref)
	if parts == nil {
		return "", found("spec/interpolation", fmt.Sprintf("%q is neither ${var.NAME} nor ${env.NAME}", ref),
				"write $${ for a plain ${"),
			false
	}
	kind, name := parts[1], parts[2]
	if kind == "var" {
		if value, ok := r.o.Vars[name]; ok {
			return value, finding{}, true
		}
		return "", found("spec/unset", fmt.Sprintf("%s is not set", ref),
				orNearest(fmt.Sprintf("give it with --var %s=VALUE", name), name, slices.Sorted(maps.Keys(r.o.Vars)))),
			false
	}
	switch {
	case secret[name]:
		return "", found("spec/env-secret", fmt.Sprintf("%s is what a secret enters by", ref),
				"a secret's value never stands in the spec, where a plan would show it"),
			false
	case !strings.HasPrefix(name, "MLOPS_") && !slices.Contains(r.o.AllowEnv, name):
		return "", found("spec/env-closed", fmt.Sprintf("a spec may not read %s from the environment", name),
				fmt.Sprintf("use a name that begins with MLOPS_, or allow this one with --allow-env %s", name)),
			false
	}
	if r.o.LookupEnv != nil {
		if value, ok := r.o.LookupEnv(name); ok {
			return value, finding{}, true
		}
	}
	return "", found("spec/unset", fmt.Sprintf("%s is not set", ref), fmt.Sprintf("set %s in the environment", name)), false
}
