// Package ledger is what live state cannot tell: which objects a stack made and which it adopted, by
// live identity, what was recorded of each write-only secret, and what a run that did not end may
// have left behind. It lies in the stack's repository, where everybody who can push can change it,
// so that it is read like any other input: it never suffices to delete anything.
package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// FormatVersion is the version of the ledger's JSON. A reader refuses another major version.
const FormatVersion = "1.0"

// The refs that the ledger and the lease lie on, and the prefix of both.
const (
	Prefix   = "refs/mlopsctl/"
	StateRef = Prefix + "state"
	LeaseRef = Prefix + "lease"
)

// Ledger is the one document of a stack. Its lists are sorted by address.
type Ledger struct {
	FormatVersion string     `json:"format_version"`
	Stack         string     `json:"stack"`
	Repository    Repository `json:"repository"`
	Run           Run        `json:"run"` // that wrote this version
	Objects       []Object   `json:"objects"`
	Intents       []Intent   `json:"intents"`
	Secrets       []Secret   `json:"secrets"`
	Issuing       []Issuing  `json:"issuing"`
}

// Repository is where a ledger belongs: a copy of it elsewhere is not that repository's ledger.
type Repository struct {
	Host     string `json:"host"`
	ID       string `json:"id"`
	FullName string `json:"full_name"` // for people; it may be renamed
}

// Run is the apply that wrote a version: at its start, at its end, or after a credential.
type Run struct {
	ID        string `json:"id"`
	Who       string `json:"who"`
	Host      string `json:"host"`
	Version   string `json:"mlopsctl_version"`
	StartedAt string `json:"started_at"`         // RFC 3339, in UTC
	EndedAt   string `json:"ended_at,omitempty"` // absent while it runs, and for ever if it was killed
	Spec      string `json:"spec"`
	SHA256    string `json:"sha256"` // of the spec
	Did       []Deed `json:"did"`
}

// Deed is one step of a run, and what became of it.
type Deed struct {
	Address string `json:"address"`
	Action  string `json:"action"`
	Status  string `json:"status"`
	Error   string `json:"error,omitempty"`
}

// Origin says how an object came to be the stack's.
type Origin string

// The origins: what was made is deleted when it leaves the spec, what was adopted is let go.
const (
	Made    Origin = "made"
	Adopted Origin = "adopted"
)

// Object is one object that the stack owns.
type Object struct {
	Address   string          `json:"address"`
	Kind      string          `json:"kind"`
	Origin    Origin          `json:"origin"`
	Live      resource.Object `json:"live"` // as the last apply left it: identity, ids and fields
	DependsOn []string        `json:"depends_on"`
	// Kept are the items of a list, the privileges of a grant, that were there before: never taken away.
	Kept  []string `json:"kept,omitempty"`
	Since string   `json:"since"`
	By    string   `json:"by"`
}

// Intent is an object that a run was about to make, and that was not there before. If it is there
// later and no version says more, it was made here. With Items it is about an object that was there, and that
// the run was about to add these to: Want is then that object, with nothing else on its list.
type Intent struct {
	Address   string          `json:"address"`
	Kind      string          `json:"kind"`
	Want      resource.Object `json:"want"` // with the references that were still open
	Items     []string        `json:"items,omitempty"`
	DependsOn []string        `json:"depends_on"`
	Run       string          `json:"run"`
	At        string          `json:"at"`
}

// Secret is what is recorded of a GitHub Actions secret that the stack stored, or of a Git credential, of which
// there is the id, the check value, and no date but ours.
type Secret struct {
	Address   string `json:"address"`
	UpdatedAt string `json:"updated_at"` // GitHub's, of the value that was stored here
	StoredAt  string `json:"stored_at"`  // by GitHub's clock when it took the value, which its listing may show late
	// What was issued for it.
	Issue       string     `json:"issue,omitempty"` // oauth_secret, access_token
	Principal   string     `json:"principal,omitempty"`
	PrincipalID string     `json:"principal_id,omitempty"`
	RemoteID    string     `json:"remote_id,omitempty"` // of the OAuth secret that is stored, or that the token came from; of the Git credential
	ExpiresAt   string     `json:"expires_at,omitempty"`
	Replaced    []Replaced `json:"replaced,omitempty"`
	// Salt and Check tell whether a value from outside changed: 16 bits of an HMAC-SHA256, in hexadecimal.
	Salt  string `json:"salt,omitempty"`
	Check string `json:"check,omitempty"`
}

