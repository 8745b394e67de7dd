package sandbox

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// workflowBot is who acts with the token that a workflow is given.
const workflowBot = "github-actions[bot]"

// propose plays what the MLOps Stacks template's deploy-cicd.yml does: it writes the CI/CD files of the project that
// its input names, adds targets to the project's databricks.yml, pushes both to a branch of its own, and opens a
// pull request with the token of the workflow. Like the real one it fails where the repository does not let
// workflows open pull requests, where a secret that its steps take is not there, and where the folder is not.
func (d bundleDeploy) propose(job jobSteps, command string) error {
	for _, name := range job.lent() {
		if d.repo.Vault.secret(name) == nil {
			return fmt.Errorf("the secret %s is not there", name)
		}
	}
	project := d.run.Inputs["project_name"]
	dir := strings.NewReplacer(" ", "_", "-", "_").Replace(project)
	old, there := d.files[path.Join(dir, "databricks.yml")]
	if !there || project == "" {
		return fmt.Errorf("there is no project in %s", dir)
	}
	text, err := d.store.readBlob(old.Hash)
	if err != nil {
		return err
	}
	head, base := d.filled(option(command, "head")), d.filled(option(command, "base"))
	commit := gitCommit{branch: head, message: "Add CICD for " + project, who: "Deploy CICD Bot", when: d.now(),
		changes: cicdFiles(project, dir, base)}
	if more := job.appends(); more != "" {
		commit.changes[path.Join(dir, "databricks.yml")] = append(text, more...)
	}
	return d.open(commit, base, d.filled(option(command, "title")))
}

// open pushes a commit on top of the run's own to a new branch, and opens the pull request.
func (d bundleDeploy) open(commit gitCommit, base, title string) error {
	from := plumbing.NewHash(d.run.SHA)
	if err := d.store.move("refs/heads/"+commit.branch, from); err != nil {
		return err
	}
	made, err := d.store.write(commit)
	if err != nil {
		return err
	}
	move := refChange{name: "refs/heads/" + commit.branch, old: from, new: made}
	if err := d.applyMove(d.repo, d.store, move); err != nil {
		return err
	}
	if !d.repo.Workflow.Approve {
		return fmt.Errorf("GitHub Actions is not permitted to create or approve pull requests") // the branch stays
	}
	body := "This pull request was opened by a workflow."
	// What the workflow's own token opens starts no run.
	p := &ghPull{ID: d.state.nextID(), Number: d.repo.nextNumber(), Title: title, Body: &body, Head: commit.branch, Base: base,
		Author: workflowBot, Open: true, Created: d.now(), Updated: d.now()}
	d.repo.Pulls = append(d.repo.Pulls, p)
	_, err = d.proposed(d.repo, d.store, p)
	return err
}

// option is the value of a command's flag, with or without quotes.
func option(command, name string) string {
	m := regexp.MustCompile(`--` + name + `[ =](?:"([^"]*)"|((?:\$\{\{[^}]*\}\}|[^\s"])+))`).FindStringSubmatch(command)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// filled replaces the expressions of a step's text: inputs, and the time of day that the template's workflow names
// its branch by.
func (d bundleDeploy) filled(text string) string {
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		term := expression.FindStringSubmatch(found)[1]
		if term == "env.timestamp" {
			return strconv.FormatInt(d.now().Unix(), 10)
		}
		return runStart{branch: d.run.Branch, event: d.run.Event, actor: d.run.Actor, inputs: d.run.Inputs}.term(term)
	})
}

// cicdFiles are the workflows of a project, as short as they can be and still be what the template's are.
func cicdFiles(project, dir, base string) gitChanges {
	deploy := func(target, branch string) []byte {
		return fmt.Appendf(nil, `name: Bundle Deployment for %[1]s %[2]s
on:
  push: { branches: [%[3]s] }
  workflow_dispatch:
defaults: { run: { working-directory: ./%[4]s } }
env: { DATABRICKS_TOKEN: "${{ secrets.%[5]s_WORKSPACE_TOKEN }}" }
jobs:
  %[2]s:
    runs-on: ubuntu-latest
    steps: [ { run: databricks bundle deploy -t %[2]s } ]
`, project, target, branch, dir, strings.ToUpper(target))
	}
	tests := fmt.Appendf(nil, "name: Unit tests for %s\non: { pull_request: { paths: ['%s/**'] } }\njobs: { unit_tests: { runs-on: ubuntu-latest, steps: [ { run: pytest } ] } }\n", project, dir)
	at := func(name string) string { return workflowFolder + project + name }
	return gitChanges{
		at("-bundle-cd-staging.yml"): deploy("staging", base), at("-bundle-cd-prod.yml"): deploy("prod", "release"), at("-run-tests.yml"): tests,
		at("-bundle-ci.yml"): fmt.Appendf(nil, "name: Bundle validation for %s\non: workflow_dispatch\njobs: { staging: { runs-on: ubuntu-latest, steps: [ { run: databricks bundle validate -t staging } ] } }\n", project),
	}
}
