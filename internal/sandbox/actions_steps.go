package sandbox

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// jobsFile is a workflow as far as what is seen of its jobs follows from it.
type jobsFile struct {
	Env      map[string]string
	Defaults stepDefaults
	Jobs     map[string]jobSteps
}

type stepDefaults struct {
	Run struct {
		Dir string `yaml:"working-directory"`
	}
}

type jobSteps struct {
	Env      map[string]string
	Defaults stepDefaults
	Steps    []struct {
		Run  string
		With map[string]any
	}
}

var (
	// deployStep finds the targets that a job's steps deploy a bundle to.
	deployStep = regexp.MustCompile(`databricks bundle deploy\b[^\n]*?(?:--target|-t)[ =]([A-Za-z0-9_-]+)`)
	// proposeStep finds the step that opens a pull request.
	proposeStep = regexp.MustCompile(`gh pr create\b[^\n]*`)
	// appendStep finds what a step writes at the end of a databricks.yml.
	appendStep = regexp.MustCompile(`echo -e "([^"]*)" >> [^\n]*databricks\.yml`)
	ofSecret   = regexp.MustCompile(`\bsecrets\.([A-Za-z_][A-Za-z0-9_]*)`)
)

// workflow is the file of the run, as it is at the run's commit; what is none has no jobs.
func (d bundleDeploy) workflow() jobsFile {
	var file jobsFile
	if yaml.Unmarshal(d.read(d.run.Path), &file) != nil {
		return jobsFile{}
	}
	return file
}

// deploysTo is the target to which a job deploys something that stays, "" where there is none.
func (f jobsFile) deploysTo(job string) (target string) {
	for _, step := range f.Jobs[job].Steps {
		if strings.Contains(step.Run, "bundle destroy") {
			return ""
		}
		if found := deployStep.FindStringSubmatch(step.Run); found != nil {
			target = found[1]
		}
	}
	return target
}

// proposes is the command with which a job opens a pull request.
func (f jobsFile) proposes(job string) (command string, found bool) {
	for _, step := range f.Jobs[job].Steps {
		if command := proposeStep.FindString(step.Run); command != "" {
			return command, true
		}
	}
	return "", false
}

// tokens are the secrets that a job may have for a token of a workspace.
func (f jobsFile) tokens(job string) []string {
	var names []string
	for _, env := range []map[string]string{f.Jobs[job].Env, f.Env} {
		for _, m := range ofSecret.FindAllStringSubmatch(env["DATABRICKS_TOKEN"], -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// lent are the secrets that a job's steps hand on to actions, sorted.
func (j jobSteps) lent() []string {
	var names []string
	for _, step := range j.Steps {
		for _, value := range step.With {
			text, _ := value.(string)
			for _, m := range ofSecret.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
		}
	}
	slices.Sort(names)
	return names
}

// appends is what a job's steps write at the end of databricks.yml.
func (j jobSteps) appends() string {
	for _, step := range j.Steps {
		if m := appendStep.FindStringSubmatch(step.Run); m != nil {
			return strings.ReplaceAll(m[1], `\n`, "\n") + "\n"
		}
	}
	return ""
}
