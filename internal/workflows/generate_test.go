package workflows_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
	"github.com/rhysd/actionlint"
)

// clouds are the hosts of test and staging, and of production, in each cloud.
func clouds() map[string][2]string {
	return map[string][2]string{
		"aws":   {"https://staging.cloud.databricks.com", "https://prod.cloud.databricks.com"},
		"azure": {"https://adb-1234567890123456.7.azuredatabricks.net", "https://adb-6543210987654321.8.azuredatabricks.net"},
		"gcp":   {"https://1234567890123456.7.gcp.databricks.com", "https://6543210987654321.8.gcp.databricks.com"},
	}
}

func ways() []spec.CIAuth {
	return []spec.CIAuth{spec.OIDC, spec.OAuthSecret, spec.AccessToken, "personal_access_token"}
}

// targets are those of the guide, with one way to log in and the hosts of one cloud.
func targets(way spec.CIAuth, hosts [2]string) []spec.Target {
	return []spec.Target{
		{Name: "dev", Host: "https://dev.cloud.databricks.com", Catalog: "dev"},
		{Name: "test", Host: hosts[0], ServicePrincipal: "taxi-test", CIAuth: way, Catalog: "test", Environment: &spec.Environment{}},
		{Name: "staging", Host: hosts[0], Branch: "main", ServicePrincipal: "taxi-staging", CIAuth: way, Catalog: "staging", Environment: &spec.Environment{}},
		{Name: "prod", Host: hosts[1], Branch: "release", ServicePrincipal: "taxi-prod", CIAuth: way, Catalog: "prod", Environment: &spec.Environment{}},
	}
}

func single() []workflows.Project {
	return []workflows.Project{{Name: "mlops_stack_demo", Path: "mlops_stack_demo", Deploy: []string{"staging", "prod"}}}
}

func mono() []workflows.Project {
	return []workflows.Project{
		{Name: "taxi", Path: "models/taxi", Deploy: []string{"staging", "prod"}, Python: "3.11", Jobs: []string{"train"}},
		{Name: "churn", Path: "models/churn", Deploy: []string{"staging"}},
		{Name: "shared", Path: "shared"},
	}
}

// variant is one repository that files are generated for.
type variant struct {
	name string
	repo workflows.Repository
}

func variants() []variant {
	var list []variant
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		for _, way := range ways() {
			for name, projects := range map[string][]workflows.Project{"single": single(), "mono": mono()} {
				list = append(list, variant{
					fmt.Sprintf("%s-%s-%s", way, cloud, name),
					workflows.Repository{AccountID: "11111111-2222-3333-4444-555555555555", Targets: targets(way, clouds()[cloud]), Projects: projects},
				})
			}
		}
	}
	slices.SortFunc(list, func(a, b variant) int { return strings.Compare(a.name, b.name) })
	return append(list, variant{"without-environments", workflows.Repository{Targets: withoutEnvironments(), Projects: single()}},
		variant{"at-the-root", workflows.Repository{Targets: targets(spec.OIDC, clouds()["aws"]), Projects: []workflows.Project{
			{Name: "taxi", Path: ".", Deploy: []string{"prod"}},
		}}},
		variant{"no-test-target", workflows.Repository{Targets: targets(spec.OIDC, clouds()["aws"])[2:], Projects: single()}})
}

func withoutEnvironments() []spec.Target {
	list := targets(spec.OAuthSecret, clouds()["aws"])
	for i := range list {
		list[i].Environment = nil
	}
	return list
}

func generate(t *testing.T, r workflows.Repository) []workflows.File {
	t.Helper()
	files, err := workflows.Generate(r)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestActionlintAcceptsEveryGeneratedFile(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			for _, f := range generate(t, v.repo) {
				for _, complaint := range lint(t, f.Path, f.Content) {
					t.Error(complaint)
				}
			}
		})
	}
}

