package resource

import (
	"reflect"
	"strings"
)

// fieldsOf lists the fields of a kind's objects by their JSON names, with what they are in JSON.
func fieldsOf(t reflect.Type) map[string]string {
	fields := map[string]string{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[name] = sortOf(t.Field(i).Type)
	}
	return fields
}

func sortOf(t reflect.Type) string {
	if t == reflect.TypeFor[Text]() {
		return "string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return sortOf(t.Elem())
	case reflect.Slice:
		return "list"
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "int"
	default:
		return "object"
	}
}
