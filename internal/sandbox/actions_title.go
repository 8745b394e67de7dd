package sandbox

import (
	"regexp"
	"strings"
)

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// titled is a run's name as its workflow makes it up: of text, and of expressions that are inputs, the
// name of the branch, texts, and the first of several of them that is not empty.
func (e runStart) titled(name string) string {
	return strings.TrimSpace(expression.ReplaceAllStringFunc(name, func(found string) string {
		for _, term := range strings.Split(expression.FindStringSubmatch(found)[1], "||") {
			if value := e.term(strings.TrimSpace(term)); value != "" {
				return value
			}
		}
		return ""
	}))
}

func (e runStart) term(term string) string {
	if input, ok := strings.CutPrefix(strings.TrimPrefix(term, "github.event."), "inputs."); ok {
		return e.inputs[input]
	}
	switch term {
	case "github.ref_name":
		return e.branch
	case "github.event_name":
		return e.event
	case "github.actor":
		return e.actor
	default:
		return strings.Trim(term, "'")
	}
}
