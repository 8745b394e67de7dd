package sandbox

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed github_requests.json
var githubRequests []byte

// ghSchema is as much of an OpenAPI schema as the description keeps.
type ghSchema struct {
	Ref        string               `json:"$ref"`
	Type       any                  `json:"type"`
	Properties map[string]*ghSchema `json:"properties"`
	Required   []string             `json:"required"`
	Items      *ghSchema            `json:"items"`
	Enum       []any                `json:"enum"`
	Nullable   bool                 `json:"nullable"`
	AllOf      []*ghSchema          `json:"allOf"`
	AnyOf      []*ghSchema          `json:"anyOf"`
	OneOf      []*ghSchema          `json:"oneOf"`
	Minimum    *float64             `json:"minimum"`
	Maximum    *float64             `json:"maximum"`
	MaxItems   *int                 `json:"maxItems"`
}

// ghRequestSchemas is the embedded description of the request bodies, which nobody changes.
var ghRequestSchemas = sync.OnceValue(func() map[string]*ghSchema {
	var schemas map[string]*ghSchema
	if err := json.Unmarshal(githubRequests, &schemas); err != nil {
		panic("the embedded description of GitHub's requests is not JSON: " + err.Error())
	}
	return schemas
})

var ghParameter = regexp.MustCompile(`\{[^}]*\}`)

// ghPlace is a route without its parameters' names.
func ghPlace(route string) string {
	return ghParameter.ReplaceAllString(route, "{}")
}

// fits refuses a request body that GitHub's published description does not allow: 400 for what is
// not JSON, 422 for what lacks a property or has one of another type. A nil schema allows all.
func (s *ghSchema) fits(body []byte) error {
	if s == nil {
		return nil
	}
	var value any
	if len(body) == 0 {
		if len(s.Required) == 0 {
			return nil
		}
		value = map[string]any{}
	} else if err := json.Unmarshal(body, &value); err != nil {
		return &failure{status: 400, message: "Problems parsing JSON"}
	}
	if wrong := s.check(nil, "", value); wrong != "" {
		return ghUnprocessable("Invalid request.\n\n%s", wrong)
	}
	return nil
}

// check says what of value does not fit, "" when all does. named resolves $ref.
func (s *ghSchema) check(named map[string]*ghSchema, at string, value any) string {
	if s.Ref != "" {
		return named[s.Ref].check(named, at, value)
	}
	if value == nil {
		if s.Nullable || s.Type == nil && s.AllOf == nil && s.OneOf == nil && s.AnyOf == nil {
			return ""
		}
		if s.OneOf == nil && s.AnyOf == nil && s.AllOf == nil {
			return fmt.Sprintf("For '%s', nil is not %s.", at, ghArticle(s.Type))
		}
	}
	for _, part := range s.AllOf {
		if wrong := part.check(named, at, value); wrong != "" {
			return wrong
		}
	}
	for _, choice := range [][]*ghSchema{s.AnyOf, s.OneOf} {
		if wrong := checkAny(named, choice, at, value); wrong != "" {
			return wrong
		}
	}
	if wrong := s.checkType(at, value); wrong != "" {
		return wrong
	}
	switch v := value.(type) {
	case map[string]any:
		return s.checkObject(named, at, v)
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			return fmt.Sprintf("For '%s', %d items are too many.", at, len(v))
		}
		for i, item := range v {
			if s.Items == nil {
				break
			}
			if wrong := s.Items.check(named, fmt.Sprintf("%s/%d", at, i), item); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// checkAny wants one of choices to fit, and tells what the likeliest one missed. Where the choices
// are told apart by an enumerated "type", that is the one with the value's own type.
func checkAny(named map[string]*ghSchema, choices []*ghSchema, at string, value any) string {
	if len(choices) == 0 {
		return ""
	}
	var first string
	for _, choice := range choices {
		wrong := choice.check(named, at, value)
		if wrong == "" {
			return ""
		}
		if first == "" || strings.HasSuffix(first, "is not a possible value.") {
			first = wrong
		}
	}
	return first
}

func (s *ghSchema) checkType(at string, value any) string {
	fits := true
	switch s.Type {
	case "object":
		_, fits = value.(map[string]any)
	case "array":
		_, fits = value.([]any)
	case "string":
		_, fits = value.(string)
	case "boolean":
		_, fits = value.(bool)
	case "number":
		_, fits = value.(float64)
	case "integer":
		n, isNumber := value.(float64)
		fits = isNumber && n == math.Trunc(n)
	}
	if !fits {
		return fmt.Sprintf("For '%s', %s is not %s.", at, ghShow(value), ghArticle(s.Type))
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		return fmt.Sprintf("For '%s', %s is not a possible value.", at, ghShow(value))
	}
	if n, ok := value.(float64); ok && (s.Minimum != nil && n < *s.Minimum || s.Maximum != nil && n > *s.Maximum) {
		return fmt.Sprintf("For '%s', %v is out of range.", at, n)
	}
	return ""
}

func (s *ghSchema) checkObject(named map[string]*ghSchema, at string, value map[string]any) string {
	for _, name := range s.Required {
		if _, ok := value[name]; !ok {
			return fmt.Sprintf("%q wasn't supplied.", strings.TrimPrefix(at+"/"+name, "/"))
		}
	}
	for _, name := range ghKeys(value) {
		if part := s.Properties[name]; part != nil {
			if wrong := part.check(named, at+"/properties/"+name, value[name]); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

func ghShow(value any) string {
	text, _ := json.Marshal(value) // it came from JSON
	if len(text) > 60 {
		text = text[:60]
	}
	return string(text)
}

func ghArticle(kind any) string {
	name := fmt.Sprint(kind)
	if strings.HasPrefix(name, "o") || strings.HasPrefix(name, "a") || strings.HasPrefix(name, "i") {
		return "an " + name
	}
	return "a " + name
}
