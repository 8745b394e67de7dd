package credentials

import (
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// An OAuth secret was issued by a run only if it was made while that run can have worked: from the intent
// on, but for two clocks that differ, and within the hour. A later one is somebody's own, and is left alone
// even while the intent stays open because no apply has had anything to do since.
const (
	clocksDiffer = 2 * time.Minute
	longestRun   = time.Hour
)

// strays are the OAuth secrets that runs which did not end may have issued on a principal. What changes
// belongs to the vault's lock.
type strays struct {
	live     []databricks.Secret // oldest first
	certain  bool                // they are this stack's: it made the principal, and they are no more than its intents
	intended []string            // the addresses that they may have been issued for
	// waiting are those addresses at which a stray may be the value that is stored: none is revoked while
	// one of them has no other.
	waiting map[string]bool
}

// litter is what strays mean to one address.
type litter struct {
	interrupted bool // a run that was to issue for it did not end
	certain     bool
	ids         []string
	useless     []string // certainly ours, and not stored at the address
	elsewhere   int      // other addresses that one of them may be stored at
}

func (s *strays) at(l look) litter {
	x := litter{interrupted: slices.Contains(s.intended, l.address), certain: s.certain, ids: idsOf(s.live), elsewhere: len(s.waiting)}
	if s.waiting[l.address] {
		x.elsewhere--
	}
	for _, secret := range s.live {
		if s.certain && (!s.waiting[l.address] || !storedThen(secret, l.updated)) {
			x.useless = append(x.useless, secret.ID)
		}
	}
	return x
}

// straysOf returns what runs left on the source's principal, as it was first seen for this plan; nil where
// no intent is open for it.
func (v *Vault) straysOf(s Source, live []databricks.Secret) *strays {
	r := v.book()
	if r == nil {
		return nil
	}
	intents := slices.DeleteFunc(slices.Clone(r.Issuing()), func(i ledger.Issuing) bool {
		of, there := parted(i.PrincipalID)
		_, here := parted(s.PrincipalID)
		return i.PrincipalID != s.PrincipalID && (of != "" || there != here || i.Principal != s.Principal)
	})
	principal, _ := parted(s.PrincipalID)
	found := gather(intents, r.Secrets(), live)
	if found != nil {
		found.certain = len(found.live) <= len(intents) && r.MadePrincipal(principal, s.Principal)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if first, seen := v.strays[s.PrincipalID]; seen {
		return first // what this run has recorded since closes intents, and tells nothing of what they left
	}
	v.strays[s.PrincipalID] = found
	return found
}

// gather finds the live secrets that intents may have led to, and that no record knows.
func gather(intents []ledger.Issuing, records []ledger.Secret, live []databricks.Secret) *strays {
	if len(intents) == 0 {
		return nil
	}
	s := &strays{waiting: map[string]bool{}}
	for _, i := range intents {
		s.waiting[i.Address] = true
		if !slices.Contains(s.intended, i.Address) {
			s.intended = append(s.intended, i.Address)
		}
	}
	live = slices.SortedFunc(slices.Values(live), func(a, b databricks.Secret) int { return a.Created.Compare(b.Created) })
	for _, x := range live {
		recorded := slices.ContainsFunc(records, func(r ledger.Secret) bool { return holds(r, x.ID) })
		if !recorded && slices.ContainsFunc(intents, func(i ledger.Issuing) bool { return ledTo(i, x) }) {
			s.live = append(s.live, x)
		}
	}
	return s
}

func ledTo(i ledger.Issuing, x databricks.Secret) bool {
	at := parsed(i.At)
	return !slices.Contains(i.Before, x.ID) && !x.Created.Before(at.Add(-clocksDiffer)) && !x.Created.After(at.Add(longestRun))
}

// settled says that an address holds a value that is none of the strays, and returns those that may be
// revoked now.
func (v *Vault) settled(s *strays, address string) []string {
	if s == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(s.waiting, address)
	if !s.certain || len(s.waiting) > 0 {
		return nil
	}
	return idsOf(s.live)
}

// settle notes that nothing is left of what a run that did not end was to issue for an address.
func (v *Vault) settle(l look) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l.left.interrupted && len(l.strays.live) == 0 {
		v.done[l.address] = true
	}
}

// forget takes an id that was revoked out of what is left to do.
func (v *Vault) forget(s *strays, id string) {
	if s == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s.live = slices.DeleteFunc(s.live, func(x databricks.Secret) bool { return x.ID == id })
}
