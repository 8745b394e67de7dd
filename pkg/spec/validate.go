package spec

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// compiled is the embedded schema as the library wants it. Formats are asserted, which is not the
// library's default; nothing is loaded from anywhere.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	const id = "mlops.schema.json"
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	c.LoadURL = func(url string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("loading %s: the schema stands alone", url)
	}
	if err := c.AddResource(id, strings.NewReader(string(JSONSchema()))); err != nil {
		panic(fmt.Sprintf("the embedded schema is not JSON: %v", err)) // impossible: it is part of the program
	}
	return c.MustCompile(id)
})

// violation is one thing that the schema does not allow: the keyword that says so, and the place.
type violation struct {
	keyword string
	path    []string
	ofName  bool // the key itself is meant, not its value
}

// validate holds the tree against the schema and words what it does not allow.
func (r *reading) validate() {
	if r.root.broken {
		return
	}
	var invalid *jsonschema.ValidationError
	if err := compiled().Validate(r.root.json()); !errors.As(err, &invalid) {
		return // valid: the library's other errors are for a schema that loops, and json() makes only JSON
	}
	found := leaves(invalid)
	slices.SortFunc(found, func(a, b violation) int { // what explains others comes before them
		return cmp.Or(slices.Compare(a.path, b.path), cmp.Compare(precedence(a.keyword), precedence(b.keyword)),
			cmp.Compare(a.keyword, b.keyword))
	})
	for _, v := range found {
		r.word(v)
	}
}

func precedence(keyword string) int {
	switch keyword {
	case "type":
		return 0
	case "additionalProperties":
		return 1
	case "required":
		return 3
	default:
		return 2
	}
}

// json returns the tree as encoding/json would decode it. A broken node is null: it keeps its place.
func (n *node) json() any {
	switch n.form {
	case mapping:
		m := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			m[key] = n.items[i].json()
		}
		return m
	case sequence:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = item.json()
		}
		return l
	case text:
		return n.text
	case number:
		return json.Number(n.text)
	case boolean:
		return n.text == "true"
	default:
		return nil
	}
}

// leaves returns the causes that have no causes. The alternatives of a oneOf are no causes of their own.
func leaves(e *jsonschema.ValidationError) []violation {
	keyword := path.Base(e.KeywordLocation)
	if len(e.Causes) > 0 && keyword != "oneOf" {
		var all []violation
		for _, c := range e.Causes {
			all = append(all, leaves(c)...)
		}
		return all
	}
	return []violation{{
		keyword: keyword,
		path:    segments(e.InstanceLocation),
		ofName:  strings.Contains(e.KeywordLocation, "/propertyNames/"),
	}}
}

// segments takes a location of the library apart: a JSON pointer whose parts are escaped as in a URL.
func segments(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer[1:], "/")
	for i, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil {
			p = plain
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts
}
