package workflows_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// inScripts finds a pattern in what steps run.
func inScripts(r repo, pattern *regexp.Regexp, what string) []string {
	var found []string
	for f, s := range r.steps() {
		for _, m := range pattern.FindAllString(s.get("run").text(), -1) {
			found = append(found, f.says(s.get("run"), m+": "+what))
		}
	}
	return found
}

func tokensInURLs(r repo) []string { return inScripts(r, urlWithToken, "a URL that holds a login") }

func numericVersions(r repo) []string {
	var found []string
	for f, s := range r.steps() {
		with := s.get("with")
		for i := 0; with.Node != nil && i+1 < len(with.Content); i += 2 {
			if v := with.Content[i+1]; strings.Contains(with.Content[i].Value, "version") && v.Tag == "!!float" {
				number, err := strconv.ParseFloat(v.Value, 64)
				found = append(found, f.says(node{v}, fmt.Sprintf("%s is the number %v %v", v.Value, number, err)))
			}
		}
	}
	return found
}

func commandsForVariables(r repo) []string { return inScripts(r, asCommand, "not what it seems") }

func foreignTargets(r repo) []string {
	found := inScripts(r, regexp.MustCompile(`\btar -?x\w*|\bunzip\b`), "an archive that nobody reviews")
	for _, f := range r {
		for _, j := range f.jobs() {
			for _, s := range j.get("steps").Content {
				for _, m := range targetFlag.FindAllStringSubmatch(node{s}.get("run").text(), -1) {
					own := j.get("environment").text()
					if own == "" {
						own = strings.ToLower(strings.TrimSuffix(settingUse.FindStringSubmatch(j.all())[1], "_DATABRICKS_HOST"))
					}
					if m[1] != own {
						found = append(found, f.says(node{s}, "target "+m[1]+" in a job of "+own))
					}
				}
			}
		}
	}
	return found
}

func strayVersions(r repo) []string {
	var found []string
	for _, f := range r {
		for _, j := range f.jobs() {
			env := j.get("env")
			for i := 0; env.Node != nil && i+1 < len(env.Content); i += 2 {
				if versionText.MatchString(env.Content[i+1].Value) {
					found = append(found, f.says(env, env.Content[i].Value+" is a version"))
				}
			}
		}
	}
	return found
}

func renderedTemplates(r repo) []string {
	return inScripts(r, regexp.MustCompile(`bundle init`), "the files are there already")
}

func computedFolders(r repo) []string {
	found := inScripts(r, regexp.MustCompile(`\btr ' -'`), "a name is bent")
	for _, f := range r {
		for _, j := range f.jobs() {
			places := []node{j.get("defaults", "run", "working-directory")}
			for _, s := range j.get("steps").Content {
				places = append(places, node{s}.get("working-directory"))
			}
			for _, p := range places {
				if strings.ContainsAny(p.text(), "$`") {
					found = append(found, f.says(p, p.text()+" is no folder"))
				}
			}
		}
	}
	return found
}

func pullRequestsOfItsOwn(r repo) []string {
	return inScripts(r, regexp.MustCompile(`gh pr create|git push|git commit|date \+`), "that is not CI's to do")
}

func absentPullRequests(r repo) []string {
	var found []string
	for _, f := range r {
		on := f.root.get("on")
		for i := 0; i+1 < len(on.Content); i += 2 {
			if other := on.Content[i].Value; other != "pull_request" && regexp.MustCompile(`event\.pull_request|context\.issue`).MatchString(f.root.all()) {
				found = append(found, f.says(node{on.Content[i]}, "a run by "+other+" has no pull request"))
			}
		}
	}
	return found
}

func comments(r repo) []string {
	found := inScripts(r, regexp.MustCompile(`gh (pr|issue) comment`), "a comment for each run")
	for _, f := range r {
		for _, j := range f.jobs() {
			if strings.Contains(j.all(), "createComment") {
				found = append(found, f.says(j, "createComment"))
			}
			for _, right := range []string{"pull-requests", "issues"} {
				if j.get("permissions", right).text() == "write" {
					found = append(found, f.says(j, right+": write"))
				}
			}
		}
	}
	return found
}

func headCheckouts(r repo) []string {
	var found []string
	for f, s := range r.steps() {
		if ref := s.get("with", "ref"); strings.Contains(ref.text(), "head") {
			found = append(found, f.says(ref, "the head of the pull request"))
		}
	}
	return found
}

