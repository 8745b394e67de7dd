package peers

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What the generated workflow runs for a pull request is run here, word for word, with the stock CLI as the
// principal of the target test: it deploys the example under a name of the pull request's own, runs a job,
// and leaves nothing behind, while another pull request's deployment stays.
func TestTheGeneratedIntegrationTestKeepsToItself(t *testing.T) {
	s := open(t)
	s.mlopsctl("apply", "--auto-approve")
	s.checkOut()
	s.align()

	seven, eight := s.pullRequest("7"), s.pullRequest("8")
	seven.play("Validate the bundle", "Validation OK!")
	for _, pr := range []*pullRequest{seven, eight} {
		pr.play("Name the deployment after the pull request", "")
		pr.play("Deploy the bundle", "Deployment complete!")
	}
	for _, pr := range []*pullRequest{seven, eight} {
		summary := pr.databricks("bundle", "summary", "--target", "test")
		for _, part := range []string{"/.bundle/mlops_stack_demo/test/pr-" + pr.number, "mlops_stack_demo_pr_" + pr.number, "/mlops_stack_demo-pr-" + pr.number} {
			if !strings.Contains(summary, part) {
				t.Errorf("the deployment of pull request %s has no %s:\n%s", pr.number, part, summary)
			}
		}
	}
	if jobs := seven.jobs(); len(jobs) != 4 {
		t.Errorf("two pull requests have the jobs %q", jobs)
	}
	if job := seven.databricks("bundle", "validate", "--target", "test", "--output", "json"); strings.Count(job, `"pause_status": "PAUSED"`) != 2 {
		t.Errorf("a schedule of a pull request's deployment may run:\n%s", job)
	}
	seven.play("Run its jobs", "Run URL:")
	seven.play("Take the deployment away", "Destroy complete!")
	if jobs := eight.jobs(); len(jobs) != 2 {
		t.Errorf("when one pull request is through, the other one has the jobs %q", jobs)
	}
	eight.play("Take the deployment away", "Destroy complete!")
	if jobs := eight.jobs(); len(jobs) != 0 {
		t.Errorf("left behind: %q", jobs)
	}
}

// align brings the clone's databricks.yml in line with the targets, as a test of internal/workflows has it.
func (s *stage) align() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "workflows", "testdata", "align", "42-the-example.txtar"))
	if err != nil {
		s.t.Fatal(err)
	}
	_, in, _ := strings.Cut(string(text), "-- in --\n")
	in, out, found := strings.Cut(in, "-- out --\n")
	example, err := os.ReadFile(filepath.Join("..", "..", "examples", "mlops-stack-demo", "mlops_stack_demo", "databricks.yml"))
	if err != nil || !found || in != string(example) {
		s.t.Fatalf("the case is not about the example: %v", err)
	}
	aligned := filepath.Join(s.dir, "aligned.yml")
	if err := os.WriteFile(aligned, []byte(out), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.copy(aligned, filepath.Join("clone", "mlops_stack_demo", "databricks.yml"))
}

// pullRequest is a clone of the repository in which a pull request's integration test runs.
type pullRequest struct {
	stage   *stage
	number  string
	dir     string
	env     map[string]string
	scripts map[string]string // of the job's steps, by their names
}

func (s *stage) pullRequest(number string) *pullRequest {
	s.t.Helper()
	p := &pullRequest{stage: s, number: number, dir: "pr-" + number, env: s.byGitHubToken("test", "main") /* the environment alone counts */, scripts: map[string]string{}}
	if err := os.CopyFS(filepath.Join(s.dir, p.dir), os.DirFS(filepath.Join(s.dir, "clone"))); err != nil {
		s.t.Fatal(err)
	}
	bin := filepath.Join(s.dir, p.dir+"-bin")
	if err := os.MkdirAll(bin, 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(s.programs.cli, filepath.Join(bin, "databricks")); err != nil {
		s.t.Fatal(err)
	}
	p.env["PATH"], p.env["NUMBER"], p.env["DATABRICKS_HOST"] = bin+":"+os.Getenv("PATH"), number, s.hosts["STAGING"]

	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "workflows", "testdata", "generated", "oidc-aws-single", "mlops-ci.yml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var file struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []struct{ Name, Run string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		s.t.Fatal(err)
	}
	job := file.Jobs["integration-mlops_stack_demo"]
	for name, value := range job.Env {
		if strings.HasPrefix(name, "BUNDLE_VAR_") {
			p.env[name] = strings.ReplaceAll(value, "${{ github.event.pull_request.number }}", number)
		}
	}
	for _, step := range slices.Concat(job.Steps, file.Jobs["validate-mlops_stack_demo"].Steps) {
		p.scripts[step.Name] = step.Run
	}
	return p
}

// play runs a step as the runner does.
func (p *pullRequest) play(step, says string) {
	p.stage.t.Helper()
	script, there := p.scripts[step]
	if !there {
		p.stage.t.Fatalf("the workflow has no step %q", step)
	}
	out := p.stage.run(run{
		dir: filepath.Join(p.dir, "mlops_stack_demo"), env: p.env, name: "bash",
		args: []string{"--noprofile", "--norc", "-eo", "pipefail", "-c", script},
	})
	if !strings.Contains(out, says) {
		p.stage.t.Errorf("%s of pull request %s says\n%s\nwant %q in it", step, p.number, out, says)
	}
}

func (p *pullRequest) databricks(args ...string) string {
	p.stage.t.Helper()
	return p.stage.run(run{dir: filepath.Join(p.dir, "mlops_stack_demo"), env: p.env, name: p.stage.programs.cli, args: args})
}

// jobs are those that the workspace shows to the target's principal.
func (p *pullRequest) jobs() []string {
	p.stage.t.Helper()
	out := p.stage.run(run{env: p.env, name: p.stage.programs.cli, args: []string{"jobs", "list"}}) // outside of the bundle
	return regexp.MustCompile(`(?m)^\d+\s+test-\S+`).FindAllString(out, -1)
}
