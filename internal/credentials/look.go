package credentials

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// late is how much later than the answer to its PUT GitHub may date a secret: both are whole seconds, by the
// clocks of two machines. What is dated earlier is ours too, or a listing that still shows the write before,
// which was seen for 24 seconds: a secret's date only grows.
const late = 2 * time.Second

// look is all that is known of one place at one moment.
type look struct {
	place   github.Place
	source  Source
	address string
	now     time.Time
	forced  bool

	there   bool
	updated time.Time // GitHub's date of the value

	record   ledger.Secret
	recorded bool
	all      []ledger.Secret                // every record of the stack
	secrets  []databricks.Secret            // of the principal, as far as one is concerned
	others   map[string][]databricks.Secret // of other holders, of which something was replaced here
	strays   *strays                        // on the principal; nil where no run left an intent open
	left     litter
	mine     bool // the value that GitHub holds is the one that was recorded
}

// look asks both services and the ledger about a place.
func (v *Vault) look(ctx context.Context, p github.Place, s Source) (look, error) {
	l := look{place: p, source: s, address: addressOf(p, s), all: v.recorded()}
	l.record, l.recorded = v.record(l.address)
	secrets, err := v.opt.GitHub.Secrets(ctx, p.Environment)
	if err != nil {
		return l, err
	}
	info, there := secrets[p.Name]
	l.there, l.updated = there, info.UpdatedAt
	l.now = v.opt.Clock.Now() // not before the services have said what time it is
	if s.Issue != "" && s.PrincipalID != "" && (s.Issue.lasts() || !there || v.book() != nil) {
		l.secrets, err = v.Issued(ctx, s.PrincipalID)
		if err != nil && (there || !errors.Is(err, databricks.ErrNoPrincipal)) { // both may have gone together
			return l, err
		}
		l.strays = v.straysOf(s, l.secrets)
	}
	l.others = v.others(ctx, l)
	v.mu.Lock()
	defer v.mu.Unlock()
	l.forced = v.forced[l.address]
	l.mine = l.asRecorded()
	if l.strays != nil {
		if !there || l.mine {
			delete(l.strays.waiting, l.address) // none of the strays is stored here
		}
		l.left = l.strays.at(l)
	}
	return l, nil
}

// others are the credentials of the holders that something at the place was replaced of, beside the one that the
// source is for: a principal's tokens where an OAuth secret of it is wished now, or another principal that the spec
// runs as. What cannot be read, or is not certainly the stack's, is not among them: it is reported, and stays.
func (v *Vault) others(ctx context.Context, l look) map[string][]databricks.Secret {
	all := map[string][]databricks.Secret{}
	own, _ := parted(l.source.PrincipalID)
	for _, r := range attributed(l.record) {
		id, _ := parted(r.PrincipalID)
		if _, known := all[r.PrincipalID]; known || id == "" || r.PrincipalID == l.source.PrincipalID {
			continue
		}
		ours, err := id == own, error(nil)
		if !ours {
			ours, err = v.runsAs(ctx, r.PrincipalID)
		}
		var secrets []databricks.Secret
		switch {
		case err != nil:
		case ours:
			secrets, err = v.Issued(ctx, r.PrincipalID)
		default:
			_, err = v.opt.Fleet.Principal(ctx, id)
			if err == nil {
				continue // somebody's, and for a person to look at
			}
		}
		gone := errors.Is(err, databricks.ErrNoPrincipal) || errors.Is(err, resource.ErrNotFound)
		if err == nil || gone { // what it had went with it
			all[r.PrincipalID] = secrets
		}
	}
	return all
}

// ours reports whether the value that GitHub holds is the one that was recorded.
func (l look) ours() bool { return l.mine }

// asRecorded compares what GitHub shows with the record. Where a run that did not end was about to store another
// value here, and issued one that may be it by the time at which it was made, nothing is certain.
func (l look) asRecorded() bool {
	if !l.recorded {
		return false
	}
	if l.strays != nil && slices.Contains(l.strays.intended, l.address) &&
		slices.ContainsFunc(l.strays.live, func(x databricks.Secret) bool { return storedThen(x, l.updated) }) {
		return false
	}
	wrote := latest(parsed(l.record.UpdatedAt), parsed(l.record.StoredAt))
	return !l.updated.After(wrote.Add(late))
}

// room is a *resource.Blocked where the principal has no room for one more OAuth secret, and none of those
// that it has is certainly this stack's and of no use.
func (l look) room() error {
	if l.source.Issue == "" || l.source.Issue == PersonalToken || len(l.secrets) < maxSecrets || len(l.useless()) > 0 || len(l.left.useless) > 0 {
		return nil
	}
	return &resource.Blocked{Reason: l.source.Principal + " " + full(l.secrets)}
}

// useless are OAuth secrets of the principal that this stack may revoke before it has stored a new one:
// replaced, and past their overlap; expired; left by a run that did not end, and stored nowhere.
func (l look) useless() []string {
	var ids []string
	for _, r := range l.all {
		for _, x := range attributed(r) {
			if x.PrincipalID == l.source.PrincipalID && !parsed(x.RevokeAfter).After(l.now) {
				ids = append(ids, x.RemoteID)
			}
		}
		if r.PrincipalID != l.source.PrincipalID {
			continue
		}
		if s, listed := find(l.secrets, r.RemoteID); listed && expired(s, l.now) {
			ids = append(ids, s.ID)
		}
	}
	if l.left.elsewhere == 0 {
		ids = append(ids, l.left.useless...)
	}
	return slices.DeleteFunc(ids, func(id string) bool { _, listed := find(l.secrets, id); return !listed })
}

func expired(s databricks.Secret, now time.Time) bool {
	return !s.Expires.IsZero() && !s.Expires.After(now)
}

// parsed is a time of the ledger; zero where it has none.
func parsed(moment string) time.Time {
	t, _ := time.Parse(time.RFC3339, moment) // the ledger was checked when it was read
	return t
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
