package kindtest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Where what went wrong has to show. The first four are a plan's: a diagnostic that ends the run, an
// object that nobody may read, one that nobody can make yet, and a word of caution. The last is a step
// of an apply.
const (
	unauthorized = "plan/unauthorized" // exit code 4
	readFailed   = "plan/read-failed"  // exit code 1
	unknown      = "unknown"           // exit code 4, of an apply
	blocked      = "blocked"           // exit code 0
	hidden       = "plan/repository-may-be-hidden"
	failed       = "failed" // exit code 6, or 1 where nothing was done
)

// mishap is something that goes wrong outside, and what has to be said about it.
type mishap struct {
	name string

	world     string            // the world file; "" is the usual one
	spec      []string          // pairs of what stands in the spec and what stands there instead
	env       map[string]string // beside the operator's credentials; "" takes a variable away
	home      map[string]string // files of a folder, whose path stands for HOME in env
	installed bool              // the spec as it was had been applied before
	prepare   func(*world)      // what somebody did since
	faults    []sandbox.Fault
	between   []sandbox.Fault // that begin after the plan
	network   func(testing.TB, http.RoundTripper) http.RoundTripper

	address string // of an object that it shows at
	as      string
	request string // method, host and path that it shows with
	status  int    // 0 where nothing was answered
	says    string // in the service's own words
	advice  string // what to do
	more    string // what else a plan may report: whatever has this in it
	also    string // a glob of further steps that fail
}

// seen is what a run says at the address of a mishap.
type seen struct {
	text    string // as a person reads it
	all     string // everything that was said
	address []string
}

