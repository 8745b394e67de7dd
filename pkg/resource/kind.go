package resource

import (
	"context"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Wishes is what kinds declare from: the spec, and the few live facts that decide which objects it
// means.
type Wishes struct {
	*spec.Stack
	// Metastores holds the metastore id of each workspace host on which the spec wishes something;
	// a host whose metastore could not be read is absent.
	Metastores map[string]string
	// Proposed: the stack has opened a pull request before, so that files of its may be on the default branch though
	// nothing in the spec asks for any.
	Proposed bool
}

// Kind is one kind of object. C is the one client that it may use, T the fields that it manages and,
// marked omitempty, those that the service gives (ids). T is plain data: strings, Texts, booleans,
// numbers, lists and structs of them, with JSON names in snake_case; a pointer or a slice that is nil
// is absent, which means not managed in a wish. A function makes at most one write; it does not
// retry, log, sleep or print.
type Kind[C, T any] struct {
	Name string
	Doc  string // one sentence for people: what it is, and what the guide calls it

	// Fields by their JSON names. Identity finds the object and is never compared. CreateOnly shapes
	// a new object and is not compared afterwards. A difference in an Immutable field is refused.
	Identity, CreateOnly, Immutable []string
	// LiveIdentity are the fields that tell a live object from any other, also from one that was made
	// in its place later: what the ledger knows an object by.
	LiveIdentity []string
	// Items is the field with the list whose items are owned one by one, such as a grant's privileges: an
	// item that was there before the stack wished it is never taken away. "" where there is none.
	Items string
	Guard Guard
	// Harmless: deleting an object of the kind takes nothing away that could not be put back by the plan's own word: no
	// data, and nobody's access. An unguarded kind that is not harmless takes access away.
	Harmless bool

	// Declare lists the objects that the spec wishes, in a stable order. It is pure.
	Declare func(Wishes) []Decl[T]
	// Read returns the live object that the wish means: the wish's identity fields and every
	// managed field that the service shows, normalised so that an equal wish is equal JSON.
	Read func(ctx context.Context, c C, want T) (T, error)
	// Create makes the object and returns it as Read would.
	Create func(ctx context.Context, c C, want T) (T, error)
	// Update brings the managed fields of have to want, leaves the rest alone, and returns the
	// object as Read would. nil: objects of the kind never differ in a field.
	Update func(ctx context.Context, c C, have, want T) (T, error)
	// Delete removes the object; one that is gone already is no error. nil: never deleted.
	Delete func(ctx context.Context, c C, have T) error

	// Check reports why the wish could not be carried out from here and now though the services would
	// allow it: a value that is not set. A plan warns; an apply refuses to begin. nil: nothing to check.
	Check func(ctx context.Context, c C, want T) error
	// Warn returns what every plan that could look at the object must say of it, or nil; have is nil
	// where the object is not there.
	Warn func(want T, have *T) *Warning
	// Danger says what bringing have to want takes away. nil: nothing.
	Danger func(have, want T) Guard
	// ReadsOpen: Read is called even while a reference in an Identity field is open, its Value empty,
	// and then answers ErrNotFound, *Blocked or *Moot. Otherwise such an object is absent, as nothing
	// could hold it yet. References in other fields never keep an object from being read.
	ReadsOpen bool
	// Awaited: what Create and Update bring about is not done before a person has acted, so that what needs
	// an object of the kind is blocked until Read finds it done.
	Awaited bool
	// Starts: Create and Update start something that shows only some seconds later, and that a look in between would
	// start once more. The ledger holds an intent for it until it shows.
	Starts bool
	// Due says whether a live object must be renewed though no field differs. nil: never.
	Due func(have T) Renewal
	// Ready reports whether a new object is visible to what needs it. nil: at once.
	Ready func(ctx context.Context, c C, made T) (bool, error)
	// Touched says who changed a live object last, and when, as far as its own reads have shown it: nothing more is asked
	// for that. nil: no read shows it.
	Touched func(ctx context.Context, c C, have T) (Touch, error)
	// Find looks for the object that a create with a lost answer may have made. nil: Read does.
	Find func(ctx context.Context, c C, want T) (T, bool, error)

	// Foreign reports whether a wish is for what is somebody else's: looked at, and never the stack's to
	// own. nil: never; a kind without Delete is never owned.
	Foreign func(T) bool
	// Marked reports whether a live object itself shows that this stack made it. nil: no such object does.
	Marked func(stack string, have T) bool
	// Shrink returns the wish with what has to be taken away, given the object as this stack left it and
	// without what was there before the stack: privileges that the spec no longer lists. nil: nothing has.
	Shrink func(want, made T) T
	// Stays says why a live object cannot be deleted by itself, though it goes with what it lies in; "" where
	// it can. nil: every object can.
	Stays func(have T) string
	// Moved returns the wish that finds the object by what it was until now, so that an Update gives it
	// its new name. nil: an object of this kind cannot be renamed.
	Moved func(want, was T) T
	// Others lists, for a wish that takes a whole list over (exclusive), what else stands on that list, of this
	// kind or of another. nil: no wish does.
	Others func(ctx context.Context, c C, want T) ([]Wish, error)

	// Batch names what objects share when their changes must go out in one request; Write then
	// makes them all, and answers one error for each. nil: every change goes alone.
	Batch func(T) string
	Write func(ctx context.Context, c C, changes []Change[T]) []error
}

// Change is one object of a batch: what is there and what is wished. Of one that is to go, Want is Have.
type Change[T any] struct {
	Have, Want T
	Gone       bool
}

// Warning is something that a plan says of an object beyond its change.
type Warning struct {
	Code    string // stable, in the catalogue of diagnostics
	Summary string // one line
	Detail  string // what to do
}

// Touch is the last change of a live object, as the service tells it. By is "" and At is zero where it does not.
type Touch struct {
	By string
	At time.Time
}

// Renewal is why an object must be renewed; without a Reason it need not be. Ageing is one that is due
// only because what lives for an hour grows old: no difference between the spec and what is there.
// Tidy is one that keeps the object and removes what it no longer needs: a credential that was replaced.
type Renewal struct {
	Reason string
	Ageing bool
	Tidy   bool
}
