package killtest

import (
	"strings"
	"sync"
)

// weapon is what a run is struck with.
type weapon string

const (
	kill  weapon = "SIGKILL"
	once  weapon = "Ctrl-C"
	twice weapon = "Ctrl-C twice"
)

// moment is when a run is struck: before a request reaches the service, when it was carried out and
// nobody knows, and after its answer, at whatever the run asks for next.
type moment string

const (
	before moment = "before"
	during moment = "during"
	after  moment = "after"
)

// outcome is what becomes of a request at the gate.
type outcome int

const (
	passes outcome = iota
	lost
)

// strike takes a run away at one point of it.
type strike struct {
	with weapon
	when moment
	at   point

	run     *child
	running chan struct{} // closed once run is set

	mu     sync.Mutex
	stage  stage
	fallen bool // it was killed: nothing of it arrives any more
}

type stage int

const (
	waiting stage = iota
	due           // the request was answered, and the next one triggers it
	struck
)

// against makes the strike one against a run, which may be under way already.
func (s *strike) against(run *child) {
	s.run = run
	close(s.running)
}

func (s *strike) arrives(v *visit) outcome {
	if s == nil {
		return passes
	}
	s.mu.Lock()
	hit := s.when == before && s.stage == waiting && s.isAt(v) || s.stage == due
	if hit {
		s.stage = struck
	}
	fallen := s.fallen
	s.mu.Unlock()
	if fallen {
		return lost
	}
	if !hit {
		return passes
	}
	return s.fall(v)
}

func (s *strike) carriedOut(v *visit) outcome {
	if s == nil {
		return passes
	}
	s.mu.Lock()
	hit := s.when == during && s.stage == waiting && s.isAt(v)
	if hit {
		s.stage = struck
	}
	s.mu.Unlock()
	if !hit {
		return passes
	}
	return s.fall(v)
}

func (s *strike) answered(v *visit) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.when == after && s.stage == waiting && s.isAt(v) {
		s.stage = due
	}
}

func (s *strike) isAt(v *visit) bool { return v.point != nil && *v.point == s.at }

// fall strikes, and returns when the run has noticed.
func (s *strike) fall(v *visit) outcome {
	<-s.running
	switch s.with {
	case kill:
		s.mu.Lock()
		s.fallen = true
		s.mu.Unlock()
		s.run.kill()
		return lost
	case once:
		s.run.interrupt()
		return passes
	case twice:
		s.run.interrupt()
		s.run.interruptAgain()
		if v.point == nil || strings.Contains(v.req.URL.Path, ".git/") {
			return passes // what a run writes of itself last of all, and reads for it, it does not give up
		}
		<-s.run.ended
		return lost
	default:
		return passes
	}
}

// hit reports whether the point came at all.
func (s *strike) hit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stage == struck
}
