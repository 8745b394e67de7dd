package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/cli"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

// fatal is what testing and rapid have in common.
type fatal interface {
	Helper()
	Context() context.Context
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
	Error(...any)
}

const (
	accountHost = "accounts.cloud.databricks.com"
	accountID   = "11111111-2222-3333-4444-555555555555"
	account     = "https://" + accountHost + "/api/2.0/accounts/" + accountID
	repo        = "https://api.github.com/repos/acme/taxi"
	prodURL     = "https://prod.cloud.databricks.com"
	uc          = "https://prod.cloud.databricks.com/api/2.1/unity-catalog"
)

// world is a folder with a spec, the services that it names, a clock that passes without taking time,
// and everything that runs of the program have said and sent.
type world struct {
	t       fatal
	dir     string
	home    string // of the person who runs it; "" is none
	spec    string
	env     map[string]string
	clock   *virtual.Clock // the services'
	skew    *skewed        // the machine's
	sandbox *sandbox.Sandbox
	wire    *wire
	said    []outcome
	foreign string // what others own, as it was in the beginning
}

// outcome is one run of the program.
type outcome struct {
	args     []string
	code     int
	out, err string
	took     time.Duration
	sent     []sandbox.Request
}

// open makes a world in an empty folder.
func open(t fatal, dir, specText, worldText string) *world {
	t.Helper()
	w := &world{t: t, dir: dir, home: filepath.Join(dir, "home"), spec: specText, clock: virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Millisecond)}
	w.skew = &skewed{Clock: w.clock}
	w.write("README.md", "# Taxi\n")
	w.write("licence.txt", fileCanary)
	w.write("mlops.yaml", specText)
	s, err := sandbox.Open(sandbox.Options{Now: w.clock.Now, World: []byte(worldText), Hosts: sandbox.Hosts{
		GitHub: "https://github.com", Owner: "acme", Account: "https://" + accountHost, AccountID: accountID,
		Workspaces: []string{"https://staging.cloud.databricks.com", "https://prod.cloud.databricks.com"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.sandbox, w.wire = s, newWire(s.RoundTripper())
	w.env = maps.Clone(s.Operator())
	w.env["MLOPS_WORKFLOW_TOKEN"] = envCanary
	w.plant()
	w.wire.secret("the operator's GitHub token", w.env["GITHUB_TOKEN"])
	w.wire.secret("the operator's client secret", w.env["DATABRICKS_CLIENT_SECRET"])
	w.foreign = w.others()
	return w
}

// plant puts secrets where programs look for logins: those of other hosts and other tools, for which this one has no
// use. Each is known to the search for leaks.
func (w *world) plant() {
	w.t.Helper()
	canary := func(name string) string {
		value := "canary-of-" + name + "-b1e64a09"
		w.wire.secret(name, value)
		return value
	}
	maps.Copy(w.env, map[string]string{
		"DATABRICKS_HOST":  "https://elsewhere.cloud.databricks.com",
		"DATABRICKS_TOKEN": canary("DATABRICKS_TOKEN"), "GH_TOKEN": canary("GH_TOKEN"), "GH_ENTERPRISE_TOKEN": canary("GH_ENTERPRISE_TOKEN"),
		"HTTPS_PROXY": "http://user:" + canary("proxy") + "@proxy.example:3128",
	})
	for name, text := range map[string]string{
		".databrickscfg": "[other]\nhost = https://other.cloud.databricks.com\ntoken = " + canary("profile-token") +
			"\n[third]\nhost = https://third.cloud.databricks.com\nclient_id = x\nclient_secret = " + canary("profile-secret") + "\n",
		".config/gh/hosts.yml": "github.example:\n  oauth_token: " + canary("gh") + "\n",
		".git-credentials":     "https://user:" + canary("git-credentials") + "@github.example\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(w.home, name)), 0o700); err != nil {
			w.t.Fatal(err)
		}
		w.write(filepath.Join("home", name), text)
	}
}

func (w *world) close() {
	if err := w.sandbox.Close(); err != nil {
		w.t.Errorf("closing the sandbox: %v", err)
	}
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// edit replaces parts of the spec: pairs of what stands there and what stands there instead.
func (w *world) edit(pairs ...string) {
	w.t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(w.spec, pair[0]) {
			w.t.Fatalf("the spec has no %q", pair[0])
		}
		w.spec = strings.Replace(w.spec, pair[0], pair[1], 1)
	}
	w.write("mlops.yaml", w.spec)
}

// run runs the program.
func (w *world) run(ctx context.Context, args ...string) outcome {
	w.t.Helper()
	return w.runTo(ctx, &bytes.Buffer{}, args...)
}

// runOn runs the program with a clock of its own.
func (w *world) runOn(clock transport.Clock, args ...string) outcome {
	w.t.Helper()
	return w.runWith(context.Background(), cli.Streams{Out: &bytes.Buffer{}, Err: &lockedBuffer{}, Clock: clock}, args...)
}

// runTo runs the program with a stdout that keeps what it is given.
func (w *world) runTo(ctx context.Context, out fmt.Stringer, args ...string) outcome {
	w.t.Helper()
	return w.runWith(ctx, cli.Streams{Out: out.(io.Writer), Err: &lockedBuffer{}, Clock: w.skew}, args...)
}

// runWith runs the program with the streams and the clock that are given.
func (w *world) runWith(ctx context.Context, s cli.Streams, args ...string) outcome {
	w.t.Helper()
	before, began := len(w.sandbox.Log()), w.clock.Peek()
	args = append(args, "-f", filepath.Join(w.dir, "mlops.yaml"), "--log-level", "debug")
	o := outcome{args: args}
	s.In, s.Base, s.Home = strings.NewReader(""), w.wire, w.home
	s.Env = func(name string) (string, bool) { value, ok := w.env[name]; return value, ok }
	o.code = cli.Run(ctx, args, s)
	o.out, o.err, o.took = text(s.Out), text(s.Err), w.clock.Peek().Sub(began)
	o.sent = w.sandbox.Log()[before:]
	w.said = append(w.said, o)
	return o
}

// text is what a stream has kept; "" for one that keeps nothing.
func text(stream io.Writer) string {
	if kept, ok := stream.(fmt.Stringer); ok {
		return kept.String()
	}
	return ""
}

// mutations are the requests of a run that are of a kind that changes something.
func (o outcome) mutations() []sandbox.Request {
	return slices.DeleteFunc(slices.Clone(o.sent), func(r sandbox.Request) bool { return !r.Mutating })
}

func (o outcome) String() string {
	return "mlopsctl " + strings.Join(o.args, " ") + "\n" + o.out + withoutDebug(o.err)
}

func withoutDebug(text string) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool { return strings.HasPrefix(line, "debug: ") }), "")
}

