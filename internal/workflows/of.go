package workflows

import "github.com/mlopsctl/mlopsctl/pkg/spec"

// Of is the repository of a stack, with those of its projects whose workflows mlopsctl writes, and with
// the application ids of its principals as far as they are known.
func Of(s *spec.Stack, applicationIDs map[string]string) Repository {
	r := Repository{Targets: s.Targets, ApplicationIDs: applicationIDs}
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