func sharedConcurrency(r repo) []string {
	var found []string
	groups := map[string]bool{}
	for _, f := range r {
		if c := f.root.get("concurrency"); f.isForPullRequests() {
			if !strings.Contains(c.get("group").text(), "${{ github.event.pull_request.number }}") || c.get("cancel-in-progress").text() != "true" {
				found = append(found, f.says(c, c.get("group").text()+" is not of one pull request, or keeps what is needless"))
			}
			continue
		}
		for id, j := range f.jobs() {
			c := j.get("concurrency")
			group := c.get("group").text()
			switch {
			case !j.hasCredentials():
			case group == "":
				found = append(found, f.says(j, id+" may run twice at once"))
			case groups[group]:
				found = append(found, f.says(c, group+" twice"))
			case c.get("cancel-in-progress").text() != "false":
				found = append(found, f.says(c, id+" is cut off by the next one"))
			}
			groups[group] = true
		}
	}
	return found
}

func triggers(r repo) []string {
	var found []string
	for _, f := range r {
		if push := f.root.get("on", "push"); push.Node != nil && push.get("paths").Node == nil {
			found = append(found, f.says(push, "every push deploys"))
		}
		if pr := f.root.get("on", "pull_request"); pr.get("paths").Node != nil || pr.get("paths-ignore").Node != nil {
			found = append(found, f.says(pr, "the check never reports where nothing of these paths changed"))
		}
	}
	return found
}

func sharedDeployments(r repo) []string {
	var found []string
	for _, f := range r {
		for id, j := range f.jobs() {
			if !f.isForPullRequests() || !strings.Contains(j.all(), "bundle deploy") {
				continue
			}
			named, destroyed := false, false
			for _, s := range j.get("steps").Content {
				run := node{s}.get("run").text()
				named = named || strings.Contains(run, `git switch --create "pr-$NUMBER"`)
				destroyed = destroyed || node{s}.get("if").text() == "always()" && strings.Contains(run, "bundle destroy")
			}
			if !named {
				found = append(found, f.says(j, id+" has no name of its own"))
			}
			if !destroyed {
				found = append(found, f.says(j, id+" does not destroy what it deployed, whatever happens"))
			}
		}
	}
	return found
}

func looseJobs(r repo) []string {
	found := inScripts(r, regexp.MustCompile(`apt-get install`), "what is on the machine already")
	for _, f := range r {
		for id, j := range f.jobs() {
			if j.get("timeout-minutes").text() == "" {
				found = append(found, f.says(j, id+" may run for six hours"))
			}
			if on := j.get("runs-on"); strings.HasSuffix(on.text(), "-latest") {
				found = append(found, f.says(on, id+" runs on "+on.text()))
			}
		}
	}
	for f, s := range r.steps() {
		if strings.HasPrefix(s.get("uses").text(), "actions/setup-python@") && s.get("with", "cache").text() == "" {
			found = append(found, f.says(s, "no cache"))
		}
	}
	return found
}

func personalTokens(r repo) []string {
	expected := regexp.MustCompile(`^([A-Z0-9_]+_)?(DATABRICKS_CLIENT_SECRET|WORKSPACE_TOKEN)$`)
	var found []string
	for _, f := range r {
		for id, j := range f.jobs() {
			for _, m := range secretUse.FindAllStringSubmatch(j.all(), -1) {
				if !expected.MatchString(m[1]) {
					found = append(found, f.says(j, id+" needs "+m[1]))
				}
			}
			for right, value := range j.get("permissions").pairs() {
				if value == "write" && right != "id-token" {
					found = append(found, f.says(j, id+" has "+right+": write"))
				}
			}
		}
	}
	return found
}

func noGate(r repo) []string {
	var found []string
	for _, f := range r {
		if !f.isForPullRequests() {
			continue
		}
		gates, others := 0, map[string]bool{}
		var gate node
		for id, j := range f.jobs() {
			if j.get("name").text() == workflows.Gate {
				gates, gate = gates+1, j
			} else {
				others[id] = true
			}
		}
		if gates != 1 {
			found = append(found, f.says(f.root, strconv.Itoa(gates)+" jobs are called "+workflows.Gate))
			continue
		}
		if gate.get("if").text() != "always()" {
			found = append(found, f.says(gate, "the gate is skipped when something failed, and skipped counts as passed"))
		}
		for _, n := range gate.get("needs").Content {
			delete(others, n.Value)
		}
		for _, id := range slices.Sorted(maps.Keys(others)) {
			found = append(found, f.says(gate, "the gate does not wait for "+id))
		}
	}
	return found
}
