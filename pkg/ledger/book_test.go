package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// user is one run with a book of its own.
type user struct {
	t    *testing.T
	book *ledger.Book
	said []string
}

func open(t *testing.T, s *shelf, who string) *user {
	t.Helper()
	return openAs(t, s, who, ledger.Process{Host: who, Boot: "b-" + who, Space: "n", PID: 1, Started: "1"})
}

func openAs(t *testing.T, s *shelf, who string, self ledger.Process) *user {
	t.Helper()
	u := &user{t: t}
	book, err := ledger.Open(t.Context(), ledger.Options{Store: s, Clock: s.clock, Where: here(), Self: self,
		Run: ledger.Run{ID: "run-of-" + who}, Say: func(text string) { u.said = append(u.said, text) }})
	if err != nil {
		t.Fatal(err)
	}
	u.book = book
	t.Cleanup(book.Leave)
	return u
}

func (u *user) take(timeout time.Duration) error {
	run := u.book.Run().ID
	return u.book.Take(u.t.Context(), ledger.Taking{Who: "ann", Message: "begins", Timeout: timeout, Change: func(l *ledger.Ledger) {
		l.Close("variable/A")
		l.Intents = append(l.Intents, ledger.Intent{Address: "variable/A", Kind: "variable", Run: run})
	}})
}

func (u *user) close() {
	u.t.Helper()
	err := u.book.Close(u.t.Context(), "ends", func(l *ledger.Ledger) {
		l.Put(ledger.Object{Address: "variable/A", Kind: "variable", Origin: ledger.Made, Live: resource.Object{"name": "A"}})
		l.Close("variable/A")
	})
	if err != nil {
		u.t.Fatal(err)
	}
}

func TestARunIsTwoPushes(t *testing.T) {
	s := newShelf(newClock())
	u := open(t, s, "a")
	if err := u.take(0); err != nil {
		t.Fatal(err)
	}
	if s.pushes != 1 || s.refs[ledger.StateRef] == "" || s.refs[ledger.LeaseRef] == "" {
		t.Fatalf("%d pushes, refs %v", s.pushes, s.refs)
	}
	u.close()
	if _, held := s.refs[ledger.LeaseRef]; s.pushes != 2 || held {
		t.Fatalf("%d pushes, refs %v", s.pushes, s.refs)
	}
	l := open(t, s, "b").book.Ledger()
	if len(l.Objects) != 1 || len(l.Intents) != 0 || l.Run.EndedAt == "" || l.Run.Who != "ann" {
		t.Errorf("the ledger is %+v", l)
	}
}

func TestASecondRunWaitsAndThenIsRefused(t *testing.T) {
	s := newShelf(newClock())
	first, second := open(t, s, "a"), open(t, s, "b")
	if err := first.take(0); err != nil {
		t.Fatal(err)
	}
	var held *ledger.HeldError
	if err := second.take(50 * time.Second); !errors.As(err, &held) || held.Lease.Run != "run-of-a" {
		t.Fatalf("it ended with %v", err)
	}
	first.close()
	if err := second.take(0); err != nil {
		t.Fatal(err)
	}
	if l := second.book.Ledger(); len(l.Objects) != 1 {
		t.Errorf("it does not see what the first one made: %+v", l.Objects)
	}
}

// The holder's process is gone, so nothing renews the lease.
func TestAnExpiredLeaseIsTakenOverAndThatIsSaid(t *testing.T) {
	for _, skew := range []time.Duration{-10 * time.Hour, 0, 10 * 365 * 24 * time.Hour} {
		s := newShelf(newClock())
		s.skew = skew
		first, second := open(t, s, "a"), open(t, s, "b")
		if err := first.take(0); err != nil {
			t.Fatal(err)
		}
		first.book.Leave()
		if err := second.take(90 * time.Second); err != nil {
			t.Fatalf("skew %s: %v", skew, err)
		}
		if !strings.Contains(strings.Join(second.said, "\n"), "taking over a lease that has expired: ann on a") {
			t.Errorf("it said %q", second.said)
		}
		if err := first.book.Hold(t.Context()); err != nil {
			if !errors.Is(err, ledger.ErrLeaseLost) {
				t.Errorf("the first one's step: %v", err)
			}
		} else {
			t.Error("the first one may still begin something")
		}
	}
}

// A server whose refs always move under a push does not keep a run for ever.
func TestALeaseThatCannotBeHadIsGivenUp(t *testing.T) {
	s := newShelf(newClock())
	u := open(t, s, "a")
	s.lose = func(int) lost { return contested }
	if err := u.take(10 * time.Second); !errors.Is(err, gitrepo.ErrMoved) {
		t.Errorf("it ended with %v", err)
	}
}

func TestTheLeaseOfADeadProcessIsTakenOverAtOnce(t *testing.T) {
	s := newShelf(newClock())
	self := ledger.Self()
	gone := self
	gone.Started += "0" // the PID is another process's by now
	first, second := openAs(t, s, "a", gone), openAs(t, s, "b", self)
	if err := first.take(0); err != nil {
		t.Fatal(err)
	}
	first.book.Leave()
	if err := second.take(0); err != nil {
		t.Fatal(err)
	}
	if len(second.said) != 1 || !strings.Contains(second.said[0], "ended on this machine") {
		t.Errorf("it said %q", second.said)
	}
	third := openAs(t, s, "c", self)
	var held *ledger.HeldError
	if err := third.take(0); !errors.As(err, &held) || held.Lease.Process.PID != os.Getpid() {
		t.Errorf("a process that runs was taken for dead: %v", err)
	}
}

