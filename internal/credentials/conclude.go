package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// usualOverlap is how long a replaced OAuth secret stays valid where nothing says it: the stack stores
// something else at its place by now.
const usualOverlap = 24 * time.Hour

// conclude ends a delivery: r, which says what was brought, is recorded, and what it makes needless is
// revoked. The new value is in place by then, so that whatever fails here leaves a credential that works.
func (v *Vault) conclude(ctx context.Context, p github.Place, s Source, r ledger.Secret) error {
	v.mu.Lock()
	delete(v.forced, addressOf(p, s))
	v.mu.Unlock()
	book := v.book()
	if book == nil {
		v.arrived(p)
		return nil
	}
	l, err := v.look(ctx, p, s)
	if err != nil {
		return fmt.Errorf("%s is stored, and nothing is recorded of it: %w", p, err)
	}
	r.Address, r.UpdatedAt = l.address, l.dated(r.StoredAt)
	r.Replaced = l.replaced(r)
	r.Replaced, err = v.sweep(ctx, l, r.Replaced)
	if saved := book.Save(ctx, r); saved != nil {
		return errors.Join(fmt.Errorf("%s is stored, and could not be recorded: %w", p, saved), err)
	}
	v.arrived(p)
	return err
}

// dated is GitHub's date of a value that was stored a moment ago. Its listing may still show the date before,
// or that of somebody who was quicker to write than it was to show.
func (l look) dated(storedAt string) string {
	at := parsed(storedAt)
	if l.there && !l.updated.Before(at.Add(-late)) && !l.updated.After(at.Add(late)) {
		return moment(l.updated)
	}
	return storedAt
}

// replaced are the OAuth secrets that r replaces: those that were recorded so, and the one that was stored.
func (l look) replaced(r ledger.Secret) []ledger.Replaced {
	var all []ledger.Replaced
	for _, x := range l.record.Replaced {
		all = append(all, l.belonging(x))
	}
	if l.record.RemoteID == "" || l.record.RemoteID == r.RemoteID {
		return all
	}
	until := l.now.Add(cmp.Or(l.source.Overlap, usualOverlap))
	if end := parsed(l.record.ExpiresAt); l.record.Issue == string(AccessToken) && !end.IsZero() {
		until = end // queued runs hold the token, which needs its secret no more
	}
	return append(all, l.belonging(ledger.Replaced{RemoteID: l.record.RemoteID, RevokeAfter: moment(until)}))
}

// belonging says whose a replaced secret is, where the secret that replaces it is another principal's.
func (l look) belonging(r ledger.Replaced) ledger.Replaced {
	r.PrincipalID = cmp.Or(r.PrincipalID, l.record.PrincipalID)
	if r.PrincipalID == l.source.PrincipalID {
		r.PrincipalID = ""
	}
	return r
}

// untidy says of a secret that is as it should be what it no longer needs.
func (l look) untidy(s Stored) Stored {
	if due := l.expendable(l.record.Replaced); len(due) > 0 && l.ours() {
		return s.due(Tidying, "revokes %s, which was replaced", l.source.named(due))
	}
	if l.left.interrupted && len(l.left.useless) > 0 && l.recorded && l.ours() {
		return s.due(Tidying, "revokes %s, which a run that did not end left behind", l.source.named(l.left.useless))
	}
	return s
}

func (s Source) named(ids []string) string {
	text := s.Issue.noun()
	for i, id := range ids {
		if i > 0 {
			text += ","
		}
		text += " " + id
	}
	return text
}

// expendable are those of the replaced secrets that are there, on the principal that the spec names, and
// past their overlap.
func (l look) expendable(replaced []ledger.Replaced) []string {
	var due []string
	for _, r := range replaced {
		if l.belonging(r).PrincipalID != "" || parsed(r.RevokeAfter).After(l.now) {
			continue
		}
		if x, listed := find(l.secrets, r.RemoteID); listed && !expired(x, l.now) {
			due = append(due, r.RemoteID)
		}
	}
	return due
}

