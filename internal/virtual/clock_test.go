package virtual_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTimePassesOnlyByLooksAndSleeps(t *testing.T) {
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	c := virtual.NewClock(began, time.Millisecond)
	if got := c.Now(); got != began.Add(time.Millisecond) {
		t.Errorf("a look shows %v", got)
	}
	if err := c.Sleep(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
	c.Advance(-time.Minute)
	if got, want := c.Peek(), began.Add(time.Hour-time.Minute+time.Millisecond); got != want {
		t.Errorf("it is %v; want %v", got, want)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := c.Sleep(ended, time.Hour); !errors.Is(err, context.Canceled) || len(c.Slept()) != 1 {
		t.Errorf("what has ended slept %v: %v", c.Slept(), err)
	}
}

func TestWhoAwaitsATimeIsWokenByIt(t *testing.T) {
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	c, done := virtual.NewClock(began, 0), make(chan error)
	go func() { done <- c.Await(context.Background(), began.Add(time.Minute)) }()
	c.Advance(time.Second)
	c.Advance(time.Hour)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := c.Await(ended, began.Add(24*time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("what has ended waits: %v", err)
	}
}
