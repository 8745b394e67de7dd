package ledger

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// What keeps a ledger from being used. Each leaves live objects alone; without its ref everything is
// adopted again.
var (
	// ErrTorn: it is no ledger that this program wrote, or not all of one.
	ErrTorn = errors.New("the ledger is torn or was written by hand")
	// ErrNewer: another version of this program wrote it.
	ErrNewer = errors.New("the ledger was written by another version of mlopsctl")
	// ErrOther: it is the ledger of another stack, or of another repository.
	ErrOther = errors.New("the ledger is another stack's")
	// ErrRefRefused: the repository does not let the ledger's refs be written.
	ErrRefRefused = gitrepo.ErrRefRefused
)

// file is the name of the document in the commits of StateRef, largest the size beyond which it is none.
const (
	file    = "ledger.json"
	largest = 8 << 20
)

// Encode returns the document: readable JSON, the same bytes for the same ledger.
func (l Ledger) Encode() ([]byte, error) {
	l.FormatVersion = FormatVersion
	l.Objects, l.Intents, l.Secrets, l.Issuing = filled(l.Objects), filled(l.Intents), filled(l.Secrets), filled(l.Issuing)
	l.Run.Did = filled(l.Run.Did)
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the ledger: %w", err)
	}
	return append(data, '\n'), nil
}

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Decode reads a document. Whoever can push to the repository can have written it, so that it has to be
// in every point as Encode writes one: ErrTorn or ErrNewer otherwise.
func Decode(data []byte) (Ledger, error) {
	var l Ledger
	if len(data) > largest {
		return Ledger{}, fmt.Errorf("%w: it has %d bytes", ErrTorn, len(data))
	}
	var head struct {
		FormatVersion string `json:"format_version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Ledger{}, fmt.Errorf("%w: %v", ErrTorn, err) //nolint:errorlint // the JSON error is a detail
	}
	if head.FormatVersion != FormatVersion {
		return Ledger{}, fmt.Errorf("%w: its format_version is %q, this one reads %q", ErrNewer, head.FormatVersion, FormatVersion)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Ledger{}, fmt.Errorf("%w: %v", ErrTorn, err) //nolint:errorlint // the JSON error is a detail
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Ledger{}, fmt.Errorf("%w: something follows the document", ErrTorn)
	}
	if why := l.flaw(); why != "" {
		return Ledger{}, fmt.Errorf("%w: %s", ErrTorn, why)
	}
	return l, nil
}

// flaw says what no version of this program would have written.
func (l *Ledger) flaw() string {
	return cmp.Or(
		flawOfEach("object", l.Objects, func(o Object) (string, string) { return o.Address, o.flaw() }),
		flawOfEach("secret", l.Secrets, func(s Secret) (string, string) { return s.Address, s.flaw() }),
		flawOfEach("intent", l.Intents, func(i Intent) (string, string) { return i.Address, i.flaw() }),
		l.flawOfIssuing(),
	)
}

// flawOfEach looks at the items of a list, which stand in the order of their addresses, each once.
func flawOfEach[T any](what string, list []T, look func(T) (address, flaw string)) string {
	last := ""
	for _, item := range list {
		address, flaw := look(item)
		switch {
		case flaw != "":
			return fmt.Sprintf("%s %q: %s", what, address, flaw)
		case address <= last:
			return fmt.Sprintf("%s %q stands twice, or not in its place", what, address)
		}
		last = address
	}
	return ""
}

func (l *Ledger) flawOfIssuing() string {
	for _, i := range l.Issuing {
		if flaw := flawOfKind(i.Address, "secret"); flaw != "" {
			return fmt.Sprintf("the intent to issue for %q: %s", i.Address, flaw)
		}
	}
	return ""
}

func (o Object) flaw() string {
	switch {
	case o.Origin != Made && o.Origin != Adopted:
		return fmt.Sprintf("its origin is %q", o.Origin)
	case len(o.Live) == 0:
		return "it has no identity"
	case len(resource.Refs(o.Live)) > 0:
		return "its identity is open"
	}
	return flawOfKind(o.Address, o.Kind)
}

func (i Intent) flaw() string {
	if len(i.Items) > 0 && (len(i.Want) == 0 || len(resource.Refs(i.Want)) > 0) {
		return "it adds to what has no identity"
	}
	return flawOfKind(i.Address, i.Kind)
}

func (s Secret) flaw() string {
	for _, moment := range []string{s.UpdatedAt, s.StoredAt, s.ExpiresAt} {
		if _, err := time.Parse(time.RFC3339, moment); moment != "" && err != nil {
			return fmt.Sprintf("%q is no time", moment)
		}
	}
	for _, r := range s.Replaced {
		if _, err := time.Parse(time.RFC3339, r.RevokeAfter); err != nil || r.RemoteID == "" {
			return fmt.Sprintf("%q is revoked at %q", r.RemoteID, r.RevokeAfter)
		}
	}
	if strings.HasPrefix(s.Address, "git_credential/") {
		return flawOfKind(s.Address, "git_credential")
	}
	return flawOfKind(s.Address, "secret")
}

func flawOfKind(address, kind string) string {
	name, _, _ := strings.Cut(address, "/")
	switch {
	case kind == "" || name != kind:
		return fmt.Sprintf("its kind is %q", kind)
	case strings.ContainsFunc(address, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "its address holds what cannot be printed"
	}
	return ""
}

// belongs returns ErrOther unless the ledger is that of the stack in the repository.
func (l *Ledger) belongs(w Where) error {
	switch {
	case w.Repository.ID != "" && l.Repository.ID != w.Repository.ID:
		return fmt.Errorf("%w: it is of repository %s (%s), this one is %s (%s)",
			ErrOther, l.Repository.FullName, l.Repository.ID, w.Repository.FullName, w.Repository.ID)
	case l.Stack != w.Stack && !slices.Contains(w.Formerly, l.Stack):
		return fmt.Errorf("%w: it is of stack %q, the spec's name is %q; if that is its new name, say so: `moved: [{from: stack/%s, to: stack/%s}]`",
			ErrOther, l.Stack, w.Stack, l.Stack, w.Stack)
	}
	return nil
}

// Where says which ledger is meant: of which stack, by which names it went before, in which repository.
type Where struct {
	Stack      string
	Formerly   []string
	Repository Repository
}

// clone returns a copy that shares no list with l.
func (l Ledger) clone() Ledger {
	l.Objects, l.Intents = slices.Clone(l.Objects), slices.Clone(l.Intents)
	l.Secrets, l.Issuing = slices.Clone(l.Secrets), slices.Clone(l.Issuing)
	l.Run.Did = slices.Clone(l.Run.Did)
	return l
}
