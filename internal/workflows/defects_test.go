package workflows_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
)

// defect is one thing that is wrong with the workflows that MLOps Stacks projects are born with, or could
// be with others. Its find says where a repository's files have it.
type defect struct {
	name string
	find func(repo) []string
}

// defects are numbered by their place: the stock templates have the first 22.
func defects() []defect {
	return []defect{
		{"a credential is wider than the job that needs it", wideCredentials},
		{"what a job may do is left to a default", openPermissions},
		{"a job with credentials runs in no environment", noEnvironment},
		{"a run by hand deploys from any branch", unguardedDispatch},
		{"what somebody wrote becomes code, or a token stays in the checkout", injection},
		{"code of others is run that can change", unpinned},
		{"a token stands in a URL", tokensInURLs},
		{"a version is read as a number", numericVersions},
		{"a variable is run as a command, or a path has the slashes of Windows", commandsForVariables},
		{"a target goes by another name than its own", foreignTargets},
		{"a version stands where none belongs", strayVersions},
		{"a template is rendered in CI, which needs a login", renderedTemplates},
		{"a folder's name is computed", computedFolders},
		{"CI opens pull requests of its own", pullRequestsOfItsOwn},
		{"a job relies on a pull request that is not there", absentPullRequests},
		{"each push adds a comment", comments},
		{"what is tested is not what would be merged", headCheckouts},
		{"runs that have nothing to do with each other wait, or are dropped", sharedConcurrency},
		{"every push deploys every project, or a required check never reports", triggers},
		{"pull requests share a deployment, or leave one behind", sharedDeployments},
		{"a job has no end, no fixed machine or no cache", looseJobs},
		{"a token of a person is needed", personalTokens},
		{"no single check says whether all is well", noGate},
	}
}

func TestGeneratedFilesHaveNoneOfTheDefects(t *testing.T) {
	for _, v := range variants() {
		r := read(t, generate(t, v.repo))
		for i, d := range defects() {
			for _, found := range d.find(r) {
				t.Errorf("%s: %d, %s: %s", v.name, i+1, d.name, found)
			}
		}
	}
}

// bad is a file of a repository that is right but for one defect.
type bad struct {
	defect int
	file   string // the end of its path
	old    string // in it, and what takes its place
	new    string
	want   string // in what is found
}

