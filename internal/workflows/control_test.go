package workflows_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func controls() map[string]workflows.Control {
	full := workflows.Control{
		Commit: strings.Repeat("0123456789", 4), Version: "v1.2.3", Server: "https://github.com", Branch: "main", Spec: "mlops.yaml",
		AccountID: "11111111-2222-3333-4444-555555555555", Reader: "taxi-ci", Operator: "mlopsctl", Secrets: []string{"MLOPS_WORKFLOW_TOKEN"},
	}
	enterprise := full
	enterprise.Server, enterprise.Runner, enterprise.Spec = "https://github.acme.example", "self-hosted", "specs"
	alone := workflows.Control{Commit: full.Commit, Version: "v1.2.3", Branch: "main", Spec: "ops/mlops.yaml"}
	return map[string]workflows.Control{"control": full, "control-enterprise": enterprise, "control-check-alone": alone}
}

func TestTheControlsFilesAreThoseOfTheGoldens(t *testing.T) {
	for name, c := range controls() {
		files, err := workflows.GenerateControl(c)
		if err != nil {
			t.Fatal(err)
		}
		want := 3
		if c.Operator == "" {
			want = 1
		}
		if len(files) != want {
			t.Errorf("%s: %d files", name, len(files))
		}
		for _, f := range files {
			golden(t, filepath.Join("testdata", "generated", name, filepath.Base(f.Path)), f.Content)
			for _, complaint := range lint(t, f.Path, f.Content) {
				t.Error(complaint)
			}
		}
	}
}

// What keeps the stack in line has no defect either, but that it may comment and holds an App's key.
func TestTheControlsFilesHaveNoneOfTheDefects(t *testing.T) {
	theirs := []int{1, 10, 16, 18, 22, 23} // of files that deploy bundles, or are a project's only checks
	for name, c := range controls() {
		files, err := workflows.GenerateControl(c)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range defects() {
			if slices.Contains(theirs, i+1) {
				continue
			}
			for _, found := range d.find(read(t, files)) {
				t.Errorf("%s: %d, %s: %s", name, i+1, d.name, found)
			}
		}
	}
}

// A pull request's artifact is never applied: the apply takes the plan of its own run, which no pull
// request starts, and waits for its environment.
func TestOnlyThePlanOfTheSameRunIsApplied(t *testing.T) {
	files, err := workflows.GenerateControl(controls()["control"])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range read(t, files) {
		if f.path != workflows.ApplyFile {
			if strings.Contains(f.root.all(), "artifact") || strings.Contains(f.root.all(), "command: apply") {
				t.Errorf("%s hands something over", f.path)
			}
			continue
		}
		if on := f.root.get("on"); len(on.Content) != 2 || on.get("push", "branches").all() != "main" {
			t.Errorf("it is started by %s", on.all())
		}
		apply := f.root.get("jobs", "apply")
		if apply.get("environment").text() != spec.ApplyEnvironment || apply.get("needs").text() != "plan" {
			t.Error("nobody is asked before the apply")
		}
		for _, s := range apply.get("steps").Content {
			if uses := (node{s}).get("uses").text(); strings.HasPrefix(uses, "actions/download-artifact@") {
				for _, other := range []string{"run-id", "repository", "github-token"} {
					if (node{s}).get("with", other).Node != nil {
						t.Errorf("the artifact is of another run: %s", other)
					}
				}
			}
		}
		if plan := f.root.get("jobs", "plan").all(); strings.Contains(plan, "MLOPS_WORKFLOW_TOKEN") {
			t.Error("the plan holds a secret of the spec")
		}
	}
}

func TestAControlThatCannotStandInAWorkflowIsRefused(t *testing.T) {
	cases := map[string]struct {
		change func(*workflows.Control)
		want   string
	}{
		"a tag for a commit": {func(c *workflows.Control) { c.Commit = "v1" }, "not 40 hexadecimal digits"},
		"no release":         {func(c *workflows.Control) { c.Version = "(devel)" }, "is no release"},
		"a branch as code":   {func(c *workflows.Control) { c.Branch = "a'b" }, "cannot stand in a workflow"},
		"a spec outside":     {func(c *workflows.Control) { c.Spec = "../mlops.yaml" }, "from the root"},
		"a spec as code":     {func(c *workflows.Control) { c.Spec = "a';id" }, "from the root"},
		"a runner as code":   {func(c *workflows.Control) { c.Runner = "a b" }, "no label"},
		"a secret as code":   {func(c *workflows.Control) { c.Secrets = []string{"A }}"} }, "no name of a variable"},
		"an id as code":      {func(c *workflows.Control) { c.AccountID = "'" }, "account's id"},
	}
	for name, c := range cases {
		control := controls()["control"]
		c.change(&control)
		if files, err := workflows.GenerateControl(control); files != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
