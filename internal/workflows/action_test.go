package workflows_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/rhysd/actionlint"
)

// The root of the repository is the folder of its action.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func action(t *testing.T) node {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, []workflows.File{{Path: "action.yml", Content: text}})[0].root
}

// job is one run of the action: its inputs, what the runner says of itself, and what comes of it.
type job struct {
	inputs map[string]string
	env    []string
	dir    string // the workspace
	temp   string

	output, summary string
	outputs         map[string]string // of each step, as STEP.NAME
}

var expression = regexp.MustCompile(`\$\{\{ ([a-z_.-]+) \}\}`)

// play runs the steps of action.yml as the runner does: each in bash, with the environment that the step
// asks for and the runner's files.
func (j *job) play(t *testing.T) error {
	t.Helper()
	a := action(t)
	j.outputs = map[string]string{}
	for _, n := range a.get("runs", "steps").Content {
		step := node{n}
		env := append([]string{
			"RUNNER_OS=Linux", "RUNNER_ARCH=X64", "RUNNER_TEMP=" + j.temp, "GITHUB_ACTIONS=true", "GITHUB_ACTION_PATH=" + root(t),
			"GITHUB_SERVER_URL=https://github.com",
		}, j.env...)
		for name, value := range step.get("env").pairs() {
			env = append(env, name+"="+j.evaluated(t, a, value))
		}
		if step.get("shell").text() != "bash" {
			t.Fatalf("a step in %q", step.get("shell").text())
		}
		out, outputs, summary, err := run(t, j.dir, step.get("run").text(), env...)
		j.output += out
		j.summary += summary
		for line := range strings.Lines(outputs) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			j.outputs[step.get("id").text()+"."+name] = value
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// evaluated is a text with its expressions replaced.
func (j *job) evaluated(t *testing.T, a node, text string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		path := strings.Split(expression.FindStringSubmatch(e)[1], ".")
		switch {
		case path[0] == "inputs":
			if value, given := j.inputs[path[1]]; given {
				return value
			}
			return j.evaluated(t, a, a.get("inputs", path[1], "default").text())
		case path[0] == "steps":
			return j.outputs[path[1]+"."+path[3]]
		case strings.Join(path, ".") == "github.action_ref":
			return j.inputs["action_ref"]
		case strings.Join(path, ".") == "github.token":
			return "the-jobs-token"
		default:
			t.Fatalf("the action uses %s", e)
			return ""
		}
	})
}

// program says what it was called with, and ends as it is told.
const program = `#!/bin/sh
if [ "$1" = version ]; then echo "mlopsctl 1.2.3"; exit 0; fi
printf '<%s>' "$@"
echo " token=${GITHUB_TOKEN:-none} trusted=${MLOPSCTL_TRUSTED_HOSTS:-none}"
echo '::error::an object is called so'
echo "changes=3" >>"$GITHUB_OUTPUT"
echo "the summary" >>"$GITHUB_STEP_SUMMARY"
exit "${ENDS:-0}"
`

