package kinds

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/observe"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

const (
	accountHost = "https://accounts.cloud.databricks.com"
	accountID   = "11111111-2222-3333-4444-555555555555"
	stagingHost = "https://staging.cloud.databricks.com"
	prodHost    = "https://prod.cloud.databricks.com"
)

// rig is a spec, a sandbox, and the kinds of the Databricks side between them.
type rig struct {
	t      *testing.T
	box    *sandbox.Sandbox
	stack  *spec.Stack
	login  map[string]string
	homes  map[string]string // metastores by host
	before int               // requests of the log that are not of this run
}

func newRig(t *testing.T, world, text string) *rig {
	t.Helper()
	box, err := sandbox.Open(sandbox.Options{
		Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
		Hosts: sandbox.Hosts{
			Account: accountHost, AccountID: accountID, Workspaces: []string{stagingHost, prodHost},
			GitHub: "https://github.com", Owner: "acme",
		},
		World: []byte(world),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, box: box, stack: parse(t, text), login: box.Operator(), homes: map[string]string{}}
}

func parse(t *testing.T, text string) *spec.Stack {
	t.Helper()
	s, problems := spec.Parse("mlops.yaml", []byte(text), spec.Options{})
	if problems.HasErrors() {
		t.Fatalf("the spec is broken: %+v", problems)
	}
	return s
}

// reading is a guard that nothing has opened.
func reading() *transport.Guard { return &transport.Guard{} }

// writing is a guard that an apply has opened.
func writing() *transport.Guard {
	g := &transport.Guard{}
	g.AllowWrites()
	return g
}

// fleet logs in anew, as a run of the program does; nothing is remembered from before.
func (r *rig) fleet(guard *transport.Guard) *databricks.Fleet {
	scrub := &transport.Scrubber{}
	wire := transport.New(transport.Options{
		Base: r.box.RoundTripper(), Guard: guard, Secrets: scrub, Clock: &virtual.Clock{},
		Trusted: func(string) bool { return true },
	})
	logins := databricks.Logins{Transport: wire, Secrets: scrub, Env: func(name string) (string, bool) {
		value, ok := r.login[name]
		return value, ok
	}}
	o := databricks.Options{Config: logins.Config}
	if r.stack.Account != nil {
		o.Account = &databricks.Host{URL: accountHost, AccountID: accountID}
	}
	for _, target := range r.stack.Targets {
		o.Workspaces = append(o.Workspaces, databricks.Host{URL: target.Host})
	}
	o.Principals, o.Groups, o.Users = Principals(r.stack)
	return databricks.New(o)
}

func (r *rig) types(f *databricks.Fleet) []resource.Type {
	return []resource.Type{
		login("environment"), login("branch"),
		resource.Bind(servicePrincipalKind, f), resource.Bind(workspaceAssignmentKind, f),
		resource.Bind(groupKind, f), resource.Bind(groupMemberKind, f),
		resource.Bind(entitlementKind, f), resource.Bind(principalUserKind, f),
		resource.Bind(catalogKind, f), resource.Bind(catalogBindingKind, f), resource.Bind(schemaKind, f),
		resource.Bind(grantKind, f), resource.Bind(federationPolicyKind, f),
	}
}

// login stands for the kinds of GitHub's side that say how a job logs in; all of them are there.
func login(kind string) resource.Type {
	type place struct {
		Name    string `json:"name"`
		Issuer  string `json:"oidc_issuer,omitempty"`
		Subject string `json:"oidc_subject,omitempty"`
	}
	return resource.Bind(resource.Kind[struct{}, place]{
		Name: kind, Identity: []string{"name"},
		Declare: func(w resource.Wishes) []resource.Decl[place] {
			var decls []resource.Decl[place]
			for _, t := range w.Targets {
				if name := t.Branch; kind == "branch" && name != "" {
					decls = append(decls, resource.Decl[place]{Addr: branchAddr(name), Key: name, Want: place{Name: name}})
				}
				if kind == "environment" && t.Environment != nil {
					decls = append(decls, resource.Decl[place]{Addr: environmentAddr(t.Name), Want: place{Name: t.Name}})
				}
			}
			return decls
		},
		Read: func(_ context.Context, _ struct{}, want place) (place, error) {
			want.Issuer, want.Subject = "https://token.actions.githubusercontent.com", "repo:acme/demo:"+kind+":"+want.Name
			return want, nil
		},
	}, struct{}{})
}

func (r *rig) plan() (*plan.Plan, []observe.Failure) {
	r.t.Helper()
	return r.planWith(r.types(r.fleet(reading())))
}

func (r *rig) planWith(types []resource.Type) (*plan.Plan, []observe.Failure) {
	r.t.Helper()
	r.before = len(r.box.Log())
	wishes, problems, err := plan.Declare(types, resource.Wishes{Stack: r.stack, Metastores: r.homes})
	if err != nil || problems.HasErrors() {
		r.t.Fatal(err, problems)
	}
	seen, failures, err := observe.Read(r.t.Context(), wishes, byName(types), 8)
	if err != nil {
		r.t.Fatal(err)
	}
	changes, err := plan.Build(plan.Input{Wishes: wishes, Types: byName(types), Seen: seen})
	if err != nil {
		r.t.Fatal(err)
	}
	return &plan.Plan{Changes: changes}, failures
}

func byName(types []resource.Type) map[string]resource.Type {
	out := map[string]resource.Type{}
	for _, t := range types {
		out[t.Name] = t
	}
	return out
}

// apply plans and applies in one run.
func (r *rig) apply() apply.Report {
	r.t.Helper()
	types := r.types(r.fleet(writing()))
	p, failures := r.planWith(types)
	for _, f := range failures {
		r.t.Errorf("reading %s: %v", f.Wish.Addr, f.Err)
	}
	report, err := apply.Run(r.t.Context(), p, apply.Options{Types: byName(types), Parallelism: 4, Clock: &virtual.Clock{}})
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) mustApply() {
	r.t.Helper()
	for _, result := range r.apply().Results {
		if result.Status != apply.Done {
			r.t.Errorf("%s: %s %v %s", result.Address, result.Status, result.Err, result.Cause)
		}
	}
}

// sent returns the requests of the last run that match, as "METHOD path".
func (r *rig) sent(match func(sandbox.Request) bool) []string {
	var out []string
	for _, q := range r.box.Log()[r.before:] {
		if match(q) {
			out = append(out, q.Method+" "+q.Path)
		}
	}
	return out
}

func mutating(q sandbox.Request) bool { return q.Mutating }

func to(method, part string) func(sandbox.Request) bool {
	return func(q sandbox.Request) bool { return q.Method == method && strings.Contains(q.Path, part) }
}

// call sends a request as the operator, past the kinds: what somebody else might do.
func (r *rig) call(method, address, body string) {
	r.t.Helper()
	guard := &transport.Guard{}
	guard.AllowWrites()
	wire := transport.New(transport.Options{Base: r.box.RoundTripper(), Guard: guard, Clock: &virtual.Clock{}, Trusted: func(string) bool { return true }})
	operator := r.box.Operator()
	host := databricks.Host{URL: prodHost}
	if strings.HasPrefix(address, accountHost) {
		host = databricks.Host{URL: accountHost, AccountID: accountID}
	}
	cfg, err := databricks.Logins{Transport: wire, Secrets: &transport.Scrubber{}, Env: func(name string) (string, bool) {
		value, ok := operator[name]
		return value, ok
	}}.Config(host)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := cfg.Authenticate(req); err != nil {
		r.t.Fatal(err)
	}
	resp, err := wire.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// actions maps the address of every change that is not "none" to its action.
func actions(p *plan.Plan) map[string]plan.Action {
	out := map[string]plan.Action{}
	for _, c := range p.Changes {
		if c.Action != plan.None {
			out[c.Address] = c.Action
		}
	}
	return out
}
