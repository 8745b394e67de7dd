package ledger_test

import (
	"errors"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

func TestABookIsOfOneRepository(t *testing.T) {
	s := newShelf(newClock())
	u := open(t, s, "a")
	if err := u.take(0); err != nil {
		t.Fatal(err)
	}
	u.close()
	home := here().Repository
	for name, c := range map[string]struct {
		now  ledger.Repository
		want error
	}{
		"its own":            {home, nil},
		"under a new name":   {ledger.Repository{Host: home.Host, ID: home.ID, FullName: "acme/cab"}, nil},
		"another":            {ledger.Repository{Host: home.Host, ID: "8", FullName: home.FullName}, ledger.ErrOther},
		"one that is hidden": {ledger.Repository{Host: home.Host}, nil},
	} {
		if err := open(t, s, "b").book.Settle(c.now); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A repository that may not be looked at for a moment is the same one later.
func TestALedgerKeepsItsRepositoryWhileThatIsHidden(t *testing.T) {
	s := newShelf(newClock())
	for _, now := range []ledger.Repository{here().Repository, {Host: here().Repository.Host}} {
		u := open(t, s, "a")
		if err := u.book.Settle(now); err != nil {
			t.Fatal(err)
		}
		if err := u.take(0); err != nil {
			t.Fatal(err)
		}
		u.close()
	}
	if l := open(t, s, "b").book.Ledger(); l.Repository != here().Repository {
		t.Errorf("the ledger is of %+v", l.Repository)
	}
}