// Tidy revokes what the secret at a place no longer needs, and records that. It makes sure first that what
// is stored is what was recorded: else the credential that works may be one of those.
func (v *Vault) Tidy(ctx context.Context, p github.Place, s Source) (Stored, error) {
	book := v.book()
	if book == nil {
		return Stored{}, fmt.Errorf("tidying up after secret %s: there is no ledger", p)
	}
	done, err := v.turn(ctx, s.PrincipalID, addressOf(p, s))
	if err != nil {
		return Stored{}, err
	}
	defer done()
	v.forgetIssued(s.PrincipalID)
	if _, err := v.opt.GitHub.FreshSecret(ctx, p); err != nil {
		return Stored{}, err
	}
	l, err := v.look(ctx, p, s)
	if err != nil {
		return Stored{}, err
	}
	if now := v.judge(l); now.Need != Tidying && now.Need != "" {
		return Stored{}, fmt.Errorf("secret %s changed since the plan was made: %s; plan again", p, now.Renew)
	}
	r := l.record
	r.Replaced, err = v.sweep(ctx, l, r.Replaced)
	if err := errors.Join(err, book.Save(ctx, r)); err != nil {
		return Stored{}, fmt.Errorf("tidying up after secret %s: %w", p, err)
	}
	return v.written(ctx, p, s)
}

// sweep revokes what is no longer needed now that the value at the place of l is known to be good, and returns
// what stays replaced. It does all that it can; the error says what it could not.
func (v *Vault) sweep(ctx context.Context, l look, replaced []ledger.Replaced) ([]ledger.Replaced, error) {
	if l.source.PrincipalID == "" {
		return replaced, nil
	}
	var errs []error
	gone := map[string]bool{}
	for _, id := range slices.Concat(l.expendable(replaced), v.settled(l.strays, l.address)) {
		if err := v.revoke(ctx, l, id); err != nil {
			errs = append(errs, err)
			continue
		}
		gone[id] = true
	}
	left := slices.DeleteFunc(slices.Clone(replaced), func(r ledger.Replaced) bool {
		x, listed := find(l.secrets, r.RemoteID)
		return r.PrincipalID == "" && (gone[r.RemoteID] || !listed || expired(x, l.now))
	})
	return left, errors.Join(errs...)
}

func (v *Vault) revoke(ctx context.Context, l look, id string) error {
	if err := v.revokeIssued(ctx, l.source.PrincipalID, id); err != nil {
		return err
	}
	v.forget(l.strays, id)
	return nil
}

// Discard deletes the secret at a place. First it revokes what was recorded as issued for it, and only that:
// were it to end between the two, what is left is a secret that is of no use and still to be deleted, and
// no credential that nobody knows of.
func (v *Vault) Discard(ctx context.Context, p github.Place, s Source) error {
	if record, known := v.record(addressOf(p, s)); known && record.PrincipalID != "" && s.Principal != "" {
		if err := v.withdraw(ctx, s, record); err != nil {
			return fmt.Errorf("revoking what was issued for secret %s: %w", p, err)
		}
	}
	return v.opt.GitHub.DeleteSecret(ctx, p)
}

// withdraw revokes the OAuth secrets of a record, if its principal is the one of that name: whoever can push
// can write another's id into a ledger.
func (v *Vault) withdraw(ctx context.Context, s Source, record ledger.Secret) error {
	done, err := v.turn(ctx, record.PrincipalID, record.Address)
	if err != nil {
		return err
	}
	defer done()
	principals, err := v.opt.Fleet.Principals(ctx, s.Host, s.Principal)
	if err != nil {
		return err
	}
	id, _ := parted(record.PrincipalID)
	if !slices.ContainsFunc(principals, func(p databricks.Principal) bool { return p.ID == id }) {
		return nil // its secrets went with it
	}
	v.forgetIssued(record.PrincipalID)
	live, err := v.Issued(ctx, record.PrincipalID)
	if err != nil {
		return err
	}
	for _, x := range live {
		own := x.ID == record.RemoteID || slices.ContainsFunc(record.Replaced, func(r ledger.Replaced) bool { return r.RemoteID == x.ID && r.PrincipalID == "" })
		if !own {
			continue
		}
		if err := v.revokeIssued(ctx, record.PrincipalID, x.ID); err != nil {
			return err
		}
	}
	return nil
}
