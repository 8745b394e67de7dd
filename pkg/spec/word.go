package spec

import (
	"fmt"
	"slices"
	"strings"
)

// word reports a violation in the words of the schema's fragment.
func (r *reading) word(v violation) {
	n, f := r.root.find(v.path...), schemaAt(v.path)
	if n == nil || f == nil {
		return // below a value that is broken
	}
	switch {
	case v.ofName:
		r.wordName(n, schemaAt(v.path[:len(v.path)-1]).PropertyNames, v)
	case v.keyword == "additionalProperties":
		r.wordUnknownKeys(n, f)
	case v.keyword == "required":
		r.wordMissing(n, f)
	case v.keyword == "type":
		r.wordType(n, f)
	case v.keyword == "enum":
		r.wordEnum(n, f)
	case v.keyword == "oneOf", f.Checked:
		r.deferred = append(r.deferred, v)
	case v.keyword == "uniqueItems":
		r.wordRepeated(n)
	default:
		r.fail(n, wordValue(n, f, v.keyword))
	}
}

// reportDeferred reports what the checks were left to word and did not. They word everything; so
// this says little, but nothing invalid passes.
func (r *reading) reportDeferred() {
	for _, v := range r.deferred {
		n, f := r.root.find(v.path...), schemaAt(v.path)
		switch {
		case n.anyBroken() || n.misnamed || n.strange || r.meantBelow(n):
		case v.ofName:
			r.failName(n, found("spec/value", fmt.Sprintf("the name %q is not allowed", n.name()), "see `mlopsctl schema`"))
		default:
			r.fail(n, wordValue(n, f, v.keyword))
		}
	}
}

func (r *reading) meantBelow(n *node) bool {
	prefix := Pointer(n.path...) + "/"
	for p := range r.meant {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}

func (r *reading) wordName(n *node, f *fragment, v violation) {
	if f.Checked {
		r.deferred = append(r.deferred, v)
		return
	}
	r.failName(n, found(f.Code, fmt.Sprintf("%q is not %s", n.name(), f.Noun), f.Allowed))
}

func (r *reading) wordUnknownKeys(n *node, f *fragment) {
	for _, c := range n.items {
		key := c.name()
		if f.Properties[key] != nil {
			continue
		}
		if isSecretValue(c.path) {
			r.fail(c, secretFinding())
			continue
		}
		near := nearest(key, f.known())
		if near != "" {
			r.meant[Pointer(child(n.path, near)...)] = true
		}
		r.failKey(c, found("spec/unknown-key", fmt.Sprintf("unknown key %q in %s", key, n.where()), unknownKeyAdvice(key, f)))
	}
}

func unknownKeyAdvice(key string, f *fragment) string {
	if near := nearest(key, f.known()); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if places := placesOf(key); len(places) > 0 && len(places) < 5 {
		return fmt.Sprintf("%q belongs to %s", key, strings.Join(places, ", "))
	}
	if len(f.known()) == 1 {
		return fmt.Sprintf("the only key here is %s", f.known()[0])
	}
	return "the keys here are " + oneOf(f.known())
}

// placesOf returns the places of the spec that have such a key.
func placesOf(key string) []string {
	var places []string
	eachProperty(func(path []string, _ *fragment) {
		switch {
		case path[len(path)-1] != key:
		case len(path) == 1:
			places = append(places, "the top level")
		default:
			places = append(places, dotted(path[:len(path)-1]))
		}
	})
	return places
}

func (r *reading) wordMissing(n *node, f *fragment) {
	if n.strange || n.broken {
		return
	}
	for _, key := range f.Required {
		at := Pointer(child(n.path, key)...)
		if n.get(key) != nil || r.meant[at] {
			continue
		}
		r.meant[at] = true
		p := f.Properties[key]
		r.failAt(n.keyAt, found("spec/missing-key", fmt.Sprintf("%s needs the key %q", n.where(), key),
			fmt.Sprintf("%s For example: %s", p.Description, example(key, p))))
	}
}

// wordType names forms alone: a value of the wrong form may be anything, a secret too.
func (r *reading) wordType(n *node, f *fragment) {
	if isSource(n.path) && n.form != sequence {
		r.fail(n, secretFinding())
		return
	}
	key := n.name()
	if r.root.find(n.path[:max(0, len(n.path)-1)]...).isList() {
		key = "" // an item's number is not written
	}
	advice := fmt.Sprintf("for example: %s", example(key, f))
	if slices.Contains(f.Type, "string") && (n.form == number || n.form == boolean) {
		advice = fmt.Sprintf("put it in quotes: %q", n.text)
	}
	form := n.form.String()
	if n.form == number && strings.Contains(n.text, ".") {
		form = "a fraction"
	}
	r.fail(n, found("spec/wrong-type", fmt.Sprintf("%s must be %s, not %s", n.where(), wanted(f), form), advice))
}

func wanted(f *fragment) string {
	name := map[string]string{"object": mapping.String(), "array": sequence.String(), "string": text.String(),
		"integer": "a whole number", "boolean": boolean.String()}
	var all []string
	for _, t := range f.Type {
		all = append(all, name[t])
	}
	return strings.Join(all, " or ")
}

func (r *reading) wordEnum(n *node, f *fragment) {
	code := f.Code
	if code == "" {
		code = "spec/unknown-value"
	}
	allowed := f.allowed()
	r.fail(n, found(code, fmt.Sprintf("unknown value %s for %s", n.quote(), n.where()),
		orNearest("it takes "+oneOf(allowed), n.text, allowed)))
}

func (r *reading) wordRepeated(n *node) {
	var seen []string
	for _, item := range n.items {
		if slices.Contains(seen, item.text) {
			r.fail(item, found("spec/repeated", fmt.Sprintf("%s stands twice in %s", item.quote(), n.where()), "keep one"))
		}
		seen = append(seen, item.text)
	}
}

// wordValue words a limit of a value: its pattern, its format, its size.
func wordValue(n *node, f *fragment, keyword string) finding {
	code := f.Code
	if code == "" {
		code = "spec/value"
	}
	switch keyword {
	case "pattern", "format":
		return found(code, fmt.Sprintf("%s is not %s", n.quote(), f.Noun), f.Allowed)
	case "minimum", "maximum":
		return found(code, fmt.Sprintf("%s is out of range for %s", n.quote(), n.where()),
			fmt.Sprintf("it takes %s to %s", f.Minimum, f.Maximum))

	case "minItems":
		return found(code, fmt.Sprintf("%s is empty", n.where()), "leave it out, or name at least one")
	case "maxItems":
		return found(code, fmt.Sprintf("%s has %d items", n.where(), len(n.items)), fmt.Sprintf("it takes at most %d", f.MaxItems))
	case "minLength":
		return found(code, fmt.Sprintf("%s is empty", n.where()), "leave it out, or give it a value")
	case "maxLength":
		return found(code, fmt.Sprintf("%s has %d characters", n.where(), len([]rune(n.text))),
			fmt.Sprintf("it takes at most %d", f.MaxLength))

	default:
		return found(code, fmt.Sprintf("%s is not allowed as it stands", n.where()), f.Description)
	}
}