func badFiles() []bad {
	const checkout = "      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n"
	ci, deploy := "mlops-ci.yml", "mlops_stack_demo-deploy.yml"
	return []bad{
		{1, ci, "permissions: {}\n", "permissions: {}\nenv:\n  DATABRICKS_TOKEN: ${{ secrets.PROD_WORKSPACE_TOKEN }}\n", "of the whole workflow"},
		{1, ci, "    environment: test\n", "    environment: prod\n", "sees the credentials of prod"},
		{2, deploy, "permissions: {}\n", "", "no permissions"},
		{2, ci, "    permissions:\n      contents: read\n    defaults:", "    defaults:", "unit-mlops_stack_demo has no permissions"},
		{2, ci, "permissions: {}\n", "permissions: write-all\n", "permissions of the whole workflow"},
		{3, deploy, "    environment: prod\n", "", "deploy-prod"},
		{4, deploy, " && github.ref == 'refs/heads/release'", "", "deploy-prod"},
		{5, deploy, "--target prod # it stops", "--target prod ${{ inputs.request }} # it stops", "is pasted into a script"},
		{5, ci, checkout + "        with:\n          persist-credentials: false\n", checkout, "leaves its token"},
		{6, ci, "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "checkout@v7", "actions/checkout@v7"},
		{6, ci, " # v1.9.0", "", "which version"},
		{6, ci, "run: python -m pytest", "run: curl -sSf https://example.com/main/install.sh | bash", "straight into a shell"},
		{7, deploy, "run: databricks bundle validate --target prod", "run: git clone https://x:$TOKEN@github.com/acme/x", "https://x:$TOKEN@"},
		{8, ci, "python-version: '3.10'", "python-version: 3.10", "is the number 3.1 "},
		{9, deploy, "databricks bundle validate --target prod", `echo "$(PROJECT_NAME)/databricks.yml"`, "$(PROJECT_NAME)"},
		{9, deploy, "databricks bundle validate --target prod", `cp a "mlops_stack_demo\databricks.yml"`, `\databricks.yml`},
		{10, deploy, "bundle validate --target prod", "bundle validate -t production", "production"},
		{10, ci, "run: python -m pytest", "run: tar -xzf cicd.tar.gz", "archive"},
		{11, deploy, "      DATABRICKS_AUTH_TYPE: github-oidc\n", "      DATABRICKS_AUTH_TYPE: github-oidc\n      NODE_TYPE: v0.236.0\n", "NODE_TYPE"},
		{12, deploy, "databricks bundle validate --target prod", "databricks bundle init ./cicd", "bundle init"},
		{13, ci, "working-directory: 'mlops_stack_demo'", "working-directory: ${{ env.PROJECT }}", "${{ env.PROJECT }}"},
		{13, ci, "run: python -m pytest", `run: cd "$(echo "$NAME" | tr ' -' '_')"`, "tr ' -'"},
		{14, ci, "run: python -m pytest", `run: gh pr create --head "add-$(date +%s)"`, "gh pr create"},
		{15, ci, "on:\n  pull_request:\n", "on:\n  workflow_dispatch:\n  pull_request:\n", "workflow_dispatch"},
		{16, ci, "run: python -m pytest", `run: gh pr comment "$NUMBER" --body-file out.txt`, "gh pr comment"},
		{16, ci, "    permissions:\n      contents: read\n    outputs:", "    permissions:\n      contents: read\n      pull-requests: write\n    outputs:", "pull-requests: write"},
		{17, ci, "          persist-credentials: false\n", "          persist-credentials: false\n          ref: ${{ github.event.pull_request.head.sha }}\n", "head"},
		{18, ci, "-pr-${{ github.event.pull_request.number }}", "-staging", "mlops-ci-staging"},
		{18, deploy, "group: deploy-prod-", "group: deploy-staging-", "deploy-staging-mlops_stack_demo twice"},
		{18, deploy, "cancel-in-progress: false", "cancel-in-progress: true", "is cut off"},
		{19, deploy, "    paths:\n      - 'mlops_stack_demo/**'\n      - '.github/workflows/mlops_stack_demo-deploy.yml'\n", "", "every push"},
		{19, ci, "  pull_request:\n", "  pull_request:\n    paths: ['mlops_stack_demo/**']\n", "never reports"},
		{20, ci, `git switch --create "pr-$NUMBER"`, "true", "of its own"},
		{20, ci, "        if: always() # after", "        # after", "destroy"},
		{21, ci, "    timeout-minutes: 30\n", "", "unit-mlops_stack_demo"},
		{21, ci, "runs-on: ubuntu-24.04", "runs-on: ubuntu-latest", "ubuntu-latest"},
		{21, ci, "          python -c 'import pytest'", "          sudo apt-get install jq\n          python -c 'import pytest'", "apt-get"},
		{21, ci, "          cache: ${{", "          caches: ${{", "cache"},
		{22, deploy, "      DATABRICKS_AUTH_TYPE: github-oidc\n", "      DATABRICKS_AUTH_TYPE: github-oidc\n      GH_TOKEN: ${{ secrets.WORKFLOW_TOKEN }}\n", "WORKFLOW_TOKEN"},
		{22, deploy, "      contents: read\n", "      contents: write\n", "contents: write"},
		{23, ci, "    if: always()\n    needs:", "    needs:", "is skipped"},
		{23, ci, "      - integration-mlops_stack_demo\n", "", "integration-mlops_stack_demo"},
		{23, ci, "    name: mlops-gate\n", "    name: gate\n", "0 jobs"},
	}
}

func TestEachDefectIsFoundWhereItIs(t *testing.T) {
	files := generate(t, oidcSingle(t))
	caught := map[int]bool{}
	for _, b := range badFiles() {
		t.Run(fmt.Sprintf("%d %s", b.defect, b.want), func(t *testing.T) {
			broken := slices.Clone(files)
			i := slices.IndexFunc(broken, func(f workflows.File) bool { return filepath.Base(f.Path) == b.file })
			text := string(broken[i].Content)
			if !strings.Contains(text, b.old) {
				t.Fatalf("%s has no %q", b.file, b.old)
			}
			broken[i].Content = []byte(strings.Replace(text, b.old, b.new, 1))
			r := read(t, broken)
			found := strings.Join(defects()[b.defect-1].find(r), "\n")
			if !strings.Contains(found, b.want) || !strings.Contains(found, b.file) {
				t.Errorf("found %q, want %q in %s", found, b.want, b.file)
			}
			caught[b.defect] = true
		})
	}
	for i, d := range defects() {
		if !caught[i+1] {
			t.Errorf("nothing shows that %q is found", d.name)
		}
	}
}

func oidcSingle(t *testing.T) workflows.Repository {
	t.Helper()
	i := slices.IndexFunc(variants(), func(v variant) bool { return v.name == "oidc-aws-single" })
	return variants()[i].repo
}

var (
	secretUse    = regexp.MustCompile(`\bsecrets\.([A-Za-z0-9_]+)`)
	settingUse   = regexp.MustCompile(`\b(?:secrets|vars)\.([A-Z0-9_]+)`)
	fullCommit   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	pipedToShell = regexp.MustCompile(`(curl|wget)[^|\n]*\|\s*(sudo )?(ba)?sh|sh <\((curl|wget)`)
	urlWithToken = regexp.MustCompile(`https?://[^\s/'"]*@`)
	asCommand    = regexp.MustCompile(`\$\([A-Z][A-Z0-9_]*\)|\\\w+\.ya?ml`)
	targetFlag   = regexp.MustCompile(`(?:\s-t|--target)[ =](\S+)`)
	versionText  = regexp.MustCompile(`\bv?\d+\.\d+\.\d+\b`)
)

func wideCredentials(r repo) []string {
	var found []string
	for _, f := range r {
		if env := f.root.get("env"); env.Node != nil && settingUse.MatchString(env.all()) {
			found = append(found, f.says(env, "a credential of the whole workflow"))
		}
		if !f.isForPullRequests() {
			continue
		}
		for _, j := range f.jobs() {
			if env := j.get("environment"); env.Node != nil && env.text() != workflows.TestTarget {
				found = append(found, f.says(env, "a pull request sees the credentials of "+env.text()))
			}
			for _, m := range secretUse.FindAllStringSubmatch(j.all(), -1) {
				if j.get("environment").Node == nil && !strings.HasPrefix(m[1], "TEST_") {
					found = append(found, f.says(j, "a pull request sees "+m[1]))
				}
			}
		}
	}
	return found
}

func openPermissions(r repo) []string {
	var found []string
	for _, f := range r {
		switch p := f.root.get("permissions"); {
		case p.Node == nil:
			found = append(found, f.says(f.root, "no permissions of the whole workflow, which should be none"))
		case p.all() != "" || len(p.Content) > 0:
			found = append(found, f.says(p, "permissions of the whole workflow, not of each job"))
		}
		for id, j := range f.jobs() {
			if p := j.get("permissions"); p.Node == nil || p.Kind != yaml.MappingNode {
				found = append(found, f.says(j, "job "+id+" has no permissions of its own"))
			}
		}
	}
	return found
}

func noEnvironment(r repo) []string {
	var found []string
	for _, f := range r {
		for id, j := range f.jobs() {
			for _, m := range settingUse.FindAllStringSubmatch(j.all(), -1) {
				if j.get("environment").Node == nil && strings.HasPrefix(m[1], "DATABRICKS_") {
					found = append(found, f.says(j, "job "+id+" uses "+m[1]+" of no environment"))
				}
			}
		}
	}
	return found
}

func unguardedDispatch(r repo) []string {
	var found []string
	for _, f := range r {
		if f.root.get("on", "workflow_dispatch").Node == nil {
			continue
		}
		for id, j := range f.jobs() {
			if j.hasCredentials() && !strings.Contains(j.get("if").text(), "github.ref == 'refs/heads/") {
				found = append(found, f.says(j, "job "+id+" runs from any branch"))
			}
		}
	}
	return found
}

func injection(r repo) []string {
	var found []string
	for f, s := range r.steps() {
		for _, code := range []node{s.get("run"), s.get("with", "script")} {
			if strings.Contains(code.text(), "${{") {
				found = append(found, f.says(code, "an expression is pasted into a script"))
			}
		}
		if strings.HasPrefix(s.get("uses").text(), "actions/checkout@") && s.get("with", "persist-credentials").text() != "false" {
			found = append(found, f.says(s, "the checkout leaves its token behind"))
		}
	}
	return found
}

func unpinned(r repo) []string {
	var found []string
	for f, s := range r.steps() {
		if u := s.get("uses"); u.Node != nil {
			if !fullCommit.MatchString(u.text()) {
				found = append(found, f.says(u, u.text()+" is no commit"))
			}
			if !strings.HasPrefix(u.LineComment, "# v") {
				found = append(found, f.says(u, "a commit that does not say which version it is"))
			}
		}
		if pipedToShell.MatchString(s.get("run").text()) {
			found = append(found, f.says(s, "a download goes straight into a shell"))
		}
	}
	return found
}
