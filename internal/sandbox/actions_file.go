package sandbox

import (
	"hash/fnv"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"go.yaml.in/yaml/v3"
)

const workflowFolder = ".github/workflows/"

// workflowFile is a workflow as far as it decides when runs of it are started, and which jobs they have.
type workflowFile struct {
	path     string
	name     string
	title    string // its run-name
	triggers map[string]workflowTrigger
	jobs     []workflowJob
}

// workflowTrigger are the filters of an event; one that is nil lets everything through.
type workflowTrigger struct {
	Branches, Paths, Types []string
	Inputs                 map[string]struct {
		Required bool
		Default  any
	}
}

type workflowJob struct {
	id, name    string
	environment string
	needs       []string
	always      bool   // its condition lets it run whatever became of what it needs
	when        string // its condition
}

// id is the same for a path in every repository's life.
func (w workflowFile) id() int64 {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(w.path)) // a hash takes everything
	return int64(sum.Sum32())
}

// called is the name by which GitHub shows a workflow.
func (w workflowFile) called() string {
	if w.name != "" {
		return w.name
	}
	return w.path
}

// workflowFiles reads the workflows of a commit, by their paths. What is no workflow starts nothing.
func (st *gitStore) workflowFiles(commit plumbing.Hash) ([]workflowFile, error) {
	files, err := st.files(commit)
	if err != nil {
		return nil, err
	}
	var all []workflowFile
	for _, at := range ghKeys(files) {
		rest, inside := strings.CutPrefix(at, workflowFolder)
		if !inside || strings.Contains(rest, "/") || path.Ext(at) != ".yml" && path.Ext(at) != ".yaml" {
			continue
		}
		content, err := st.readBlob(files[at].Hash)
		if err != nil {
			return nil, err
		}
		if w, ok := parseWorkflow(at, content); ok {
			all = append(all, w)
		}
	}
	return all, nil
}

func parseWorkflow(at string, content []byte) (workflowFile, bool) {
	var text struct {
		Name  string    `yaml:"name"`
		Title string    `yaml:"run-name"`
		On    yaml.Node `yaml:"on"`
		Jobs  yaml.Node `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(content, &text); err != nil || text.Jobs.Kind != yaml.MappingNode {
		return workflowFile{}, false
	}
	w := workflowFile{path: at, name: text.Name, title: text.Title, triggers: parseTriggers(&text.On)}
	for i := 0; i+1 < len(text.Jobs.Content); i += 2 {
		w.jobs = append(w.jobs, parseJob(text.Jobs.Content[i].Value, text.Jobs.Content[i+1]))
	}
	return w, len(w.triggers) > 0
}

// parseTriggers reads the three spellings of on: an event, a list of events, and events with filters.
func parseTriggers(on *yaml.Node) map[string]workflowTrigger {
	found := map[string]workflowTrigger{}
	switch on.Kind {
	case yaml.ScalarNode:
		found[on.Value] = workflowTrigger{}
	case yaml.SequenceNode:
		for _, n := range on.Content {
			found[n.Value] = workflowTrigger{}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(on.Content); i += 2 {
			var t workflowTrigger
			_ = on.Content[i+1].Decode(&t) // a schedule has a list here, and no filter
			found[on.Content[i].Value] = t
		}
	}
	return found
}

func parseJob(id string, n *yaml.Node) workflowJob {
	var text struct {
		Name        string    `yaml:"name"`
		If          string    `yaml:"if"`
		Environment yaml.Node `yaml:"environment"`
		Needs       yaml.Node `yaml:"needs"`
	}
	_ = n.Decode(&text) // a job that is none has no name, and runs by its id
	j := workflowJob{id: id, name: text.Name, environment: text.Environment.Value, always: strings.Contains(text.If, "always()"), when: text.If}
	if j.name == "" {
		j.name = id
	}
	if text.Environment.Kind == yaml.MappingNode {
		var named struct{ Name string }
		_ = text.Environment.Decode(&named)
		j.environment = named.Name
	}
	if text.Needs.Kind == yaml.ScalarNode {
		j.needs = []string{text.Needs.Value}
	}
	for _, need := range text.Needs.Content {
		j.needs = append(j.needs, need.Value)
	}
	return j
}

// lets reports whether an event on a branch that changed these files passes the filters.
func (t workflowTrigger) lets(branch string, changed []string) bool {
	return passes(t.Branches, []string{branch}) && passes(t.Paths, changed)
}

// passes reads patterns as GitHub does: in their order, and one with ! takes back what an earlier one let through.
func passes(patterns, values []string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(values, func(value string) bool {
		let := false
		for _, p := range patterns {
			if negative, ok := strings.CutPrefix(p, "!"); ok {
				let = let && !ghGlob(negative, value)
			} else {
				let = let || ghGlob(p, value)
			}
		}
		return let
	})
}
