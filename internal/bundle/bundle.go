// Package bundle reads what the Databricks CLI leaves of a bundle: its databricks.yml, and the metadata
// that a deployment writes beside its state. It deploys nothing.
package bundle

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is the part of a databricks.yml that says where a deployment lies.
type File struct {
	Bundle struct {
		Name string `yaml:"name"`
	} `yaml:"bundle"`
	Workspace workspace           `yaml:"workspace"`
	Variables map[string]variable `yaml:"variables"`
	Targets   map[string]*target  `yaml:"targets"`
}

type workspace struct {
	RootPath  string `yaml:"root_path"`
	StatePath string `yaml:"state_path"`
}

type variable struct {
	Default any `yaml:"default"`
}

type target struct {
	Workspace workspace      `yaml:"workspace"`
	Variables map[string]any `yaml:"variables"`
	Bundle    struct {
		Name string `yaml:"name"`
	} `yaml:"bundle"`
}

// Read reads the text of a databricks.yml. What else the file says is not looked at.
func Read(text []byte) (*File, error) {
	f := &File{}
	if err := yaml.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("reading databricks.yml: %w", err)
	}
	if f.Bundle.Name == "" {
		return nil, errors.New("reading databricks.yml: it names no bundle (bundle.name)")
	}
	return f, nil
}

// MetadataPath returns where the deployment of a target by a user leaves its metadata: in the state's
// folder, which is below the user's home unless the file says otherwise.
func (f *File) MetadataPath(targetName, user string) (string, error) {
	t, known := f.Targets[targetName]
	if !known {
		return "", fmt.Errorf("databricks.yml has no target %s", targetName)
	}
	if t == nil {
		t = &target{}
	}
	s := scope{file: f, target: t, values: map[string]string{
		"bundle.name": cmp.Or(t.Bundle.Name, f.Bundle.Name), "bundle.target": targetName,
		"workspace.current_user.userName": user, "workspace.current_user.user_name": user,
	}}
	root, err := s.resolve(cmp.Or(t.Workspace.RootPath, f.Workspace.RootPath, "~/.bundle/${bundle.name}/${bundle.target}"))
	if err != nil {
		return "", fmt.Errorf("workspace.root_path of target %s: %w", targetName, err)
	}
	s.values["workspace.root_path"] = placed(root, user)
	state, err := s.resolve(cmp.Or(t.Workspace.StatePath, f.Workspace.StatePath, "${workspace.root_path}/state"))
	if err != nil {
		return "", fmt.Errorf("workspace.state_path of target %s: %w", targetName, err)
	}
	return path.Join(placed(state, user), "metadata.json"), nil
}

// placed is a path as the CLI takes it: ~ is the home, and the tree is mounted under /Workspace.
func placed(at, user string) string {
	if rest, ok := strings.CutPrefix(at, "~/"); ok {
		return path.Join("/Workspace/Users", user, rest)
	}
	if strings.HasPrefix(at, "/Workspace/") || strings.HasPrefix(at, "/Volumes/") {
		return at
	}
	return "/Workspace" + at
}

// scope is what a reference in a path can mean.
type scope struct {
	file   *File
	target *target
	values map[string]string
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// deepest is how often a value that is a reference itself is followed: the CLI's own limit is close.
const deepest = 10

func (s scope) resolve(text string) (string, error) {
	for range deepest {
		var unknown error
		next := reference.ReplaceAllStringFunc(text, func(ref string) string {
			value, ok := s.value(ref[2 : len(ref)-1])
			if !ok {
				unknown = fmt.Errorf("%s is not known without running the CLI", ref)
			}
			return value
		})
		switch {
		case unknown != nil:
			return "", unknown
		case next == text:
			return text, nil
		}
		text = next
	}
	return "", fmt.Errorf("%q refers to itself", text)
}

func (s scope) value(name string) (string, bool) {
	if value, ok := s.values[name]; ok {
		return value, true
	}
	variable, ok := strings.CutPrefix(name, "var.")
	if !ok {
		return "", false
	}
	if value, ok := s.target.Variables[variable].(string); ok {
		return value, true
	}
	value, ok := s.file.Variables[variable].Default.(string)
	return value, ok
}

// Metadata is what a deployment says of itself.
type Metadata struct {
	Branch, Commit string
	// Jobs are the ids of the jobs that it deployed, by their keys in the bundle.
	Jobs map[string]string
}

// ReadMetadata reads a metadata.json. One of a later version is refused, as it may mean something else.
func ReadMetadata(text []byte) (Metadata, error) {
	var file struct {
		Version int `json:"version"`
		Config  struct {
			Bundle struct {
				Git struct {
					Branch string `json:"branch"`
					Commit string `json:"commit"`
				} `json:"git"`
			} `json:"bundle"`
			Resources struct {
				Jobs map[string]struct {
					ID string `json:"id"`
				} `json:"jobs"`
			} `json:"resources"`
		} `json:"config"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return Metadata{}, fmt.Errorf("reading a bundle's metadata.json: %w", err)
	}
	if file.Version != 1 {
		return Metadata{}, fmt.Errorf("reading a bundle's metadata.json: its version is %d, and this program reads version 1", file.Version)
	}
	git := file.Config.Bundle.Git
	m := Metadata{Branch: git.Branch, Commit: git.Commit, Jobs: map[string]string{}}
	for key, job := range file.Config.Resources.Jobs {
		m.Jobs[key] = job.ID
	}
	return m, nil
}
