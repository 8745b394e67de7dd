package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"go.yaml.in/yaml/v3"
)

const (
	maxDepth  = 32     // the spec itself needs 7
	maxValues = 20_000 // far beyond what a person keeps by hand; aliases repeat within it too
)

// parse reads the file as one YAML document and returns its tree, nil when there is none to speak of.
//
// YAML's nodes are used, not sigs.k8s.io/yaml: that one has no positions, reads `on:` as true,
// rounds long numbers and drops a second document, all without an error. The tests hold that both
// read every accepted spec alike.
func (r *reading) parse() *node {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(r.data))
	err := d.Decode(&doc)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failAt(r.syntaxError(err))
		return nil
	}
	nothing := err != nil || isNothing(doc.Content[0])
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		r.failAt(r.pos(r.secondDocument(doc.Content[0]), 1), found("spec/second-document",
			"a second YAML document", "one file holds one spec; put the other into a file of its own"))
	} else if nothing {
		r.failAt(r.pos(1, 1), found("spec/empty", "the spec is empty",
			"the shortest one has version, name and git.repository"))
	}
	if nothing {
		return nil
	}
	t := &tree{reading: r}
	root := t.convert(doc.Content[0], place{at: r.pos(doc.Content[0].Line, doc.Content[0].Column)})
	if t.full {
		return nil // half of a spec would only give errors that are not there
	}
	return root
}

// isNothing reports whether a document has markers alone.
func isNothing(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Tag == "!!null" && y.Value == ""
}

func (r *reading) pos(line, column int) diag.Pos {
	return diag.Pos{File: r.file, Line: line, Column: column}
}

// secondDocument returns the line that ends the first document.
func (r *reading) secondDocument(first *yaml.Node) int {
	for i, line := range bytes.Split(r.data, []byte("\n")) {
		marker := bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("..."))
		if i+1 > first.Line && marker {
			return i + 1
		}
	}
	return first.Line
}

// tree turns YAML's nodes into ours.
type tree struct {
	*reading
	within []*yaml.Node // anchors that are being repeated
	values int
	full   bool // there were more values than maxValues; said once
}

// place is where a value stands: its path, its own position and its key's.
type place struct {
	path  []string
	at    diag.Pos
	keyAt diag.Pos
}

func (t *tree) convert(y *yaml.Node, p place) *node {
	n := &node{path: p.path, at: p.at, keyAt: p.keyAt, repeated: len(t.within) > 0}
	if p.keyAt.IsZero() {
		n.keyAt = p.at
	}
	if len(p.path) > maxDepth {
		t.fail(n, tooDeep())
		return n
	}
	if t.values++; t.values > maxValues {
		t.refuseMore(n)
		return n
	}
	if f, refused := refuseTag(y); refused {
		t.fail(n, f)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		return t.alias(y, n)
	case yaml.MappingNode:
		n.form = mapping
		t.convertMapping(y, n)
	case yaml.SequenceNode:
		n.form = sequence
		for i, c := range y.Content {
			if t.full {
				break
			}
			at := t.pos(c.Line, c.Column)
			n.items = append(n.items, t.convert(c, place{path: child(n.path, strconv.Itoa(i)), at: at, keyAt: at}))
		}
	default:
		t.convertScalar(y, n)
	}
	return n
}

func tooDeep() finding {
	return found("spec/depth", fmt.Sprintf("more than %d levels", maxDepth), "no key of the spec lies that deep")
}

func child(path []string, key string) []string { return append(slices.Clone(path), key) }

// alias repeats what an anchor names. The values keep the anchor's places, where one would mend them.
func (t *tree) alias(y *yaml.Node, n *node) *node {
	if slices.Contains(t.within, y.Alias) {
		t.fail(n, found("spec/alias", fmt.Sprintf("the alias *%s stands inside its own anchor", y.Value), "write the value out"))
		return n
	}
	t.within = append(t.within, y.Alias)
	defer func() { t.within = t.within[:len(t.within)-1] }()
	return t.convert(y.Alias, place{path: n.path, at: n.at, keyAt: n.keyAt})
}

func (t *tree) refuseMore(n *node) {
	n.broken = true
	switch {
	case t.full:
	case len(t.within) > 0:
		t.failAt(n.at, found("spec/alias", fmt.Sprintf("aliases make more than %d values of the spec", maxValues), "write the values out"))
	default:
		t.failAt(n.at, found("spec/size", fmt.Sprintf("more than %d values", maxValues), "split the spec: one stack is one repository"))
	}
	t.full = true
}

func (t *tree) convertMapping(y *yaml.Node, n *node) {
	first := map[string]int{}
	for i := 0; i+1 < len(y.Content) && !t.full; i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		keyAt := t.pos(key.Line, key.Column)
		name, f, ok := t.key(key, n.path)
		if !ok {
			t.failAt(keyAt, f)
			n.strange = true
			continue
		}
		if line, twice := first[name]; twice {
			t.failAt(keyAt, found("spec/duplicate-key", fmt.Sprintf("the key %q stands here a second time", name),
				fmt.Sprintf("the first stands in line %d; keep one", line)))
			continue
		}
		first[name] = key.Line
		at := t.pos(value.Line, value.Column)
		if isNothing(value) && value.Line != key.Line {
			at = keyAt // what is not there has no place of its own, and may be given one beyond the file's end
		}
		c := t.convert(value, place{path: child(n.path, name), at: at, keyAt: keyAt})
		n.keys, n.items = append(n.keys, name), append(n.items, c)
	}
}

// key returns the text of a mapping's key.
func (t *tree) key(y *yaml.Node, parent []string) (string, finding, bool) {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind != yaml.ScalarNode {
		return "", found("spec/key", "a key that is not text", "every key of the spec is a word"), false
	}
	if y.Value == "" {
		return "", found("spec/key", "an empty key", "every key of the spec is a word"), false
	}
	if y.Tag == "!!merge" {
		return "", found("spec/merge-key", "the merge key <<", "write the keys out; an alias may stand for a whole value"), false
	}
	if strings.Contains(y.Value, "${") {
		return "", found("spec/interpolation", fmt.Sprintf("%q stands in a key", y.Value), "${…} is for values only"), false
	}
	if y.Style&quoted != 0 {
		return y.Value, finding{}, true
	}
	if isYAML11Boolean(y.Value) && !schemaAt(parent).names(y.Value) {
		return "", ambiguousBoolean("the key", y.Value), false
	}
	if y.Tag != "!!str" {
		return "", found("spec/key", fmt.Sprintf("the key %s is not text", y.Value), fmt.Sprintf("quote it: %q", y.Value)), false
	}
	return y.Value, finding{}, true
}
