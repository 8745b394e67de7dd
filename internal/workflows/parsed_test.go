package workflows_test

import (
	"iter"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// repo is the workflow files of a repository, parsed.
type repo []flow

type flow struct {
	path string
	root node
}

// node is a YAML node; what is not there is nil, and empty in every way.
type node struct{ *yaml.Node }

func read(t *testing.T, files []workflows.File) repo {
	t.Helper()
	var r repo
	for _, f := range files {
		var n yaml.Node
		if err := yaml.Unmarshal(f.Content, &n); err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		r = append(r, flow{f.Path, node{n.Content[0]}})
	}
	return r
}

func (n node) get(path ...string) node {
	for _, key := range path {
		next := node{}
		for i := 0; n.Node != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = node{n.Content[i+1]}
			}
		}
		n = next
	}
	return n
}

func (n node) text() string {
	if n.Node == nil {
		return ""
	}
	return n.Value
}

// all is the text of everything below a node.
func (n node) all() string {
	if n.Node == nil {
		return ""
	}
	text := n.Value
	for _, c := range n.Content {
		text += "\n" + node{c}.all()
	}
	return strings.TrimSpace(text)
}

func (f flow) says(n node, what string) string {
	line := 0
	if n.Node != nil {
		line = n.Line
	}
	return f.path + ":" + strconv.Itoa(line) + ": " + what
}

func (f flow) isForPullRequests() bool { return f.root.get("on").has("pull_request") }

func (n node) has(key string) bool {
	for i := 0; n.Node != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

func (f flow) jobs() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		jobs := f.root.get("jobs")
		for i := 0; i+1 < len(jobs.Content); i += 2 {
			if !yield(jobs.Content[i].Value, node{jobs.Content[i+1]}) {
				return
			}
		}
	}
}

// hasCredentials reports whether a job can log in anywhere.
func (n node) hasCredentials() bool {
	return secretUse.MatchString(n.all()) || n.get("permissions", "id-token").text() == "write"
}

func (r repo) steps() iter.Seq2[flow, node] {
	return func(yield func(flow, node) bool) {
		for _, f := range r {
			for _, j := range f.jobs() {
				for _, s := range j.get("steps").Content {
					if !yield(f, node{s}) {
						return
					}
				}
			}
		}
	}
}

func (n node) pairs() map[string]string {
	pairs := map[string]string{}
	for i := 0; n.Node != nil && i+1 < len(n.Content); i += 2 {
		pairs[n.Content[i].Value] = n.Content[i+1].Value
	}
	return pairs
}
