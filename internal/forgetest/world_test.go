package forgetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/cli"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

func TestMain(m *testing.M) {
	// A library of the Databricks SDK starts it when it is loaded.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// canary is the value of the secret that comes from the environment. It must never be seen.
const canary = "canary-value-that-nobody-may-see"

const (
	github  = "https://github.com"
	api     = "https://api.github.com/repos/acme/taxi"
	payroll = "https://api.github.com/repos/acme/payroll"
	account = "https://accounts.cloud.databricks.com/api/2.0/accounts/11111111-2222-3333-4444-555555555555"
	prod    = "https://prod.cloud.databricks.com"
	uc      = prod + "/api/2.1/unity-catalog"
)

// The principals of other people, as the world has them.
const (
	payrollApp = "0a0a0a0a-0000-4000-8000-0000000000aa"
	auditorApp = "0b0b0b0b-0000-4000-8000-0000000000bb"
)

// world is a stack that was installed, in a folder under version control whose first version wished more, and
// other people's objects around it.
type world struct {
	t       *testing.T
	dir     string
	sandbox *sandbox.Sandbox
	clock   *virtual.Clock
	network *network
	ids     map[string]string // of principals, by their names
	by      string            // the id of the OAuth secret that payroll has
	ruleset string            // the id of the ruleset that somebody made by hand
}

// beforehand is what the first committed version of the spec wishes as well.
var beforehand = strings.NewReplacer(
	"secrets:\n", "secrets:\n  OLD_TOKEN: { env: MLOPS_OLD_TOKEN }\n",
	"variables:\n", "variables:\n  OLD_VARIABLE: x\n  OLD_SETTING: { environment: prod, value: x }\n",
	"targets:\n", "service_principals:\n  old-bot: {}\ntargets:\n",
	"teams: { ml-leads", "teams: { auditors: triage, ml-leads",
	"    privileges: [BROWSE]\n", "    privileges: [BROWSE]\n"+
		"  - principal: \"service_principal:old-bot\"\n    on: \"catalog:prod\"\n    privileges: [USE_CATALOG]\n",
)

// install makes a world in which the stack of the second version was applied and nothing is left to do.
func install(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), ids: map[string]string{}, clock: virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Millisecond)}
	box, err := sandbox.Open(sandbox.Options{Now: w.clock.Now, World: []byte(read(t, "testdata/world.yaml")), Hosts: sandbox.Hosts{
		GitHub: github, Owner: "acme", Account: "https://accounts.cloud.databricks.com", AccountID: "11111111-2222-3333-4444-555555555555",
		Workspaces: []string{"https://staging.cloud.databricks.com", prod},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	w.sandbox, w.network = box, &network{base: box.RoundTripper()}
	spec := read(t, "testdata/mlops.yaml")
	w.write("README.md", "# Taxi\n")
	w.write("mlops.yaml", beforehand.Replace(spec))
	w.git("init", "--quiet", "--template=", "--initial-branch=main")
	w.commit("more than is wished today")
	w.valid()
	w.write("mlops.yaml", spec)
	w.commit("what is wished today")
	if r := w.run("apply", "--auto-approve"); r.code != 0 {
		t.Fatalf("the install ends with %d:\n%s", r.code, r.text)
	}
	w.occupy()
	if r := w.run("plan", "--detailed-exitcode"); r.code != 0 {
		t.Fatalf("the plan after it ends with %d:\n%s", r.code, r.text)
	}
	return w
}

// valid holds that the spec in the folder says something: a version that does not is no witness.
func (w *world) valid() {
	w.t.Helper()
	if r := w.run("validate"); r.code != 0 {
		w.t.Fatalf("the spec is invalid:\n%s", r.text)
	}
}

// ended is one command that ended.
type ended struct {
	code int
	text string // all that it said
	sent []string
}

// run carries out one command line in the folder of the spec.
func (w *world) run(args ...string) ended {
	w.t.Helper()
	from := len(w.sandbox.Log())
	var said bytes.Buffer
	code := cli.Run(w.t.Context(), append(args, "-f", filepath.Join(w.dir, "mlops.yaml"), "--no-color"), cli.Streams{
		In: strings.NewReader(""), Out: &said, Err: &said, Base: w.network, Clock: w.clock, Env: w.env,
	})
	r := ended{code: code, text: said.String()}
	for _, request := range w.sandbox.Log()[from:] {
		if request.Mutating {
			r.sent = append(r.sent, request.Method+" "+request.Host+request.Path)
		}
	}
	return r
}

func (w *world) env(name string) (string, bool) {
	if name == "MLOPS_WORKFLOW_TOKEN" || name == "MLOPS_OLD_TOKEN" {
		return canary, true
	}
	value, ok := w.sandbox.Operator()[name]
	return value, ok
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) git(args ...string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@acme.test", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@acme.test")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (w *world) commit(message string) {
	w.t.Helper()
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", message)
}
