package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/doctor"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Doctor makes a plan and reports whether these credentials have what it takes, what the guide presumes and
// what is missing on this machine. It writes nothing.
func (e *Engine) Doctor(ctx context.Context, aim Aim) (rights.Report, *plan.Plan, error) {
	p, err := e.Plan(ctx, aim)
	if err != nil {
		return rights.Report{}, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the SDK leaves running behind a request that failed
	r := e.examiner().Report(ctx, p)
	r.Prerequisites = append(r.Prerequisites, e.here(ctx, p)...)
	e.clean(&r)
	p.Requests = plan.Requests{Total: e.count.Total(), ByHost: e.count.ByHost()}
	return r, p, nil
}

// Lacking returns what the changes of a plan take and these credentials are known not to have. What cannot be
// found out is not among it.
func (e *Engine) Lacking(ctx context.Context, p *plan.Plan) []rights.Finding {
	if !p.Acts() {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := rights.Report{Prerequisites: slices.DeleteFunc(e.examiner().Writes(ctx, p), func(f rights.Finding) bool { return f.State != rights.Missing })}
	e.clean(&r)
	return r.Prerequisites
}

// Permissions returns the least that it takes to apply the spec, and to plan it. It sends nothing.
func (e *Engine) Permissions(aim Aim) (rights.Least, error) {
	w := resource.Wishes{Stack: e.stack}
	wishes, problems, err := plan.Declare(e.types, w)
	if err == nil && problems.HasErrors() {
		err = errors.New(problems[0].Summary)
	}
	if err != nil {
		return rights.Least{}, err
	}
	if wishes, err = e.selected(w, wishes, aim); err != nil {
		return rights.Least{}, err
	}
	return e.places().Least(wishes, e.byName), nil
}

func (e *Engine) places() rights.Places {
	files, _ := os.ReadDir(filepath.Join(e.stack.Dir, e.stack.Git.Source, ".github", "workflows")) // where there is none, nothing of it is pushed
	at := rights.Places{GitHub: e.stack.Git.Host, Owner: e.stack.Git.Owner, Workflows: len(files) > 0}
	if e.stack.Account != nil {
		at.Account = e.stack.Account.Host
	}
	return at
}

func (e *Engine) examiner() doctor.Examiner {
	x := doctor.Examiner{
		Places: e.places(), GitHub: e.hub, GitHubLogin: e.logins.github, Fleet: e.fleet, Login: e.logins.databricks.Find,
		Clocks: e.clocks, Catalogs: map[string][]string{},
	}
	if a := e.stack.Account; a != nil {
		x.Account = &databricks.Host{URL: a.Host, AccountID: a.ID, Profile: a.Profile}
	}
	for _, t := range e.stack.Targets {
		if t.Host == "" {
			continue
		}
		x.Workspaces = append(x.Workspaces, databricks.Host{URL: t.Host, Profile: t.Profile})
		if e.stack.Catalog(t.Catalog) != nil && !slices.Contains(x.Catalogs[t.Host], t.Catalog) {
			x.Catalogs[t.Host] = append(x.Catalogs[t.Host], t.Catalog)
		}
	}
	return x
}

// here is what is missing on this machine to carry a plan out.
func (e *Engine) here(ctx context.Context, p *plan.Plan) []rights.Finding {
	var found []rights.Finding
	for _, d := range e.Preflight(ctx, p) {
		found = append(found, rights.Finding{What: "what " + d.Address + " is made from", State: rights.Missing, Why: d.Summary,
			Fix: "set it where the apply runs", For: []string{d.Address}})
	}
	source := filepath.Join(e.stack.Dir, e.stack.Git.Source)
	if _, err := os.Stat(source); errors.Is(err, os.ErrNotExist) {
		found = append(found, rights.Finding{What: "the project's folder", State: rights.Missing, Why: "there is no folder " + source,
			Fix: "correct git.source"})
	}
	return found
}

// clean takes the secrets that this run knows out of what services said.
func (e *Engine) clean(r *rights.Report) {
	wash := func(f *rights.Finding) { f.Why, f.Fix = e.Scrub(f.Why), e.Scrub(f.Fix) }
	for i := range r.Hosts {
		h := &r.Hosts[i]
		wash(&h.Login)
		for j := range h.Rights {
			wash(&h.Rights[j])
		}
		for j := range h.Facts {
			h.Facts[j].Value = e.Scrub(h.Facts[j].Value)
		}
	}
	for i := range r.Prerequisites {
		wash(&r.Prerequisites[i])
	}
}

// Rights are the diagnostics of an apply that is refused for what it would take.
func Rights(lacking []rights.Finding) diag.List {
	var list diag.List
	for _, f := range lacking {
		list = append(list, diag.Diagnostic{Severity: diag.Error, Code: "apply/missing-right", Address: f.For[0],
			Summary: f.Host + ": these credentials lack " + f.What + ": " + f.Why, Detail: f.Fix + "; `mlopsctl doctor` looks at everything"})
	}
	return list
}
