// Package apply walks a plan and does what it says: in parallel, in the plan's own order, never in
// waves. A failure holds back what needs it and nothing else. It has no opinions of its own; what a
// step does is the plan's, how it is done the kind's.
package apply

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Clock is the time that a run waits by.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
	Await(ctx context.Context, t time.Time) error
}

// Options says how to walk a plan.
type Options struct {
	Types       map[string]resource.Type
	Parallelism int // steps at a time; at least 1
	Clock       Clock
	// Finish ends the run early: once it is closed nothing more is started, and what was started is
	// finished. The run's context, by contrast, ends what is in flight.
	Finish <-chan struct{}
	// Hold is asked, on the step's own goroutine, before each step; an error says that the run has lost
	// the right to go on: the step is not started, and nothing after it. nil: always allowed.
	Hold func(context.Context) error
	// Founding is the address of a step that comes before all others; once it is done, Begin is called with
	// its result before anything else is started, and an error says what Hold's does. "" is none.
	Founding string
	Begin    func(context.Context, Result) error
	// Shows is, by address, when what an earlier run may have started is to be seen: the step is not begun before.
	Shows map[string]time.Time
	// OnEvent is called from one goroutine, in order.
	OnEvent func(Event)
}

// Status says what became of a step.
type Status string

// The statuses: a failed step may have been done in part, a skipped one needs a failed one, a step
// that was not started was left when the run was ended early.
const (
	Done       Status = "done"
	Failed     Status = "failed"
	Skipped    Status = "skipped"
	NotStarted Status = "not_started"
)

// Result is what became of one step of the plan.
type Result struct {
	Address string
	Action  plan.Action
	Status  Status
	Err     error           // of a failed step
	Cause   string          // of a skipped step: the address whose failure is at the root
	Note    string          // of a done step, where it went otherwise than planned
	Object  resource.Object // as the service shows it after a done step
	// Met says that somebody else made it while this run was about to: it was done, and not by this run.
	Met bool
	// Unsure says of what failed that something which it was to make may be there.
	Unsure bool
}

// Report is what became of every step, in the plan's order. Lost says why the run lost the right to go on.
type Report struct {
	Results []Result
	Lost    error
}

// Count returns how many steps ended so.
func (r Report) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// Complete reports whether every step was done.
func (r Report) Complete() bool { return r.Count(Done) == len(r.Results) }

// Err returns the failures, each with its step's address, as a *multierror.Error in the plan's order;
// nil where no step failed.
func (r Report) Err() error {
	var failures *multierror.Error
	for _, result := range r.Results {
		if result.Status == Failed {
			failures = multierror.Append(failures, fmt.Errorf("%s: %w", result.Address, result.Err))
		}
	}
	return failures.ErrorOrNil()
}

// Run carries out the steps of p and reports on every one of them. Ending ctx abandons what is in
// flight; closing o.Finish lets it end. The error says that p cannot be walked at all; nothing was
// done then.
func Run(ctx context.Context, p *plan.Plan, o Options) (Report, error) {
	r := &run{options: o, values: map[string]resource.Object{}, results: map[string]Result{}, changes: map[string]plan.Change{}}
	if r.options.OnEvent == nil {
		r.options.OnEvent = func(Event) {}
	}
	g, err := r.prepare(p)
	if err != nil {
		return Report{}, err
	}
	events, stop := r.relay()
	r.emit = func(e Event) { events <- e }
	soft, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := r.finish(soft, cancel)
	_, err = dag.Walk(soft, g, o.Parallelism, dag.Visitor[[]stepResult]{
		Start: func(id string) dag.Work[[]stepResult] { return r.start(ctx, soft, id) },
		Done:  func(_ string, results []stepResult) { r.settle(results) },
		Stop:  func() bool { return r.lost != nil || closed(o.Finish) }, // soft ends a moment later
	})
	cancel()
	<-finished
	report := r.report(p)
	report.Lost = r.lost
	r.emit(summary(report, o.Clock.Now()))
	stop()
	return report, err
}

// finish turns the closing of Options.Finish into the end of the walk's context.
func (r *run) finish(soft context.Context, cancel context.CancelFunc) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-r.options.Finish:
			cancel()
		case <-soft.Done():
		}
	}()
	return ended
}

