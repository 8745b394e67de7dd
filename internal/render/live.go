package render

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Live is the picture of an apply while it runs: how far it is, and what is being done right now. It
// is a value for one goroutine; it draws nothing by itself.
type Live struct {
	style   Style
	total   int
	settled int
	failed  int
	running []running
}

type running struct {
	address string
	action  plan.Action
	since   time.Time
	waits   string
}

// NewLive begins a picture of a plan with that many steps.
func NewLive(steps int, s Style) *Live { return &Live{style: s, total: steps} }

// Note takes an event into the picture.
func (l *Live) Note(e apply.Event) {
	at := slices.IndexFunc(l.running, func(r running) bool { return r.address == e.Address })
	switch e.Type {
	case apply.TypeStart:
		l.running = append(l.running, running{address: e.Address, action: e.Action, since: e.Time})
	case apply.TypeProgress:
		if at >= 0 {
			l.running[at].waits = e.Message
		}
	case apply.TypeDone, apply.TypeFailed, apply.TypeSkipped:
		l.settled++
		if e.Type == apply.TypeFailed {
			l.failed++
		}
		if at >= 0 {
			l.running = slices.Delete(l.running, at, at+1)
		}
	}
}

// Frame is the picture at a moment, a few lines, none wider than the style's width.
func (l *Live) Frame(now time.Time) []string {
	const most = 8
	head := fmt.Sprintf("%d of %d done", l.settled-l.failed, l.total)
	if l.failed > 0 {
		head += fmt.Sprintf(", %d failed", l.failed)
	}
	lines := []string{l.fit(head)}
	for i, r := range l.running {
		if i == most {
			lines = append(lines, l.fit(fmt.Sprintf("  … and %d more", len(l.running)-most)))
			break
		}
		line := fmt.Sprintf("  %s %s  %s", markOf(r.action).doing, Clean(r.address), seconds(now.Sub(r.since)))
		if r.waits != "" {
			line += "  " + Clean(r.waits)
		}
		lines = append(lines, l.fit(line))
	}
	return lines
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", max(0, int(d.Seconds()))) }

// fit cuts a line so that the terminal does not break it: what is broken cannot be cleared again.
func (l *Live) fit(line string) string {
	if l.style.Width == 0 || utf8.RuneCountInString(line) < l.style.Width {
		return line
	}
	return string([]rune(line)[:max(0, l.style.Width-2)]) + "…"
}

// Redraw returns the bytes that replace a frame of so many lines by the next one.
func Redraw(before int, next []string) string {
	var b strings.Builder
	if before > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", before) // up to where the frame began
	}
	b.WriteString("\r\x1b[J") // and clear to the end of the screen
	for _, line := range next {
		b.WriteString(line + "\n")
	}
	return b.String()
}