func (j *job) prepare(t *testing.T) {
	t.Helper()
	j.dir, j.temp = t.TempDir(), t.TempDir()
	path := filepath.Join(j.dir, "given")
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestTheActionRunsWhatItIsTold(t *testing.T) {
	cases := map[string]struct {
		inputs map[string]string
		env    []string
		want   string // in the output; "" for a refusal
		fails  string
	}{
		"by default":        {nil, nil, "<ci><--file><mlops.yaml><--comment=true> token=the-jobs-token trusted=none", ""},
		"without a comment": {map[string]string{"comment": "false", "file": "specs"}, nil, "<ci><--file><specs><--comment=false>", ""},
		"a pull request":    {map[string]string{"pull-request": "7", "plan-file": "p.json"}, nil, "<--pull-request><7><--head-from-api><--out><p.json>", ""},
		"a plan":            {map[string]string{"command": "plan", "plan-file": "p.json"}, nil, "<ci><--file><mlops.yaml><--comment=false><--out><p.json>", ""},
		"a plan, nowhere":   {map[string]string{"command": "plan"}, nil, "/mlopsctl-plan.json>", ""},
		"drift":             {map[string]string{"command": "drift"}, nil, "<ci><--file><mlops.yaml><--drift>", ""},
		"validate":          {map[string]string{"command": "validate"}, nil, "<validate><--file><mlops.yaml>", ""},
		"apply":             {map[string]string{"command": "apply", "plan-file": "p.json"}, nil, "<apply><p.json><--file><mlops.yaml><--auto-approve>", ""},
		"an App's login":    {nil, []string{"MLOPSCTL_GITHUB_APP_ID=1"}, "token=none", ""},
		"another token":     {nil, []string{"GITHUB_TOKEN=mine"}, "token=mine", ""},
		"an Enterprise Server": {nil, []string{"GITHUB_SERVER_URL=https://github.acme.example", "MLOPSCTL_TRUSTED_HOSTS=a.example"},
			"trusted=a.example,github.acme.example", ""},
		"code for a file":         {map[string]string{"file": "$(touch stolen); `touch stolen` \"&|"}, nil, "<--file><$(touch stolen); `touch stolen` \"&|>", ""},
		"a failure":               {nil, []string{"ENDS=3"}, "<ci>", "exit status 3"},
		"a stale plan":            {map[string]string{"command": "apply", "plan-file": "p.json"}, []string{"ENDS=5"}, "<apply>", "exit status 5"},
		"apply without a plan":    {map[string]string{"command": "apply"}, nil, "", "apply carries out the plan that the input plan-file names"},
		"a command that is none":  {map[string]string{"command": "destroy"}, nil, "", "ci, plan, apply, drift or validate"},
		"a number that is none":   {map[string]string{"pull-request": "7; id"}, nil, "", "pull-request is a number"},
		"a path of several lines": {map[string]string{"file": "a\nprogram=/bin/false"}, nil, "", "a path has one line"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			j := job{inputs: map[string]string{"binary": "given"}, env: c.env}
			for k, v := range c.inputs {
				j.inputs[k] = v
			}
			j.prepare(t)
			err := j.play(t)
			if failed := fmt.Sprint(j.output, err); (err != nil) != (c.fails != "") || !strings.Contains(failed, c.fails) {
				t.Fatalf("it ends with %v, want %q; %s", err, c.fails, j.output)
			}
			if !strings.Contains(j.output, c.want) || c.want == "" && strings.Contains(j.output, "token=") {
				t.Errorf("it ran %s, want %q", j.output, c.want)
			}
			if _, err := os.Stat(filepath.Join(j.dir, "stolen")); err == nil {
				t.Error("an input was run as code")
			}
			if c.want != "" && (j.outputs["run.changes"] != "3" || j.outputs["run.exit-code"] == "" || j.summary != "the summary\n") {
				t.Errorf("outputs %v, summary %q", j.outputs, j.summary)
			}
			// What the program prints of an apply is text to the runner, whatever somebody called an object.
			if strings.HasPrefix(c.want, "<apply>") || strings.HasPrefix(c.want, "<validate>") {
				before, after, _ := strings.Cut(j.output, "::error::an object")
				token := regexp.MustCompile(`::stop-commands::([0-9a-f]{32})\n`).FindStringSubmatch(before)
				if token == nil || !strings.Contains(after, "\n::"+token[1]+"::\n") {
					t.Errorf("commands are not stopped: %s", j.output)
				}
			}
		})
	}
}

