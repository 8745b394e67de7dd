package resource

import (
	"cmp"
	"maps"
	"slices"
)

// Refs returns the references that stand in o, sorted and without repetitions.
func Refs(o Object) []Ref {
	seen := map[Ref]bool{}
	walkRefs(map[string]any(o), func(r Ref) (any, bool) {
		seen[r] = true
		return nil, false
	})
	refs := slices.Collect(maps.Keys(seen))
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Field, b.Field))
	})
	return refs
}

// Resolve returns a copy of o in which every reference that lookup knows is replaced by its value,
// and the references that stay open.
func Resolve(o Object, lookup func(Ref) (any, bool)) (Object, []Ref) {
	out, _ := walkRefs(map[string]any(o), lookup).(map[string]any)
	return out, Refs(out)
}

// AsRef returns v as a reference, if it is one.
func AsRef(v any) (Ref, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return Ref{}, false
	}
	addr, ok := m["$ref"].(string)
	if !ok {
		return Ref{}, false
	}
	field, _ := m["field"].(string)
	return Ref{Addr: addr, Field: field}, true
}

func walkRefs(v any, lookup func(Ref) (any, bool)) any {
	if ref, ok := AsRef(v); ok {
		if value, known := lookup(ref); known {
			return value
		}
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = walkRefs(item, lookup)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = walkRefs(item, lookup)
		}
		return out
	default:
		return v
	}
}
