package cli

import (
	"context"
	"net/http"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// session is a spec that passed its checks, connected to its hosts or to a sandbox.
type session struct {
	stack   *spec.Stack
	engine  *engine.Engine
	elapsed time.Duration // of the last plan
	close   func() error
}

// load reads the spec of the run. What is wrong with it comes back as a *failure; the list holds its
// warnings.
func (a *app) load() (*spec.Stack, diag.List, error) {
	path, err := a.flags.file()
	if err != nil {
		return nil, nil, err
	}
	vars, err := a.flags.variables()
	if err != nil {
		return nil, nil, err
	}
	stack, list := spec.Load(path, a.reading(vars))
	if list.HasErrors() {
		return nil, list, &failure{code: exitInvalid, list: list}
	}
	return stack, list, nil
}

// reading is how a run reads specs.
func (a *app) reading(vars map[string]string) spec.Options {
	return spec.Options{Vars: vars, LookupEnv: a.streams.Env, AllowEnv: a.flags.allowEnv, TrustedHosts: a.trustedHosts()}
}

// open loads the spec and connects it. The session must be closed.
func (a *app) open() (*session, error) {
	stack, warnings, err := a.load()
	if err != nil {
		return nil, err
	}
	a.stop.within(a.flags.timeout)
	a.inform("the spec is %s, of the stack %s", stack.File, stack.Name)
	w, err := a.enter(stack)
	if err != nil {
		return nil, err
	}
	s := &session{stack: stack, close: w.close}
	o, err := a.engineOptions(w)
	o.Found = warnings
	if err != nil {
		return nil, closing(err, s.close)
	}
	if s.engine, err = engine.Connect(stack, o); err != nil {
		return nil, closing(err, s.close)
	}
	given := givenSecrets(stack, w.env)
	a.scrub = func(text string) string { return s.engine.Scrub(given.Clean(text)) }
	return s, nil
}

// world is what answers the hosts of a run: the network, or a sandbox.
type world struct {
	base  http.RoundTripper
	env   func(string) (string, bool)
	home  string
	close func() error
}

// enter returns the world of a run; the sandbox, where it is one, answers for the hosts of that stack. It must
// be closed.
func (a *app) enter(stack *spec.Stack) (*world, error) {
	w := &world{base: a.streams.Base, env: a.streams.Env, home: a.streams.Home, close: func() error { return nil }}
	if a.flags.sandbox != "" {
		box, err := a.enterSandbox(stack, a.flags.sandbox)
		if err != nil {
			return nil, err
		}
		a.inform("every host is the sandbox in %s", a.flags.sandbox)
		w.base, w.env, w.home, w.close = box.RoundTripper(), a.sandboxEnv(stack, box), "", box.Close
	}
	if a.flags.logLevel == "debug" {
		if w.base == nil {
			w.base = network()
		}
		w.base = logged{base: w.base, app: a}
	}
	return w, nil
}

// engineOptions are what every engine of a run gets.
func (a *app) engineOptions(w *world) (engine.Options, error) {
	vars, err := a.flags.variables()
	o := engine.Options{Spec: a.reading(vars), Base: w.base, Env: w.env, Home: w.home, Clock: a.clock, Version: build().Version}
	if a.flags.changed("parallelism") {
		o.Parallelism = a.flags.parallelism
	}
	return o, err
}

// givenSecrets knows the values that the spec's secrets enter by, from the start of a run: also of
// those that a plan has no reason to read.
func givenSecrets(s *spec.Stack, env func(string) (string, bool)) *transport.Scrubber {
	var known transport.Scrubber
	for _, name := range s.EnvSources() {
		if value, ok := env(name); ok {
			known.Add(value)
		}
	}
	return &known
}

// network is the machine's network, as the transport would make it.
func network() http.RoundTripper {
	const readsAtATime = 32
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConnsPerHost = readsAtATime
		return t
	}
	return http.DefaultTransport
}

// plan makes the plan of a session; what the spec's checks warned of is said with it.
func (a *app) plan(ctx context.Context, s *session, aim engine.Aim) (*plan.Plan, error) {
	began := a.clock.Now()
	settled := a.waiting("reading live state")
	p, err := s.engine.Plan(ctx, aim)
	settled()
	if err != nil {
		return nil, planFailure(err)
	}
	s.elapsed = a.clock.Now().Sub(began)
	return p, ctx.Err()
}

// planned opens the stack, plans it, and does something with the plan.
func (a *app) planned(ctx context.Context, aim engine.Aim, do func(*session, *plan.Plan) error) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	if err := knownKinds(s, aim.Allow); err != nil {
		return err
	}
	p, err := a.plan(ctx, s, aim)
	if err != nil {
		return err
	}
	return do(s, p)
}
