package spec

// Project is an MLOps Stacks project in the repository.
type Project struct {
	Name      string
	Path      string // holds databricks.yml; relative to Git.Source here and to the repository there, cleaned
	Workflows Workflows
	Code      *ProjectCode // nil: its files are not pushed
	Deploy    []string     // the names of targets whose deployment is watched
}

// Workflows says where a project's CI/CD workflows come from.
type Workflows string

// The ways to come by workflows.
const (
	GenerateWorkflows Workflows = "generate" // mlopsctl writes them, by pull request
	DispatchWorkflows Workflows = "dispatch" // the repository's own deploy-cicd.yml adds them, by pull request
	NoWorkflows       Workflows = "none"
)

// ProjectCode is the pull request with a project's initial code.
type ProjectCode struct{ Branch, Title string }

// Project returns the project of that name, or nil.
func (s *Stack) Project(name string) *Project {
	for i := range s.Projects {
		if s.Projects[i].Name == name {
			return &s.Projects[i]
		}
	}
	return nil
}
