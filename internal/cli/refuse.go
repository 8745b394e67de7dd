package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// refusals returns the plan that is to be carried out, and exitDone; or, with the reasons in the plan's
// diagnostics, the code of why nothing is begun.
func (a *app) refusals(ctx context.Context, s *session, p *plan.Plan, d decision) (*plan.Plan, exitCode) {
	if code := codeOf(p.Diagnostics); code != exitDone {
		return p, code
	}
	if d.saved != nil {
		steps, moved := plan.Witness(d.saved, p)
		for _, m := range moved {
			p.Diagnostics = append(p.Diagnostics, diag.Diagnostic{Severity: diag.Error, Code: "apply/stale-plan",
				Summary: m.Address + " moved since the plan was saved: " + m.Why, Detail: "nothing was changed; make a new plan and look at it", Address: m.Address})
		}
		if len(moved) > 0 {
			return p, exitRefused
		}
		p = p.Restrict(steps)
	}
	code := exitDone
	unmeant := d.guarded(p)
	if why := s.engine.Excess(p); why != "" && !d.deletion.mass && !d.aim.Destroy {
		unmeant = append(unmeant, problem("apply/mass-delete", why+"; nothing was changed",
			"look at the plan; if all of that is meant, pass --allow-mass-delete")...)
	}
	if len(unmeant) > 0 {
		p.Diagnostics = append(p.Diagnostics, unmeant...)
		return p, exitRefused
	}
	for _, c := range p.Changes {
		if c.Action == plan.Unknown && !c.Leaving && d.saved == nil {
			p.Diagnostics = append(p.Diagnostics, diag.Diagnostic{Severity: diag.Error, Code: "apply/unknown",
				Summary: c.Address + " could not be read, so nobody can say what an apply would do to it: " + c.Reason,
				Detail:  "give these credentials the permission, or leave it out with --only", Address: c.Address, Source: &c.Source})
			code = exitCredentials
		}
	}
	for _, d := range s.engine.Preflight(ctx, p) {
		d.Severity = diag.Error
		p.Diagnostics = append(p.Diagnostics, d)
		code = exitCredentials
	}
	if code == exitDone && (d.shown == nil || !plan.Same(d.shown, p)) {
		if lacking := engine.Rights(s.engine.Lacking(ctx, p)); len(lacking) > 0 {
			p.Diagnostics = append(p.Diagnostics, lacking...)
			code = exitCredentials
		}
	}
	return p, code
}

// guarded tells of what holds data or access, leaves, and was not named: nothing is begun while somebody may take it
// for deleted. Of a saved plan that is what the plan showed.
func (d decision) guarded(p *plan.Plan) diag.List {
	switch {
	case d.part:
		return nil
	case d.saved != nil:
		p = d.saved
	}
	var stay []string
	for _, c := range p.Changes {
		if c.Leaving && c.Action == plan.Blocked && c.Danger != resource.Unguarded {
			stay = append(stay, c.Address)
		}
	}
	if len(stay) == 0 {
		return nil
	}
	advice := "if that is meant, name each with --allow-destroy KIND|ADDRESS; let go first what is to stay: `mlopsctl state release ADDRESS`"
	if !d.aim.Destroy {
		advice += ", or pass --prune=false"
	}
	return problem("apply/guarded", "what holds data or access is deleted only when it is named: "+strings.Join(stay, ", ")+"; nothing was changed", advice)
}

