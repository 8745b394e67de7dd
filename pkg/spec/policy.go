package spec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/rule"
)

// PolicyRule is one entry of policy, in one of three forms.
type PolicyRule struct {
	Name, Deny, Message string // of the team's own: Deny is an expression that package rule takes

	Ignore string // the code of a built-in rule that is silent at the addresses that the glob At means
	At     string
	Reason string

	Enforce string // the code of a built-in rule that refuses instead of warning

	Pos diag.Pos // of the entry
}

func decodePolicyRule(n *node) PolicyRule {
	return PolicyRule{
		Name: n.str("name"), Deny: n.str("deny"), Message: n.str("message"),
		Ignore: n.str("ignore"), At: n.str("at"), Reason: n.str("reason"), Enforce: n.str("enforce"), Pos: n.keyAt,
	}
}

// checkPolicy looks at the form of each entry, at the codes, and at the types of the team's own rules.
func (r *reading) checkPolicy() {
	names := map[string]*node{}
	for _, p := range r.root.get("policy").children() {
		if p.form != mapping || p.strange || !r.checkPolicyForm(p) {
			continue
		}
		for _, key := range []string{"ignore", "enforce"} {
			r.checkPolicyCode(p.get(key))
		}
		r.checkRule(p.get("deny"))
		name, ok := p.get("name").value()
		if first := names[name]; ok && first != nil {
			r.fail(p.get("name"), found("spec/repeated", fmt.Sprintf("two rules are called %s", p.get("name").quote()),
				fmt.Sprintf("the other stands in line %d; whoever is refused has to know by which", first.keyAt.Line)))
		}
		names[name] = p
	}
}

// checkPolicyForm reports whether an entry has one of the three forms.
func (r *reading) checkPolicyForm(p *node) bool {
	forms := map[string][]string{"deny": {"name", "message"}, "ignore": {"at", "reason"}, "enforce": nil}
	order := []string{"deny", "ignore", "enforce"}
	first := ""
	for _, form := range order {
		switch {
		case r.absent(p, form):
		case first == "":
			first = form
		default:
			r.failKey(p.get(form), found("spec/policy-form", fmt.Sprintf("%q does not go with %s", form, first), "write two entries"))
			return false
		}
	}
	if first == "" {
		r.failKey(p, found("spec/policy-form", fmt.Sprintf("%s says neither deny nor ignore nor enforce", p.where()),
			"a rule has name, deny and message; {ignore: CODE, at: ADDRESS, reason: …} silences a built-in one, {enforce: CODE} makes it refuse"))
		return false
	}
	for _, form := range order {
		for _, key := range forms[form] {
			switch {
			case form != first:
				r.failKey(p.get(key), found("spec/policy-form", fmt.Sprintf("%q does not go with %s", key, first), fmt.Sprintf("it belongs to %s", form)))
			case key != "message":
				r.missing(p, key)
			}
		}
	}
	return true
}

func (r *reading) checkPolicyCode(n *node) {
	code, ok := n.value()
	if !ok || slices.Contains(BuiltInPolicies(), code) {
		return
	}
	r.fail(n, found("spec/unknown-policy", fmt.Sprintf("there is no built-in rule %s", n.quote()),
		orNearest("they are "+oneOf(BuiltInPolicies()), code, BuiltInPolicies())))
}

// checkRule reports each thing that is wrong with a rule at its place in the file.
func (r *reading) checkRule(n *node) {
	text, ok := n.value()
	if !ok {
		return
	}
	_, issues := rule.Compile(text)
	for _, i := range issues {
		advice := i.Advice
		if i.Wrong != "" {
			advice = orNearest(advice, i.Wrong, i.Known)
		}
		n.broken = true
		r.failOnce(n, r.within(n, i.Line, i.Column), found("spec/policy-rule", "the rule is wrong: "+i.Text, advice))
	}
}

// within returns the place in the file of a line and a column of a scalar's text; of one with escapes, or that
// goes over several lines in quotation marks, it is near the place.
func (r *reading) within(n *node, line, column int) diag.Pos {
	at := n.at
	begin := []rune(string(r.line(at.Line)))
	if at.Column < 1 || at.Column > len(begin) {
		return at
	}
	switch begin[at.Column-1] {
	case '|':
		at.Line, at.Column = at.Line+line, r.indent(at.Line+line)+column
	case '>': // the line breaks of its text are spaces
		for at.Line++; r.line(at.Line) != nil; at.Line++ {
			if length := len([]rune(strings.TrimSpace(string(r.line(at.Line))))); column > length {
				column -= length + 1
				continue
			}
			break
		}
		at.Column = r.indent(at.Line) + max(column, 1)
	case '"', '\'':
		at.Column += column
	default:
		at.Column += column - 1
	}
	if at.Column > utf8.RuneCount(r.line(at.Line))+1 {
		return n.at
	}
	return at
}

// line returns a line of the file, counted from 1; nil where there is none.
func (r *reading) line(n int) []byte {
	lines := bytes.Split(r.data, []byte("\n"))
	if n < 1 || n > len(lines) {
		return nil
	}
	return lines[n-1]
}

func (r *reading) indent(line int) int {
	text := r.line(line)
	return len(text) - len(bytes.TrimLeft(text, " "))
}

// BuiltInPolicies lists the codes of the built-in rules over a plan, sorted.
func BuiltInPolicies() []string {
	var codes []string
	for _, c := range builtInCodes() {
		codes = append(codes, c.Code)
	}
	slices.Sort(codes)
	return codes
}

// IsPolicy reports whether a diagnostic's code is a rule's over the plan: an error of it is a refusal.
func IsPolicy(code string) bool { return strings.HasPrefix(code, "policy/") }
