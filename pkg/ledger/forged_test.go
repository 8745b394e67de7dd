package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// Whoever can push can write one. It keeps an apply waiting as long as any other, and no longer.
func TestALeaseThatClaimsToLastForEverIsTakenOver(t *testing.T) {
	s := newShelf(newClock())
	s.refs[ledger.LeaseRef] = "forged"
	s.versions["forged"] = gitrepo.Version{Hash: "forged", Files: map[string][]byte{"lease.json": []byte(`{"expires_at": "2999-01-01T00:00:00Z"}`)}}
	u := open(t, s, "a")
	var held *ledger.HeldError
	if err := u.take(30 * time.Second); !errors.As(err, &held) {
		t.Errorf("it was not waited for: %v", err)
	}
	if err := u.take(90 * time.Second); err != nil {
		t.Errorf("it lasts for longer than a lease does: %v", err)
	}
}
