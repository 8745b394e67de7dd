package sandbox

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// gqlObject is an object of the graph: its type, and how each field gets its value. A value is a
// scalar, a *gqlObject, a list of either, or nil.
type gqlObject struct {
	kind   string
	fields map[string]gqlField
}

type gqlField func(arguments map[string]any) (any, error)

// gqlIs is a field that is there already.
func gqlIs(value any) gqlField { return func(map[string]any) (any, error) { return value, nil } }

// gqlRun executes one operation.
type gqlRun struct {
	*ghCall
	schema    *ast.Schema
	variables map[string]any
	errors    []*gqlError
	failed    error // of the sandbox itself
}

// object answers a selection of an object's fields, with fragments that are about its type.
func (r *gqlRun) object(o *gqlObject, set ast.SelectionSet, path []any) any {
	out := ghObject{}
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if r.skipped(s.Directives) {
				continue
			}
			r.merge(out, s.Alias, r.field(o, s, append(slices.Clone(path), s.Alias)))
		case *ast.InlineFragment:
			if !r.skipped(s.Directives) && r.is(o.kind, s.TypeCondition) {
				r.mergeAll(out, r.object(o, s.SelectionSet, path))
			}
		case *ast.FragmentSpread:
			if !r.skipped(s.Directives) && r.is(o.kind, s.Definition.TypeCondition) {
				r.mergeAll(out, r.object(o, s.Definition.SelectionSet, path))
			}
		}
	}
	return out
}

// merge keeps what two selections of one field ask for together.
func (r *gqlRun) merge(out ghObject, name string, value any) {
	old, there := out[name].(ghObject)
	if add, ok := value.(ghObject); there && ok {
		r.mergeAll(old, add)
		return
	}
	out[name] = value
}

func (r *gqlRun) mergeAll(out ghObject, more any) {
	for name, value := range more.(ghObject) {
		r.merge(out, name, value)
	}
}

func (r *gqlRun) skipped(directives ast.DirectiveList) bool {
	for name, wanted := range map[string]bool{"skip": false, "include": true} {
		if d := directives.ForName(name); d != nil && d.ArgumentMap(r.variables)["if"] != wanted {
			return true
		}
	}
	return false
}

func (r *gqlRun) is(kind, condition string) bool {
	if condition == "" || condition == kind {
		return true
	}
	return slices.ContainsFunc(r.schema.PossibleTypes[condition], func(d *ast.Definition) bool { return d.Name == kind })
}

func (r *gqlRun) field(o *gqlObject, f *ast.Field, path []any) any {
	if f.Name == "__typename" {
		return o.kind
	}
	resolve, ok := o.fields[f.Name]
	if !ok {
		r.failed = fmt.Errorf("the sandbox has no %s.%s", o.kind, f.Name)
		return nil
	}
	value, err := resolve(f.ArgumentMap(r.variables))
	var refused *gqlError
	var f403 *failure
	switch {
	case errors.As(err, &refused):
		r.errors = append(r.errors, &gqlError{Type: refused.Type, Message: refused.Message, Path: path})
		return nil
	case errors.As(err, &f403):
		r.errors = append(r.errors, &gqlError{Type: gqlType(f403.status), Message: f403.message, Path: path})
		return nil
	case err != nil:
		r.failed = err
		return nil
	}
	return r.complete(value, f.SelectionSet, path)
}

func gqlType(status int) string {
	switch status {
	case 403:
		return "FORBIDDEN"
	case 404:
		return "NOT_FOUND"
	default:
		return "UNPROCESSABLE"
	}
}

func (r *gqlRun) complete(value any, set ast.SelectionSet, path []any) any {
	switch v := value.(type) {
	case *gqlObject:
		if v == nil {
			return nil
		}
		return r.object(v, set, path)
	case []*gqlObject:
		list := []any{}
		for i, item := range v {
			list = append(list, r.object(item, set, append(slices.Clone(path), i)))
		}
		return list
	default:
		return value
	}
}

// gqlCount is a number that stands in the query, or that came as a variable, in JSON.
func gqlCount(argument any) (n int64, given bool) {
	switch v := argument.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), true
	default:
		return 0, false
	}
}

// gqlPage is a connection: one page of nodes by first and after, or last.
func gqlPage(kind string, nodes []*gqlObject) gqlField {
	return func(arguments map[string]any) (any, error) {
		from, to := 0, len(nodes)
		if after, ok := arguments["after"].(string); ok && after != "" {
			if _, err := fmt.Sscanf(after, "cursor:%d", &from); err != nil {
				return nil, &gqlError{Type: "INVALID_CURSOR_ARGUMENTS", Message: fmt.Sprintf("`%s` does not appear to be a valid cursor.", after)}
			}
		}
		first, hasFirst := gqlCount(arguments["first"])
		last, hasLast := gqlCount(arguments["last"])
		switch {
		case hasFirst && (first < 0 || first > 100) || hasLast && (last < 0 || last > 100):
			return nil, &gqlError{Type: "EXCESSIVE_PAGINATION", Message: fmt.Sprintf("Requesting more than 100 records on the `%s` connection exceeds the limit.", kind)}
		case hasFirst:
			to = min(to, from+int(first))
		case hasLast:
			from = max(from, to-int(last))
		default:
			return nil, &gqlError{Type: "MISSING_PAGINATION_BOUNDARIES",
				Message: fmt.Sprintf("You must provide a `first` or `last` value to properly paginate the `%s` connection.", kind)}
		}
		from = min(from, to)
		page := &gqlObject{kind: "PageInfo", fields: map[string]gqlField{
			"hasNextPage": gqlIs(to < len(nodes)), "hasPreviousPage": gqlIs(from > 0),
			"startCursor": gqlIs(fmt.Sprintf("cursor:%d", from)), "endCursor": gqlIs(fmt.Sprintf("cursor:%d", to)),
		}}
		return &gqlObject{kind: kind, fields: map[string]gqlField{
			"nodes": gqlIs(nodes[from:to]), "totalCount": gqlIs(len(nodes)), "pageInfo": gqlIs(page),
		}}, nil
	}
}
