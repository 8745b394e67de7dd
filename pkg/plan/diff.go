package plan

import (
	"maps"
	"reflect"
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Diff returns the fields of want that have does not match, by path. Fields that want leaves out are
// not managed and never differ; the top-level fields in skip are not compared. Lists are compared as
// they stand. A reference in want is a value that is known after the apply.
func Diff(want, have resource.Object, skip ...string) []Field {
	var fields []Field
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(skip, key) {
			fields = append(fields, diffValue(key, want[key], have[key])...)
		}
	}
	return fields
}

func diffValue(path string, want, have any) []Field {
	if holdsRef(want) {
		return []Field{{Path: path, Before: have, KnownAfterApply: true}}
	}
	wantMap, isMap := want.(map[string]any)
	haveMap, wasMap := have.(map[string]any)
	if isMap && wasMap {
		var fields []Field
		for _, key := range slices.Sorted(maps.Keys(wantMap)) {
			fields = append(fields, diffValue(path+"."+key, wantMap[key], haveMap[key])...)
		}
		return fields
	}
	if reflect.DeepEqual(want, have) {
		return nil
	}
	return []Field{{Path: path, Before: have, After: want}}
}

// holdsRef reports whether v is a reference, or a list with one in it or in a mapping of it: lists are known as a
// whole, or not yet.
func holdsRef(v any) bool {
	if _, ok := resource.AsRef(v); ok {
		return true
	}
	list, ok := v.([]any)
	return ok && slices.ContainsFunc(list, func(item any) bool {
		m, isMap := item.(map[string]any)
		return holdsRef(item) || isMap && slices.ContainsFunc(slices.Collect(maps.Values(m)), holdsRef)
	})
}

// Merge returns have with want's fields laid over it, without what is not known yet: the object as it
// would be after the change.
func Merge(want, have map[string]any) resource.Object {
	out := resource.Object{}
	maps.Copy(out, have)
	for key, w := range want {
		if holdsRef(w) {
			delete(out, key)
			continue
		}
		wantMap, isMap := w.(map[string]any)
		haveMap, _ := have[key].(map[string]any)
		if isMap {
			out[key] = map[string]any(Merge(wantMap, haveMap))
			continue
		}
		out[key] = w
	}
	return out
}
