package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
)

// redraws are this far apart, so that a picture stays calm.
const redraw = 100 * time.Millisecond

// waiting shows, on a terminal and from the second second on, what the program waits for. The func
// that it returns clears that.
func (a *app) waiting(what string) (settled func()) {
	if !a.drawable() {
		return func() {}
	}
	began := a.clock.Now()
	over, cleared := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(cleared)
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		drawn := 0
		for {
			select {
			case <-over:
				if drawn > 0 {
					a.say(render.Redraw(drawn, nil))
				}
				return
			case <-tick.C:
			}
			if passed := a.clock.Now().Sub(began); passed >= time.Second {
				a.say(render.Redraw(drawn, []string{fmt.Sprintf("%s … %ds", what, int(passed.Seconds()))}))
				drawn = 1
			}
		}
	}()
	return func() { close(over); <-cleared }
}

// watch shows an apply with that many steps as it goes: a picture below a growing list on a terminal,
// the list alone elsewhere. note takes the events, from one goroutine; settled ends it.
func (a *app) watch(steps int) (note func(apply.Event), settled func()) {
	style := a.errStyle()
	if !a.drawable() {
		return func(e apply.Event) { a.remark(render.EventLine(e, style)) }, func() {}
	}
	events, cleared := make(chan apply.Event), make(chan struct{})
	go func() {
		defer close(cleared)
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		live, lines := render.NewLive(steps, style), ""
		var drawn []string
		for {
			select {
			case e, more := <-events:
				if !more {
					a.say(render.Redraw(len(drawn), nil) + lines)
					return
				}
				live.Note(e)
				if e.Type != apply.TypeProgress { // the picture shows these
					lines += render.EventLine(e, style)
				}
			case <-tick.C:
				frame := live.Frame(a.clock.Now())
				if lines != "" || !slices.Equal(frame, drawn) {
					a.say(render.Redraw(len(drawn), nil) + lines + render.Redraw(0, frame))
					lines, drawn = "", frame
				}
			}
		}
	}()
	return func(e apply.Event) { events <- e }, func() { close(events); <-cleared }
}
