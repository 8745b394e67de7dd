package sandbox

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scimFilter compiles a filter: comparisons (eq, ne, co, sw, ew, pr) with and, or, not and
// parentheses. Strings are compared in any case, as SCIM has it.
func scimFilter(text string) (func(dbxObject) bool, error) {
	if strings.TrimSpace(text) == "" {
		return func(dbxObject) bool { return true }, nil
	}
	tokens := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+`)
	p := &scimParser{tokens: tokens.FindAllString(text, -1)}
	match, err := p.either()
	switch {
	case err != nil:
		return nil, scimInvalid("invalidFilter", err.Error())
	case len(p.tokens) > 0:
		return nil, scimInvalid("invalidFilter", fmt.Sprintf("Unexpected %s in the filter.", p.tokens[0]))
	case p.nodes > scimNodes:
		return nil, scimInvalid("invalidFilter", fmt.Sprintf("The filter has more than %d nodes.", scimNodes))
	default:
		return match, nil
	}
}

// scimNodes bounds the comparisons and the connectives of a filter.
const scimNodes = 200

type scimParser struct {
	tokens []string
	nodes  int
}

func (p *scimParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *scimParser) take(word string) bool {
	if len(p.tokens) == 0 || !strings.EqualFold(p.tokens[0], word) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *scimParser) either() (func(dbxObject) bool, error) {
	left, err := p.both()
	for err == nil && p.take("or") {
		p.nodes++
		var right func(dbxObject) bool
		before := left
		right, err = p.both()
		left = func(o dbxObject) bool { return before(o) || right(o) }
	}
	return left, err
}

func (p *scimParser) both() (func(dbxObject) bool, error) {
	left, err := p.one()
	for err == nil && p.take("and") {
		p.nodes++
		var right func(dbxObject) bool
		before := left
		right, err = p.one()
		left = func(o dbxObject) bool { return before(o) && right(o) }
	}
	return left, err
}

func (p *scimParser) one() (func(dbxObject) bool, error) {
	if p.take("not") {
		inner, err := p.one()
		return func(o dbxObject) bool { return !inner(o) }, err
	}
	if p.take("(") {
		inner, err := p.either()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return inner, err
	}
	return p.comparison()
}

func (p *scimParser) comparison() (func(dbxObject) bool, error) {
	p.nodes++
	name, op := p.next(), strings.ToLower(p.next())
	if op == "pr" {
		return func(o dbxObject) bool { return len(scimTexts(o, name)) > 0 }, nil
	}
	compare := map[string]func(have, want string) bool{
		"eq": func(have, want string) bool { return have == want },
		"ne": func(have, want string) bool { return have != want },
		"co": strings.Contains, "sw": strings.HasPrefix, "ew": strings.HasSuffix,
	}[op]
	value := p.next()
	if strings.HasPrefix(value, `"`) {
		unquoted, err := strconv.Unquote(value)
		if err != nil {
			return nil, fmt.Errorf("%s is not a string", value)
		}
		value = unquoted
	} else if value != "true" && value != "false" {
		return nil, fmt.Errorf("%q is not a value; strings stand in double quotes", value)
	}
	if compare == nil {
		return nil, fmt.Errorf("%q is not an operator", op)
	}
	value = strings.ToLower(value)
	return func(o dbxObject) bool {
		return slices.ContainsFunc(scimTexts(o, name), func(have string) bool { return compare(strings.ToLower(have), value) })
	}, nil
}

// scimTexts are an attribute's values as text; the name is in any case, "emails.value" is one of a list.
func scimTexts(o dbxObject, name string) []string {
	name, _, _ = strings.Cut(name, ".")
	for key, value := range o {
		if !strings.EqualFold(key, name) {
			continue
		}
		switch v := value.(type) {
		case []dbxObject:
			var texts []string
			for _, item := range v {
				texts = append(texts, fmt.Sprint(item["value"]))
			}
			return texts
		default:
			return []string{fmt.Sprint(v)}
		}
	}
	return nil
}
