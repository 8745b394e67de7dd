package kindtest

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// cut is a network over which nothing comes or goes any more once a request for this has been answered.
type cut struct {
	base  http.RoundTripper
	after string
	gone  atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (c *cut) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.gone.Load() {
		return nil, errors.New("the network is gone")
	}
	resp, err := c.base.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, c.after) && resp != nil && resp.StatusCode < 300 {
		c.gone.Store(true)
	}
	return resp, err
}

// ended applies with a run that is ended behind its first request of these, and takes its lease away: so much of
// the run as a kill leaves. Its time is its own, so that none passes for the services.
func (s *site) ended(after string) {
	s.t.Helper()
	e := s.engineOver(&cut{base: s.sandbox.RoundTripper(), after: after}, virtual.NewClock(s.clock.Peek(), 0), s.sandbox.Operator())
	_, err := e.Apply(ctx(), s.planWith(e), engine.Run{Options: apply.Options{Parallelism: 1}})
	if err == nil {
		s.t.Fatal("a run that was cut off has recorded how it ended")
	}
	unlocking := s.engine()
	book, err := unlocking.Ledger(ctx())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := unlocking.Unlock(ctx(), book); err != nil {
		s.t.Fatal(err)
	}
}

// startedOf are the runs of a workflow that were started by hand, also those that are not listed yet.
func (s *site) startedOf(file string) (n int) {
	s.t.Helper()
	for _, r := range s.sandbox.Log() {
		if r.Mutating && r.Status < 300 && strings.HasSuffix(r.Path, file+"/dispatches") {
			n++
		}
	}
	return n
}

// A run of Actions shows a few seconds after its start. Who was ended in between leaves an intent, and so the next
// apply looks again before it starts one, and says nothing of it afterwards.
func TestARunThatDoesNotShowYetIsNotStartedAgain(t *testing.T) {
	for _, host := range []string{gitHub, "http://127.0.0.1:4000"} {
		for file, open := range map[string]func(*testing.T, string) *site{
			"fares-bundle-cd-staging.yml": openSite,
			"deploy-cicd.yml": func(t *testing.T, host string) *site {
				s := openDispatch(t, host, templateHead, templateTitle)
				s.stack.Projects = s.stack.Projects[:1]
				return s
			},
		} {
			t.Run(host+" "+file, func(t *testing.T) {
				s := open(t, host)
				s.ended("/" + file + "/dispatches")
				s.apply()
				if n := s.startedOf(file); n != 1 {
					t.Errorf("%d runs were started, want 1", n)
				}
				if n := len(s.ledger().Intents); n != 0 {
					t.Errorf("the ledger holds %d open intents, want none: %+v", n, s.ledger().Intents)
				}
			})
		}
	}
}

// What an apply has started shows when it ends, so that the next one does not start it again.
func TestAnApplyEndsOnceWhatItHasStartedShows(t *testing.T) {
	for _, host := range []string{gitHub, "http://127.0.0.1:4000"} {
		t.Run(host, func(t *testing.T) {
			s := openSite(t, host)
			s.apply()
			s.apply()
			for _, file := range []string{"fares-bundle-cd-staging.yml", "fares-bundle-cd-prod.yml"} {
				if n := s.startedOf(file); n != 1 {
					t.Errorf("%d runs of %s were started, want 1", n, file)
				}
			}
		})
	}
}

// ledger is the stack's, as it is now.
func (s *site) ledger() ledger.Ledger {
	s.t.Helper()
	book, err := s.engine().Ledger(ctx())
	if err != nil {
		s.t.Fatal(err)
	}
	return book.Ledger()
}

// What a run may have started for a project that has left the spec is looked for by nobody, and forgotten.
func TestWhatWasStartedForWhatLeftTheSpecIsForgotten(t *testing.T) {
	s := openDispatch(t, gitHub, templateHead, templateTitle)
	s.ended("/dispatches")
	if n := len(s.ledger().Intents); n == 0 {
		t.Fatal("the ledger does not say what was about to be started")
	}
	s.stack.Projects = nil
	s.apply()
	if n := s.ledger().Intents; len(n) > 0 {
		t.Errorf("the ledger still holds %+v", n)
	}
}
