package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// schemaCases are the full spec with one thing wrong, for every place and every rule of the schema.
func schemaCases(t *testing.T) []badCase {
	t.Helper()
	data, err := os.ReadFile("../../pkg/spec/testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root rules
	if err := json.Unmarshal(spec.JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	g := &generator{t: t, text: data, root: root, seen: map[string]bool{}}
	g.visit(g.parse(data), nil, nil)
	return g.cases
}

// rules are what the schema says of one place, as JSON.
type rules map[string]any

func (r rules) text(key string) string { s, _ := r[key].(string); return s }

func (r rules) list(key string) []any { l, _ := r[key].([]any); return l }

func (r rules) below(key string) rules { m, _ := r[key].(map[string]any); return m }

// types are the JSON types that the place takes.
func (r rules) types() []string {
	if s := r.text("type"); s != "" {
		return []string{s}
	}
	var all []string
	for _, s := range r.list("type") {
		all = append(all, s.(string))
	}
	return all
}

type generator struct {
	t     *testing.T
	text  []byte
	root  rules
	cases []badCase
	seen  map[string]bool // places of the schema, as one list has many items
}

func (g *generator) parse(data []byte) *yaml.Node {
	g.t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		g.t.Fatal(err)
	}
	return doc.Content[0]
}

// resolve returns the rules that a reference stands for, with what stands beside it.
func (g *generator) resolve(r rules) rules {
	ref, ok := r["$ref"].(string)
	if !ok {
		return r
	}
	out := rules{}
	for _, from := range []rules{g.resolve(g.root.below("$defs").below(strings.TrimPrefix(ref, "#/$defs/"))), r} {
		for k, v := range from {
			out[k] = v
		}
	}
	return out
}

// spot is a node of the full spec: its steps in YAML's tree, and its place in the schema.
type spot struct {
	steps []int
	path  []string
	rules rules
}

func (g *generator) visit(n *yaml.Node, steps []int, path []string) {
	s := spot{steps: steps, path: make([]string, len(path)), rules: g.root}
	for i, key := range path {
		s.path[i] = "*"
		switch r := s.rules; {
		case r.below("properties")[key] != nil:
			s.path[i], s.rules = key, g.resolve(r.below("properties").below(key))
		case r.below("additionalProperties") != nil:
			s.rules = g.resolve(r.below("additionalProperties"))
		default:
			s.rules = g.resolve(r.below("items"))
		}
	}
	if id := strings.Join(s.path, ".") + n.ShortTag(); !g.seen[id] {
		g.seen[id] = true
		g.wrongTypes(s)
		g.unknownKeys(s, n)
		g.missingKeys(s, n)
		g.enums(s, n)
		g.limits(s, n)
		g.patterns(s)
		g.names(s)
	}
	for i, c := range n.Content {
		name := strconv.Itoa(i)
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			name = n.Content[i-1].Value
		}
		g.visit(c, append(slices.Clone(steps), i), append(slices.Clone(path), name))
	}
}

// variant is one thing that is wrong at a spot.
type variant struct {
	class, what  string
	change       func(*yaml.Node)
	child        int // at which it must be reported; -1: at the node itself, -2: at the key of the node
	code, advice string
}

func (g *generator) add(s spot, v variant) {
	g.t.Helper()
	root := g.parse(g.text)
	v.change(stepTo(root, s.steps))
	out, err := yaml.Marshal(root)
	if err != nil {
		g.t.Fatal(err)
	}
	steps := slices.Clone(s.steps)
	switch {
	case v.child >= 0:
		steps = append(steps, v.child)
	case v.child == -2 && len(steps) > 0 && stepTo(root, steps[:len(steps)-1]).Kind == yaml.MappingNode:
		steps[len(steps)-1]--
	}
	at := stepTo(g.parse(out), steps)
	where := strings.Join(s.path, ".")
	if where == "" {
		where = "the spec"
	}
	g.cases = append(g.cases, badCase{
		class: v.class, name: where + " " + v.what, file: string(out), exit: 3,
		want: []wanted{{severity: diag.Error, code: v.code, line: at.Line, column: at.Column, advice: v.advice}},
	})
}

