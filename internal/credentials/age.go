package credentials

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// Databricks and GitHub keep time by clocks of their own, and a slow apply may lie between the two.
// Without a record, the stored value is the secret that was made at most this long before, or after, it was
// stored.
const (
	storedAfter  = 15 * time.Minute
	storedBefore = 2 * time.Minute
)

// spareToken is how much of a token's hour has to be left for a pipeline to be of use; soon is how long
// before its end an OAuth secret that nothing renews is warned of.
const (
	spareToken = 10 * time.Minute
	soon       = 14 * 24 * time.Hour
)

// judge says what a secret that is there needs.
func (v *Vault) judge(l look) Stored {
	stored := Stored{UpdatedAt: l.updated}
	switch l.source.Issue {
	case AccessToken:
		stored = l.token(stored)
	case OAuthSecret, PersonalToken:
		stored = l.lasting(stored)
	default:
		stored = v.outside(l, stored)
	}
	stored = l.origin(stored)
	if stored.Need == "" {
		stored = l.untidy(stored)
	}
	if l.forced && (stored.Need == "" || stored.Need == Tidying || stored.Need == Ageing) {
		stored = stored.due(Rotation, "you asked for it")
	}
	if stored.Need == "" {
		v.adopt(l, stored)
		v.settle(l)
	}
	stored.Spare = l.spare()
	return stored
}

// origin says of a value whether it is the one that this stack stored: what the ledger shows goes before
// everything that the services do.
func (l look) origin(s Stored) Stored {
	switch {
	case !l.recorded && l.left.interrupted && l.left.certain:
		return s.due(Rotation, "a run that did not end may have stored it, and did not see it log in")
	case !l.recorded:
		return s
	case !l.ours() && l.left.interrupted:
		return s.due(Repair, "somebody else wrote it at %s, or a run that did not end", moment(l.updated))
	case !l.ours():
		return s.due(Repair, "somebody else wrote it at %s", moment(l.updated))
	case l.record.Issue != string(l.source.Issue):
		return s.due(Repair, "what is stored is %s; the spec wishes %s", kindOf(Issue(l.record.Issue)), kindOf(l.source.Issue))
	case l.source.Issue != "" && l.source.PrincipalID != "" && l.record.PrincipalID != l.source.PrincipalID:
		return s.due(Rotation, "it is a credential of another principal (id %s); the spec wishes one of %s", l.record.PrincipalID, l.source.Principal)
	}
	return s
}

func kindOf(i Issue) string {
	switch i {
	case OAuthSecret:
		return "an OAuth secret"
	case AccessToken:
		return "an access token"
	case PersonalToken:
		return "a personal access token"
	default:
		return "a value from outside"
	}
}

func (l look) token(s Stored) Stored {
	s.ExpiresAt = s.UpdatedAt.Add(tokenLifetime)
	if end := parsed(l.record.ExpiresAt); l.ours() && l.record.Issue == string(AccessToken) && !end.IsZero() {
		s.ExpiresAt = end
	}
	switch left := s.ExpiresAt.Sub(l.now); {
	case left <= 0:
		return s.due(Ageing, "the access token expired at %s", moment(s.ExpiresAt))
	case left < spareToken:
		return s.due(Ageing, "the access token expires at %s", moment(s.ExpiresAt))
	}
	return s
}

// lasting judges the OAuth secret or the personal access token that GitHub holds: the recorded one, or else the one that the times of both
// services tell.
func (l look) lasting(s Stored) Stored {
	if l.source.PrincipalID == "" {
		return s.due(Rotation, "%s is not there, so the value that is stored is of no use", l.source.Principal)
	}
	held, found := heldBy(s.UpdatedAt, l.source, l.secrets)
	byRecord := l.ours() && l.record.RemoteID != ""
	if byRecord {
		held, found = find(l.secrets, l.record.RemoteID)
	}
	s.ExpiresAt = held.Expires
	rotates := l.source.RotateBefore > 0 && !s.ExpiresAt.After(l.now.Add(l.source.RotateBefore))
	s.Expiring = !s.ExpiresAt.IsZero() && (rotates || l.source.RotateBefore == 0 && !s.ExpiresAt.After(l.now.Add(soon)))
	switch {
	case !found && byRecord:
		return s.due(Rotation, "%s %s, which it holds, was revoked or has expired", l.source.Issue.noun(), l.record.RemoteID)
	case !found:
		return s.due(Rotation, "no %s that %s has was made when this value was stored (%s), so it cannot log in", l.source.Issue.noun(), l.source.Principal, moment(s.UpdatedAt))
	case s.ExpiresAt.IsZero():
	case !s.ExpiresAt.After(l.now):
		return s.due(Rotation, "it expired on %s", moment(s.ExpiresAt))
	case rotates:
		return s.due(Rotation, "it expires on %s", moment(s.ExpiresAt))
	}
	return s
}