func closed(finish <-chan struct{}) bool {
	select {
	case <-finish:
		return true
	default:
		return false
	}
}

// relay gives every worker one way to report, and OnEvent one goroutine.
func (r *run) relay() (events chan Event, stop func()) {
	events, drained := make(chan Event), make(chan struct{})
	go func() {
		defer close(drained)
		for e := range events {
			r.options.OnEvent(e)
		}
	}()
	return events, func() { close(events); <-drained }
}

type run struct {
	options Options
	emit    func(Event)
	// The maps below belong to the goroutine of Run.
	values  map[string]resource.Object // live objects by address, and what is known of those to come
	changes map[string]plan.Change     // the steps, by address
	units   map[string][]string        // the steps of each node of the graph
	results map[string]Result
	last    map[string]bool // the nodes of what is deleted, which come after all others
	lost    error
}

// start decides, when all that a node needs is settled, which of its steps can be done, and returns
// the work of doing them.
//
// What is in flight ends with ctx; waiting ends with soft, as whoever ends a run early does not want
// to wait for what may become visible.
func (r *run) start(ctx, soft context.Context, unit string) dag.Work[[]stepResult] {
	var steps []step
	for _, address := range r.units[unit] {
		c := r.changes[address]
		if cause := cmp.Or(r.failedNeed(c), r.unfounded(address), r.failedBefore(unit)); cause != "" {
			r.results[address] = Result{Address: address, Action: c.Action, Status: Skipped, Cause: cause}
			r.emit(Event{Time: r.options.Clock.Now(), Type: TypeSkipped, Address: address, Action: c.Action, Cause: cause})
			continue
		}
		want, open := resource.Resolve(c.Want, r.value)
		steps = append(steps, step{change: c, want: want, open: open, kind: r.options.Types[c.Kind]})
		r.emit(Event{Time: r.options.Clock.Now(), Type: TypeStart, Address: address, Action: c.Action})
	}
	if len(steps) == 0 {
		return nil
	}
	w := worker{clock: r.options.Clock, emit: r.emit, hold: r.options.Hold, shows: r.options.Shows, sleep: func(d time.Duration) error { return r.options.Clock.Sleep(soft, d) }}
	return func() []stepResult {
		results := w.do(ctx, steps)
		if first := results[0]; first.address == r.options.Founding && first.err == nil && first.lost == nil {
			results[0].lostAfter = r.options.Begin(ctx, Result{Address: first.address, Object: first.object, Met: first.met})
		}
		return results
	}
}

func (r *run) value(ref resource.Ref) (any, bool) {
	v, ok := r.values[ref.Addr][ref.Field]
	return v, ok
}

// failedNeed returns the address at the root of why a step cannot be done, or "".
func (r *run) failedNeed(c plan.Change) string {
	for _, n := range c.Needs {
		switch result := r.results[n.Addr]; result.Status {
		case Failed:
			return n.Addr
		case Skipped:
			return result.Cause
		}
	}
	return ""
}

func (r *run) settle(results []stepResult) {
	for _, s := range results {
		if s.lost != nil {
			r.lost = cmp.Or(r.lost, s.lost)
			continue // it was not started
		}
		r.lost = cmp.Or(r.lost, s.lostAfter)
		c := r.changes[s.address]
		result := Result{Address: s.address, Action: c.Action, Status: Done, Err: s.err, Note: s.note, Object: s.object, Met: s.met}
		e := Event{Time: r.options.Clock.Now(), Type: TypeDone, Address: s.address, Action: c.Action, Message: s.note}
		if s.err != nil {
			result.Status, result.Unsure = Failed, s.unsure
			e.Type, e.Error = TypeFailed, s.err.Error()
		} else {
			r.values[s.address] = s.object
		}
		r.results[s.address] = result
		r.emit(e)
	}
}

func (r *run) report(p *plan.Plan) Report {
	var report Report
	for _, c := range p.Changes {
		if !c.Action.Acts() {
			continue
		}
		result, settled := r.results[c.Address]
		if !settled {
			result = Result{Address: c.Address, Action: c.Action, Status: NotStarted}
		}
		report.Results = append(report.Results, result)
	}
	return report
}
