package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// told finishes the reasons of a plan: of what somebody else changed they say who did it and when, where the reads that were
// made show that.
func (e *Engine) told(ctx context.Context, changes []plan.Change) error {
	for i := range changes {
		c := &changes[i]
		if t := e.byName[c.Kind]; c.Cause == plan.Outside && c.Before != nil && t.Touched != nil {
			touch, err := t.Touched(ctx, c.Before)
			if err != nil {
				return fmt.Errorf("looking who changed %s: %w", c.Address, err)
			}
			c.ChangedBy = touch.By
			if !touch.At.IsZero() {
				c.ChangedAt = touch.At.UTC().Format(time.RFC3339)
			}
			c.Reason += lastTouch(*c)
		}
		c.Reason = e.Scrub(c.Reason)
	}
	return nil
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
