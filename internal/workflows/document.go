package workflows

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a YAML file as its lines, and the nodes that lie in them. An edit changes lines and parses
// anew, so nodes and lines always agree.
type document struct {
	lines []string // without their ends
	end   string   // of each line; of those of a file that mixes them, the return stays with its line
	open  bool     // the last line has no end
	root  *yaml.Node
}

func parse(text []byte) (document, error) {
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return document{}, fmt.Errorf("reading databricks.yml: %w", err)
	}
	if len(node.Content) == 0 || node.Content[0].Kind != yaml.MappingNode {
		return document{}, errors.New("databricks.yml is no mapping with a bundle and its targets")
	}
	d := document{end: "\n", root: node.Content[0]}
	if returns := bytes.Count(text, []byte("\r\n")); returns > 0 && returns == bytes.Count(text, []byte("\n")) {
		d.end = "\r\n"
	}
	whole := string(text)
	d.open = !strings.HasSuffix(whole, "\n")
	for line := range strings.Lines(whole) {
		d.lines = append(d.lines, strings.TrimSuffix(line, d.end))
	}
	return d, nil
}

func (d document) text() []byte {
	text := strings.Join(d.lines, d.end)
	if !d.open {
		text += d.end
	}
	return []byte(text)
}

// with is the document with other lines.
func (d document) with(lines []string) (document, error) {
	d.lines = lines
	return parse(d.text())
}

// own returns the key and the value that a mapping holds itself.
func own(m *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// inherited returns what a mapping has of others by its merge key.
func inherited(m *yaml.Node, key string) *yaml.Node {
	_, merged := own(m, "<<")
	if merged == nil {
		return nil
	}
	sources := []*yaml.Node{merged}
	if merged.Kind == yaml.SequenceNode {
		sources = merged.Content
	}
	for _, s := range sources {
		if v := child(s, key); v != nil {
			return v
		}
	}
	return nil
}

// child is the value that counts: the mapping's own, else an inherited one.
func child(m *yaml.Node, key string) *yaml.Node {
	m = resolved(m)
	if _, v := own(m, key); v != nil {
		return resolved(v)
	}
	return resolved(inherited(m, key))
}

func resolved(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func (d document) node(path ...string) *yaml.Node {
	n := d.root
	for _, key := range path {
		if n = child(n, key); n == nil {
			return nil
		}
	}
	return n
}

func (d document) has(path ...string) bool { return d.node(path...) != nil }

// effective is the scalar that counts for a target at a path below it: its own, or the one at the top of
// the file.
func (d document) effective(target string, path []string) (string, bool) {
	if n := d.node(path...); n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.Value, true
	}
	below := path[2:]
	switch below[0] {
	case "variables":
		below = []string{"variables", below[1], "default"}
	case "git":
		below = []string{"bundle", "git", below[1]}
	case "mode", "run_as": // what a target says there of itself takes the place of the whole
		return "", false
	}
	if n := d.node(below...); n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.Value, true
	}
	return "", false
}

// variable is the path of a target's value for a variable, which may be written as a mapping.
func (d document) variable(target, name string) []string {
	path := []string{"targets", target, "variables", name}
	if n := d.node(path...); n != nil && n.Kind == yaml.MappingNode {
		path = append(path, "default")
	}
	return path
}

// resolve replaces what a value refers to, as far as the file itself tells it.
func (d document) resolve(target, value string) string {
	for range 5 { // a variable may refer to others; one that refers to itself ends here
		start := strings.Index(value, "${")
		if start < 0 {
			return value
		}
		name, rest, closed := strings.Cut(value[start+2:], "}")
		known, ok := d.reference(target, name)
		if !closed || !ok {
			return value
		}
		value = value[:start] + known + rest
	}
	return value
}

func (d document) reference(target, name string) (string, bool) {
	switch kind, variable, _ := strings.Cut(name, "."); {
	case name == "bundle.target":
		return target, true
	case kind == "var":
		return d.effective(target, d.variable(target, variable))
	default:
		return "", false
	}
}

// emptyLeaf stands for a place with nothing in it.
const emptyLeaf = "(empty)"

// leaves are all scalars of the file by their paths, with aliases and merges resolved.
func (d document) leaves() (map[string]string, error) {
	var tree any
	if err := yaml.Unmarshal(d.text(), &tree); err != nil {
		return nil, fmt.Errorf("reading databricks.yml: %w", err)
	}
	found := map[string]string{}
	collect(tree, "", found)
	return found, nil
}

func collect(tree any, at string, found map[string]string) {
	switch x := tree.(type) {
	case map[string]any:
		for key, v := range x {
			collect(v, strings.TrimPrefix(at+"."+key, "."), found)
		}
		if len(x) == 0 {
			found[at] = emptyLeaf
		}
	case []any:
		for i, v := range x {
			collect(v, fmt.Sprintf("%s[%d]", at, i), found)
		}
	case nil:
		found[at] = emptyLeaf
	default:
		found[at] = fmt.Sprintf("%T %v", x, x)
	}
}

// differing are the paths at which two files differ, in order.
func differing(a, b map[string]string) []string {
	var list []string
	for _, at := range slices.Sorted(maps.Keys(a)) {
		if a[at] != b[at] {
			list = append(list, at)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(b)) {
		if _, there := a[at]; !there {
			list = append(list, at)
		}
	}
	return list
}
