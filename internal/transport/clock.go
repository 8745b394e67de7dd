package transport

import (
	"context"
	"time"
)

// Clock is the time that waits are measured by.
type Clock interface {
	Now() time.Time
	// Sleep waits for d, or returns ctx's error when ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// Await waits until the clock shows t, or returns ctx's error when ctx ends first. It lets others
	// pass the time: unlike Sleep it moves no virtual clock.
	Await(ctx context.Context, t time.Time) error
}

// System returns the machine's clock.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s system) Await(ctx context.Context, t time.Time) error { return s.Sleep(ctx, time.Until(t)) }