func stepTo(n *yaml.Node, steps []int) *yaml.Node {
	for _, i := range steps {
		n = n.Content[i]
	}
	return n
}

func scalar(value string) yaml.Node {
	n := yaml.Node{}
	n.SetString(value)
	n.Style = yaml.DoubleQuotedStyle
	return n
}

func plain(value string) yaml.Node { return yaml.Node{Kind: yaml.ScalarNode, Value: value} }

// wrongTypes puts a value of another form in the place.
func (g *generator) wrongTypes(s spot) {
	wrong := map[string]yaml.Node{
		"array":   {Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "list"}}},
		"object":  {Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "a"}, {Kind: yaml.ScalarNode, Value: "b"}}},
		"string":  scalar("text"),
		"integer": plain("12"),
		"boolean": plain("true"),
	}
	types := s.rules.types()
	for _, form := range []string{"array", "object", "string", "integer", "boolean"} {
		if slices.Contains(types, form) {
			continue
		}
		code, advice := "spec/wrong-type", "example"
		switch {
		case isValueSource(s.path) && form != "array":
			code, advice = "spec/credential", "revoke it" // most likely the value itself
		case slices.Contains(types, "string") && (form == "integer" || form == "boolean"):
			advice = "put it in quotes"
		}
		g.add(s, variant{class: "B10", what: "is of the form " + form, child: -1, code: code, advice: advice,
			change: func(n *yaml.Node) { *n = wrong[form] }})
	}
}

// isValueSource reports whether a place says where a secret's value comes from: text there may be the value.
func isValueSource(path []string) bool {
	return len(path) == 2 && path[0] == "secrets" || len(path) == 4 && path[2] == "git_credential" && path[3] == "token"
}

// unknownKeys adds a key that nothing knows, and one that is nearly right.
func (g *generator) unknownKeys(s spot, n *yaml.Node) {
	known := s.rules.below("properties")
	if n.Kind != yaml.MappingNode || len(known) == 0 {
		return
	}
	add := func(key string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			k, v := plain(key), plain("zzz")
			n.Content = append(n.Content, &k, &v)
		}
	}
	g.add(s, variant{class: "B11", what: "with an unknown key", child: len(n.Content), code: "spec/unknown-key", advice: "key", change: add("zzz")})
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i].Value; len(key) > 4 {
			g.add(s, variant{class: "B11", what: "with " + key + "x", child: len(n.Content), code: "spec/unknown-key",
				advice: fmt.Sprintf("did you mean %q?", key), change: add(key + "x")})
			return
		}
	}
}

// missingKeys takes every required key out, one by one.
func (g *generator) missingKeys(s spot, n *yaml.Node) {
	for _, key := range s.rules.list("required") {
		if n.Kind != yaml.MappingNode {
			return // a variable that is its value alone
		}
		g.add(s, variant{class: "B12", what: "without " + key.(string), child: -2, code: "spec/missing-key", advice: "or example: " + key.(string) + ": ",
			change: func(n *yaml.Node) {
				for i := 0; i < len(n.Content); i += 2 {
					if n.Content[i].Value == key {
						n.Content = slices.Delete(n.Content, i, i+2)
						return
					}
				}
			}})
	}
}

func (g *generator) code(r rules, otherwise string) string {
	if code := r.text("x-code"); code != "" {
		return code
	}
	return otherwise
}

// enums writes what is not among the values: one that is nearly right, in another case, and nothing.
func (g *generator) enums(s spot, n *yaml.Node) {
	allowed := s.rules.list("enum")
	for _, of := range allowed {
		if of, ok := of.(string); ok && len(of) > 3 {
			for _, value := range []string{of[:len(of)-2] + of[len(of)-1:], strings.ToUpper(of)} {
				g.add(s, variant{class: "B13", what: "is " + value, child: -1, code: g.code(s.rules, "spec/unknown-value"),
					advice: fmt.Sprintf("did you mean %q?", of), change: func(n *yaml.Node) { *n = scalar(value) }})
			}
		}
	}
	if len(allowed) > 0 && n.ShortTag() == "!!str" {
		g.add(s, variant{class: "B13", what: "is empty", child: -1, code: g.code(s.rules, "spec/unknown-value"), advice: "it takes",
			change: func(n *yaml.Node) { *n = scalar("") }})
	}
}

