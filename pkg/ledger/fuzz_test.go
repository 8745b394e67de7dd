package ledger

import (
	"bytes"
	"errors"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// seeds are a ledger with something of everything, and one with nothing.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	full := Ledger{
		Stack: "taxi", Repository: Repository{Host: "https://github.com", ID: "7", FullName: "acme/taxi"},
		Run:     Run{ID: "r", Who: "ann", Did: []Deed{{Address: "variable/A", Action: "create", Status: "done"}}},
		Objects: []Object{{Address: "variable/A", Kind: "variable", Origin: Made, Live: resource.Object{"name": "A", "n": 1.5, "list": []any{"x"}}, DependsOn: []string{"repository"}, Kept: []string{"B"}}},
		Intents: []Intent{{Address: "variable/B", Kind: "variable", Want: resource.Object{"repository": map[string]any{"$ref": "repository", "field": "id"}}}},
		Secrets: []Secret{{Address: "secret/S", UpdatedAt: "2026-11-01T12:00:00Z", Replaced: []Replaced{{RemoteID: "x", RevokeAfter: "2026-11-02T12:00:00Z"}}}},
		Issuing: []Issuing{{Address: "secret/S", Principal: "p", Before: []string{"x"}}},
	}
	var all [][]byte
	for _, l := range []Ledger{full, {}} {
		data, err := l.Encode()
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	return append(all, []byte(`{"format_version":"1.0","objects":null}`), []byte(`{"FORMAT_VERSION":"1.0"}`), []byte(`{"format_version":"2.0"}`), []byte("null"), nil)
}

// FuzzLedgerDecode holds that a document is refused with a reason, or is one that is written as it was read.
func FuzzLedgerDecode(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrTorn) && !errors.Is(err, ErrNewer) {
				t.Fatalf("it is refused with %v", err)
			}
			return
		}
		written, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(written)
		if err != nil {
			t.Fatalf("what was read cannot be read once it is written: %v\n%s", err, written)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(written, twice) {
			t.Fatalf("%v\n%s\nis not\n%s", err, twice, written)
		}
		for _, o := range l.Objects {
			if len(plainly(o.Address)) != len(o.Address) {
				t.Fatalf("the address %q would move a cursor", o.Address)
			}
		}
	})
}

// plainly is text without what cannot be printed.
func plainly(text string) string {
	return string(bytes.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, []byte(text)))
}

// FuzzLease holds that a lease is refused or ends: a minute after it was first seen, whatever it says of itself, and that
// its holder's name does nothing to a terminal.
func FuzzLease(f *testing.F) {
	good, err := Lease{Stack: "taxi", Who: "ann", ExpiresAt: "2026-11-01T12:01:00Z", Process: Process{Host: "h", PID: 1}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range [][]byte{good, []byte(`{"expires_at":"9999-12-31T23:59:59Z"}`), []byte(`{"who":"\u001b[2J","expires_at":"0001-01-01T00:00:00Z"}`), []byte("[]"), nil} {
		f.Add(s)
	}
	seen := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeLease(data)
		if err != nil && !errors.Is(err, ErrTorn) {
			t.Fatalf("it is refused with %v", err)
		}
		if !l.expired(seen.Add(leaseLasts+leaseMargin+time.Second), seen) {
			t.Fatalf("it never ends: %q", l.ExpiresAt)
		}
		if text := l.String(); plainly(text) != text || !utf8.ValidString(text) {
			t.Fatalf("it is called %q", text)
		}
	})
}
