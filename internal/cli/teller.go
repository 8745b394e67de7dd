package cli

import (
	"time"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// teller tells the story of an apply: as text, or as events.
type teller interface {
	plan(p *plan.Plan)    // what will be done
	refused(p *plan.Plan) // why nothing is begun: the plan's diagnostics say it
	watch(p *plan.Plan) (note func(apply.Event), settled func())
	report(r apply.Report, p *plan.Plan, ended string)
}

func (a *app) teller(s *session) teller {
	if a.flags.output == "json" {
		return eventTeller{app: a}
	}
	return textTeller{app: a, elapsed: s.elapsed}
}

type textTeller struct {
	app     *app
	elapsed time.Duration
}

func (t textTeller) plan(p *plan.Plan) {
	t.app.showPlan(p, render.PlanView{Style: t.app.outStyle(), Elapsed: t.elapsed})
}

func (t textTeller) refused(p *plan.Plan) { t.plan(p) }

func (t textTeller) watch(p *plan.Plan) (note func(apply.Event), settled func()) {
	return t.app.watch(steps(p))
}

func (t textTeller) report(r apply.Report, p *plan.Plan, ended string) {
	if len(r.Results) > 0 {
		t.app.print("\n" + render.Report(r, p, render.ReportView{Style: t.app.outStyle(), Ended: ended}))
	}
}

// eventTeller prints an event a line: the plan first, the summary last, whatever lies between.
type eventTeller struct{ app *app }

func (t eventTeller) plan(p *plan.Plan) {
	t.note(apply.Event{Time: t.app.clock.Now(), Type: apply.TypePlan, Plan: p})
}

func (t eventTeller) refused(p *plan.Plan) {
	t.plan(p)
	t.note(noSteps(t.app.clock.Now()))
	t.app.complain(p.Diagnostics, nil)
}

func (t eventTeller) watch(*plan.Plan) (note func(apply.Event), settled func()) {
	return t.note, func() {}
}

// report adds nothing to the events of a run, which end in its summary; without a run it is that.
func (t eventTeller) report(r apply.Report, _ *plan.Plan, _ string) {
	if len(r.Results) == 0 {
		t.note(noSteps(t.app.clock.Now()))
	}
}

func (t eventTeller) note(e apply.Event) { t.app.printJSON(render.EventJSON(e)) }

// noSteps is the summary of an apply that began nothing.
func noSteps(now time.Time) apply.Event {
	return apply.Event{Time: now, Type: apply.TypeSummary,
		Counts: map[apply.Status]int{apply.Done: 0, apply.Failed: 0, apply.Skipped: 0, apply.NotStarted: 0}}
}

func steps(p *plan.Plan) int {
	n := 0
	for _, c := range p.Changes {
		if c.Action.Acts() {
			n++
		}
	}
	return n
}
