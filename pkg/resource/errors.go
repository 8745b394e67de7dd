package resource

import "errors"

// What clients report and the engine branches on. A client's error matches them through errors.Is
// and carries the service's own words beside.
var (
	// ErrNotFound: the object is not there. From Read it makes a create; the T that comes with it
	// holds what is already certain about the object that Create would make.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: these credentials may not do that. From Read it makes the object unknown.
	ErrForbidden = errors.New("not permitted")
	// ErrUnauthorized: the credentials are missing, expired or rejected.
	ErrUnauthorized = errors.New("credentials missing or rejected")
	// ErrExists: an object with that natural key is there already.
	ErrExists = errors.New("already exists")
	// ErrConflict: somebody else changed the object between our read and our write.
	ErrConflict = errors.New("changed by somebody else")
	// ErrNotYet: what the request refers to exists but is not visible yet; worth waiting for.
	ErrNotYet = errors.New("not visible yet")
	// ErrRefused: the service looked at the request and declined it, or it was never sent; that request
	// changed nothing.
	ErrRefused = errors.New("refused")
	// ErrUnseen: from Create: the object was made, and cannot be read yet. Worth looking again, and nothing is
	// to be sent again.
	ErrUnseen = errors.New("made, and not visible yet")
	// ErrLost: the request was sent and its answer was lost, so nobody knows whether it was done.
	ErrLost = errors.New("the answer was lost")
)

// Blocked is a Read's answer for an object that cannot be made or changed until somebody does
// something that mlopsctl does not do: a table is missing, a team does not exist, a plan of GitHub's
// lacks the feature.
type Blocked struct{ Reason string }

// Error returns the reason.
func (b *Blocked) Error() string { return b.Reason }

// Waiting is a Read's answer for an object that is as far as this program brings it, and is done only once
// a person has acted: a pull request that is to be reviewed and merged, a deployment that is to be
// approved. The object that comes with it is compared with the wish like any other, and updated where it differs.
type Waiting struct {
	Reason string
	URL    string // where the person acts; "" where there is no such page
}

// Error returns the reason, and where to act.
func (w *Waiting) Error() string {
	if w.URL == "" {
		return w.Reason
	}
	return w.Reason + ": " + w.URL
}

// Moot is a Read's answer for a wish that asks for nothing today: MODIFY on an output table that the
// job itself will make.
type Moot struct{ Reason string }

// Error returns the reason.
func (m *Moot) Error() string { return m.Reason }
