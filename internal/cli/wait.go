package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// The pauses between two looks at what people have done: the first, and the longest.
const (
	firstLook   = 5 * time.Second
	longestLook = 30 * time.Second
)

// keepWaiting looks again while something waits for a person, and applies what follows once somebody has acted.
// It ends when nothing waits any more, or when its time is over, which is no failure.
func (a *app) keepWaiting(ctx context.Context, s *session, d decision) error {
	until, pause := a.clock.Now().Add(d.wait), firstLook
	said := ""
	for {
		p, err := a.lookAgain(ctx, s, d)
		switch {
		case err != nil:
			return err
		case p.Acts():
			if err := a.decide(ctx, s, p, d); err != nil {
				return err
			}
			pause, said = firstLook, ""
			continue
		case p.Count()[plan.Wait] == 0:
			return nil
		}
		if now := waits(p); now != said {
			a.remark(now)
			said = now
		}
		left := until.Sub(a.clock.Now())
		if left <= 0 {
			a.remark(sentence("Waited %s; apply again once that is done.", d.wait))
			return nil
		}
		if err := a.clock.Sleep(ctx, min(pause, left)); err != nil {
			return fmt.Errorf("waiting for a person: %w", err)
		}
		pause = min(2*pause, longestLook)
	}
}

// lookAgain makes the plan anew, from what is there now.
func (a *app) lookAgain(ctx context.Context, s *session, d decision) (*plan.Plan, error) {
	s.engine.Forget()
	p, err := a.plan(ctx, s, d.aim)
	if err != nil {
		return nil, err
	}
	if code := codeOf(p.Diagnostics); code != exitDone {
		return nil, &failure{code: code, list: p.Diagnostics}
	}
	return p, nil
}

// waits names what a plan waits for.
func waits(p *plan.Plan) string {
	text := ""
	for _, c := range p.Changes {
		if c.Action == plan.Wait {
			text += fmt.Sprintf("waiting for a person: %s  %s\n", render.Clean(c.Address), render.Clean(c.Reason))
		}
	}
	return text
}
