package faulttest

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
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass(time.Millisecond)
	return c.now
}

// peek looks at the time without moving it.
func (c *clock) peek() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep implements transport.Clock.
func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.advance(max(d, 0))
	return ctx.Err()
}

// advance lets time pass, or, with less than nothing, sets the clock back.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass(d)
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
func (c *clock) pass(d time.Duration) {
	c.now = c.now.Add(d)
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// skewed is a machine's clock that differs from the services'.
type skewed struct {
	*clock

	mu  sync.Mutex
	off time.Duration
}

// advance sets the machine's clock alone.
func (s *skewed) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off += d
}

func (s *skewed) offset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.off
}

// Now implements transport.Clock.
func (s *skewed) Now() time.Time { return s.clock.Now().Add(s.offset()) }

// Await implements transport.Clock.
func (s *skewed) Await(ctx context.Context, t time.Time) error {
	return s.clock.Await(ctx, t.Add(-s.offset()))
}
