package ledger_test

import (
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

func (u *user) finish() {
	u.t.Helper()
	err := u.book.Finish(u.t.Context(), ledger.Taking{Who: "bob", Message: "ends it", Change: func(l *ledger.Ledger) { l.Close("variable/A") }})
	if err != nil {
		u.t.Fatal(err)
	}
}

// killed is a shelf on which a run was ended before it could say so.
func killed(t *testing.T) *shelf {
	t.Helper()
	s := newShelf(newClock())
	first := open(t, s, "a")
	if err := first.take(0); err != nil {
		t.Fatal(err)
	}
	first.book.Leave()
	return s
}

func TestARunThatWasEndedIsSaidToHaveEndedInOnePush(t *testing.T) {
	s := killed(t)
	s.clock.Advance(2 * time.Minute)
	open(t, s, "b").finish()
	if _, held := s.refs[ledger.LeaseRef]; s.pushes != 2 || held {
		t.Errorf("%d pushes, refs %v; want two, and no lease", s.pushes, s.refs)
	}
	if l := open(t, s, "c").book.Ledger(); len(l.Intents) != 0 || l.Run.EndedAt == "" || l.Run.Who != "bob" {
		t.Errorf("the ledger is %+v", l)
	}
}

func TestARunThatIsAtWorkIsNotSaidToHaveEnded(t *testing.T) {
	s := killed(t)
	open(t, s, "b").finish() // nobody can know yet that the first one is gone
	if s.pushes != 1 {
		t.Errorf("%d pushes, want that of the first run", s.pushes)
	}
}

func TestNobodyIsInterruptedByTheEndOfARunBefore(t *testing.T) {
	s := killed(t)
	s.clock.Advance(2 * time.Minute)
	late, quick := open(t, s, "b"), open(t, s, "c")
	if err := quick.take(0); err != nil {
		t.Fatal(err)
	}
	late.finish()
	if _, held := s.refs[ledger.LeaseRef]; !held {
		t.Errorf("the refs are %v; want the one who was quicker to hold the lease still", s.refs)
	}
	if err := quick.book.Hold(t.Context()); err != nil {
		t.Error(err)
	}
}
