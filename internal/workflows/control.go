package workflows

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Control is what the workflows follow from that keep the stack itself in line with its spec: they check
// a change of the spec, apply it after the merge, and look for drift.
type Control struct {
	// Commit and Version are those of mlopsctl's own action: a full commit, and the release that it is.
	Commit, Version string

	Server    string // the GitHub host, as https://github.com
	Branch    string // the default branch: what is merged there is applied
	Spec      string // the file, from the root of the repository; a folder or a glob for several
	AccountID string // as in Repository
	Runner    string // the label of the machines; "" is GitHub's own

	Reader   string   // the principal that plans pull requests; "" leaves them to what the spec says
	Operator string   // the principal that applies; without one there is nothing but the check
	Secrets  []string // the environment variables that the spec's secrets come from: GitHub has secrets of these names
}

// The paths of the control's workflows.
const (
	CheckFile = ".github/workflows/mlopsctl-check.yml"
	ApplyFile = ".github/workflows/mlopsctl-apply.yml"
	DriftFile = ".github/workflows/mlopsctl-drift.yml"
)

// GenerateControl returns the workflow files that use mlopsctl's own action, in the order of their paths.
func GenerateControl(c Control) ([]File, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	names := map[string]string{CheckFile: "check.yml.tmpl"}
	if c.Operator != "" {
		names[ApplyFile], names[DriftFile] = "apply.yml.tmpl", "drift.yml.tmpl"
	}
	var files []File
	for at, name := range names {
		content, err := render(name, c.Runner, controlView{c})
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: at, Content: content})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

var (
	fullCommit    = regexp.MustCompile(`^[0-9a-f]{40}$`)
	plainVersion  = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
	plainSpec     = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_./* -]*$`)
	plainVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	plainRunner   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	plainID       = regexp.MustCompile(`^[0-9A-Za-z-]*$`)
)

func (c Control) check() error {
	switch {
	case !fullCommit.MatchString(c.Commit):
		return fmt.Errorf("the action's commit %q is not 40 hexadecimal digits: a workflow can pin nothing else", c.Commit)
	case !plainVersion.MatchString(c.Version):
		return fmt.Errorf("the action's version %q is no release, such as v1.2.3", c.Version)
	case !plainBranch.MatchString(c.Branch):
		return fmt.Errorf("the branch %q cannot stand in a workflow: use letters, digits and ._/@#-", c.Branch)
	case !plainSpec.MatchString(c.Spec) || slices.Contains(strings.Split(c.Spec, "/"), ".."):
		return fmt.Errorf("the spec %q cannot stand in a workflow: name it from the root of the repository", c.Spec)
	case c.Runner != "" && !plainRunner.MatchString(c.Runner):
		return fmt.Errorf("%q is no label of a runner", c.Runner)
	case !plainID.MatchString(c.AccountID):
		return errors.New("the account's id cannot stand in a workflow")
	}
	if i := slices.IndexFunc(c.Secrets, func(s string) bool { return !plainVariable.MatchString(s) }); i >= 0 {
		return fmt.Errorf("%q is no name of a variable", c.Secrets[i])
	}
	return nil
}

// controlView is a control as its templates need it.
type controlView struct{ Control }

// Uses is mlopsctl's own action, pinned.
func (c controlView) Uses() string {
	return pin{"mlopsctl/mlopsctl", c.Commit, c.Version}.String()
}

// Upload and Download are the actions for artifacts: an Enterprise Server speaks an older protocol.
func (c controlView) Upload() (string, error) { return use(c.artifacts("upload")) }

// Download is the counterpart of Upload.
func (c controlView) Download() (string, error) { return use(c.artifacts("download")) }

func (c controlView) artifacts(action string) string {
	if isEnterpriseServer(c.Server) {
		return action + "-enterprise"
	}
	return action
}

// Paths are the files whose change is the spec's.
func (c controlView) Paths() []string {
	spec := path.Clean(c.Spec)
	if path.Ext(spec) == ".yaml" || path.Ext(spec) == ".yml" {
		return []string{spec, ApplyFile}
	}
	if spec == "." {
		return []string{"**", ApplyFile}
	}
	return []string{spec + "/**", ApplyFile}
}
