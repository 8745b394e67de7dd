package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// told finishes the reasons of a plan: of what somebody else changed they say who did it and when, where the reads that were
// made show that. What shows that nobody did was changed by the service.
func (e *Engine) told(ctx context.Context, o opened, changes []plan.Change) error {
	for i := range changes {
		c := &changes[i]
		if t := e.byName[c.Kind]; c.Cause == plan.Outside && c.Before != nil && t.Touched != nil {
			touch, err := t.Touched(ctx, c.Before)
			if err != nil {
				return fmt.Errorf("looking who changed %s: %w", c.Address, err)
			}
			if o.untouched(*c, touch.At) {
				c.BlameService()
			} else {
				c.ChangedBy = touch.By
				if !touch.At.IsZero() {
					c.ChangedAt = touch.At.UTC().Format(time.RFC3339)
				}
				c.Reason += lastTouch(*c)
			}
		}
		c.Reason = e.Scrub(c.Reason)
	}
	return nil
}

// untouched reports whether an object was changed last before it was recorded as this stack left it: when it became the
// stack's, or in the run that changed it last. Within the second of that nobody can tell, and somebody may have.
func (o opened) untouched(c plan.Change, last time.Time) bool {
	if c.Was == nil || last.IsZero() {
		return false
	}
	recorded := c.Was.Since
	run := o.book.Ledger().Run
	if slices.ContainsFunc(run.Did, func(d ledger.Deed) bool { return d.Address == c.Address && d.Status == string(apply.Done) }) {
		recorded = cmp.Or(run.EndedAt, recorded)
	}
	at, err := time.Parse(time.RFC3339, recorded)
	return err == nil && last.Before(at)
}

// lastTouch are the words for who changed an object last, and when.
func lastTouch(c plan.Change) string {
	text := ""
	if day, _, dated := strings.Cut(c.ChangedAt, "T"); dated {
		text = " on " + day
	}
	if c.ChangedBy != "" {
		text += " by " + c.ChangedBy
	}
	if text == "" {
		return ""
	}
	return "; it was changed last" + text
}
