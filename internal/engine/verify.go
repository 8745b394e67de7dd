package engine

import (
	"context"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/internal/verify"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Verified is what a verification found, with what is to be said of the plan that it began with.
type Verified struct {
	Verdicts    []rights.Verdict
	Diagnostics diag.List
	Requests    plan.Requests
}

// Verify finds out whether the principals of the targets can log in as their CI jobs do, and hold what the spec
// promises: of one target, or of all for "". It writes nothing.
func (e *Engine) Verify(ctx context.Context, target string) (Verified, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the SDK leaves running behind a request that failed
	var names []string
	if target != "" {
		names = []string{target}
	}
	var out Verified
	once := sync.OnceValues(func() (*plan.Plan, error) { return e.Plan(ctx, Aim{Keep: true}) })
	v := e.verifier()
	v.Plan = func(context.Context) (*plan.Plan, error) {
		p, err := once()
		if err == nil {
			out.Diagnostics = p.Diagnostics
		}
		return p, err
	}
	promises, err := e.promises(ctx)
	if err != nil {
		return out, err
	}
	v.Promises = promises
	out.Verdicts, err = v.Verify(ctx, names...)
	for i := range out.Verdicts {
		for j := range out.Verdicts[i].Findings {
			f := &out.Verdicts[i].Findings[j]
			f.Why, f.Fix = e.Scrub(f.Why), e.Scrub(f.Fix)
		}
	}
	out.Requests = plan.Requests{Total: e.count.Total(), ByHost: e.count.ByHost()}
	return out, err
}

func (e *Engine) verifier() verify.Verifier {
	job, _ := e.opt.Env("GITHUB_ACTIONS")
	v := verify.Verifier{
		Fleet: e.fleet, GitHub: e.hub, Logins: e.logins.databricks, Profiles: map[string]string{}, InJob: job == "true", Now: e.opt.Clock.Now(),
	}
	for _, t := range e.stack.Targets {
		if t.Host == "" || t.ServicePrincipal == "" {
			continue
		}
		if t.Profile != "" {
			v.Profiles[t.Host] = t.Profile
		}
		v.Targets = append(v.Targets, verify.Target{
			Name: t.Name, Host: t.Host, Principal: t.ServicePrincipal, CIAuth: string(t.CIAuth), Environment: environmentOf(t), Branch: t.Branch,
		})
	}
	return v
}

func environmentOf(t spec.Target) string {
	if t.Environment == nil {
		return ""
	}
	return t.Name
}

// promises are the privileges that the spec wishes for its own principals.
func (e *Engine) promises(ctx context.Context) ([]verify.Promise, error) {
	wishes, _, err := plan.Declare(e.types, e.wishes(ctx))
	if err != nil {
		return nil, err
	}
	var all []verify.Promise
	for _, w := range wishes {
		who, isRef := resource.AsRef(w.Want["principal"])
		name, ours := cutKind(who.Addr, "service_principal")
		if w.Addr.Kind != "grant" || !isRef || !ours {
			continue
		}
		text := func(field string) string { s, _ := w.Want[field].(string); return s }
		p := verify.Promise{
			Principal: name, Host: text("host"), Optional: text("when_missing") == "moot",
			Securable: databricks.Securable{Type: text("securable_type"), Name: text("securable")},
		}
		list, _ := w.Want["privileges"].([]any)
		for _, item := range list {
			if s, ok := item.(string); ok {
				p.Privileges = append(p.Privileges, s)
			}
		}
		all = append(all, p)
	}
	return all, nil
}