// heldBy returns the OAuth secret that GitHub holds by the times that both services show: the newest of
// those that were made when the value was stored. Where several were, one of the wished lifetime goes before
// the others; one that lives no longer than an access token was made to be exchanged for one, and is stored
// nowhere.
func heldBy(updated time.Time, s Source, secrets []databricks.Secret) (held databricks.Secret, found bool) {
	wished := func(x databricks.Secret) bool { return hasLifetime(x, s) }
	for _, x := range candidates(updated, s, secrets) {
		switch {
		case !found, wished(x) && !wished(held), wished(x) == wished(held) && x.Created.After(held.Created):
			held, found = x, true
		}
	}
	return held, found
}

func candidates(updated time.Time, s Source, secrets []databricks.Secret) []databricks.Secret {
	return slices.DeleteFunc(slices.Clone(secrets), func(x databricks.Secret) bool {
		behindToken := !x.Expires.IsZero() && x.Expires.Sub(x.Created) <= tokenLifetime && !hasLifetime(x, s)
		return behindToken || !storedThen(x, updated)
	})
}

// storedThen reports whether a secret was made when a value was stored.
func storedThen(x databricks.Secret, updated time.Time) bool {
	return !x.Created.Before(updated.Add(-storedAfter)) && !x.Created.After(updated.Add(storedBefore))
}

func hasLifetime(x databricks.Secret, s Source) bool {
	return x.Expires.Sub(x.Created).Round(time.Minute) == s.Lifetime
}

// adopt notes what an apply would record of a secret that the ledger does not know.
func (v *Vault) adopt(l look, s Stored) {
	if l.recorded || v.book() == nil {
		return
	}
	r := ledger.Secret{Address: l.address, UpdatedAt: moment(l.updated), StoredAt: moment(l.updated), Issue: string(l.source.Issue)}
	switch l.source.Issue {
	case "":
		if value, err := v.compared(l.source); err == nil {
			r.Salt, r.Check = fresh(value) // the best that can be known: it is the value that is there now
		}
	default:
		r.Principal, r.PrincipalID = l.source.Principal, l.source.PrincipalID
		if !s.ExpiresAt.IsZero() {
			r.ExpiresAt = moment(s.ExpiresAt)
		}
		if c := candidates(l.updated, l.source, l.secrets); l.source.Issue.lasts() && len(c) == 1 {
			r.RemoteID = c[0].ID
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.adopted[l.address] = r
}

// spare returns the OAuth secrets that nobody may need and that are not certainly this stack's: the valid
// ones of the wished lifetime that no record knows, beyond those that the stack stores without a record, the
// oldest first; what runs left that did not end; and what was replaced on a principal that the spec no
// longer names here.
func (l look) spare() []string {
	var spare []databricks.Secret
	if l.source.Issue.lasts() {
		spare = l.beyond()
	}
	if l.left.interrupted && !l.left.certain {
		held, _ := heldBy(l.updated, l.source, l.secrets)
		for _, id := range l.left.ids {
			if !l.recorded && id == held.ID {
				continue // the value that is stored, as far as times can tell
			}
			if s, listed := find(l.secrets, id); listed && !slices.ContainsFunc(spare, func(x databricks.Secret) bool { return x.ID == id }) {
				spare = append(spare, s)
			}
		}
	}
	named := ids(spare)
	for _, r := range attributed(l.record) {
		if id, _ := parted(r.PrincipalID); !l.looked(r.PrincipalID) && !parsed(r.RevokeAfter).After(l.now) {
			named = append(named, fmt.Sprintf("%s of the principal with id %s, replaced", r.RemoteID, id))
		}
	}
	return named
}

func (l look) beyond() []databricks.Secret {
	known := 0 // places whose secret is recorded
	for _, r := range l.all {
		if _, listed := find(l.secrets, r.RemoteID); listed && Issue(r.Issue).lasts() {
			known++
		}
	}
	held, found := heldBy(l.updated, l.source, l.secrets)
	var alike []databricks.Secret
	for _, x := range l.secrets {
		recorded := slices.ContainsFunc(l.all, func(r ledger.Secret) bool { return holds(r, x.ID) })
		ours := l.left.certain && slices.Contains(l.left.ids, x.ID)
		if !expired(x, l.now) && hasLifetime(x, l.source) && !recorded && !ours {
			alike = append(alike, x)
		}
	}
	n := len(alike) - max(0, max(1, l.source.Places)-known)
	if n <= 0 {
		return nil
	}
	if found && !l.recorded {
		alike = slices.DeleteFunc(alike, func(x databricks.Secret) bool { return x.ID == held.ID })
	}
	slices.SortFunc(alike, func(a, b databricks.Secret) int { return a.Created.Compare(b.Created) })
	return alike[:min(n, len(alike))]
}