func TestALostAnswerLosesNothing(t *testing.T) {
	for _, fate := range []lost{lostBefore, lostAfter, doubled} {
		for push := 1; push <= 3; push++ {
			s := newShelf(newClock())
			s.lose = func(n int) lost {
				if n == push {
					return fate
				}
				return answered
			}
			u := open(t, s, "a")
			if err := u.take(0); err != nil {
				t.Fatalf("%s push %d: %v", fate, push, err)
			}
			record := func(l *ledger.Ledger) { l.PutSecret(ledger.Secret{Address: "secret/S"}) }
			if err := u.book.Change(t.Context(), "a credential", record); err != nil {
				t.Fatalf("%s push %d: %v", fate, push, err)
			}
			u.close()
			l := open(t, s, "b").book.Ledger()
			if len(l.Objects) != 1 || len(l.Secrets) != 1 || s.refs[ledger.LeaseRef] != "" {
				t.Errorf("%s push %d: %+v, refs %v", fate, push, l, s.refs)
			}
		}
	}
}

func TestTheLeaseIsRenewedWhileTimePasses(t *testing.T) {
	s := newShelf(newClock())
	first, second := open(t, s, "a"), open(t, s, "b")
	if err := first.take(0); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if err := s.clock.Sleep(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := first.book.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var held *ledger.HeldError
	if err := second.take(0); !errors.As(err, &held) {
		t.Errorf("five minutes later the lease is anybody's: %v", err)
	}
	if fmt.Sprint(second.said) != "[]" {
		t.Errorf("it said %q", second.said)
	}
}

// Two runs wrote at the same time, one of them after it had lost the lease: both are in the ledger.
func TestWhatWasDoneIsRecordedAfterTheLeaseWasLost(t *testing.T) {
	s := newShelf(newClock())
	first, second := open(t, s, "a"), open(t, s, "b")
	if err := first.take(0); err != nil {
		t.Fatal(err)
	}
	first.book.Leave()
	if err := second.take(90 * time.Second); err != nil {
		t.Fatal(err)
	}
	record := func(l *ledger.Ledger) { l.PutSecret(ledger.Secret{Address: "secret/S"}) }
	if err := second.book.Change(t.Context(), "a credential", record); err != nil {
		t.Fatal(err)
	}
	first.close()
	if s.refs[ledger.LeaseRef] == "" {
		t.Error("it removed the lease of another run")
	}
	if l := open(t, s, "c").book.Ledger(); len(l.Objects) != 1 || len(l.Secrets) != 1 {
		t.Errorf("the ledger is %+v", l)
	}
}

// A service that does away with a repository by and by takes its refs before the rest.
func TestALedgerThatIsTakenAwayUnderARunIsWrittenAgainInFull(t *testing.T) {
	s := newShelf(newClock())
	before := open(t, s, "a")
	if err := before.take(0); err != nil {
		t.Fatal(err)
	}
	before.close()
	u := open(t, s, "b")
	if err := u.take(0); err != nil {
		t.Fatal(err)
	}
	clear(s.refs)
	if err := u.book.Close(t.Context(), "ends", func(l *ledger.Ledger) {
		l.Close("variable/A")
		l.Put(ledger.Object{Address: "variable/B", Kind: "variable", Origin: ledger.Made, Live: resource.Object{"name": "B"}})
	}); err != nil {
		t.Fatal(err)
	}
	if l := open(t, s, "c").book.Ledger(); len(l.Objects) != 2 || len(l.Intents) != 0 {
		t.Errorf("the ledger is %+v", l)
	}
	clear(s.refs)
	if l := open(t, s, "d").book.Ledger(); len(l.Objects) != 0 {
		t.Errorf("a run that begins without a ledger knows of %+v", l.Objects)
	}
}

func TestUnlockRemovesTheLeaseThatWasSeen(t *testing.T) {
	s := newShelf(newClock())
	first, second := open(t, s, "a"), open(t, s, "b")
	if err := first.take(0); err != nil {
		t.Fatal(err)
	}
	if err := second.book.Unlock(t.Context()); err != nil {
		t.Fatal(err) // the lease was not there when it was looked at
	}
	if err := open(t, s, "c").book.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.refs[ledger.LeaseRef] != "" {
		t.Error("the lease is still there")
	}
}

func TestAVersionSaysWhatItsOwnRunDid(t *testing.T) {
	s := newShelf(newClock())
	for _, who := range []string{"a", "b"} {
		u := open(t, s, who)
		if err := u.take(0); err != nil {
			t.Fatal(err)
		}
		if l := u.book.Ledger(); len(l.Run.Did) > 0 {
			t.Errorf("%s begins with what the run before did: %+v", who, l.Run.Did)
		}
		err := u.book.Close(t.Context(), "ends", func(l *ledger.Ledger) {
			l.Run.Did = append(l.Run.Did, ledger.Deed{Address: "variable/" + who, Action: "create", Status: "done"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if did := open(t, s, "reader").book.Ledger().Run.Did; len(did) != 1 || did[0].Address != "variable/"+who {
			t.Errorf("the last version says %+v, want what %s did", did, who)
		}
	}
}
