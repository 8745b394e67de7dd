package kindtest

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// canary is the value of the secret that comes from the environment. It must never be seen.
const canary = "canary-value-that-nobody-may-see"

// fatal is what testing and rapid have in common.
type fatal interface {
	Helper()
	Context() context.Context
	Fatal(...any)
	Fatalf(string, ...any)
}

// world is a spec, a sandbox for it, and a clock that passes without taking time.
type world struct {
	t       fatal
	stack   *spec.Stack
	sandbox *sandbox.Sandbox
	clock   *virtual.Clock
}

func full(t *testing.T) (specText, worldText string) {
	t.Helper()
	return read(t, "testdata/full.yaml"), read(t, "testdata/world.yaml")
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// open makes a world of the spec's text and the world file's text.
func open(t *testing.T, specText, worldText string) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("# Taxi\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Millisecond)}
	w.stack = parse(t, dir, specText)
	s, err := sandbox.Open(sandbox.Options{Now: w.clock.Now, Hosts: hosts(w.stack), World: []byte(worldText)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.sandbox = s
	return w
}

func parse(t fatal, dir, text string) *spec.Stack {
	t.Helper()
	stack, problems := spec.Parse(filepath.Join(dir, "mlops.yaml"), []byte(text), spec.Options{})
	if problems.HasErrors() {
		t.Fatalf("the spec is wrong: %+v", problems)
	}
	return stack
}

func hosts(s *spec.Stack) sandbox.Hosts {
	h := sandbox.Hosts{GitHub: s.Git.Host, Owner: s.Git.Owner}
	if s.Account != nil {
		h.Account, h.AccountID = s.Account.Host, s.Account.ID
	}
	for _, t := range s.Targets {
		if !slices.Contains(h.Workspaces, t.Host) {
			h.Workspaces = append(h.Workspaces, t.Host)
		}
	}
	return h
}

// engine opens a new run of the program.
func (w *world) engine() *engine.Engine { return w.engineAs(w.sandbox.Operator()) }

func (w *world) engineAs(env map[string]string) *engine.Engine {
	w.t.Helper()
	return w.engineOver(w.sandbox.RoundTripper(), w.clock, env)
}

// engineOver opens a run with a network and a time of its own.
func (w *world) engineOver(base http.RoundTripper, clock *virtual.Clock, env map[string]string) *engine.Engine {
	w.t.Helper()
	e, err := engine.Connect(w.stack, engine.Options{
		Base: base, Clock: clock, Parallelism: 8,
		Env: func(name string) (string, bool) {
			if name == "MLOPS_WORKFLOW_TOKEN" {
				return canary, true
			}
			value, ok := env[name]
			return value, ok
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// plan plans with a new run, and holds it to sending nothing that changes anything.
func (w *world) plan() *plan.Plan {
	w.t.Helper()
	p := w.planWith(w.engine())
	for _, d := range p.Diagnostics {
		if d.Severity == diag.Error {
			w.t.Fatalf("planning: %+v", d)
		}
	}
	return p
}

func (w *world) planWith(e *engine.Engine) *plan.Plan {
	w.t.Helper()
	before := len(w.sandbox.Log())
	p, err := e.Plan(context.Background(), engine.Aim{})
	if err != nil {
		w.t.Fatal(err)
	}
	if sent := mutations(w.sandbox.Log()[before:]); len(sent) > 0 {
		w.t.Fatalf("a plan sent %v", sent)
	}
	return p
}

// apply plans and applies once with a new run; it fails on nothing that the apply reports.
func (w *world) apply() apply.Report {
	w.t.Helper()
	e := w.engine()
	p := w.planWith(e)
	report, err := e.Apply(context.Background(), p, engine.Run{Options: apply.Options{Parallelism: 8}})
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// settle applies until the plan is empty, which must be after one apply.
func (w *world) settle() {
	w.t.Helper()
	report := w.apply()
	for _, r := range report.Results {
		if r.Status != apply.Done {
			w.t.Fatalf("%s of %s: %s %s: %v", r.Action, r.Address, r.Status, r.Cause, r.Err)
		}
	}
	w.empty()
}

// empty fails unless the plan is empty.
func (w *world) empty() {
	w.t.Helper()
	for _, c := range w.plan().Changes {
		if c.Action != plan.None {
			w.t.Fatalf("%s is %s: %s %+v", c.Address, c.Action, c.Reason, c.Fields)
		}
	}
}

// sent returns what changes something of what f sends.
func (w *world) sent(f func()) []string {
	before := len(w.sandbox.Log())
	f()
	return mutations(w.sandbox.Log()[before:])
}

func mutations(log []sandbox.Request) []string {
	var out []string
	for _, r := range log {
		if r.Mutating {
			out = append(out, r.Method+" "+r.Host+r.Path)
		}
	}
	return out
}

func ctx() context.Context { return context.Background() }
