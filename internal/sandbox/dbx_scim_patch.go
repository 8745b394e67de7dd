package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// scimTarget is what a PATCH may change of a resource. It is filled with copies: the resource
// changes only when every operation of the PATCH was good.
type scimTarget struct {
	texts map[string]*string
	flags map[string]*bool
	lists map[string]*[]string
}

type scimOp struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// scimPatch applies the request's operations to t.
func (c *dbxCall) scimPatch(t scimTarget) error {
	var body struct {
		Schemas    []string `json:"schemas"`
		Operations []scimOp `json:"Operations"`
	}
	if err := c.read(&body); err != nil {
		return err
	}
	if len(body.Operations) == 0 {
		return scimInvalid("invalidSyntax", "Operations are missing.")
	}
	for _, op := range body.Operations {
		if err := t.apply(op); err != nil {
			return err
		}
	}
	return nil
}

func (t scimTarget) apply(op scimOp) error {
	op.Op = strings.ToLower(op.Op)
	if !slices.Contains([]string{"add", "replace", "remove"}, op.Op) {
		return scimInvalid("invalidSyntax", fmt.Sprintf("Unknown operation %q.", op.Op))
	}
	if op.Path != "" {
		return t.one(op)
	}
	var values map[string]json.RawMessage
	if op.Op == "remove" || json.Unmarshal(op.Value, &values) != nil {
		return scimInvalid("noTarget", "An operation without a path needs an object as its value.")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := t.one(scimOp{Op: op.Op, Path: name, Value: values[name]}); err != nil {
			return err
		}
	}
	return nil
}

func (t scimTarget) one(op scimOp) error {
	parts := regexp.MustCompile(`^(\w+)(?:\[value eq "([^"]*)"\])?$`).FindStringSubmatch(op.Path)
	if parts == nil {
		return scimInvalid("invalidPath", fmt.Sprintf("The path %q is not understood.", op.Path))
	}
	name, only := parts[1], parts[2]
	switch {
	case t.texts[name] != nil && only == "":
		return setJSON(t.texts[name], op)
	case t.flags[name] != nil && only == "":
		return setFlag(t.flags[name], op)
	case t.lists[name] != nil:
		return setList(t.lists[name], op, name, only)
	default:
		return scimInvalid("invalidPath", fmt.Sprintf("The attribute %s cannot be changed here.", name))
	}
}

func setJSON(target *string, op scimOp) error {
	if op.Op == "remove" {
		*target = ""
		return nil
	}
	if json.Unmarshal(op.Value, target) != nil {
		return scimInvalid("invalidValue", op.Path+" is a string.")
	}
	return nil
}

// setFlag takes "true" and "false" as well, as the service does.
func setFlag(target *bool, op scimOp) error {
	value := strings.ToLower(strings.Trim(string(op.Value), `"`))
	if op.Op == "remove" || (value != "true" && value != "false") {
		return scimInvalid("invalidValue", op.Path+" is true or false.")
	}
	*target = value == "true"
	return nil
}

func setList(target *[]string, op scimOp, name, only string) error {
	values, err := scimGiven(op)
	if err != nil {
		return err
	}
	if only != "" {
		values = append(values, only)
	}
	switch {
	case op.Op == "replace":
		*target = nil
		fallthrough
	case op.Op == "add":
		for _, v := range values {
			if !slices.Contains(*target, v) {
				*target = append(*target, v)
			}
		}
	case len(*target) == 0 && name != "members":
		return scimInvalid("invalidPath", "No such attribute with the name : "+name+" in the current resource")
	case len(values) == 0:
		*target = nil
	default:
		*target = slices.DeleteFunc(slices.Clone(*target), func(v string) bool { return slices.Contains(values, v) })
	}
	return nil
}

// scimGiven are the values of an operation: a list of objects with a value, or one of them.
func scimGiven(op scimOp) ([]string, error) {
	if len(op.Value) == 0 {
		return nil, nil
	}
	type item struct {
		Value string `json:"value"`
	}
	var list []item
	if json.Unmarshal(op.Value, &list) != nil {
		var single item
		if json.Unmarshal(op.Value, &single) != nil {
			return nil, scimInvalid("invalidValue", op.Path+" is a list of objects with a value.")
		}
		list = []item{single}
	}
	values := make([]string, len(list))
	for i, v := range list {
		if v.Value == "" {
			return nil, scimInvalid("invalidValue", op.Path+" has an entry without a value.")
		}
		values[i] = v.Value
	}
	return values, nil
}