func (m mishap) run(t *testing.T) {
	w := m.open(t)
	e := m.engine(t, w)
	before := len(w.sandbox.Log())
	p, err := e.Plan(t.Context(), engine.Aim{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sent := range mutations(w.sandbox.Log()[before:]) {
		if !strings.HasSuffix(sent, "/access_tokens") { // an App's login
			t.Errorf("a plan sent %s", sent)
		}
	}
	said := m.inPlan(t, p)
	if m.as == failed {
		said = m.inApply(t, w, e, p)
	}
	m.check(t, said)
	for name, secret := range m.secrets(w) {
		if strings.Contains(said.all, secret) {
			t.Errorf("the credential in %s is shown:\n%s", name, said.all)
		}
	}
}

// open makes the world of a mishap. Its hosts are those of the usual spec, whatever the spec says now.
func (m mishap) open(t *testing.T) *world {
	t.Helper()
	specText, worldText := full(t)
	if m.world != "" {
		worldText = m.world
	}
	w := open(t, specText, worldText)
	if m.installed {
		w.settle()
	}
	for i := 0; i < len(m.spec); i += 2 {
		if !strings.Contains(specText, m.spec[i]) {
			t.Fatalf("the spec has no %q", m.spec[i])
		}
		specText = strings.ReplaceAll(specText, m.spec[i], m.spec[i+1])
	}
	w.stack = parse(t, w.stack.Dir, specText)
	if m.prepare != nil {
		m.prepare(w)
	}
	if err := w.sandbox.Inject(m.faults...); err != nil {
		t.Fatal(err)
	}
	return w
}

func (m mishap) engine(t *testing.T, w *world) *engine.Engine {
	t.Helper()
	env := m.environment(t, w)
	base := w.sandbox.RoundTripper()
	if m.network != nil {
		base = m.network(t, base)
	}
	e, err := engine.Connect(w.stack, engine.Options{
		Base: base, Clock: w.clock, Parallelism: 4,
		Env: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (m mishap) environment(t *testing.T, w *world) map[string]string {
	t.Helper()
	home := t.TempDir()
	for name, text := range m.home {
		for key, value := range w.sandbox.Operator() {
			text = strings.ReplaceAll(text, "$"+key, value)
		}
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := maps.Clone(w.sandbox.Operator())
	env["MLOPS_WORKFLOW_TOKEN"] = canary
	for name, value := range m.env {
		if env[name] = strings.ReplaceAll(value, "HOME", home); value == "" {
			delete(env, name)
		}
	}
	return env
}

// secrets are the credentials that are about, by where they come from.
func (m mishap) secrets(w *world) map[string]string {
	secrets := map[string]string{
		"the sandbox's GITHUB_TOKEN": w.sandbox.Operator()["GITHUB_TOKEN"], "the sandbox's client secret": w.sandbox.Operator()["DATABRICKS_CLIENT_SECRET"],
		"a secret": canary, "a file": wrongSecret,
	}
	for name, value := range m.env {
		if strings.Contains(value, "wrong") {
			secrets[name] = value
		}
	}
	return secrets
}

// inPlan returns what the plan says of the mishap's object.
func (m mishap) inPlan(t *testing.T, p *plan.Plan) seen {
	t.Helper()
	var s seen
	for _, d := range p.Diagnostics {
		text := fmt.Sprintf("%s [%s]; %s", d.Summary, d.Code, d.Detail) // as it is printed, but for its place
		s.all += text + "\n"
		if d.Code == m.as && (d.Address == m.address || strings.Contains(d.Detail+",", " "+m.address+",")) {
			s.text, s.address = text, append(s.address, d.Address)
		}
		if d.Severity == diag.Error && d.Source == nil {
			t.Errorf("it has no place in the spec: %s", text)
		}
		if d.Severity == diag.Error && (d.Code != m.as || !strings.Contains(text, cmp.Or(m.more, m.request))) {
			t.Errorf("there is another error, too: %s", text)
		}
	}
	for _, c := range p.Changes {
		text := c.Address + "  " + c.Reason
		s.all += text + "\n"
		if string(c.Action) == m.as && c.Address == m.address {
			s.text, s.address = text, append(s.address, c.Address)
		}
		if m.as != failed && m.as != blocked && m.as != hidden && c.Action.Acts() && c.Address == m.address {
			t.Errorf("%s is a %s though nobody knows what is there: %s", c.Address, c.Action, c.Reason)
		}
	}
	if m.as == failed && p.Diagnostics.HasErrors() {
		t.Fatalf("the plan fails already:\n%s", s.all)
	}
	return s
}

// inApply applies the plan and returns what the report says of the mishap's object. Nothing else may
// fail, and what needs it must have been skipped.
func (m mishap) inApply(t *testing.T, w *world, e *engine.Engine, p *plan.Plan) seen {
	t.Helper()
	if err := w.sandbox.Inject(m.between...); err != nil {
		t.Fatal(err)
	}
	var s seen
	began := w.clock.Now()
	report, err := e.Apply(t.Context(), p, engine.Run{Options: apply.Options{Parallelism: 4, OnEvent: func(e apply.Event) { s.all += e.Message + e.Error + "\n" }}})
	if err != nil { // nothing is begun without the ledger
		s.all += err.Error() + "\n"
		s.text, s.address = err.Error(), append(s.address, m.address)
	}
	if took := w.clock.Now().Sub(began); took > 15*time.Minute {
		t.Errorf("it took %s to give up", took)
	}
	for _, r := range report.Results {
		text := fmt.Sprintf("%s  %v", r.Address, r.Err) // as it is printed
		s.all += text + "\n"
		switch {
		case r.Address == m.address && r.Status == apply.Failed:
			s.text, s.address = text, append(s.address, r.Address)
		case r.Status == apply.Failed && !plan.MatchAddress(m.also, r.Address):
			t.Errorf("something else failed: %s", text)
		case r.Status == apply.Skipped && r.Cause != m.address && !plan.MatchAddress(m.also, r.Cause):
			t.Errorf("%s was skipped because of %s", r.Address, r.Cause)
		}
	}
	return s
}

// check holds what was said to what has to be said.
func (m mishap) check(t *testing.T, s seen) {
	t.Helper()
	if len(s.address) != 1 {
		t.Fatalf("%s shows %d times as %s, want once:\n%s", m.address, len(s.address), m.as, s.all)
	}
	t.Logf("%s", s.text)
	want := []string{m.address, m.says, m.advice}
	if m.request != "" {
		want = append(want, m.request+": ")
	}
	if m.status != 0 {
		want = append(want, fmt.Sprintf("%s: %d ", m.request, m.status))
		if !regexp.MustCompile(`\(request [-:\w]+\)`).MatchString(s.text) {
			t.Errorf("it has no request id: %s", s.text)
		}
	}
	for _, w := range want {
		if !strings.Contains(s.text, w) {
			t.Errorf("it lacks %q: %s", w, s.text)
		}
	}
	if m.advice == "" && m.as != failed {
		t.Errorf("nobody is told what to do: %s", s.text)
	}
	if words := m.request + ": "; m.request != "" && strings.Count(s.text, words) > 1 {
		t.Errorf("it says %q more than once: %s", words, s.text)
	}
}

// wrongSecret is a credential that no service knows.
const wrongSecret = "wrong-credential-that-nobody-may-see"

func runAll(t *testing.T, list []mishap) {
	t.Helper()
	names := map[string]bool{}
	for _, m := range list {
		if names[m.name] {
			t.Fatalf("two mishaps are called %q", m.name)
		}
		names[m.name] = true
		t.Run(strings.ReplaceAll(m.name, " ", "_"), m.run)
	}
}

// always is a fault without end: of a method, or ANY, and a host and path in which * is anything.
func always(request string, status int, body string, header ...string) []sandbox.Fault {
	method, path, _ := strings.Cut(request, " ")
	if method == "ANY" {
		method = ""
	}
	f := sandbox.Fault{Method: method, Path: path, Times: -1, Action: sandbox.FaultStatus, Status: status, Body: body, Header: map[string]string{}}
	for pair := range slices.Chunk(header, 2) {
		f.Header[pair[0]] = pair[1]
	}
	return []sandbox.Fault{f}
}
