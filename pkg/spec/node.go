package spec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// form is what a node is made of.
type form int

const (
	none     form = iota // reported already; it has no value
	mapping              // keys and their values, in the file's order
	sequence             // items
	text
	number // canonical: an optional sign, digits, an optional fraction
	boolean
)

// String returns the form's name as messages use it.
func (f form) String() string {
	return [...]string{"nothing", "a mapping", "a list", "text", "a number", "true or false"}[f]
}

// node is a value of the file with its place. YAML's own nodes know more spellings than the spec
// allows; this tree has one for each value.
type node struct {
	form   form
	text   string // of a scalar, what it says
	shown  string // of a scalar, how messages may show it when not by its text
	keys   []string
	items  []*node
	path   []string
	at     diag.Pos // of the value
	keyAt  diag.Pos // of its key, of the item in a list
	broken bool     // reported already
	// misnamed: its key was reported, its value may be sound.
	misnamed bool
	// repeated: it is an alias's copy of a value that stands elsewhere in the tree.
	repeated bool
	// strange: a key of the mapping was refused, so nobody knows what is missing from it.
	strange bool
}

// get returns the value of key, or nil.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	switch n.form {
	case mapping:
		if i := slices.Index(n.keys, key); i >= 0 {
			return n.items[i]
		}
	case sequence:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i]
		}
	}
	return nil
}

// find returns the node at path, or nil.
func (n *node) find(path ...string) *node {
	for _, key := range path {
		n = n.get(key)
	}
	return n
}

// str returns the text of key, "" when it is absent or of no use.
func (n *node) str(key string) string {
	s, _ := n.get(key).value()
	return s
}

// value returns the text of a scalar that can be used.
func (n *node) value() (string, bool) {
	if n == nil || n.broken || n.form != text {
		return "", false
	}
	return n.text, true
}

// textPointer returns the text of key, nil when it is absent.
func (n *node) textPointer(key string) *string {
	if s, ok := n.get(key).value(); ok {
		return &s
	}
	return nil
}

// boolPointer returns the truth of key, nil when it is absent.
func (n *node) boolPointer(key string) *bool {
	c := n.get(key)
	if c == nil || c.broken || c.form != boolean {
		return nil
	}
	yes := c.text == "true"
	return &yes
}

// truth returns whether key is true.
func (n *node) truth(key string) bool {
	b := n.boolPointer(key)
	return b != nil && *b
}

// texts returns the texts of the list at key: nil when it is absent, and what is broken left out.
func (n *node) texts(key string) []string {
	c := n.get(key)
	if c == nil || c.broken || c.form != sequence {
		return nil
	}
	out := []string{}
	for _, item := range c.items {
		if s, ok := item.value(); ok {
			out = append(out, s)
		}
	}
	return out
}

// children returns the values of a mapping or a list that can be used.
func (n *node) children() []*node {
	if n == nil || n.broken {
		return nil
	}
	return n.items
}

func (n *node) isList() bool { return n != nil && n.form == sequence }

// name is the key that the node stands under.
func (n *node) name() string {
	if len(n.path) == 0 {
		return ""
	}
	return n.path[len(n.path)-1]
}

// quote shows a scalar in a message: its text, but never what came from the environment.
func (n *node) quote() string {
	if n.shown != "" {
		return n.shown
	}
	return strconv.Quote(brief(n.text))
}

// brief returns the beginning of a text that would fill the screen.
func brief(text string) string {
	const enough = 200
	if r := []rune(text); len(r) > enough {
		return string(r[:enough]) + "…"
	}
	return text
}

// where names a node in a message: git.teams, permissions[0].on, the file itself.
func (n *node) where() string { return dotted(n.path) }

func dotted(path []string) string {
	if len(path) == 0 {
		return "the spec"
	}
	var b strings.Builder
	for i, s := range path {
		_, err := strconv.Atoi(s)
		switch {
		case err == nil && i > 0:
			b.WriteString("[" + s + "]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		if s == "" || !printable(s) || strings.ContainsAny(s, ". []\"") {
			s = strconv.Quote(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

// walk visits n and everything below it, in the file's order.
func (n *node) walk(visit func(*node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, c := range n.items {
		c.walk(visit)
	}
}

// anyBroken reports whether n or anything below it was reported.
func (n *node) anyBroken() bool {
	found := false
	n.walk(func(c *node) { found = found || c.broken })
	return found
}

// names returns the keys of a mapping.
func (n *node) names() []string {
	if n == nil {
		return nil
	}
	return n.keys
}
