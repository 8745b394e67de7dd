package kinds

import (
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

var setting = regexp.MustCompile(`\$\{\{ (vars|secrets)\.([A-Z0-9_]+) \}\}`)

// What the jobs of the generated workflows log in with is what ci_auth implies, under the same names and
// in the same places.
func TestTheGeneratedWorkflowsLogInWithWhatIsThere(t *testing.T) {
	stack := &spec.Stack{Targets: append(targets(), spec.Target{
		Name: "test", Host: "https://t", ServicePrincipal: "p-t", CIAuth: spec.OIDC, Environment: &spec.Environment{},
	})}
	project := spec.Project{Name: "taxi", Path: "taxi", Workflows: spec.GenerateWorkflows}
	for i := range stack.Targets {
		if t := &stack.Targets[i]; t.ServicePrincipal != "" {
			t.Branch = "main"
			project.Deploy = append(project.Deploy, t.Name)
		}
	}
	stack.Projects = []spec.Project{project}
	there := wished(declareVariables(resource.Wishes{Stack: stack}), func(variable) string { return "" })
	for address := range wished(declareSecrets(resource.Wishes{Stack: stack}), func(secret) string { return "" }) {
		there[address] = ""
	}

	files, err := workflows.Generate(workflows.Of(stack, nil))
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, f := range files {
		var file struct {
			Jobs map[string]struct {
				Environment string
				Env         map[string]string
			}
		}
		if err := yaml.Unmarshal(f.Content, &file); err != nil {
			t.Fatal(err)
		}
		for name, job := range file.Jobs {
			for _, value := range job.Env {
				for _, m := range setting.FindAllStringSubmatch(value, -1) {
					used++
					kind := map[string]string{"vars": "variable", "secrets": "secret"}[m[1]]
					address := resource.Addr{Kind: kind, Scope: job.Environment, Name: m[2]}.String()
					if _, ok := there[address]; !ok {
						t.Errorf("%s: job %s uses %s, which is not there", f.Path, name, address)
					}
				}
			}
		}
	}
	if used < 2*strings.Count(strings.Join(project.Deploy, ","), ",") {
		t.Errorf("only %d settings were found", used)
	}
}
