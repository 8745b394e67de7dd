package faulttest

import (
	"context"
	"sync"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

// skewed is a machine's clock that differs from the services'.
type skewed struct {
	*virtual.Clock

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
func (s *skewed) Now() time.Time { return s.Clock.Now().Add(s.offset()) }

// Await implements transport.Clock.
func (s *skewed) Await(ctx context.Context, t time.Time) error {
	return s.Clock.Await(ctx, t.Add(-s.offset()))
}
