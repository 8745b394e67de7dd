package workflows_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// script is what the one step of a generated file runs that a name finds.
func script(t *testing.T, r workflows.Repository, path, step string) string {
	t.Helper()
	for f, s := range read(t, generate(t, r)).steps() {
		if f.path == path && s.get("name").text() == step {
			return s.get("run").text()
		}
	}
	t.Fatalf("%s has no step %q", path, step)
	return ""
}

// run runs a script as the runner's `shell: bash` does, and returns its output and what it wrote into the
// files of the runner.
func run(t *testing.T, dir, script string, env ...string) (output, outputs, summary string, err error) {
	t.Helper()
	temp := t.TempDir()
	path := func(name string) string { return filepath.Join(temp, name) }
	if err := os.WriteFile(path("step.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", path("step.sh"))
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "GITHUB_OUTPUT=" + path("output"), "GITHUB_STEP_SUMMARY=" + path("summary")}, env...)
	out, err := cmd.CombinedOutput()
	content := func(name string) string {
		text, err := os.ReadFile(path(name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
	return string(out), content("output"), content("summary"), err
}

// The gate passes if all that had to run has succeeded, and only then.
func TestTheGateJudges(t *testing.T) {
	gate := script(t, oidcSingle(t), workflows.CIFile(), "Whatever had to run has succeeded")
	cases := map[string]struct {
		changes, trusted, changed, unit, validate, integration string
		passes                                                 bool
		says                                                   string
	}{
		"all is well":                {"success", "true", "true", "success", "success", "success", true, "integration test (mlops_stack_demo): success"},
		"nothing of it changed":      {"success", "true", "false", "skipped", "skipped", "skipped", true, "unit tests (mlops_stack_demo): skipped"},
		"a fork":                     {"success", "false", "true", "success", "skipped", "skipped", true, "gets no credentials"},
		"a fork's tests fail":        {"success", "false", "true", "failure", "skipped", "skipped", false, "unit tests (mlops_stack_demo): failure"},
		"nobody looked what changed": {"failure", "true", "", "skipped", "skipped", "skipped", false, "changes: failure"},
		"looking was cancelled":      {"cancelled", "true", "", "skipped", "skipped", "skipped", false, "changes: cancelled"},
		"tests fail":                 {"success", "true", "true", "failure", "success", "skipped", false, "unit tests (mlops_stack_demo): failure"},
		"tests were skipped":         {"success", "true", "true", "skipped", "success", "success", false, "unit tests (mlops_stack_demo): skipped"},
		"the bundle is broken":       {"success", "true", "true", "success", "failure", "skipped", false, "bundle validate (mlops_stack_demo): failure"},
		"the integration test fails": {"success", "true", "true", "success", "success", "failure", false, "integration test (mlops_stack_demo): failure"},
		"it was cancelled":           {"success", "true", "true", "success", "success", "cancelled", false, "integration test (mlops_stack_demo): cancelled"},
		"it was skipped":             {"success", "true", "true", "success", "success", "skipped", false, "integration test (mlops_stack_demo): skipped"},
		"a result is missing":        {"success", "true", "true", "success", "", "success", false, "bundle validate (mlops_stack_demo): no result"},
	}
	for name, c := range cases {
		out, _, summary, err := run(t, t.TempDir(), gate, "CHANGES="+c.changes, "TRUSTED="+c.trusted, "CHANGED_0="+c.changed, "UNIT_0="+c.unit,
			"VALIDATE_0="+c.validate, "INTEGRATION_0="+c.integration)
		if (err == nil) != c.passes || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
		if strings.Contains(summary, "no credentials") != (c.trusted == "false") {
			t.Errorf("%s: the summary says %q", name, summary)
		}
	}
}

// A run deploys a target from its branch alone, and says so if it was asked for something else.
func TestTheGuardOfADeploymentJudges(t *testing.T) {
	guard := script(t, oidcSingle(t), workflows.DeployFile("mlops_stack_demo"), "Judge which targets this run deploys")
	cases := map[string]struct {
		event, ref, target string
		outputs            string // "" if it fails
	}{
		"a push to main":                  {"push", "refs/heads/main", "", "staging=true\nprod=false\n"},
		"a push to release":               {"push", "refs/heads/release", "", "staging=false\nprod=true\n"},
		"a push to another branch":        {"push", "refs/heads/mainly", "", "staging=false\nprod=false\n"},
		"staging, by hand, from main":     {"workflow_dispatch", "refs/heads/main", "staging", "staging=true\nprod=false\n"},
		"prod, by hand, from release":     {"workflow_dispatch", "refs/heads/release", "prod", "staging=false\nprod=true\n"},
		"prod, by hand, from main":        {"workflow_dispatch", "refs/heads/main", "prod", ""},
		"prod, by hand, from a feature":   {"workflow_dispatch", "refs/heads/feature", "prod", ""},
		"prod, by hand, from a tag":       {"workflow_dispatch", "refs/tags/release", "prod", ""},
		"a target that is none":           {"workflow_dispatch", "refs/heads/main", "$(id)", "staging=false\nprod=false\n"},
		"a branch that is named like one": {"workflow_dispatch", "refs/heads/x/release", "prod", ""},
	}
	for name, c := range cases {
		out, outputs, _, err := run(t, t.TempDir(), guard, "EVENT="+c.event, "REF="+c.ref, "TARGET="+c.target)
		if (err == nil) != (c.outputs != "") || c.outputs != "" && outputs != c.outputs {
			t.Errorf("%s: %v, %q, %s", name, err, outputs, out)
		}
		if err != nil && !strings.Contains(out, "::error title=Nothing was deployed::prod is deployed from the branch release") {
			t.Errorf("%s: it says %s", name, out)
		}
	}
}

// What a pull request changes is looked up in the merge that it would be.
func TestOnlyWhatChangedIsTested(t *testing.T) {
	r := oidcSingle(t)
	r.Projects = mono()
	look := script(t, r, workflows.CIFile(), "Look which projects the pull request changes")
	cases := map[string]struct {
		files []string
		want  string
	}{
		"one project":                      {[]string{"models/taxi/a.py"}, "taxi=true\nchurn=false\nshared=false\n"},
		"two projects":                     {[]string{"models/taxi/x/y", "shared/a"}, "taxi=true\nchurn=false\nshared=true\n"},
		"a folder whose name begins alike": {[]string{"models/taxi2/a.py"}, "taxi=false\nchurn=false\nshared=false\n"},
		"documentation":                    {[]string{"README.md", "docs/a.md"}, "taxi=false\nchurn=false\nshared=false\n"},
		"the workflow itself":              {[]string{workflows.CIFile()}, "taxi=true\nchurn=true\nshared=true\n"},
		"what all tests need":              {[]string{"test-requirements.txt"}, "taxi=true\nchurn=true\nshared=true\n"},
	}
	for name, c := range cases {
		dir := mergeOf(t, c.files)
		out, outputs, _, err := run(t, dir, look)
		if err != nil || outputs != c.want {
			t.Errorf("%s: %v, %q, want %q; %s", name, err, outputs, c.want, out)
		}
	}
	if out, outputs, _, err := run(t, t.TempDir(), look); err == nil {
		t.Errorf("outside a repository it says %q, %s", outputs, out)
	}
}

// mergeOf is a repository whose HEAD merges a branch that changed some files, as actions/checkout leaves it.
func mergeOf(t *testing.T, files []string) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	write := func(name string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet")
	write("first")
	git("add", ".")
	git("commit", "--quiet", "--message", "first")
	git("switch", "--quiet", "--create", "feature")
	for _, f := range files {
		write(f)
	}
	git("add", ".")
	git("commit", "--quiet", "--message", "a change")
	git("switch", "--quiet", "main")
	write("models/churn/meanwhile") // what main got since is not the pull request's
	git("add", ".")
	git("commit", "--quiet", "--message", "meanwhile")
	git("merge", "--quiet", "--no-ff", "--message", "merge", "feature")
	return dir
}
