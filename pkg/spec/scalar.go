package spec

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

var (
	canonicalNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	sexagesimal     = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)
	largestExact    = big.NewInt(1<<53 - 1)
)

// convertScalar gives n the one value that every YAML reader sees in y, or refuses it.
func (t *tree) convertScalar(y *yaml.Node, n *node) {
	n.form, n.text = text, y.Value
	if y.Style&quoted != 0 {
		if !visible(y.Value) {
			t.fail(n, found("spec/character", "a character that cannot be seen", "remove it"))
		}
		return
	}
	if f, refused := refusePlain(y); refused {
		t.fail(n, f)
		return
	}
	switch y.Tag {
	case "!!int", "!!float":
		n.form, n.text = number, y.Value
		if whole, fraction, _ := strings.Cut(y.Value, "."); strings.Trim(fraction, "0") == "" {
			n.text = whole
		}
	case "!!bool":
		n.form, n.text = boolean, strings.ToLower(y.Value)
	}
}

func visible(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return unwanted(c) && c != '\n' && c != '\t' })
}

func refusePlain(y *yaml.Node) (finding, bool) {
	switch {
	case y.Tag == "!!null":
		return found("spec/null", "a key without a value", `leave it out, or give it a value: {} for a mapping that sets nothing, "" for no text`), true
	case y.Style&yaml.TaggedStyle != 0 && y.Tag == "!!str":
		return finding{}, false
	case isYAML11Boolean(y.Value):
		return ambiguousBoolean("the value", y.Value), true
	case y.Tag == "!!timestamp", sexagesimal.MatchString(y.Value):
		return found("spec/ambiguous", fmt.Sprintf("%s is text to some YAML readers and a time or a number to others", y.Value),
				fmt.Sprintf("quote it: %q", y.Value)),
			true
	case y.Tag == "!!int" || y.Tag == "!!float":
		return refuseNumber(y.Value)
	default:
		return finding{}, false
	}
}

func refuseNumber(value string) (finding, bool) {
	if !canonicalNumber.MatchString(value) {
		return found("spec/number", fmt.Sprintf("the number %s is written in a way that YAML readers take differently", value),
				fmt.Sprintf("write it with decimal digits alone, or quote it if it is text: %q", value)),
			true
	}
	whole, _, fraction := strings.Cut(value, ".")
	digits, _ := new(big.Int).SetString(whole, 10)
	if digits.CmpAbs(largestExact) > 0 || fraction && inexact(value) {
		return found("spec/number", fmt.Sprintf("the number %s would lose digits", value),
				fmt.Sprintf("quote it if it is text: %q", value)),
			true
	}
	return finding{}, false
}

func inexact(value string) bool {
	f, err := strconv.ParseFloat(value, 64)
	return err != nil || strconv.FormatFloat(f, 'f', -1, 64) != strings.TrimRight(strings.TrimRight(value, "0"), ".")
}

// isYAML11Boolean reports whether YAML 1.1 takes an unquoted word for a truth value and YAML 1.2
// for text.
func isYAML11Boolean(value string) bool {
	return slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(value))
}

func ambiguousBoolean(what, value string) finding {
	return found("spec/ambiguous-boolean", fmt.Sprintf("%s %s is text to some YAML readers and a truth value to others", what, value),
		fmt.Sprintf("write true or false, or quote it: %q", value))

}

// refuseTag refuses a tag that says more than the value's own form.
func refuseTag(y *yaml.Node) (finding, bool) {
	if y.Style&yaml.TaggedStyle == 0 {
		return finding{}, false
	}
	of := map[yaml.Kind][]string{
		yaml.MappingNode:  {"!!map"},
		yaml.SequenceNode: {"!!seq"},
		yaml.ScalarNode:   {"!!str", "!!int", "!!bool"},
	}
	if slices.Contains(of[y.Kind], y.Tag) && (y.Tag != "!!int" || canonicalNumber.MatchString(y.Value)) &&
		(y.Tag != "!!bool" || y.Value == "true" || y.Value == "false") {
		return finding{}, false
	}
	return found("spec/tag", fmt.Sprintf("the tag %s", y.Tag), "the spec has plain values only; write the value itself"), true
}
