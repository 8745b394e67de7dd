package workflows

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// place is where the text of a node begins, behind its anchor and its tag: the index of its line, and the
// byte in it.
func (d document) place(n *yaml.Node) (line, at int) {
	line = n.Line - 1
	text := d.lines[line]
	for range n.Column - 1 { // a column counts characters
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	for at < len(text) && (text[at] == '&' || text[at] == '!') {
		end := strings.IndexAny(text[at:], " \t,}]")
		if end < 0 {
			return line, len(text)
		}
		at += end
		if rest := strings.TrimLeft(text[at:], " \t"); rest != "" && rest[0] != '#' && rest[0] != ',' && rest[0] != '}' {
			at = len(text) - len(rest)
		}
	}
	return line, at
}

var emptyBraces = regexp.MustCompile(`^\{ *\}`)

// tokenEnd is where the text of a scalar, an alias or an empty mapping ends, which has to be on the line
// where it begins.
func (d document) tokenEnd(n *yaml.Node, line, at int) (int, error) {
	text := d.lines[line][at:]
	length := -1
	switch {
	case n.Kind == yaml.AliasNode:
		length = len("*" + n.Value)
	case n.Kind == yaml.MappingNode && emptyBraces.MatchString(text):
		length = len(emptyBraces.FindString(text))
	case n.Kind != yaml.ScalarNode:
	case n.Style&yaml.SingleQuotedStyle != 0:
		length = quotedLength(text, '\'')
	case n.Style&yaml.DoubleQuotedStyle != 0:
		length = quotedLength(text, '"')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && strings.HasPrefix(text, n.Value):
		length = len(n.Value)
	}
	if length < 0 {
		return 0, fmt.Errorf("line %d: the value takes more than one line; write it on one", n.Line)
	}
	return at + length, nil
}

// quotedLength is the length of a quoted scalar at the beginning of a text; -1 if it does not end there.
func quotedLength(text string, mark byte) int {
	for i := 1; i < len(text); i++ {
		switch {
		case mark == '"' && text[i] == '\\':
			i++
		case text[i] == mark && mark == '\'' && i+1 < len(text) && text[i+1] == mark:
			i++
		case text[i] == mark:
			return i + 1
		}
	}
	return -1
}

// endOf is the number of lines up to the end of a mapping: the comments that are indented like its keys
// are still its own.
func (d document) endOf(m *yaml.Node) int {
	inside, next := d.around(m)
	end := next - 1
	for i := inside; i < end; i++ {
		if strings.HasPrefix(d.lines[i], "---") || strings.HasPrefix(d.lines[i], "...") {
			end = i
		}
	}
	for end > inside {
		line := d.lines[end-1]
		rest := strings.TrimLeft(line, " ")
		if rest != "" && (rest[0] != '#' || len(line)-len(rest) >= m.Content[0].Column-1) {
			break
		}
		end--
	}
	return end
}

// around returns the last line on which a node below m begins, and the line of the first one behind m.
func (d document) around(m *yaml.Node) (inside, next int) {
	next = len(d.lines) + 1
	depth, found := 0, false
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n == m {
			depth, found = 1, true
		}
		switch {
		case depth > 0:
			inside = max(inside, n.Line)
		case found && next > len(d.lines):
			next = n.Line
		}
		for _, c := range n.Content {
			walk(c)
		}
		if n == m {
			depth = 0
		}
	}
	walk(d.root)
	return inside, next
}

// isAiry reports whether the entries of a mapping are kept apart by empty lines; a single one does not
// tell, and is taken to be.
func (d document) isAiry(m *yaml.Node) bool {
	if len(m.Content) < 4 {
		return true
	}
	for line := m.Content[0].Line; line < m.Content[2].Line; line++ {
		if strings.TrimSpace(d.lines[line-1]) == "" {
			return true
		}
	}
	return false
}

// step is how far the file indents.
func (d document) step() int {
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if v := d.root.Content[i+1]; v.Kind == yaml.MappingNode && v.Style&yaml.FlowStyle == 0 && len(v.Content) > 0 && v.Content[0].Column > 1 {
			return v.Content[0].Column - 1
		}
	}
	return 2
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func mergeKey() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!merge", Value: "<<"} }

func mapping(key, value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, value}}
}

// nest is a value below keys.
func nest(path []string, value string) *yaml.Node {
	n := scalar(value)
	for i := len(path) - 1; i >= 0; i-- {
		n = mapping(scalar(path[i]), n)
	}
	return n
}

// flattened is a copy of a mapping without anchors, aliases and merges, and with a value of its own.
func flattened(m *yaml.Node, path []string, value string) *yaml.Node {
	copied := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range keys(m) {
		switch v := child(m, key); {
		case len(path) > 0 && key == path[0]:
		case v.Kind == yaml.MappingNode:
			copied.Content = append(copied.Content, scalar(key), flattened(v, nil, ""))
		default:
			plain := *v
			plain.Anchor, plain.HeadComment, plain.LineComment, plain.FootComment = "", "", "", ""
			copied.Content = append(copied.Content, scalar(key), &plain)
		}
	}
	switch {
	case len(path) == 1:
		copied.Content = append(copied.Content, scalar(path[0]), scalar(value))
	case len(path) > 1:
		below := child(m, path[0])
		if below == nil || below.Kind != yaml.MappingNode {
			below = &yaml.Node{Kind: yaml.MappingNode}
		}
		copied.Content = append(copied.Content, scalar(path[0]), flattened(below, path[1:], value))
	}
	return copied
}

// keys are those that count in a mapping: the inherited ones after its own.
func keys(m *yaml.Node) []string {
	var list []string
	var add func(m *yaml.Node)
	add = func(m *yaml.Node) {
		m = resolved(m)
		for i := 0; m != nil && i+1 < len(m.Content); i += 2 {
			if m.Kind == yaml.SequenceNode {
				break
			}
			if k := m.Content[i].Value; k != "<<" && !slices.Contains(list, k) {
				list = append(list, k)
			}
		}
		if _, merged := own(m, "<<"); merged != nil && merged.Kind == yaml.SequenceNode {
			for _, s := range merged.Content {
				add(s)
			}
		} else if merged != nil {
			add(merged)
		}
	}
	add(m)
	return list
}

// block is a mapping as indented lines.
func block(n *yaml.Node, indent, step int) ([]string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(step)
	if err := e.Encode(n); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.Repeat(" ", indent) + lines[i]
	}
	return lines, nil
}

// flow is a node on one line, in braces.
func flow(n *yaml.Node) (string, error) {
	inline(n)
	return marshal(n)
}

func inline(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		inline(c)
	}
}

func marshal(n *yaml.Node) (string, error) {
	text, err := yaml.Marshal(n)
	if err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}