// limits goes one beyond every limit of a number, a text and a list.
func (g *generator) limits(s spot, n *yaml.Node) {
	limit := func(key string) (int, bool) { f, ok := s.rules[key].(float64); return int(f), ok }
	at := func(what string, value yaml.Node, advice string) {
		g.add(s, variant{class: "B14", what: what, child: -1, code: g.code(s.rules, "spec/value"), advice: advice,
			change: func(n *yaml.Node) { *n = value }})
	}
	if least, ok := limit("minimum"); ok {
		at("below its minimum", plain(strconv.Itoa(least-1)), "it takes")
	}
	if most, ok := limit("maximum"); ok {
		at("above its maximum", plain(strconv.Itoa(most+1)), "it takes")
	}
	if most, ok := limit("maxLength"); ok && n.Kind == yaml.ScalarNode {
		at("longer than it may be", scalar(strings.Repeat("x", most+1)), "at most")
	}
	if _, ok := limit("minLength"); ok {
		at("empty", scalar(""), "leave it out")
	}
	if _, ok := limit("minItems"); ok {
		at("an empty list", yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}, "leave it out")
	}
	if most, ok := limit("maxItems"); ok {
		list := yaml.Node{Kind: yaml.SequenceNode}
		for i := range most + 1 {
			item := scalar(fmt.Sprintf("user:u%d", i))
			list.Content = append(list.Content, &item)
		}
		at("with too many items", list, "at most")
	}
	if s.rules["uniqueItems"] == true && len(n.Content) > 0 {
		g.add(s, variant{class: "B14", what: "with an item twice", child: len(n.Content), code: "spec/repeated", advice: "keep one",
			change: func(n *yaml.Node) { n.Content = append(n.Content, n.Content[0]) }})
	}
}

// edges are texts that most rules of a name refuse.
func edges() []struct{ what, value string } {
	return []struct{ what, value string }{
		{"empty", ""}, {"a space", " "}, {"with a space before", " prod"}, {"with a space inside", "pr od"},
		{"far too long", strings.Repeat("p", 5000)}, {"a slash", "/"}, {"a dash", "-"}, {"with a colon", "pr:od"},
		{"with a backtick", "pr`od"}, {"with a star", "pr*od"}, {"with two lines", "pr\nod"},
	}
}

// patterns writes texts that the place's pattern refuses.
func (g *generator) patterns(s spot) {
	pattern := s.rules.text("pattern")
	if pattern == "" {
		return
	}
	for _, e := range edges() {
		if !regexp.MustCompile(pattern).MatchString(e.value) {
			g.add(s, variant{class: "B14", what: "is " + e.what, child: -1, code: g.code(s.rules, "spec/value"), change: func(n *yaml.Node) { *n = scalar(e.value) }})
		}
	}
}

// names adds an entry whose name the mapping's rule for names refuses.
func (g *generator) names(s spot) {
	rule := g.resolve(s.rules.below("propertyNames"))
	if rule.text("pattern") == "" {
		return
	}
	entries := map[string]string{
		"git.teams": "push", "branches": "{}", "targets": "{}", "catalogs": "{ exists: true, target: prod }",
		"catalogs.*.schemas": "{}", "secrets": "{ env: MLOPS_X }", "variables": "x", "projects": "{}", "groups": "{}",
	}
	entry := g.parse([]byte(entries[strings.Join(s.path, ".")]))
	code := rule.text("x-code")
	if s.path[len(s.path)-1] == "schemas" {
		code = "spec/schema-name"
	}
	for _, e := range edges() {
		if e.value == "" || regexp.MustCompile(rule.text("pattern")).MatchString(e.value) {
			continue
		}
		at := len(stepTo(g.parse(g.text), s.steps).Content)
		g.add(s, variant{class: "B14", what: "with a name that is " + e.what, child: at, code: code, change: func(n *yaml.Node) {
			key := scalar(e.value)
			n.Content = append(n.Content, &key, entry)
		}})
	}
}
