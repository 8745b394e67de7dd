// Package virtual is the time of tests: it passes when somebody sleeps, and waiting takes none of the real one.
package virtual

import (
	"context"
	"sync"
	"time"
)

// Clock is a clock that stands still until somebody sleeps or advances it. It serves any number of goroutines.
type Clock struct {
	tick  time.Duration
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	moved chan struct{} // closed when the time moves; nil while nobody awaits it
}

// NewClock is a clock that shows now, and goes on by tick with every look at it.
func NewClock(now time.Time, tick time.Duration) *Clock { return &Clock{now: now, tick: tick} }

// Now shows the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tick != 0 {
		c.pass(c.tick)
	}
	return c.now
}

// Peek shows the time without moving it.
func (c *Clock) Peek() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance lets time pass, or, with less than nothing, sets the clock back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass(d)
}

// Sleep lets d pass at once, unless ctx has ended, whose error it returns.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c.slept = append(c.slept, d)
	c.pass(max(d, 0))
	return nil
}

// Slept is how long each Sleep was, in their order.
func (c *Clock) Slept() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

// Await waits until somebody else has moved the time to t, or returns the error of ctx once that ends.
func (c *Clock) Await(ctx context.Context, t time.Time) error {
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
func (c *Clock) pass(d time.Duration) {
	c.now = c.now.Add(d)
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}