// stillApproved judges the plan that was made again under the lease. A saved plan is a witness then as before;
// what a person agreed to may have become less, as somebody else did it, and never more; with --auto-approve
// the new plan is carried out, and shown if it is another one.
func (a *app) stillApproved(ctx context.Context, s *session, now *plan.Plan, d decision) (*plan.Plan, error) {
	now, code := a.refusals(ctx, s, now, d)
	if code == exitDone && d.saved == nil && !d.approved {
		steps, moved := plan.Witness(d.shown, now)
		moved = slices.DeleteFunc(moved, func(m plan.Moved) bool { return m.Done })
		for _, m := range moved {
			now.Diagnostics = append(now.Diagnostics, problem("apply/stale-plan", m.Address+" moved since you agreed: "+m.Why, "nothing was changed; apply again and look at the new plan")...)
			code = exitRefused
		}
		now = now.Restrict(steps)
	}
	if code != exitDone {
		return nil, &failure{code: code, list: slices.DeleteFunc(slices.Clone(now.Diagnostics), func(d diag.Diagnostic) bool { return d.Severity != diag.Error })}
	}
	if d.approved && !plan.Same(d.shown, now) {
		a.teller(s).plan(now)
	}
	return now, nil
}

// applyFailure says what it means that an apply ended otherwise than in a report.
func (a *app) applyFailure(r apply.Report, err error) error {
	var held *ledger.HeldError
	begun, refused, changed := len(r.Results) > 0, exitRefused, "; nothing was changed"
	if begun {
		refused, changed = exitPartly, ""
	}
	switch {
	case r.Lost != nil:
		return &failure{code: exitPartly, list: problem("ledger/lease-lost", r.Lost.Error(),
			"nothing was begun after that, and what was done is recorded; see who else is at work with `mlopsctl state history`, then apply again")}
	case err == nil:
		return nil
	case errors.Is(err, engine.ErrUnrecorded):
		return &failure{code: exitPartly, list: problem("ledger/not-written", err.Error(), "apply again")}
	case errors.As(err, &held):
		return &failure{code: refused, list: problem("ledger/held", err.Error()+changed,
			"wait for it, or give --lock-timeout more; if that run is gone for good, `mlopsctl state unlock` removes its lease")}
	case errors.Is(err, ledger.ErrRefRefused):
		return &failure{code: refused, list: problem("ledger/ref-refused", err.Error()+changed,
			"the repository's rules must let this token push to "+ledger.Prefix+"*, which is no branch; an owner of the repository can exempt it")}
	case errors.Is(err, ledger.ErrTorn), errors.Is(err, ledger.ErrNewer), errors.Is(err, ledger.ErrOther):
		return &failure{code: refused, list: problem("ledger/unusable", err.Error()+changed, "plan again to see what can be done about it")}
	case begun:
		code := exitPartly
		if a.stop.interrupted() {
			code = exitInterrupted
		}
		return &failure{code: code, list: problem("apply/ended-early", err.Error(), "apply again to go on from here")}
	case errors.Is(err, resource.ErrNotFound):
		return &failure{code: refused, list: problem("ledger/no-repository", err.Error()+changed,
			"an apply records what it makes in the repository; if it is not there yet, let this apply create it: add `--only repository`, or leave --only out")}
	case errors.Is(err, resource.ErrForbidden):
		return &failure{code: exitCredentials, list: problem("ledger/forbidden", err.Error()+changed,
			"an apply records what it makes in the repository: the token needs `contents: write`")}
	default:
		return err
	}
}

// appliedCode is how an apply ended.
func (a *app) appliedCode(r apply.Report) exitCode {
	switch {
	case r.Complete():
		return exitDone
	case a.stop.interrupted():
		return exitInterrupted
	case r.Count(apply.Done) == 0 && allRefused(r):
		return exitError
	default:
		return exitPartly
	}
}

// allRefused reports whether every failure is the plain refusal of a request, so that nothing at all
// was changed. A refusal may also come later, when what was made is looked at.
func allRefused(r apply.Report) bool {
	if slices.ContainsFunc(r.Results, func(x apply.Result) bool { return x.Unsure }) {
		return false
	}
	var failures *multierror.Error
	if !errors.As(r.Err(), &failures) {
		return false
	}
	return !slices.ContainsFunc(failures.Errors, func(err error) bool {
		var answer *transport.Error
		return !errors.As(err, &answer) || answer.Status == 0 || errors.Is(err, resource.ErrLost) || errors.Is(err, resource.ErrNotYet)
	})
}
