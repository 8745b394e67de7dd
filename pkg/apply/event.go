package apply

import (
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// EventType says what an event tells of.
type EventType string

// The types of events.
const (
	TypePlan     EventType = "plan"
	TypeStart    EventType = "start"
	TypeProgress EventType = "progress"
	TypeDone     EventType = "done"
	TypeFailed   EventType = "failed"
	TypeSkipped  EventType = "skipped"
	TypeSummary  EventType = "summary"
)

// Event is one line of an apply's story, in its public JSON.
type Event struct {
	Time    time.Time      `json:"time"`
	Type    EventType      `json:"type"`
	Address string         `json:"address,omitempty"`
	Action  plan.Action    `json:"action,omitempty"`
	Message string         `json:"message,omitempty"`
	Error   string         `json:"error,omitempty"`
	Cause   string         `json:"cause,omitempty"` // of skipped: the address whose failure is at the root
	Counts  map[Status]int `json:"counts,omitempty"`
	Plan    *plan.Plan     `json:"plan,omitempty"`
}

func summary(r Report, now time.Time) Event {
	counts := map[Status]int{}
	for _, s := range []Status{Done, Failed, Skipped, NotStarted} {
		counts[s] = r.Count(s)
	}
	return Event{Time: now, Type: TypeSummary, Counts: counts}
}
