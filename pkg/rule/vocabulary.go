package rule

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// fieldsOfKinds has the fields of each kind's objects, as the kinds declare them; a test of theirs writes it.
//
//go:embed fields.json
var fieldsOfKinds []byte

// Fields returns the fields of the objects of each kind, with their types: string, int, bool, list or object.
var Fields = sync.OnceValue(func() map[string]map[string]string {
	var fields map[string]map[string]string
	if err := json.Unmarshal(fieldsOfKinds, &fields); err != nil {
		panic(fmt.Sprintf("fields.json is not JSON: %v", err)) // impossible: it is part of the program
	}
	return fields
})

// Kinds lists the kinds of objects that a rule can speak of.
func Kinds() []string { return slices.Sorted(maps.Keys(Fields())) }

// Actions lists what change.action can be.
func Actions() []string {
	return []string{"create", "update", "replace", "delete", "rotate", "adopt", "release", "none", "wait", "blocked", "unknown"}
}

// Word is something that a rule can read.
type Word struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
}

// Vocabulary lists what a rule can read, in the order in which it is explained.
func Vocabulary() []Word {
	words := []Word{
		{"change.address", "string", "the address of the object, as a plan names it"},
		{"change.kind", "string", "one of " + strings.Join(Kinds(), ", ")},
		{"change.action", "string", "one of " + strings.Join(Actions(), ", ")},
		{"change.reason", "string", "why, as the plan says it"},
		{"change.host", "string", "where the object lives"},
		{"change.danger", "string", "none, data_loss or access_loss"},
		{"change.before", "object", "the live object; it has no fields where there is none"},
		{"change.after", "object", "the object as it is wished; it has no fields where it is to go"},
		{"change.fields", "list", "what differs: each has path, before and after"},
		{"stack.name", "string", "the stack's name"},
		{"stack.repository", "string", "OWNER/NAME of its repository"},
		{"stack.host", "string", "where the repository lives"},
		{"summary", "map", "how many changes have each action: summary.delete, summary[\"create\"]"},
	}
	for _, kind := range Kinds() {
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(Fields()[kind])) {
			fields = append(fields, name+" ("+Fields()[kind][name]+")")
		}
		words = append(words, Word{"before and after of " + kind, "object", strings.Join(fields, ", ")})
	}
	return words
}

// The types of what a rule reads. They are structs for the checker and maps when a rule is decided.
const (
	changeType = "mlopsctl.Change"
	objectType = "mlopsctl.Object"
	fieldType  = "mlopsctl.Field"
	stackType  = "mlopsctl.Stack"
)

// vocabulary answers the checker for the types of a rule. An object has the fields of all kinds together.
type vocabulary struct {
	types.Provider
	structs map[string]map[string]*types.Type
}

func newVocabulary() (*vocabulary, error) {
	base, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	text := func(names ...string) map[string]*types.Type {
		fields := map[string]*types.Type{}
		for _, name := range names {
			fields[name] = cel.StringType
		}
		return fields
	}
	change := text("address", "kind", "action", "reason", "host", "danger")
	change["before"], change["after"] = cel.ObjectType(objectType), cel.ObjectType(objectType)
	change["fields"] = cel.ListType(cel.ObjectType(fieldType))
	return &vocabulary{Provider: base, structs: map[string]map[string]*types.Type{
		changeType: change,
		stackType:  text("name", "repository", "host"),
		fieldType:  {"path": cel.StringType, "before": cel.DynType, "after": cel.DynType},
		objectType: objectFields(),
	}}, nil
}

// objectFields joins the fields of all kinds. What two kinds have under one name and of two types may be
// anything.
func objectFields() map[string]*types.Type {
	of := map[string]*types.Type{
		"string": cel.StringType, "int": cel.IntType, "bool": cel.BoolType,
		"list": cel.ListType(cel.DynType), "object": cel.MapType(cel.StringType, cel.DynType),
	}
	all := map[string]*types.Type{}
	for _, fields := range Fields() {
		for name, sort := range fields {
			t := of[sort]
			if t == nil || all[name] != nil && !all[name].IsExactType(t) {
				t = cel.DynType
			}
			all[name] = t
		}
	}
	return all
}

// FindStructType returns the type of that name.
func (v *vocabulary) FindStructType(name string) (*types.Type, bool) {
	if _, ours := v.structs[name]; ours {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return v.Provider.FindStructType(name)
}

// FindStructFieldNames returns the names of a type's fields.
func (v *vocabulary) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ours := v.structs[name]; ours {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return v.Provider.FindStructFieldNames(name)
}

// FindStructFieldType returns the type of a field.
func (v *vocabulary) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ours := v.structs[name]
	if !ours {
		return v.Provider.FindStructFieldType(name, field)
	}
	t, found := fields[field]
	return &types.FieldType{Type: t}, found
}
