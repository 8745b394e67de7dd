// Package rule reads a team's own rules over a plan: expressions in CEL over one change. They are
// type-checked when the spec is, so that a misspelt field is found before anything is sent, and what they may
// cost is bounded. An expression reaches no file, no clock and no network.
package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// The bounds of a rule: its text in code points, how deep it nests, and what deciding it may cost, in CEL's
// units. Holding a field against a value costs a handful; a rule that goes over a thousand items twice, ten
// thousand.
const (
	maxText  = 4096
	maxDepth = 50
	maxCost  = 200_000
)

// Issue is what is wrong with an expression. Line and Column count from 1, in the expression.
type Issue struct {
	Line, Column int
	Text         string // one line
	Advice       string
	Wrong        string   // the word that is meant, where it is one that there is not
	Known        []string // those that there are
}

// Rule is an expression that passed its checks. The zero Rule is of no use: Compile makes one.
type Rule struct {
	program cel.Program
	reads   []string // the fields of an object that it reads
	change  bool     // it is about one change; else about the plan as a whole
}

// What a rule cannot be decided for.
var (
	// ErrAbsent: the object has no value for a field that its kind has and the rule reads.
	ErrAbsent = errors.New("a field that it reads is absent")
	// ErrCost: deciding it went beyond the bound.
	ErrCost = errors.New("it takes too long to decide")
	// ErrUnseen: it hangs on what was not looked at.
	ErrUnseen = errors.New("it hangs on what was not looked at")
)

// Compile checks an expression. The Rule is nil when there are issues, which are in the order of the text.
func Compile(expression string) (*Rule, []Issue) {
	env, err := environment()
	if err != nil {
		panic(fmt.Sprintf("the environment of rules is not one: %v", err)) // impossible: it is part of the program
	}
	compiled, found := env.Compile(expression)
	if found.Err() != nil {
		return nil, worded(found)
	}
	tree := compiled.NativeRep()
	if out := compiled.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return nil, []Issue{{Line: 1, Column: 1, Text: fmt.Sprintf("a rule is true or false, and this is %s", typeName(out)), Advice: "compare it with something"}}
	}
	if issues := unknownWords(tree); len(issues) > 0 {
		return nil, issues
	}
	program, err := env.Program(compiled, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return nil, []Issue{{Line: 1, Column: 1, Text: oneLine(err.Error())}}
	}
	return &Rule{program: program, reads: fieldsRead(tree), change: mentions(tree, "change")}, nil
}

// OfChange reports whether the rule is about one change, and not about the plan as a whole.
func (r *Rule) OfChange() bool { return r.change }

// Input is what a rule looks at. Change is nil for a rule about the plan as a whole.
type Input struct {
	Change  map[string]any // with the fields that Vocabulary lists under change
	Stack   map[string]any
	Summary map[string]int
	Unseen  []string // the words of Vocabulary whose values nobody knows, such as change.before
}

// Denies decides the rule. One that reads a field which objects of that kind do not have denies nothing. The
// error is ErrAbsent, ErrCost, ErrUnseen, or what went wrong in the expression. A rule that comes out the same whatever
// the unseen is, is decided.
func (r *Rule) Denies(in Input) (bool, error) {
	if in.Change != nil && !r.fits(in.Change) {
		return false, nil
	}
	vars, err := in.vars()
	if err != nil {
		return false, err
	}
	out, _, err := r.program.Eval(vars)
	switch {
	case err == nil && types.IsUnknown(out):
		return false, ErrUnseen
	case err == nil:
	case strings.Contains(err.Error(), "no such key"): // the library has no other sign of it
		_, name, _ := strings.Cut(oneLine(err.Error()), "no such key: ")
		return false, fmt.Errorf("%w: %s", ErrAbsent, name)
	case strings.Contains(err.Error(), "cost limit exceeded"):
		return false, ErrCost
	default:
		return false, errors.New(oneLine(err.Error()))
	}
	denied, ok := out.Value().(bool)
	if !ok {
		return false, errors.New("it is neither true nor false")
	}
	return denied, nil
}

// vars are what the expression's variables stand for.
func (in Input) vars() (any, error) {
	values := map[string]any{"change": plain(in.Change), "stack": plain(in.Stack), "summary": in.Summary}
	if len(in.Unseen) == 0 {
		return values, nil
	}
	var hidden []*cel.AttributePatternType
	for _, word := range in.Unseen {
		variable, field, deeper := strings.Cut(word, ".")
		pattern := cel.AttributePattern(variable)
		if deeper {
			pattern = pattern.QualString(field)
		}
		hidden = append(hidden, pattern)
	}
	return cel.PartialVars(values, hidden...)
}

// fits reports whether objects of the change's kind have every field that the rule reads.
func (r *Rule) fits(change map[string]any) bool {
	kind, _ := change["kind"].(string)
	has, known := Fields()[kind]
	return !known || !slices.ContainsFunc(r.reads, func(name string) bool { return has[name] == "" })
}

// plain returns v with whole numbers as CEL's integers: JSON has one kind of number.
func plain(v any) any {
	switch v := v.(type) {
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = plain(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	default:
		return v
	}
}

var environment = sync.OnceValues(func() (*cel.Env, error) {
	known, err := newVocabulary()
	if err != nil {
		return nil, err
	}
	return cel.NewEnv(
		cel.CustomTypeProvider(known),
		cel.Variable("change", cel.ObjectType(changeType)),
		cel.Variable("stack", cel.ObjectType(stackType)),
		cel.Variable("summary", cel.MapType(cel.StringType, cel.IntType)),
		cel.ParserExpressionSizeLimit(maxText), cel.ParserRecursionLimit(maxDepth),
		cel.CrossTypeNumericComparisons(true),
	)
})

// fieldsRead lists what the expression selects of an object, sorted.
func fieldsRead(tree *ast.AST) []string {
	var names []string
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() {
			return
		}
		if of := e.AsSelect().Operand(); isField(of, "before") || isField(of, "after") {
			names = append(names, e.AsSelect().FieldName())
		}
	}))
	slices.Sort(names)
	return slices.Compact(names)
}

// isField reports whether e is change.NAME.
func isField(e ast.Expr, name string) bool {
	return e.Kind() == ast.SelectKind && e.AsSelect().FieldName() == name &&
		e.AsSelect().Operand().Kind() == ast.IdentKind && e.AsSelect().Operand().AsIdent() == "change"
}

func mentions(tree *ast.AST, variable string) bool {
	found := false
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && e.AsIdent() == variable
	}))
	return found
}
