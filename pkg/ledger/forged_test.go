package ledger_test

import (
	"errors"
	"strings"
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

func TestALedgerThatIsNotTheStacksIsRefused(t *testing.T) {
	whole := `{"format_version": "1.0", "stack": "taxi", "repository": {"host": "https://github.com", "id": "7", "full_name": "acme/taxi"},
		"run": {"id": "r", "who": "", "host": "", "mlopsctl_version": "", "started_at": "", "spec": "", "sha256": "", "did": []},
		"objects": [], "intents": [], "secrets": [], "issuing": []}`
	for name, c := range map[string]struct {
		document string
		want     error
	}{
		"its own":               {whole, nil},
		"another repository's":  {strings.Replace(whole, `"id": "7"`, `"id": "8"`, 1), ledger.ErrOther},
		"another stack's":       {strings.Replace(whole, `"taxi"`, `"bus"`, 1), ledger.ErrOther},
		"another version's":     {strings.Replace(whole, `"1.0"`, `"2.0"`, 1), ledger.ErrNewer},
		"a field too many":      {strings.Replace(whole, `"objects"`, `"also": 1, "objects"`, 1), ledger.ErrTorn},
		"its end is missing":    {whole[:len(whole)-20], ledger.ErrTorn},
		"something follows":     {whole + "{}", ledger.ErrTorn},
		"nothing at all":        {"", ledger.ErrTorn},
		"an object of no kind":  {strings.Replace(whole, `"objects": []`, `"objects": [{"address": "a/b", "kind": "c", "origin": "made", "live": {"id": "1"}}]`, 1), ledger.ErrTorn},
		"an object of no birth": {strings.Replace(whole, `"objects": []`, `"objects": [{"address": "a/b", "kind": "a", "live": {"id": "1"}}]`, 1), ledger.ErrTorn},
	} {
		s := newShelf(newClock())
		s.refs[ledger.StateRef] = "c"
		s.versions["c"] = gitrepo.Version{Hash: "c", Files: map[string][]byte{"ledger.json": []byte(c.document)}}
		if _, err := ledger.Open(t.Context(), ledger.Options{Store: s, Clock: s.clock, Where: here()}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
