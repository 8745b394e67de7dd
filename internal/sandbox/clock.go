package sandbox

import (
	"fmt"
	"time"
)

// now is the sandbox's time: its clock, and what was added to it.
func (s *Sandbox) now() time.Time { return s.opt.Now().Add(s.state.Advanced) }

// Advance puts the sandbox's clock forward, so that what grows old can be rehearsed.
func (s *Sandbox) Advance(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("advancing the sandbox's clock by %s: it only goes forward", d)
	}
	s.lock()
	defer s.unlock()
	s.state.Advanced += d
	return s.save()
}
