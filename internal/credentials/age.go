package credentials

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
)

// Databricks and GitHub keep time by clocks of their own, and a slow apply may lie between the two.
// The stored value is the secret that was made at most this long before, or after, it was stored.
const (
	storedAfter  = 15 * time.Minute
	storedBefore = 2 * time.Minute
)

// spareToken is how much of a token's hour has to be left for a pipeline to be of use.
const spareToken = 10 * time.Minute

func (v *Vault) ageOfToken(s Stored) Stored {
	s.ExpiresAt = s.UpdatedAt.Add(tokenLifetime)
	switch left := s.ExpiresAt.Sub(v.opt.Clock.Now()); {
	case left <= 0:
		s.Renew = "the access token expired at " + moment(s.ExpiresAt)
	case left < spareToken:
		s.Renew = "the access token expires at " + moment(s.ExpiresAt)
	}
	return s
}

// ageOfSecret finds the OAuth secret that GitHub holds, by the times that both services show.
func (v *Vault) ageOfSecret(ctx context.Context, stored Stored, s Source) (Stored, error) {
	if s.PrincipalID == "" {
		stored.Renew = fmt.Sprintf("%s is not there, so the value that is stored is of no use", s.Principal)
		return stored, nil
	}
	secrets, err := v.opt.Fleet.OAuthSecrets(ctx, s.PrincipalID)
	if err != nil {
		return stored, err
	}
	held, found := heldBy(stored, s, secrets)
	stored.ExpiresAt = held.Expires
	now := v.opt.Clock.Now()
	stored.Spare = ids(spare(held, s, valid(secrets, now)))
	switch {
	case !found:
		stored.Renew = fmt.Sprintf("no OAuth secret that %s has was made when this value was stored (%s), so it cannot log in", s.Principal, moment(stored.UpdatedAt))
	case stored.ExpiresAt.IsZero():
	case !stored.ExpiresAt.After(now):
		stored.Renew = "it expired on " + moment(stored.ExpiresAt)
	case s.RotateBefore > 0 && !stored.ExpiresAt.After(now.Add(s.RotateBefore)):
		stored.Renew = "it expires on " + moment(stored.ExpiresAt)
	}
	return stored, nil
}

// heldBy returns the OAuth secret that GitHub holds: the newest of those that were made when the value
// was stored. Where several were, one of the wished lifetime goes before the others; one that lives no
// longer than an access token was made to be exchanged for one, and is stored nowhere.
func heldBy(stored Stored, s Source, secrets []databricks.Secret) (held databricks.Secret, found bool) {
	earliest, latest := stored.UpdatedAt.Add(-storedAfter), stored.UpdatedAt.Add(storedBefore)
	wished := func(x databricks.Secret) bool { return hasLifetime(x, s) }
	for _, x := range secrets {
		behindToken := !x.Expires.IsZero() && x.Expires.Sub(x.Created) <= tokenLifetime && !wished(x)
		switch {
		case x.Created.Before(earliest), x.Created.After(latest), behindToken:
			continue
		case !found, wished(x) && !wished(held), wished(x) == wished(held) && x.Created.After(held.Created):
			held, found = x, true
		}
	}
	return held, found
}

// spare returns the valid secrets of the wished lifetime beyond those that the stack stores, the oldest
// first: what an apply that was ended between issuing and storing, or a renewal, has left behind.
func spare(held databricks.Secret, s Source, live []databricks.Secret) []databricks.Secret {
	alike := slices.DeleteFunc(slices.Clone(live), func(x databricks.Secret) bool { return !hasLifetime(x, s) })
	beyond := len(alike) - max(1, s.Places)
	if beyond <= 0 {
		return nil
	}
	alike = slices.DeleteFunc(alike, func(x databricks.Secret) bool { return x.ID == held.ID })
	slices.SortFunc(alike, func(a, b databricks.Secret) int { return a.Created.Compare(b.Created) })
	return alike[:min(beyond, len(alike))]
}

func hasLifetime(x databricks.Secret, s Source) bool {
	return x.Expires.Sub(x.Created).Round(time.Minute) == s.Lifetime
}

func valid(secrets []databricks.Secret, now time.Time) []databricks.Secret {
	return slices.DeleteFunc(slices.Clone(secrets), func(x databricks.Secret) bool { return !x.Expires.IsZero() && !x.Expires.After(now) })
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
