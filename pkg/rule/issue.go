package rule

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// worded returns the library's issues in our words, in the order of the text.
func worded(found *cel.Issues) []Issue {
	var issues []Issue
	for _, e := range found.Errors() {
		i := advised(e.Message)
		i.Line, i.Column, i.Text = max(e.Location.Line(), 1), max(e.Location.Column(), 0)+1, oneLine(e.Message)
		issues = append(issues, i)
	}
	slices.SortStableFunc(issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return issues
}

var undefined = regexp.MustCompile(`undefined field '([^']*)'`)

// advised says what to do about what the checker found, where that is known.
func advised(message string) Issue {
	const list = "`mlopsctl explain policy` lists what a rule can read"
	field := undefined.FindStringSubmatch(message)
	switch {
	case field != nil:
		return Issue{Advice: list, Wrong: field[1], Known: everyField()}
	case strings.Contains(message, "undeclared reference"):
		return Issue{Advice: "a rule reads change, stack and summary, and has CEL's own functions; text stands in quotation marks"}
	case strings.Contains(message, "no matching overload"):
		return Issue{Advice: "both sides have to be of one type: `mlopsctl explain policy` lists the types"}
	default:
		return Issue{Advice: list}
	}
}

func everyField() []string {
	names := []string{"address", "kind", "action", "reason", "host", "danger", "before", "after", "fields"}
	for name := range objectFields() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unknownWords finds kinds and actions that there are not: such a comparison is never true, and a rule that
// never denies is worse than none.
func unknownWords(tree *ast.AST) []Issue {
	var issues []Issue
	known := map[string][]string{"kind": Kinds(), "action": Actions(), "danger": {"none", "data_loss", "access_loss"}}
	check := func(field string, e ast.Expr) {
		for _, literal := range literals(e) {
			word, ok := literal.AsLiteral().Value().(string)
			if !ok || slices.Contains(known[field], word) {
				continue
			}
			at := tree.SourceInfo().GetStartLocation(literal.ID())
			issues = append(issues, Issue{Line: at.Line(), Column: at.Column() + 1,
				Text: fmt.Sprintf("there is no %s %q", field, word), Advice: "it is one of " + strings.Join(known[field], ", "),
				Wrong: word, Known: known[field]})
		}
	}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		if name := e.AsCall().FunctionName(); name != operators.Equals && name != operators.NotEquals && name != operators.In {
			return
		}
		left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
		for field := range known {
			if isField(left, field) {
				check(field, right)
			}
			if isField(right, field) {
				check(field, left)
			}
		}
	}))
	slices.SortStableFunc(issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return issues
}

// literals returns e, or the items of the list e, that are literals.
func literals(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.LiteralKind:
		return []ast.Expr{e}
	case ast.ListKind:
		var all []ast.Expr
		for _, item := range e.AsList().Elements() {
			all = append(all, literals(item)...)
		}
		return all
	default:
		return nil
	}
}

func typeName(t *cel.Type) string { return strings.TrimPrefix(t.String(), "mlopsctl.") }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
