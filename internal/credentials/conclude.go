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
	left, err := v.sweep(ctx, l, l.replaced(r))
	r.Replaced = l.terse(left)
	if saved := book.Save(ctx, r); saved != nil {
		// A push whose answer was lost is no lost answer of the step: to look whether the value is stored tells nothing.
		return errors.Join(fmt.Errorf("%s is stored, and could not be recorded: %v", p, saved), err) //nolint:errorlint // as it says
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

// replaced are the credentials that r replaces: those that were recorded so, and the one that was stored.
func (l look) replaced(r ledger.Secret) []ledger.Replaced {
	all := attributed(l.record)
	if l.record.RemoteID == "" || l.record.RemoteID == r.RemoteID {
		return all
	}
	until := l.now.Add(cmp.Or(l.source.Overlap, usualOverlap))
	if end := parsed(l.record.ExpiresAt); l.record.Issue == string(AccessToken) && !end.IsZero() {
		until = end // queued runs hold the token, which needs its secret no more
	}
	return append(all, ledger.Replaced{RemoteID: l.record.RemoteID, RevokeAfter: moment(until), PrincipalID: l.record.PrincipalID})
}

// attributed are the credentials that a record says were replaced, each with its holder.
func attributed(r ledger.Secret) []ledger.Replaced {
	all := slices.Clone(r.Replaced)
	for i := range all {
		all[i].PrincipalID = cmp.Or(all[i].PrincipalID, r.PrincipalID)
	}
	return all
}

// terse leaves out of what is recorded the holder that the secret itself has.
func (l look) terse(all []ledger.Replaced) []ledger.Replaced {
	for i := range all {
		if all[i].PrincipalID == l.source.PrincipalID {
			all[i].PrincipalID = ""
		}
	}
	return all
}

// untidy says of a secret that is as it should be what it no longer needs.
func (l look) untidy(s Stored) Stored {
	if due := l.expendable(attributed(l.record)); len(due) > 0 && l.ours() {
		return s.due(Tidying, "revokes %s, which was replaced", named(due))
	}
	if l.left.interrupted && len(l.left.useless) > 0 && l.recorded && l.ours() {
		return s.due(Tidying, "revokes %s, which a run that did not end left behind", named(l.own(l.left.useless)))
	}
	return s
}

// held is a credential, and whose it is.
type held struct{ of, id string }

// own are credentials of the holder that the source is for.
func (l look) own(ids []string) []held {
	var all []held
	for _, id := range ids {
		all = append(all, held{of: l.source.PrincipalID, id: id})
	}
	return all
}

func named(all []held) string {
	var text, last string
	for _, h := range all {
		noun := nounOf(h.of)
		switch {
		case text == "":
			text = noun
		case noun == last:
			text += ","
		default:
			text += ", " + noun
		}
		text, last = text+" "+h.id, noun
	}
	return text
}

// expendable are those of the replaced credentials that are there, on a principal that the spec runs as, and past
// their overlap.
func (l look) expendable(replaced []ledger.Replaced) []held {
	var due []held
	for _, r := range replaced {
		x, listed := find(l.issued(r.PrincipalID), r.RemoteID)
		if listed && !expired(x, l.now) && !parsed(r.RevokeAfter).After(l.now) {
			due = append(due, held{of: r.PrincipalID, id: r.RemoteID})
		}
	}
	return due
}

// issued are the credentials of a holder that were looked at; of one that is not certainly the stack's, none.
func (l look) issued(of string) []databricks.Secret {
	if of == l.source.PrincipalID {
		return l.secrets
	}
	return l.others[of]
}

// looked reports whether it is known what there is of a holder's credentials.
func (l look) looked(of string) bool {
	_, other := l.others[of]
	return of == l.source.PrincipalID || other
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
	record, _ := v.record(addressOf(p, s))
	v.forgetIssued(s.PrincipalID)
	for _, r := range attributed(record) {
		v.forgetIssued(r.PrincipalID)
	}
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
	left, err := v.sweep(ctx, l, attributed(r))
	r.Replaced = l.terse(left)
	if err := errors.Join(err, book.Save(ctx, r)); err != nil {
		return Stored{}, fmt.Errorf("tidying up after secret %s: %w", p, err)
	}
	return v.written(ctx, p, s)
}

// sweep revokes what is no longer needed now that the value at the place of l is known to be good, and returns
// what stays replaced. It does all that it can; the error says what it could not.
func (v *Vault) sweep(ctx context.Context, l look, replaced []ledger.Replaced) ([]ledger.Replaced, error) {
	var errs []error
	gone := map[held]bool{}
	for _, h := range slices.Concat(l.expendable(replaced), l.own(v.settled(l.strays, l.address))) {
		if err := v.revoke(ctx, l, h); err != nil {
			errs = append(errs, err)
			continue
		}
		gone[h] = true
	}
	left := slices.DeleteFunc(slices.Clone(replaced), func(r ledger.Replaced) bool {
		x, listed := find(l.issued(r.PrincipalID), r.RemoteID)
		return l.looked(r.PrincipalID) && (gone[held{of: r.PrincipalID, id: r.RemoteID}] || !listed || expired(x, l.now))
	})
	return left, errors.Join(errs...)
}

func (v *Vault) revoke(ctx context.Context, l look, h held) error {
	if err := v.revokeIssued(ctx, h.of, h.id); err != nil {
		return err
	}
	if h.of == l.source.PrincipalID {
		v.forget(l.strays, h.id)
	}
	return nil
}
