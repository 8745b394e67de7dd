package workflows

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Of is the repository of a stack, with those of its projects whose workflows mlopsctl writes, and with
// the application ids of its principals as far as they are known.
func Of(s *spec.Stack, applicationIDs map[string]string) Repository {
	r := Repository{Targets: s.Targets, ApplicationIDs: applicationIDs, Runner: runner(s.Git.Host)}
	if s.Account != nil {
		r.AccountID = s.Account.ID
	}
	for _, p := range s.Projects {
		if p.Workflows == spec.GenerateWorkflows {
			r.Projects = append(r.Projects, Project{Name: p.Name, Path: p.Path, Deploy: p.Deploy})
		}
	}
	return r
}

// ControlOf is the control of a stack, without what the spec does not say: the commit and the version of
// mlopsctl's own action.
func ControlOf(s *spec.Stack) Control {
	c := Control{Server: s.Git.Host, Branch: s.DefaultBranch(), Spec: specPath(s), Runner: runner(s.Git.Host)}
	if s.Account != nil {
		c.AccountID = s.Account.ID
	}
	if s.CI != nil {
		c.Reader, c.Operator = s.CI.Reader, s.CI.Operator
	}
	c.Secrets = s.EnvSources()
	return c
}

// specPath is the spec's path in the repository, whose local folder is git.source.
func specPath(s *spec.Stack) string {
	at, err := filepath.Rel(filepath.Join(s.Dir, s.Git.Source), s.File)
	if err != nil {
		return s.File // it is refused for what it is
	}
	return path.Clean(filepath.ToSlash(at))
}

// runner is what jobs run on: an Enterprise Server has no machines of GitHub's.
func runner(server string) string {
	if isEnterpriseServer(server) {
		return "self-hosted"
	}
	return ""
}

func isEnterpriseServer(server string) bool {
	return server != "" && server != "https://github.com" && !strings.HasSuffix(server, ".ghe.com")
}
