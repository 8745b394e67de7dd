package cli

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// stopper ends a run early: on a signal, or when its time is over. Outside an apply that cancels the
// run's context. During an apply it asks for what is in flight to be finished; a second signal cancels
// that, too.
type stopper struct {
	signals chan os.Signal
	broken  chan os.Signal // nobody listens to it: that it is there keeps the signal from ending the process
	limit   chan time.Duration
	finish  chan struct{} // closed when the run is to end
	ended   chan struct{} // closed when nothing more is listened to
	quit    chan struct{}
	gentle  atomic.Bool
	why     atomic.Value // reason
	onStop  atomic.Pointer[func(reason)]
}

// reason is why a run was ended early.
type reason string

const (
	bySignal reason = "interrupted"
	byTime   reason = "the time of --timeout is over"
)

// listen begins to listen for signals and returns a context that ends with the run.
func listen(ctx context.Context) (context.Context, *stopper) {
	ctx, cancel := context.WithCancel(ctx)
	s := newStopper()
	signal.Notify(s.signals, ends()...)
	go s.wait(cancel)
	return ctx, s
}

// ends are the signals that end a run.
func ends() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		all = append(all, syscall.SIGHUP) // the terminal has gone
	}
	return all
}

// RunOnly says that this process is for one run: a signal that comes when it is over, between its last word and its exit
// code, changes nothing of how it ended.
func RunOnly() { signal.Notify(make(chan os.Signal, 1), ends()...) }

func newStopper() *stopper {
	return &stopper{
		signals: make(chan os.Signal, 2), broken: make(chan os.Signal, 1), limit: make(chan time.Duration),
		finish: make(chan struct{}), ended: make(chan struct{}), quit: make(chan struct{}),
	}
}

func (s *stopper) wait(cancel context.CancelFunc) {
	defer close(s.ended)
	defer cancel()
	defer signal.Stop(s.signals)
	var over <-chan time.Time
	stopped := false
	for {
		why := bySignal
		select {
		case <-s.quit:
			return
		case d := <-s.limit:
			timer := time.NewTimer(d)
			defer timer.Stop()
			over = timer.C
			continue
		case <-over:
			why, over = byTime, nil
		case by := <-s.signals:
			if stopped && by == syscall.SIGHUP {
				continue // the system and the shell both tell that the terminal has gone
			}
		}
		if stopped && why == byTime {
			continue // the run is about to end anyway
		}
		if !stopped {
			s.why.Store(why) // before anything that ends because of it asks for it
		}
		if stopped || !s.gentle.Load() {
			cancel()
		}
		if !stopped {
			close(s.finish)
			if f := s.onStop.Load(); f != nil {
				(*f)(why)
			}
		}
		if stopped {
			signal.Reset(ends()...) // a third one is the system's to handle
			return
		}
		stopped = true
	}
}

// within bounds the run's time; 0 is no bound.
func (s *stopper) within(d time.Duration) {
	if d > 0 {
		s.limit <- d
	}
}

// gently lets what is in flight be finished from now on, and calls told when the run is to end. A reader of its output
// that goes away ends a run no more, as it would in the middle of a write; what is written fails instead.
func (s *stopper) gently(told func(reason)) {
	signal.Notify(s.broken, syscall.SIGPIPE)
	s.onStop.Store(&told)
	s.gentle.Store(true)
}

func (s *stopper) reason() reason {
	why, _ := s.why.Load().(reason)
	return why
}

func (s *stopper) interrupted() bool { return s.reason() == bySignal }
func (s *stopper) expired() bool     { return s.reason() == byTime }

// close ends the listening and waits for it.
func (s *stopper) close() {
	select {
	case <-s.ended:
	case s.quit <- struct{}{}:
		<-s.ended
	}
	signal.Stop(s.broken)
}
