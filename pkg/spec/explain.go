package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/rule"
)

// Explanation is the documentation of one key of the spec, or of one diagnostic code.
type Explanation struct {
	Path        string   `json:"path,omitempty"`
	Description string   `json:"description"`
	Type        string   `json:"type,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Default     string   `json:"default,omitempty"` // a value as YAML writes it, or what absence means
	Allowed     []string `json:"allowed,omitempty"` // values, or the rule that a value obeys
	Examples    []string `json:"examples,omitempty"`
	Keys        []Key    `json:"keys,omitempty"`
	Code        *Code    `json:"code,omitempty"`
	// Reads is what an expression at that place can read; Rules are the built-in ones that it can name.
	Reads []rule.Word `json:"reads,omitempty"`
	Rules []Code      `json:"rules,omitempty"`
}

// Key is one key below an explained one.
type Key struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Required    bool   `json:"required,omitempty"`
	Description string `json:"description"`
}

// Explain documents a key, as in targets.prod.branch or git, or a diagnostic code, as in spec/unknown-key. The
// name of a target and its like may be a star or left out, as in targets.branch: then Path has a star
// there. The empty path is the whole spec.
func Explain(pathOrCode string) (Explanation, error) {
	if strings.Contains(pathOrCode, "/") {
		return explainCode(pathOrCode)
	}
	path := splitPath(pathOrCode)
	if whole, found := rootFragment().complete(path); found && len(whole) > len(path) {
		path, pathOrCode = whole, dotted(whole)
	}
	f := rootFragment()
	required := false
	for i, key := range path {
		next := f.property(key)
		if next == nil {
			return Explanation{}, fmt.Errorf("%s has no key %q; %s", dotted(path[:i]), key,
				orNearest("the keys there are "+oneOf(f.known()), key, f.known()))
		}
		required = slices.Contains(f.Required, key)
		f = next
	}
	e := Explanation{Path: pathOrCode, Description: f.Description, Type: f.typeName(), Required: required, Allowed: f.allowed()}
	switch {
	case f.Default != nil:
		e.Default = inline(f.Default)
	case !required:
		e.Default = f.Absent
	}
	if slices.Equal(path, []string{"policy"}) {
		e.Reads, e.Rules = rule.Vocabulary(), builtInCodes()
	}
	for _, x := range f.Examples {
		e.Examples = append(e.Examples, inline(x))
	}
	for _, name := range f.known() {
		e.Keys = append(e.Keys, f.key(name, f.Properties[name]))
	}
	if f.Additional.fragment != nil {
		e.Keys = append(e.Keys, f.key("*", f.Additional.fragment))
	}
	return e, nil
}

// complete returns path with a star wherever it leaves out a name or a place in a list: wherever it goes on with
// a key of what has that name. It reports whether there is such a place below f.
func (f *fragment) complete(path []string) ([]string, bool) {
	if len(path) == 0 {
		return nil, true
	}
	each := f.property("*")
	if !f.names(path[0]) && each.names(path[0]) {
		if below, found := each.complete(path); found {
			return append([]string{"*"}, below...), true
		}
	}
	next := f.property(path[0])
	if next == nil {
		return nil, false
	}
	below, found := next.complete(path[1:])
	return append([]string{path[0]}, below...), found
}

// Paths are the paths of all keys, with a star for names and places in lists.
func Paths() []string {
	var all []string
	eachProperty(func(path []string, _ *fragment) {
		if path[len(path)-1] != "*" {
			all = append(all, dotted(path))
		}
	})
	return all
}

func explainCode(code string) (Explanation, error) {
	var known []string
	for _, c := range Codes() {
		if c.Code == code {
			return Explanation{Description: c.Summary, Code: &c}, nil
		}
		known = append(known, c.Code)
	}
	return Explanation{}, fmt.Errorf("unknown diagnostic code %q; %s", code,
		orNearest("`mlopsctl explain` takes the code in brackets at the end of a message", code, known))
}

func (f *fragment) key(name string, p *fragment) Key {
	return Key{Name: name, Type: p.typeName(), Required: slices.Contains(f.Required, name), Description: p.Description}
}

// splitPath takes targets.prod.branch and permissions[0].on apart. A name that has a full stop in it
// is written in quotes.
func splitPath(path string) []string {
	path = strings.NewReplacer("[]", ".*", "[", ".", "]", "").Replace(path)
	var out []string
	for path != "" {
		var part string
		if rest, ok := strings.CutPrefix(path, `"`); ok {
			part, path, _ = strings.Cut(rest, `"`)
			path = strings.TrimPrefix(path, ".")
		} else {
			part, path, _ = strings.Cut(path, ".")
		}
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

// matches reports whether path is what pattern names; * stands for any one segment.
func matches(pattern string, path []string) bool {
	parts := strings.Split(pattern, ".")
	return slices.EqualFunc(parts, path, func(want, have string) bool { return want == "*" || want == have })
}

func (f *fragment) typeName() string {
	name := wanted(f)
	switch {
	case f.Items != nil:
		return "a list of " + strings.TrimPrefix(f.Items.typeName(), "a ")
	case f.Additional.fragment != nil:
		return "a mapping of names to " + strings.TrimPrefix(f.Additional.typeName(), "a ")
	}
	return name
}

// allowed lists the values that f takes, or states its rule.
func (f *fragment) allowed() []string {
	var all []string
	for _, v := range f.Enum {
		all = append(all, inline(v))
	}
	if len(all) == 0 && f.Allowed != "" {
		all = []string{f.Allowed}
	}
	return all
}

// eachProperty visits every place that the schema knows, by its path with * for names and items.
func eachProperty(visit func(path []string, f *fragment)) {
	var walk func(path []string, f *fragment)
	walk = func(path []string, f *fragment) {
		if len(path) > 0 {
			visit(path, f)
		}
		for _, key := range f.known() {
			walk(child(path, key), f.Properties[key])
		}
		if f.Additional.fragment != nil {
			walk(child(path, "*"), f.Additional.fragment)
		}
		if f.Items != nil {
			walk(child(path, "*"), f.Items)
		}
	}
	walk(nil, rootFragment())
}

// example returns `key: value` in the way that the spec is written.
func example(key string, f *fragment) string {
	switch {
	case len(f.Examples) == 0:
		return key
	case key == "":
		return inline(f.Examples[0])
	}
	return key + ": " + inline(f.Examples[0])
}

// inline writes a JSON value as YAML's flow style does, quoting only what needs it.
func inline(v any) string {
	switch v := v.(type) {
	case string:
		if v == "" || strings.ContainsAny(v, ":#{}[],&*!|>'\"%@`") && !strings.Contains(v, "://") || isYAML11Boolean(v) || v == "." {
			return fmt.Sprintf("%q", v)
		}
		return v
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, inline(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		var items []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, key+": "+inline(v[key]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	default:
		data, _ := json.Marshal(v) // a number or a truth value of the embedded schema
		return string(data)
	}
}
