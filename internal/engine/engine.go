// Package engine joins the parts: the hosts of a spec, the kinds bound to their clients, and the way
// from live state to a plan and from a plan to a report.
package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/kinds"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Options is the world around an engine: what sends, where credentials are looked for, and the time.
type Options struct {
	Base        http.RoundTripper           // sends requests; nil is the machine's network
	Env         func(string) (string, bool) // the environment
	Home        string                      // holds .databrickscfg and gh's configuration; "" is nowhere
	Clock       transport.Clock
	Parallelism int                // reads at a time; 0 is 32
	Version     string             // of the program
	Spec        spec.Options       // by which other versions of the spec are read
	Found       diag.List          // by the spec's checks: what a plan says with the rest
	Bounds      *Bounds            // nil: the spec is trusted
	Shared      *transport.Answers // of other engines that look at the same moment; nil: this one looks for itself
}

// Engine plans and applies one stack.
type Engine struct {
	stack  *spec.Stack
	opt    Options
	guard  *transport.Guard
	count  *transport.Counter
	scrub  *transport.Scrubber
	hub    *github.Client
	fleet  *databricks.Fleet
	clocks *transport.Clocks
	logins logins
	vault  *credentials.Vault
	types  []resource.Type
	byName map[string]resource.Type

	aim     Aim          // of the last plan
	book    *ledger.Book // as the last plan found it; nil where it could not be used
	records *records
	tell    func(string)
}

// logins find the credential for a host, and send nothing.
type logins struct {
	github     func() (github.Login, error)
	databricks databricks.Logins
}

// Connect binds the kinds to clients of the spec's hosts. It sends nothing: each host is logged in to
// when the first request for it is made.
func Connect(s *spec.Stack, o Options) (*Engine, error) {
	if o.Parallelism < 1 {
		o.Parallelism = 32
	}
	e := &Engine{
		stack: s, opt: o, guard: &transport.Guard{}, count: &transport.Counter{}, scrub: &transport.Scrubber{},
		clocks: &transport.Clocks{}, byName: map[string]resource.Type{},
	}
	wire := transport.New(transport.Options{
		Base: o.Base, Trusted: trusted(s), Guard: e.guard, Count: e.count, Clock: o.Clock, Secrets: e.scrub,
		Reach: o.Bounds.reachable(s), Clocks: e.clocks, Shared: o.Shared,
	})
	hub, err := e.connectGitHub(wire)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.Git.Host, err)
	}
	e.hub, e.fleet = hub, e.connectDatabricks(wire)
	e.vault = credentials.New(credentials.Options{
		GitHub: hub, Fleet: e.fleet, LookupEnv: o.Bounds.env(o.Env), Dir: s.Dir, Secrets: e.scrub,
		Clock:      serviceClock{Clock: o.Clock, clocks: e.clocks, host: hostName(s.Git.Host)},
		Principals: kinds.RunAs(s),
	})
	e.types = kinds.All(kinds.Clients{GitHub: hub, Databricks: e.fleet, Vault: e.vault}, s)
	for i, t := range e.types {
		e.types[i] = e.bound(t)
		e.byName[t.Name] = e.types[i]
	}
	return e, nil
}

func (e *Engine) connectGitHub(wire http.RoundTripper) (*github.Client, error) {
	o := github.LoginOptions{
		Host: e.stack.Git.Host, Env: e.opt.Env, GHConfigDir: e.opt.ghConfig(), Transport: wire, Clock: e.opt.Clock, Secrets: e.scrub,
	}
	if e.opt.Home != "" {
		o.RunGH = github.RunGH // it may keep its token in the machine's key store
	}
	login := sync.OnceValues(func() (github.Login, error) { return github.FindLogin(o) })
	e.logins.github = login
	return github.New(github.Options{
		Host: e.stack.Git.Host, Owner: e.stack.Git.Owner, Repo: e.stack.Git.Name, Dir: filepath.Join(e.stack.Dir, e.stack.Git.Source),
		Transport: wire, Now: e.opt.Clock.Now,
		Token: func(ctx context.Context) (string, error) {
			l, err := login()
			if err != nil {
				return "", err
			}
			return l.Token(ctx)
		},
	})
}

func (e *Engine) connectDatabricks(wire http.RoundTripper) *databricks.Fleet {
	logins := databricks.Logins{Env: e.opt.Env, ConfigFile: e.databricksConfig(), Transport: wire, Secrets: e.scrub}
	e.logins.databricks = logins
	o := databricks.Options{Config: logins.Config}
	if a := e.stack.Account; a != nil {
		o.Account = &databricks.Host{URL: a.Host, AccountID: a.ID, Profile: a.Profile}
	}
	for _, t := range e.stack.Targets {
		o.Workspaces = append(o.Workspaces, databricks.Host{URL: t.Host, Profile: t.Profile})
	}
	o.Principals, o.Groups, o.Users = kinds.Principals(e.stack)
	return databricks.New(o)
}

func (e *Engine) databricksConfig() string {
	if file, ok := e.opt.Env("DATABRICKS_CONFIG_FILE"); ok && file != "" {
		return file
	}
	if e.opt.Home == "" {
		return ""
	}
	return filepath.Join(e.opt.Home, ".databrickscfg")
}

func (o Options) ghConfig() string {
	if dir, ok := o.Env("GH_CONFIG_DIR"); ok && dir != "" {
		return dir
	}
	if dir, ok := o.Env("XDG_CONFIG_HOME"); ok && dir != "" {
		return filepath.Join(dir, "gh")
	}
	if o.Home == "" {
		return ""
	}
	return filepath.Join(o.Home, ".config", "gh")
}

// trusted returns whether a credential may go to a host: to those that the spec names, all of which
// its checks let through, and to the API of its GitHub host.
func trusted(s *spec.Stack) func(string) bool {
	hosts := map[string]bool{}
	for _, address := range addresses(s) {
		host := hostName(address)
		hosts[host], hosts["api."+host] = true, true
	}
	return func(host string) bool { return hosts[host] }
}

// addresses are those of all hosts that a spec names.
func addresses(s *spec.Stack) []string {
	all := []string{s.Git.Host}
	if s.Account != nil {
		all = append(all, s.Account.Host)
	}
	for _, t := range s.Targets {
		if t.Host != "" {
			all = append(all, t.Host)
		}
	}
	return all
}

// hostName is the host of an address as it stands in a URL; the spec's checks let through none without.
func hostName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// Kinds lists the kinds of objects that can be deleted.
func (e *Engine) Kinds() []string {
	var names []string
	for _, t := range e.types {
		if t.Delete != nil {
			names = append(names, t.Name)
		}
	}
	return names
}

// Scrub returns text without the secrets that this run has come to know.
func (e *Engine) Scrub(text string) string { return e.scrub.Clean(text) }

// Forget makes every look of the next plan a new one at live state.
func (e *Engine) Forget() {
	e.hub.Forget()
	e.fleet.Forget()
}

// Preflight says which steps of p could not be carried out from here and now, though the services
// would allow them.
func (e *Engine) Preflight(ctx context.Context, p *plan.Plan) diag.List {
	var list diag.List
	for _, c := range p.Changes {
		t := e.byName[c.Kind]
		if t.Check == nil || !c.Action.Acts() {
			continue
		}
		if err := t.Check(ctx, c.Want); err != nil {
			list = append(list, diag.Diagnostic{Severity: diag.Warning, Code: "plan/cannot-be-done-here",
				Summary: e.Scrub(err.Error()), Detail: "an apply from here refuses to begin", Address: c.Address, Source: &c.Source})
		}
	}
	return list
}