// release serves a release as GitHub does, and returns the environment by which curl trusts it.
func release(t *testing.T, change func(files map[string][]byte)) (url string, env []string) {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	w := tar.NewWriter(zipped)
	for name, text := range map[string]string{"README.md": "read me", "mlopsctl": program} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	name := "mlopsctl_1.2.3_linux_amd64.tar.gz"
	files := map[string][]byte{
		"/v1.2.3/" + name:       archive.Bytes(),
		"/v1.2.3/checksums.txt": []byte(sum([]byte("another")) + "  mlopsctl_1.2.3_linux_arm64.tar.gz\n" + sum(archive.Bytes()) + "  " + name + "\n"),
	}
	if change != nil {
		change(files)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, there := files[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		if _, err := w.Write(content); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, []string{"CURL_CA_BUNDLE=" + ca}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func TestTheActionInstallsARelease(t *testing.T) {
	const archive, sums = "/v1.2.3/mlopsctl_1.2.3_linux_amd64.tar.gz", "/v1.2.3/checksums.txt"
	cases := map[string]struct {
		change func(map[string][]byte)
		inputs map[string]string
		env    []string
		fails  string
	}{
		"by its version":             {nil, map[string]string{"version": "v1.2.3"}, nil, ""},
		"by the action's tag":        {nil, map[string]string{"action_ref": "v1.2.3"}, nil, ""},
		"by nothing":                 {nil, map[string]string{"action_ref": strings.Repeat("a", 40)}, nil, "which release to install is not known"},
		"a version that is a path":   {nil, map[string]string{"version": "1.2.3/../../x"}, nil, "which release to install is not known"},
		"one that is not there":      {nil, map[string]string{"version": "9.9.9"}, nil, "cannot be downloaded"},
		"changed on the way":         {func(f map[string][]byte) { f[archive] = append(f[archive], 'x') }, nil, nil, "is not the one that was published"},
		"without a checksum":         {func(f map[string][]byte) { f[sums] = []byte("nothing\n") }, nil, nil, "there is no checksum"},
		"without checksums":          {func(f map[string][]byte) { delete(f, sums) }, nil, nil, "checksums.txt cannot be downloaded"},
		"with a checksum of its own": {nil, map[string]string{"checksum": strings.Repeat("0", 64)}, nil, "is not the one that was published"},
		"a checksum that is none":    {nil, map[string]string{"checksum": "abc"}, nil, "there is no checksum"},
		"in the clear":               {nil, map[string]string{"releases": "http://127.0.0.1:1"}, nil, "begin with https://"},
		"for another system":         {nil, nil, []string{"RUNNER_OS=Plan9"}, "no release for Plan9"},
		"for another processor":      {nil, nil, []string{"RUNNER_ARCH=ARM"}, "no release for ARM"},
		"a binary that is none":      {nil, map[string]string{"binary": "nowhere"}, nil, "the input binary names no program"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			url, env := release(t, c.change)
			j := job{inputs: map[string]string{"releases": url, "version": "1.2.3"}, env: append(env, c.env...)}
			for k, v := range c.inputs {
				j.inputs[k] = v
			}
			if c.inputs["action_ref"] != "" {
				j.inputs["version"] = ""
			}
			j.prepare(t)
			err := j.play(t)
			if (err != nil) != (c.fails != "") || !strings.Contains(j.output, c.fails) {
				t.Fatalf("%v, want %q: %s", err, c.fails, j.output)
			}
			if ran := strings.Contains(j.output, "<ci>"); ran != (c.fails == "") {
				t.Errorf("it ran: %t: %s", ran, j.output)
			}
		})
	}
	t.Run("with the right checksum of its own", func(t *testing.T) {
		var digest string
		url, env := release(t, func(f map[string][]byte) { digest = sum(f[archive]); delete(f, sums) })
		j := job{inputs: map[string]string{"releases": url, "version": "1.2.3", "checksum": strings.ToUpper(digest)}, env: env}
		j.prepare(t)
		if err := j.play(t); err != nil {
			t.Errorf("%v: %s", err, j.output)
		}
	})
}

// usesAction is a workflow that gives the action every input and takes every output.
func usesAction(a node) string {
	var b strings.Builder
	b.WriteString("on: pull_request\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - id: it\n        uses: ./\n        with:\n")
	for _, name := range a.get("inputs").keys() {
		fmt.Fprintf(&b, "          %s: '1'\n", name)
	}
	b.WriteString("      - run: exit 0\n        env:\n")
	for i, name := range a.get("outputs").keys() {
		fmt.Fprintf(&b, "          OUTPUT_%d: ${{ steps.it.outputs.%s }}\n", i, name)
	}
	return b.String()
}

// lintIn returns what actionlint finds in a workflow of a project, whose own action it knows.
func lintIn(t *testing.T, project *actionlint.Project, text string) []*actionlint.Error {
	t.Helper()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.Lint(filepath.Join(root(t), ".github/workflows/uses.yml"), []byte(text), project)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (n node) keys() []string {
	var keys []string
	for i := 0; n.Node != nil && i+1 < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
}

func TestActionlintAcceptsTheAction(t *testing.T) {
	a := action(t)
	project, err := actionlint.NewProject(root(t))
	if err != nil {
		t.Fatal(err)
	}
	linted := func(text string) []*actionlint.Error { return lintIn(t, project, text) }
	for _, e := range linted(usesAction(a)) {
		t.Error(e)
	}
	if len(linted(strings.Replace(usesAction(a), "          command:", "          commands:", 1))) == 0 {
		t.Error("actionlint did not read action.yml: an input that is none was accepted")
	}
	// Its steps, as those of a workflow that is called with the same inputs.
	text := "on:\n  workflow_call:\n    inputs:\n"
	for _, name := range a.get("inputs").keys() {
		text += "      " + name + ": { type: string }\n"
	}
	text += "jobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
	source, err := os.ReadFile(filepath.Join(root(t), "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	_, steps, _ := strings.Cut(string(source), "  steps:\n")
	for line := range strings.Lines(steps) {
		text += "  " + line
	}
	for _, e := range linted(text) {
		t.Error(e)
	}
	for _, s := range a.get("runs", "steps").Content {
		if code := (node{s}).get("run").text(); strings.Contains(code, "${{") {
			t.Errorf("an expression is pasted into %q", code)
		}
	}
}
