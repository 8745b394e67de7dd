package spec_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"go.yaml.in/yaml/v3"
)

// mutant is the full spec with one thing wrong, and the one report that it must cause.
type mutant struct {
	name string
	text string
	code string
	want diag.Pos
}

// change makes one thing wrong at a node, and returns the code of the report and the index of the
// child at which it must stand, or a negative one for the node itself. No code: nothing was changed.
type change func(path []string, n *yaml.Node) (code string, child int)

func TestAnyValueOfTheWrongFormIsOneReportAtTheValue(t *testing.T) {
	judge(t, mutate(t, func(path []string, n *yaml.Node) (string, int) {
		wrong := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "list"}}}
		if n.Kind == yaml.SequenceNode {
			wrong = &yaml.Node{Kind: yaml.ScalarNode, Value: "text"}
		}
		*n = *wrong
		return "spec/wrong-type", -1
	}))
}

func TestAnyNullIsOneReportAtTheValue(t *testing.T) {
	judge(t, mutate(t, func(_ []string, n *yaml.Node) (string, int) {
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		return "spec/null", -1
	}))
}

func TestAnyCredentialIsOneReportAtTheValue(t *testing.T) {
	judge(t, mutate(t, func(_ []string, n *yaml.Node) (string, int) {
		if n.Kind != yaml.ScalarNode {
			return "", 0
		}
		*n = yaml.Node{Kind: yaml.ScalarNode, Value: withCredentials("{{databricks}}")}
		return "spec/credential", -1
	}))
}

func TestAnyUnknownKeyIsOneReportAtTheKey(t *testing.T) {
	judge(t, mutate(t, func(path []string, n *yaml.Node) (string, int) {
		e, err := spec.Explain(strings.Join(path, "."))
		if err != nil || n.Kind != yaml.MappingNode || slices.ContainsFunc(e.Keys, func(k spec.Key) bool { return k.Name == "*" }) {
			return "", 0
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "zzz"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "zzz"})
		return "spec/unknown-key", len(n.Content) - 2
	}))
}

func TestAnyRepeatedKeyIsOneReportAtTheSecond(t *testing.T) {
	judge(t, mutate(t, func(_ []string, n *yaml.Node) (string, int) {
		if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
			return "", 0
		}
		n.Content = append(n.Content, n.Content[0], n.Content[1])
		return "spec/duplicate-key", len(n.Content) - 2
	}))
}

func TestAnyMissingRequiredKeyIsOneReportAtItsMapping(t *testing.T) {
	judge(t, mutate(t, func(path []string, n *yaml.Node) (string, int) {
		e, err := spec.Explain(strings.Join(path, "."))
		if err != nil || n.Kind != yaml.MappingNode {
			return "", 0
		}
		for i := 0; i < len(n.Content); i += 2 {
			required := slices.ContainsFunc(e.Keys, func(k spec.Key) bool { return k.Name == n.Content[i].Value && k.Required })
			if required {
				n.Content = slices.Delete(n.Content, i, i+2)
				return "spec/missing-key", -1
			}
		}
		return "", 0
	}))
}

// mutate applies one change to each node of the full spec in turn.
func mutate(t *testing.T, change change) []mutant {
	t.Helper()
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []mutant
	for _, p := range places(parseYAML(t, data), place{}) {
		root := parseYAML(t, data)
		code, child := change(p.path, root.at(p.steps).Node)
		if code == "" {
			continue
		}
		out, err := yaml.Marshal(root.Node)
		if err != nil {
			t.Fatal(err)
		}
		steps := p.steps
		switch {
		case child >= 0:
			steps = append(slices.Clone(steps), child)
		case code == "spec/missing-key" && len(steps) > 0: // it stands at the mapping's key, or the item
			steps = slices.Clone(steps)
			if last := len(steps) - 1; root.at(steps[:last]).Kind == yaml.MappingNode {
				steps[last]--
			}
		}
		n := parseYAML(t, out).at(steps)
		all = append(all, mutant{
			name: strings.Join(p.path, "."), text: string(out), code: code,
			want: diag.Pos{File: "mlops.yaml", Line: n.Line, Column: n.Column},
		})
	}
	return all
}

func judge(t *testing.T, mutants []mutant) {
	t.Helper()
	if len(mutants) < 5 {
		t.Fatalf("only %d mutants", len(mutants))
	}
	for _, m := range mutants {
		_, list := spec.Parse("mlops.yaml", []byte(m.text), spec.Options{})
		if len(list) != 1 || list[0].Code != m.code || *list[0].Source != m.want {
			t.Errorf("%s: want one %s at %s, got:\n%s", m.name, m.code, m.want, told(list))
		}
	}
}

// place is where a node stands: by its steps in YAML's tree, and by the names of the spec.
type place struct {
	steps []int
	path  []string
}

func places(n node, p place) []place {
	all := []place{p}
	for i, c := range n.Content {
		name := ""
		switch {
		case n.Kind == yaml.SequenceNode:
			name = "*"
		case i%2 == 1:
			name = n.Content[i-1].Value
		default:
			continue
		}
		all = append(all, places(node{c}, place{steps: append(slices.Clone(p.steps), i), path: append(slices.Clone(p.path), name)})...)
	}
	return all
}

type node struct{ *yaml.Node }

func parseYAML(t *testing.T, data []byte) node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return node{doc.Content[0]}
}

func (n node) at(steps []int) node {
	for _, i := range steps {
		n = node{n.Content[i]}
	}
	return n
}