// lint returns what actionlint finds in a workflow file.
func lint(t *testing.T, path string, content []byte) []string {
	t.Helper()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{WorkingDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.Lint(path, content, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range found {
		list = append(list, e.Error())
	}
	return list
}

func TestActionlintIsAsked(t *testing.T) {
	found := lint(t, "bad.yml", []byte("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo\n        if: ${{ nothing.there }}\n"))
	if len(found) == 0 {
		t.Error("an unknown context went unnoticed")
	}
}

// The files say nothing of the cloud: where a target lies is in its variables and in databricks.yml.
func TestTheFilesAreTheSameInEveryCloud(t *testing.T) {
	for _, way := range ways() {
		of := func(cloud string) []workflows.File {
			return generate(t, workflows.Repository{Targets: targets(way, clouds()[cloud]), Projects: mono()})
		}
		if diff := cmp.Diff(of("aws"), of("azure")) + cmp.Diff(of("aws"), of("gcp")); diff != "" {
			t.Errorf("%s: %s", way, diff)
		}
	}
}

func TestGeneratedFilesAreThoseOfTheGoldens(t *testing.T) {
	for _, v := range variants() {
		if strings.Contains(v.name, "-azure-") || strings.Contains(v.name, "-gcp-") {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			dir := filepath.Join("testdata", "generated", v.name)
			files := generate(t, v.repo)
			if *update {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range files {
				golden(t, filepath.Join(dir, filepath.Base(f.Path)), f.Content)
			}
			there, err := os.ReadDir(dir)
			if err != nil || len(there) != len(files) {
				t.Errorf("%d files in %s, %d generated: %v", len(there), dir, len(files), err)
			}
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

func TestTheSameRepositoryGivesTheSameFiles(t *testing.T) {
	for _, v := range variants() {
		if diff := cmp.Diff(generate(t, v.repo), generate(t, v.repo)); diff != "" {
			t.Errorf("%s: %s", v.name, diff)
		}
	}
	if files, err := workflows.Generate(workflows.Repository{}); err != nil || files != nil {
		t.Errorf("without projects: %d files, %v", len(files), err)
	}
}

// What a workflow cannot say without harm, or without meaning, is refused before anything is written.
func TestWhatCannotStandInAWorkflowIsRefused(t *testing.T) {
	cases := map[string]struct {
		change func(*workflows.Repository)
		want   string
	}{
		"a name that is code":      {func(r *workflows.Repository) { r.Projects[0].Name = "a$(id)" }, "its name cannot name a workflow"},
		"a name of another script": {func(r *workflows.Repository) { r.Projects[0].Name = "таxi" }, "its name cannot name a workflow"},
		"one file for two projects": {func(r *workflows.Repository) {
			r.Projects = append(r.Projects, workflows.Project{Name: "Mlops stack.demo"}, workflows.Project{Name: "mlops-stack-demo"})
		}, "would have one workflow file"},
		"a path that is code":        {func(r *workflows.Repository) { r.Projects[0].Path = "a';id;'" }, "cannot stand in a workflow"},
		"a path outside":             {func(r *workflows.Repository) { r.Projects[0].Path = "a/../../b" }, "cannot stand in a workflow"},
		"an absolute path":           {func(r *workflows.Repository) { r.Projects[0].Path = "/etc" }, "cannot stand in a workflow"},
		"a branch that is code":      {func(r *workflows.Repository) { r.Targets[3].Branch = "a'||'b" }, "cannot stand in a workflow"},
		"a branch that is a pattern": {func(r *workflows.Repository) { r.Targets[3].Branch = "rel+" }, "cannot stand in a workflow"},
		"a target that is code":      {func(r *workflows.Repository) { r.Targets[3].Name = "prod;id" }, "its name cannot name a job"},
		"a job that is code":         {func(r *workflows.Repository) { r.Projects[0].Jobs = []string{"$(id)"} }, "cannot be the key of a job"},
		"no version of Python":       {func(r *workflows.Repository) { r.Projects[0].Python = "3.x' #" }, "no version of Python"},
		"a runner that is code":      {func(r *workflows.Repository) { r.Runner = "x y" }, "no label of a runner"},
		"no such target":             {func(r *workflows.Repository) { r.Projects[0].Deploy = []string{"prd"} }, "is no target"},
		"a target without a branch":  {func(r *workflows.Repository) { r.Targets[3].Branch = "" }, "no branch to deploy from"},
		"a target without a login":   {func(r *workflows.Repository) { r.Targets[3].ServicePrincipal = "" }, "no service principal to deploy as"},
		"an unknown way to log in":   {func(r *workflows.Repository) { r.Targets[3].CIAuth = "magic" }, `no workflow is known for ci_auth "magic"`},
	}
	for name, c := range cases {
		r := workflows.Repository{Targets: targets(spec.OIDC, clouds()["aws"]), Projects: single()}
		c.change(&r)
		files, err := workflows.Generate(r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if files != nil {
			t.Errorf("%s: there are files", name)
		}
	}
}

// Without a target that a pull request may use, nothing of it runs on Databricks, and that is said.
func TestAPullRequestIsTestedOnlyWhereItMay(t *testing.T) {
	cases := map[string]struct {
		change func(*workflows.Repository)
		want   string
	}{
		"no test target":         {func(r *workflows.Repository) { r.Targets[1].Name = "qa" }, `there is no target "test"`},
		"no principal":           {func(r *workflows.Repository) { r.Targets[1].ServicePrincipal = "" }, "no service principal"},
		"no host":                {func(r *workflows.Repository) { r.Targets[1].Host = "" }, "has no host"},
		"OIDC, no environment":   {func(r *workflows.Repository) { r.Targets[1].Environment = nil }, "logs in by OIDC and has no environment"},
		"branches":               {func(r *workflows.Repository) { r.Targets[1].Environment.Branches = []string{"main"} }, "admits only main"},
		"production's principal": {func(r *workflows.Repository) { r.Targets[1].ServicePrincipal = "taxi-prod" }, "which is production's principal"},
	}
	for name, c := range cases {
		r := workflows.Repository{Targets: targets(spec.OIDC, clouds()["aws"]), Projects: single()}
		if notes := workflows.Notes(r); notes != nil {
			t.Fatalf("as it should be: %q", notes)
		}
		c.change(&r)
		notes := strings.Join(workflows.Notes(r), "\n")
		if !strings.Contains(notes, c.want) {
			t.Errorf("%s: %q, want %q", name, notes, c.want)
		}
		for _, f := range generate(t, r) {
			if f.Path != workflows.CIFile() {
				continue
			}
			if text := string(f.Content); strings.Contains(text, "DATABRICKS") || strings.Contains(text, "id-token") || !strings.Contains(text, c.want) {
				t.Errorf("%s: the file has a login, or does not say why it has no test:\n%s", name, text)
			}
		}
	}
}