// changes is a plan of the program's as a program reads it.
type changes struct {
	Changes []struct {
		Address, Action, Kind, Reason string
		Fields                        []struct{ Path string }
	}
	Diagnostics []struct{ Severity, Code, Summary, Detail, Address string }
}

// acting are the addresses of a plan at which something would be done, with the action.
func (c changes) acting() []string {
	var out []string
	for _, x := range c.Changes {
		if x.Action != "none" {
			out = append(out, x.Action+" "+x.Address+" "+x.Reason)
		}
	}
	return out
}

// plan plans, and holds the plan to sending nothing that changes anything.
func (w *world) plan(args ...string) (changes, outcome) {
	w.t.Helper()
	o := w.run(context.Background(), append([]string{"plan", "-o", "json", "--detailed-exitcode"}, args...)...)
	if sent := o.mutations(); len(sent) > 0 {
		w.t.Errorf("a plan sent %s %s%s", sent[0].Method, sent[0].Host, sent[0].Path)
	}
	var p changes
	if err := json.Unmarshal([]byte(o.out), &p); err != nil {
		w.t.Fatalf("the plan is no JSON: %v\n%s", err, o)
	}
	return p, o
}

// apply plans and applies.
func (w *world) apply(args ...string) outcome {
	w.t.Helper()
	return w.run(context.Background(), append(fresh.args(), args...)...)
}

// install applies, which must succeed.
func (w *world) install() {
	w.t.Helper()
	if o := w.apply(); o.code != 0 {
		w.t.Fatalf("installing ends with %d:\n%s", o.code, o)
	}
}

func (w *world) inject(faults ...sandbox.Fault) {
	w.t.Helper()
	if err := w.sandbox.Inject(faults...); err != nil {
		w.t.Fatal(err)
	}
}

// heal ends every fault.
func (w *world) heal() {
	w.t.Helper()
	w.wire.heal()
	if err := w.sandbox.ClearFaults(); err != nil {
		w.t.Fatal(err)
	}
}

// lockedBuffer takes what several goroutines say.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
