package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/schemas"
)

// JSONSchema returns the schema of mlops.yaml.
func JSONSchema() []byte { return schemas.Mlops() }

// fragment is what the schema says of one place of the spec. The library decides what is valid;
// the fragment words it, and documents it.
type fragment struct {
	Ref           string               `json:"$ref"`
	Defs          map[string]*fragment `json:"$defs"`
	Description   string               `json:"description"`
	Type          names                `json:"type"`
	Format        string               `json:"format"`
	Enum          []any                `json:"enum"`
	Pattern       string               `json:"pattern"`
	Required      []string             `json:"required"`
	Properties    map[string]*fragment `json:"properties"`
	PropertyNames *fragment            `json:"propertyNames"`
	Additional    additional           `json:"additionalProperties"`
	Items         *fragment            `json:"items"`
	Minimum       json.Number          `json:"minimum"`
	Maximum       json.Number          `json:"maximum"`
	MaxLength     int                  `json:"maxLength"`
	MaxItems      int                  `json:"maxItems"`
	Default       any                  `json:"default"`
	Examples      []any                `json:"examples"`

	Allowed string `json:"patternErrorMessage"` // what a value that fails should look like
	Absent  string `json:"x-default"`           // what absence means, where no default says it
	Code    string `json:"x-code"`              // of a value that fails, instead of the general one
	Noun    string `json:"x-noun"`              // what a value that fails is not
	Checked bool   `json:"x-checked"`           // a semantic check words it better
}

// names is a word or a list of them.
type names []string

// UnmarshalJSON reads either form.
func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = names{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// additional is what keys that have no property of their own hold; nil where there may be none.
type additional struct{ *fragment }

// UnmarshalJSON reads false or a fragment.
func (a *additional) UnmarshalJSON(data []byte) error {
	if string(data) == "false" {
		return nil
	}
	return json.Unmarshal(data, &a.fragment)
}

// rootFragment is the embedded schema with every $ref replaced by what it names.
var rootFragment = sync.OnceValue(func() *fragment {
	var root fragment
	if err := json.Unmarshal(JSONSchema(), &root); err != nil {
		panic(fmt.Sprintf("the embedded schema is not JSON: %v", err)) // impossible: it is part of the program
	}
	root.resolve(root.Defs)
	return &root
})

// resolve replaces references below f. What stands beside a reference overrides what it names.
func (f *fragment) resolve(defs map[string]*fragment) {
	if f == nil {
		return
	}
	for f.Ref != "" { // a definition may be a reference itself
		beside := *f
		*f = *defs[strings.TrimPrefix(f.Ref, "#/$defs/")]
		f.override(beside)
	}
	f.Properties = maps.Clone(f.Properties) // two references to one definition must not share
	for key, p := range f.Properties {
		c := *p
		c.resolve(defs)
		f.Properties[key] = &c
	}
	for _, p := range []**fragment{&f.PropertyNames, &f.Additional.fragment, &f.Items} {
		if *p != nil {
			c := **p
			c.resolve(defs)
			*p = &c
		}
	}
}

func (f *fragment) override(beside fragment) {
	if beside.Description != "" {
		f.Description = beside.Description
	}
	if beside.Absent != "" {
		f.Absent = beside.Absent
	}
	if beside.Code != "" {
		f.Code, f.Noun = beside.Code, beside.Noun
	}
	if beside.Default != nil {
		f.Default = beside.Default
	}
	if beside.Examples != nil {
		f.Examples = beside.Examples
	}
}

// schemaAt returns what the schema says of the place at path, nil where it knows none. A segment
// "*" stands for any name or item.
func schemaAt(path []string) *fragment {
	f := rootFragment()
	for _, key := range path {
		f = f.property(key)
	}
	return f
}

// property returns what the schema says of a key or an item, or nil.
func (f *fragment) property(key string) *fragment {
	switch {
	case f == nil:
		return nil
	case f.Properties[key] != nil:
		return f.Properties[key]
	case f.Additional.fragment != nil:
		return f.Additional.fragment
	default:
		return f.Items
	}
}

// known returns the keys that f has by name, sorted.
func (f *fragment) known() []string {
	if f == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(f.Properties))
}

// names reports whether key is one of f's own keys, not a name that the spec gives.
func (f *fragment) names(key string) bool { return f != nil && f.Properties[key] != nil }

// matches reports whether a text obeys f's pattern.
func (f *fragment) matches(value string) bool {
	return regexp.MustCompile(f.Pattern).MatchString(value)
}