// Replaced is an OAuth secret or a token that another value replaced, and from when on it is revoked.
type Replaced struct {
	RemoteID    string `json:"remote_id"`
	RevokeAfter string `json:"revoke_after"`
	// PrincipalID is set where it is another than the secret's own: what was replaced may have been of another
	// sort, or issued for a principal that the spec no longer names here.
	PrincipalID string `json:"principal_id,omitempty"`
}

// Issuing is an open intent to issue a credential: the ids that its principal had before. An id that is
// there later and in none of the records was issued by the run that did not end.
type Issuing struct {
	Address     string   `json:"address"` // of the secret that it is for
	Principal   string   `json:"principal"`
	PrincipalID string   `json:"principal_id,omitempty"` // absent where the run was about to make the principal
	Before      []string `json:"before"`
	Run         string   `json:"run"`
	At          string   `json:"at"`
}

// Find returns the object of that address, or nil.
func (l *Ledger) Find(address string) *Object {
	i := slices.IndexFunc(l.Objects, func(o Object) bool { return o.Address == address })
	if i < 0 {
		return nil
	}
	return &l.Objects[i]
}

// FindSecret returns what is recorded of the secret of that address, or nil.
func (l *Ledger) FindSecret(address string) *Secret {
	i := slices.IndexFunc(l.Secrets, func(s Secret) bool { return s.Address == address })
	if i < 0 {
		return nil
	}
	return &l.Secrets[i]
}

// Put records an object in place of the one of its address.
func (l *Ledger) Put(o Object) {
	l.Objects = put(l.Objects, o, func(o Object) string { return o.Address })
}

// PutSecret records a secret in place of the one of its address.
func (l *Ledger) PutSecret(s Secret) {
	l.Secrets = put(l.Secrets, s, func(s Secret) string { return s.Address })
}

// Drop takes an object, its secret and its intents out.
func (l *Ledger) Drop(address string) {
	l.Objects = slices.DeleteFunc(l.Objects, func(o Object) bool { return o.Address == address })
	l.Secrets = slices.DeleteFunc(l.Secrets, func(s Secret) bool { return s.Address == address })
	l.Close(address)
}

// Readdress records an object, and what is recorded of it as a secret, under its address of today.
func (l *Ledger) Readdress(from, to string) {
	for _, o := range l.Objects {
		if o.Address == from {
			l.Objects = slices.DeleteFunc(slices.Clone(l.Objects), func(x Object) bool { return x.Address == from })
			o.Address = to
			l.Put(o)
			break
		}
	}
	if s := l.FindSecret(from); s != nil {
		moved := *s
		moved.Address = to
		l.Secrets = slices.DeleteFunc(slices.Clone(l.Secrets), func(x Secret) bool { return x.Address == from })
		l.PutSecret(moved)
	}
}

// Close takes the open intents of an address out.
func (l *Ledger) Close(address string) {
	l.Intents = slices.DeleteFunc(l.Intents, func(i Intent) bool { return i.Address == address })
}

// put returns list with item in it once, in the order of the addresses.
func put[T any](list []T, item T, address func(T) string) []T {
	list = slices.DeleteFunc(slices.Clone(list), func(t T) bool { return address(t) == address(item) })
	at, _ := slices.BinarySearchFunc(list, address(item), func(t T, a string) int { return cmp.Compare(address(t), a) })
	return slices.Insert(list, at, item)
}

// Moment is a time as the ledger writes it.
func Moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
