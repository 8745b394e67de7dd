package forgetest

import (
	"context"
	"sync"
	"time"
)

// clock is a clock that moves when somebody sleeps, and a little at every look at it.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	moved chan struct{} // closed when the time moves; nil while nobody awaits it
}

// Now implements transport.Clock.
func (c *clock) Now() time.Time { return c.pass(time.Millisecond) }

// Sleep implements transport.Clock.
func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.pass(d)
	return ctx.Err()
}

// Await implements transport.Clock: it waits until somebody else has moved the time to t.
func (c *clock) Await(ctx context.Context, t time.Time) error {
	for {
		c.mu.Lock()
		past := !c.now.Before(t)
		if c.moved == nil {
			c.moved = make(chan struct{})
		}
		moved := c.moved
		c.mu.Unlock()
		if past {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// pass moves the time, and wakes who awaits it.
func (c *clock) pass(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
	return c.now
}
