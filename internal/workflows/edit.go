package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// set returns the document with a wish fulfilled, changing as few lines as that takes.
func (d document) set(w wish) (document, error) {
	m, above := d.root, (*yaml.Node)(nil)
	for i, key := range w.path {
		k, v := own(m, key)
		rest := w.path[i+1:]
		switch {
		case k == nil:
			return d.add(m, above, w, i)
		case len(rest) == 0 && (v.Kind == yaml.ScalarNode || v.Kind == yaml.AliasNode):
			return d.replace(m, v, w.value)
		case len(rest) > 0 && v.Kind == yaml.AliasNode:
			value := nest(rest, w.value)
			if !w.alone {
				value.Content = slices.Concat([]*yaml.Node{mergeKey(), {Kind: yaml.AliasNode, Value: v.Value, Alias: v.Alias}}, value.Content)
			}
			return d.fill(m, k, v, value)
		case len(rest) > 0 && isEmpty(v):
			return d.fill(m, k, v, nest(rest, w.value))
		case len(rest) > 0 && v.Kind == yaml.MappingNode:
			m, above = v, k
		default:
			return d, fmt.Errorf("line %d: %s is not what the schema of bundles asks for", k.Line, key)
		}
	}
	return d, nil
}

// add puts the i-th key of a wish, and what it leads to, into a mapping that has it not.
func (d document) add(m, above *yaml.Node, w wish, i int) (document, error) {
	key, rest := w.path[i], w.path[i+1:]
	for _, other := range w.instead {
		if k, _ := own(m, other); k != nil && len(rest) == 0 {
			return d.rename(m, k, key, w.value)
		}
	}
	entry := nest(w.path[i:], w.value)
	if base := resolved(inherited(m, key)); base != nil && base.Kind == yaml.MappingNode && !w.alone {
		// A merge is shallow: the mapping's own key hides the inherited one, so it brings along what that has.
		entry = mapping(scalar(key), flattened(base, rest, w.value))
	}
	if m.Style&yaml.FlowStyle != 0 {
		return d.addInFlow(m, entry)
	}
	lines, err := block(entry, m.Content[0].Column-1, d.step())
	if err != nil {
		return d, err
	}
	at := d.endOf(m)
	if w.first && len(rest) == 0 && above != nil && above.Line < m.Content[0].Line {
		at = above.Line
	} else if i <= 1 && d.isAiry(m) {
		lines = slices.Insert(lines, 0, "")
	}
	return d.with(slices.Insert(slices.Clone(d.lines), at, lines...))
}

// addInFlow puts an entry at the beginning of a mapping in braces.
func (d document) addInFlow(m, entry *yaml.Node) (document, error) {
	text, err := flow(entry)
	if err != nil {
		return d, err
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	line, at := d.place(m)
	at++ // behind the brace
	if strings.HasPrefix(d.lines[line][at:], " ") {
		at++
	}
	if len(m.Content) > 0 {
		text += ", "
	}
	return d.splice(line, at, at, text)
}

// rename makes an entry of a single line one of another key.
func (d document) rename(m, k *yaml.Node, key, value string) (document, error) {
	_, v := own(m, k.Value)
	done, err := d.replace(m, v, value)
	if err != nil {
		return d, err
	}
	line, at := d.place(k) // the value stands behind the key, so the key's place is still right
	end, err := d.tokenEnd(k, line, at)
	if err != nil {
		return d, err
	}
	return done.splice(line, at, end, key)
}

// replace writes a scalar of a mapping, in the manner of the one that it takes the place of.
func (d document) replace(m, v *yaml.Node, value string) (document, error) {
	line, at := d.place(v)
	end, err := d.tokenEnd(v, line, at)
	if err != nil {
		return d, err
	}
	n := scalar(value)
	n.Style = v.Style & (yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle)
	if n.Style == 0 && m.Style&yaml.FlowStyle != 0 && strings.ContainsAny(value, ",[]{}") {
		n.Style = yaml.SingleQuotedStyle
	}
	text, err := marshal(n)
	if err != nil {
		return d, err
	}
	if at > 0 && d.lines[line][at-1] != ' ' {
		text = " " + text // right behind the colon of a key that had no value
	}
	return d.splice(line, at, end, text)
}

// fill gives a key without a value, or with another's, a mapping of its own.
func (d document) fill(parent, k, v, value *yaml.Node) (document, error) {
	line, at := d.place(v)
	end, err := d.tokenEnd(v, line, at)
	if err != nil {
		return d, err
	}
	if parent.Style&yaml.FlowStyle != 0 {
		text, err := flow(value)
		if err != nil {
			return d, err
		}
		if d.lines[line][at-1] != ' ' {
			text = " " + text
		}
		return d.splice(line, at, end, text)
	}
	if line != k.Line-1 {
		return d, fmt.Errorf("line %d: the value of %s stands on another line than its key", k.Line, k.Value)
	}
	added, err := block(value, k.Column-1+d.step(), d.step())
	if err != nil {
		return d, err
	}
	lines := slices.Clone(d.lines)
	before, after := lines[line][:at], lines[line][end:]
	if strings.TrimSpace(after) == "" {
		before, after = strings.TrimRight(before, " "), ""
	} else if strings.HasSuffix(before, " ") {
		after = strings.TrimLeft(after, " ")
	}
	lines[line] = before + after
	return d.with(slices.Insert(lines, line+1, added...))
}

// splice replaces a part of a line.
func (d document) splice(line, from, to int, text string) (document, error) {
	lines := slices.Clone(d.lines)
	lines[line] = lines[line][:from] + text + lines[line][to:]
	return d.with(lines)
}

func isEmpty(v *yaml.Node) bool {
	return v.Kind == yaml.ScalarNode && v.Tag == "!!null" || v.Kind == yaml.MappingNode && len(v.Content) == 0
}
