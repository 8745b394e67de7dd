package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// fieldLines are the fields of a change, one a line, with their paths aligned. The host stands above
// already.
func (s Style) fieldLines(c plan.Change) []string {
	width := 0
	fields := slices.DeleteFunc(slices.Clone(c.Fields), func(f plan.Field) bool { return f.Path == "host" && f.After == c.Host })
	for _, f := range fields {
		width = max(width, len([]rune(Clean(f.Path)))+1)
	}
	var lines []string
	for _, f := range fields {
		lines = append(lines, pad(Clean(f.Path)+":", width)+" "+s.fieldChange(c, f))
	}
	return lines
}

func (s Style) fieldChange(c plan.Change, f plan.Field) string {
	switch {
	case f.Sensitive:
		return "(sensitive)"
	case f.KnownAfterApply && c.Before != nil && f.Before != nil:
		return value(f.Before) + " → " + unknownYet(c, f)
	case f.KnownAfterApply:
		return unknownYet(c, f)
	case c.Before == nil && f.Before == nil: // of two wishes for what nobody has seen there is one before
		return value(f.After)
	}
	before, wasList := f.Before.([]any)
	after, isList := f.After.([]any)
	if isList && (wasList || f.Before == nil) {
		if items := s.items(before, after); items != "" {
			return items
		}
	}
	return value(f.Before) + " → " + value(f.After)
}

// unknownYet says where a value will come from that is not known before the apply.
func unknownYet(c plan.Change, f plan.Field) string {
	top, _, _ := strings.Cut(f.Path, ".")
	refs := resource.Refs(resource.Object{top: c.Want[top]})
	if len(refs) != 1 {
		return "(known after apply)"
	}
	return "(known after apply, from " + Clean(refs[0].Addr) + ")"
}

// items are what a list gains and loses; "" where only the order differs.
func (s Style) items(before, after []any) string {
	var parts []string
	for _, v := range after {
		if !holds(before, v) {
			parts = append(parts, s.paint(green, "+ "+value(v)))
		}
	}
	for _, v := range before {
		if !holds(after, v) {
			parts = append(parts, s.paint(red, "- "+value(v)))
		}
	}
	return strings.Join(parts, "  ")
}

func holds(list []any, v any) bool {
	return slices.ContainsFunc(list, func(item any) bool { return value(item) == value(v) })
}

// value is a JSON value on one line: a text in quotes, a list of plain values in brackets.
func value(v any) string {
	if v == nil {
		return "(not set)"
	}
	if text, ok := v.(string); ok {
		return `"` + strings.ReplaceAll(Clean(text), `"`, `\"`) + `"`
	}
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, item := range list {
			parts[i] = value(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return Clean(fmt.Sprint(v)) // no JSON: nothing that a plan holds
	}
	return Clean(strings.TrimSuffix(b.String(), "\n"))
}
