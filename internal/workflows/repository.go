package workflows

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Gate is the name of the check to require: it reports on every pull request, and passes if everything
// that the change had to go through has succeeded.
const Gate = "mlops-gate"

// TestTarget is the name of the target that a pull request's integration test deploys to.
const TestTarget = "test"

// Repository is all that the CI/CD files of a repository follow from.
type Repository struct {
	// AccountID is the Databricks account's; with it, CI's tokens are meant for the account, and without
	// one for the workspace.
	AccountID string
	Targets   []spec.Target
	Projects  []Project
	// ApplicationIDs are those of the service principals, by their names. One that is not known yet is
	// written nowhere.
	ApplicationIDs map[string]string
	Runner         string // the label of the machines that jobs run on; "" is GitHub's own
}

// Project is a MLOps Stacks project of the repository.
type Project struct {
	Name   string
	Path   string   // of the folder with databricks.yml, from the root of the repository; "" or "." is the root
	Deploy []string // the targets that it is deployed to, each from its branch
	Python string   // the version that the unit tests run on; "" is that of the template's pins
	Jobs   []string // the bundle's jobs that an integration test runs, where they are there; nil is the template's
}

// File is one file of a repository.
type File struct {
	Path       string // from the root of the repository, with slashes
	Content    []byte
	Executable bool
}

// CIFile is the path of the workflow that looks at pull requests: one for all projects, as two checks of
// one name could not be told apart.
func CIFile() string { return ".github/workflows/mlops-ci.yml" }

// DeployFile is the path of the workflow that deploys a project. It is started by a push to a target's
// branch, and by a dispatch with the inputs TargetInput and RequestInput from that branch.
func DeployFile(project string) string {
	return ".github/workflows/" + identifier(project) + "-deploy.yml"
}

// The inputs of a deploy workflow's dispatch.
const (
	// TargetInput names the target to deploy.
	TargetInput = "target"
	// RequestInput may hold any text; it ends the name of the run, by which the run can be found.
	RequestInput = "request"
)

// defaultPython is what the requirements of the MLOps Stacks template were pinned for.
const defaultPython = "3.10"

// defaultJobs are the jobs that the template's own integration test runs.
func defaultJobs() []string { return []string{"write_feature_table_job", "model_training_job"} }

func (p Project) root() string {
	if p.Path == "" {
		return "."
	}
	return strings.TrimSuffix(strings.TrimPrefix(p.Path, "./"), "/")
}

// identifier is a name as Actions takes it for a job, an output or a file.
func identifier(name string) string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return strings.TrimLeft(id, "-")
}

func (r Repository) target(name string) *spec.Target {
	i := slices.IndexFunc(r.Targets, func(t spec.Target) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Targets[i]
}

// Notes says, one sentence each, what the generated files leave out since the targets do not allow it.
func Notes(r Repository) []string {
	if len(r.Projects) == 0 {
		return nil
	}
	if why := untestable(r); why != "" {
		return []string{"pull requests run neither `bundle validate` nor an integration test: " + why}
	}
	return nil
}

// untestable says why a pull request's jobs cannot log in to the test target, or must not; "" if they can.
func untestable(r Repository) string {
	t := r.target(TestTarget)
	switch {
	case t == nil:
		return fmt.Sprintf("there is no target %q", TestTarget)
	case t.Host == "":
		return fmt.Sprintf("target %q has no host", t.Name)
	case t.ServicePrincipal == "":
		return fmt.Sprintf("target %q has no service principal to log in as", t.Name)
	case t.CIAuth == spec.OIDC && t.Environment == nil:
		return fmt.Sprintf("target %q logs in by OIDC and has no environment, so that what a pull request runs could not be told from other runs", t.Name)
	case t.Environment != nil && len(t.Environment.Branches) > 0 && !slices.ContainsFunc(t.Environment.Branches, ofPullRequests):
		return fmt.Sprintf("the environment of target %q admits only %s, and a pull request's jobs run from refs/pull/N/merge",
			t.Name, strings.Join(t.Environment.Branches, ", "))
	}
	for _, other := range r.Targets {
		if spec.IsProduction(other) && other.ServicePrincipal == t.ServicePrincipal {
			return fmt.Sprintf("target %q logs in as %s, which is production's principal", t.Name, t.ServicePrincipal)
		}
	}
	return ""
}

// ofPullRequests reports whether a pattern of an environment's branches admits the ref of a pull request.
func ofPullRequests(pattern string) bool {
	return strings.HasPrefix(pattern, "refs/pull/") || strings.HasPrefix(pattern, "pull/") || pattern == "*/*/*" || pattern == "**/*" || pattern == "**"
}

var (
	plainName   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_. -]*$`)
	plainPath   = regexp.MustCompile(`^[A-Za-z0-9_.-][A-Za-z0-9_./ -]*$`)
	plainBranch = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./@#-]*$`)
	plainTarget = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	plainJob    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	plainPython = regexp.MustCompile(`^[0-9]+(\.[0-9]+){1,2}$`)
)

// check refuses what could not stand in a workflow file as what it is. A name that a shell, a pattern or
// an expression takes for more than its letters is refused rather than quoted thrice.
func check(r Repository) error {
	if r.Runner != "" && !plainRunner.MatchString(r.Runner) {
		return fmt.Errorf("%q is no label of a runner", r.Runner)
	}
	for _, t := range r.Targets {
		if !plainTarget.MatchString(t.Name) {
			return fmt.Errorf("target %q: its name cannot name a job: use letters, digits, _ and -", t.Name)
		}
	}
	taken := map[string]string{}
	for _, p := range r.Projects {
		id := strings.ToLower(identifier(p.Name))
		switch {
		case !plainName.MatchString(p.Name) || id == "":
			return fmt.Errorf("project %q: its name cannot name a workflow: use letters, digits, _, . and -", p.Name)
		case taken[id] != "":
			return fmt.Errorf("projects %q and %q would have one workflow file: rename one", taken[id], p.Name)
		case !plainPath.MatchString(p.root()) || slices.Contains(strings.Split(p.root(), "/"), ".."):
			return fmt.Errorf("project %s: its path %q cannot stand in a workflow: use letters, digits, _, -, . and /", p.Name, p.Path)
		case p.Python != "" && !plainPython.MatchString(p.Python):
			return fmt.Errorf("project %s: %q is no version of Python", p.Name, p.Python)
		}
		taken[id] = p.Name
		if i := slices.IndexFunc(p.Jobs, func(j string) bool { return !plainJob.MatchString(j) }); i >= 0 {
			return fmt.Errorf("project %s: %q cannot be the key of a job", p.Name, p.Jobs[i])
		}
		for _, name := range p.Deploy {
			if err := checkDeployed(r, p, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkDeployed(r Repository, p Project, name string) error {
	t := r.target(name)
	switch {
	case t == nil:
		return fmt.Errorf("project %s: it is deployed to %q, which is no target", p.Name, name)
	case t.Branch == "":
		return fmt.Errorf("project %s: target %s has no branch to deploy from: give it one", p.Name, name)
	case !plainBranch.MatchString(t.Branch):
		return fmt.Errorf("project %s: the branch %q of target %s cannot stand in a workflow: use letters, digits and ._/@#-", p.Name, t.Branch, name)
	case t.ServicePrincipal == "":
		return fmt.Errorf("project %s: target %s has no service principal to deploy as: give it one", p.Name, name)
	}
	return nil
}
