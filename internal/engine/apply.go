package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Run says how a plan is carried out.
type Run struct {
	apply.Options
	LockTimeout time.Duration // how long it waits for another apply; 0 is 90 s
	Say         func(string)  // is told why it waits; may be nil
	// Again is given the plan that is made once the lease is held, and returns the one to carry out, or why
	// not. nil: whatever the new plan says.
	Again func(context.Context, *plan.Plan) (*plan.Plan, error)
}

// ErrUnrecorded is an apply that did what it did, but could not write into the ledger how it ended.
var ErrUnrecorded = errors.New("the ledger could not be written at the end")

// errAgain ends a walk whose plan has to be made again first.
var errAgain = errors.New("somebody else was at work; the plan is made again")

// Apply carries out p, the last plan that this engine made. It takes the lease and records what it is
// about to make, plans again under it, and records at the end what was made. From its first step on,
// writes are let through. Without a repository, creating it is the lock. A plan that changes nothing takes
// no lease; all that it may do is to record how an earlier run ended that could not say so, and what has gone.
func (e *Engine) Apply(ctx context.Context, p *plan.Plan, r Run) (apply.Report, error) {
	if !p.Acts() {
		e.tell = r.Say
		return apply.Report{}, e.settleLedger(ctx, p)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the SDK leaves running behind a request that failed
	r.Types, r.Clock, e.tell = e.byName, e.opt.Clock, r.Say
	if r.LockTimeout == 0 {
		r.LockTimeout = defaultLockTimeout
	}
	if e.book == nil {
		return apply.Report{}, fmt.Errorf("the ledger was not read, so nothing can be recorded: %w", resource.ErrForbidden)
	}
	e.guard.AllowWrites()
	if c := p.Find("repository"); c != nil && c.Action == plan.Create {
		return e.found(ctx, p, r)
	}
	if err := e.take(ctx, p, r); err != nil {
		return apply.Report{}, err
	}
	return e.underLease(ctx, r)
}

// found carries out a plan that begins with the repository. Whoever creates it has the ledger to itself; who
// comes second waits like everybody else.
func (e *Engine) found(ctx context.Context, p *plan.Plan, r Run) (apply.Report, error) {
	o := r.Options
	var begun atomic.Bool
	o.Hold = func(ctx context.Context) error {
		if !begun.Load() {
			return nil // there is nothing to hold before the repository
		}
		return e.book.Hold(ctx)
	}
	o.Founding = "repository"
	o.Begin = func(ctx context.Context, made apply.Result) error {
		seen := map[string]plan.Observation{"repository": {Object: made.Object}}
		if err := e.book.Settle(e.repositoryIn(seen)); err != nil {
			return err
		}
		if err := e.take(ctx, p, r); err != nil {
			return err
		}
		begun.Store(true)
		if made.Met || !e.book.First() {
			return errAgain
		}
		return nil
	}
	report, err := apply.Run(ctx, p, o)
	switch {
	case err != nil:
		return report, err
	case errors.Is(report.Lost, errAgain):
		first := done(report)
		report, err = e.underLease(ctx, r)
		report.Results = append(first, report.Results...)
		return report, err
	case !begun.Load(): // the repository or the lease could not be had, and nothing else was begun
		err, report.Lost = report.Lost, nil
		return report, err
	}
	return report, e.finish(ctx, p, report)
}

func done(r apply.Report) []apply.Result {
	var results []apply.Result
	for _, result := range r.Results {
		if result.Status == apply.Done {
			results = append(results, result)
		}
	}
	return results
}

// underLease plans again, now that nobody else is at work, and carries that out.
func (e *Engine) underLease(ctx context.Context, r Run) (apply.Report, error) {
	shows := e.started(e.opt.Clock.Now())
	p, err := e.again(ctx, r)
	if err == nil && p.Acts() {
		err = e.intend(ctx, p)
	}
	if err != nil || !p.Acts() {
		return apply.Report{}, errors.Join(err, e.giveUp(ctx))
	}
	o := r.Options
	o.Hold, o.Shows = e.book.Hold, shows
	report, err := apply.Run(ctx, p, o)
	if err != nil {
		return report, errors.Join(err, e.giveUp(ctx))
	}
	return report, e.finish(ctx, p, report)
}

// started is by when everything shows that runs before this one, which the ledger does not know to have ended, may
// have started: by address, for this run has the lease since a moment ago, and nobody has started anything since.
func (e *Engine) started(now time.Time) map[string]time.Time {
	const takes = 10 * time.Second // twice what GitHub needs to list a run
	shows := map[string]time.Time{}
	for _, i := range e.book.Ledger().Intents {
		if e.byName[i.Kind].Starts && i.Run != e.book.Run().ID {
			shows[i.Address] = now.Add(takes)
		}
	}
	return shows
}

// giveUp takes the run's intents back and lets the lease go.
func (e *Engine) giveUp(ctx context.Context) error {
	ctx, cancel := parting(ctx)
	defer cancel()
	return e.book.Close(ctx, "apply: nothing done", e.scribe(nil).withdraw)
}

func (e *Engine) again(ctx context.Context, r Run) (*plan.Plan, error) {
	e.Forget()
	p, err := e.Plan(ctx, e.aim)
	if err != nil {
		return nil, fmt.Errorf("planning again under the lease: %w", err)
	}
	if r.Again == nil {
		return p, nil
	}
	return r.Again(ctx, p)
}

// take takes the lease, with the intents of p. A repository that was made a moment ago may not be there for
// git yet.
func (e *Engine) take(ctx context.Context, p *plan.Plan, r Run) error {
	const patience = time.Minute
	began, pause := e.opt.Clock.Now(), time.Second
	who := e.who(ctx)
	issuing, err := e.issuing(ctx, p)
	if err != nil {
		return err
	}
	begins := e.scribe(p)
	for {
		err := e.book.Take(ctx, ledger.Taking{
			Who: who, Message: "apply: begins", Timeout: r.LockTimeout,
			Change: func(l *ledger.Ledger) { begins.intend(l, issuing) },
		})
		if !errors.Is(err, resource.ErrNotYet) || e.opt.Clock.Now().Sub(began) > patience {
			return err
		}
		if slept := e.opt.Clock.Sleep(ctx, pause); slept != nil {
			return errors.Join(err, slept)
		}
		pause = min(2*pause, 8*time.Second)
	}
}

// intend corrects the intents that were recorded with the lease, where the plan under it makes other objects.
func (e *Engine) intend(ctx context.Context, p *plan.Plan) error {
	issuing, err := e.issuing(ctx, p)
	if err != nil {
		return err
	}
	l := e.book.Ledger()
	before, err := l.Encode()
	if err != nil {
		return err
	}
	begins := e.scribe(p)
	change := func(l *ledger.Ledger) { begins.intend(l, issuing) }
	change(&l)
	after, err := l.Encode()
	if err != nil || string(before) == string(after) {
		return err
	}
	return e.book.Change(ctx, "apply: begins, as planned under the lease", change)
}

// finish records what became of the plan and lets the lease go. It is given time even when the run was
// interrupted.
func (e *Engine) finish(ctx context.Context, p *plan.Plan, report apply.Report) error {
	ctx, cancel := parting(ctx)
	defer cancel()
	var left apply.Status // what became of the repository's deletion, if that is a step
	if i := slices.IndexFunc(report.Results, func(r apply.Result) bool { return r.Address == "repository" && r.Action == plan.Delete }); i >= 0 {
		left = report.Results[i].Status
	}
	if left == apply.Done {
		e.book.Leave() // the ledger went with it
		return nil
	}
	ends := e.ending(p)
	err := e.book.Close(ctx, headline(report), func(l *ledger.Ledger) { ends.conclude(l, report) })
	if left == apply.Failed && errors.Is(err, resource.ErrNotFound) {
		e.book.Leave() // its deletion was cut short, and had its effect after all
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w; what was begun stands in it, and the next apply finds what was made", ErrUnrecorded, err)
	}
	return nil
}

// parting is the time that a run has to say how it ended.
func parting(ctx context.Context) (context.Context, context.CancelFunc) {
	const enough = 30 * time.Second
	return context.WithTimeout(context.WithoutCancel(ctx), enough)
}

// ending is a scribe for the end of a run that had p to carry out.
func (e *Engine) ending(p *plan.Plan) scribe {
	s := e.scribe(p)
	s.adopted, s.settled, s.gone = e.vault.Adopted(), e.vault.Settled(), p.Gone
	return s
}

func (e *Engine) scribe(p *plan.Plan) scribe {
	s := scribe{types: e.byName, run: e.book.Run(), now: ledger.Moment(e.book.Now())}
	if p != nil {
		s.changes = p.Changes
	}
	return s
}
