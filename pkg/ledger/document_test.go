package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// sound is a ledger that can be read.
func sound() ledger.Ledger {
	object := func(name string) ledger.Object {
		return ledger.Object{Address: "variable/" + name, Kind: "variable", Origin: ledger.Made, Live: resource.Object{"name": name}}
	}
	return ledger.Ledger{
		Stack: "taxi", Repository: here().Repository, Objects: []ledger.Object{object("A"), object("B")},
		Secrets: []ledger.Secret{{Address: "secret/S", UpdatedAt: "2026-11-01T12:00:00Z"}},
		Intents: []ledger.Intent{{Address: "variable/C", Kind: "variable"}},
		Issuing: []ledger.Issuing{{Address: "secret/S", Principal: "p"}},
	}
}

// Each of these is nothing that the program writes, and is refused with what is wrong in it.
func TestWhatWasWrittenByHandIsRefused(t *testing.T) {
	open := map[string]any{"$ref": "repository", "field": "id"}
	for name, c := range map[string]struct {
		change func(*ledger.Ledger)
		says   string
	}{
		"an origin of its own":        {func(l *ledger.Ledger) { l.Objects[0].Origin = "owned" }, `its origin is "owned"`},
		"no identity":                 {func(l *ledger.Ledger) { l.Objects[0].Live = nil }, "it has no identity"},
		"an open identity":            {func(l *ledger.Ledger) { l.Objects[0].Live["repository"] = open }, "its identity is open"},
		"another kind":                {func(l *ledger.Ledger) { l.Objects[0].Kind = "secret" }, `its kind is "secret"`},
		"no kind":                     {func(l *ledger.Ledger) { l.Objects[0].Kind = "" }, `its kind is ""`},
		"no address":                  {func(l *ledger.Ledger) { l.Objects[0].Address, l.Objects[0].Kind = "", "" }, `its kind is ""`},
		"an escape in an address":     {func(l *ledger.Ledger) { l.Objects[1].Address += "\x1b[2J" }, "cannot be printed"},
		"a bidi mark in an address":   {func(l *ledger.Ledger) { l.Objects[1].Address += "\u202e" }, "cannot be printed"},
		"an address twice":            {func(l *ledger.Ledger) { l.Objects[1] = l.Objects[0] }, "stands twice, or not in its place"},
		"objects out of order":        {func(l *ledger.Ledger) { l.Objects[0], l.Objects[1] = l.Objects[1], l.Objects[0] }, "not in its place"},
		"a secret of another kind":    {func(l *ledger.Ledger) { l.Secrets[0].Address = "variable/S" }, `its kind is "secret"`},
		"a secret at no time":         {func(l *ledger.Ledger) { l.Secrets[0].StoredAt = "yesterday" }, `"yesterday" is no time`},
		"a secret that never expires": {func(l *ledger.Ledger) { l.Secrets[0].ExpiresAt = "never" }, `"never" is no time`},
		"a secret twice":              {func(l *ledger.Ledger) { l.Secrets = append(l.Secrets, l.Secrets[0]) }, "stands twice"},
		"a replaced one of no id": {func(l *ledger.Ledger) {
			l.Secrets[0].Replaced = []ledger.Replaced{{RevokeAfter: "2026-11-01T12:00:00Z"}}
		}, `"" is revoked at`},
		"a replaced one of no end":     {func(l *ledger.Ledger) { l.Secrets[0].Replaced = []ledger.Replaced{{RemoteID: "x"}} }, `"x" is revoked at ""`},
		"an intent of another kind":    {func(l *ledger.Ledger) { l.Intents[0].Kind = "catalog" }, `its kind is "catalog"`},
		"an addition to nothing":       {func(l *ledger.Ledger) { l.Intents[0].Items = []string{"SELECT"} }, "it adds to what has no identity"},
		"an intent twice":              {func(l *ledger.Ledger) { l.Intents = append(l.Intents, l.Intents[0]) }, "stands twice"},
		"a credential of another kind": {func(l *ledger.Ledger) { l.Issuing[0].Address = "variable/S" }, "the intent to issue"},
	} {
		l := sound()
		c.change(&l)
		data, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Decode(data); !errors.Is(err, ledger.ErrTorn) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
}

func TestWhatIsNoDocumentIsRefused(t *testing.T) {
	l := sound()
	good, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Decode(good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":           {"", ledger.ErrTorn},
		"half of it":        {string(good[:len(good)/2]), ledger.ErrTorn},
		"twice":             {string(good) + string(good), ledger.ErrTorn},
		"a list":            {"[]", ledger.ErrTorn},
		"a key of its own":  {strings.Replace(string(good), `"stack"`, `"delete": [], "stack"`, 1), ledger.ErrTorn},
		"a type of its own": {strings.Replace(string(good), `"taxi"`, `7`, 1), ledger.ErrTorn},
		"nine megabytes":    {string(good) + strings.Repeat(" ", 9<<20), ledger.ErrTorn},
		"nested too deep":   {`{"format_version":"1.0","objects":` + strings.Repeat("[", 20_000), ledger.ErrTorn},
		"null":              {"null", ledger.ErrNewer},
		"no version":        {"{}", ledger.ErrNewer},
		"another version":   {strings.Replace(string(good), `"1.0"`, `"1.1"`, 1), ledger.ErrNewer},
	} {
		if _, err := ledger.Decode([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Versions that are no ledgers stand in the history, each with why.
func TestTheHistoryShowsWhatIsTornInIt(t *testing.T) {
	s := newShelf(newClock())
	for range 2 {
		u := open(t, s, "a")
		if err := u.take(0); err != nil {
			t.Fatal(err)
		}
		u.close()
	}
	u := open(t, s, "b")
	v := s.versions[s.refs[ledger.StateRef]]
	v.Files = map[string][]byte{"ledger.json": []byte("{")}
	s.versions[v.Hash] = v
	past, err := u.book.History(t.Context())
	if err != nil || len(past) != 4 {
		t.Fatalf("%d versions, %v", len(past), err)
	}
	for i, p := range past {
		if (i == 0) != errors.Is(p.Flaw, ledger.ErrTorn) || i > 0 && p.Ledger.Stack != "taxi" {
			t.Errorf("version %d: %v, %+v", i, p.Flaw, p.Ledger)
		}
	}
	if past, err := open(t, newShelf(newClock()), "c").book.History(t.Context()); err != nil || len(past) != 0 {
		t.Errorf("where there is no ledger: %v, %v", past, err)
	}
}

// Workers record what they did while time passes and the lease is renewed: nothing is lost, and the lease stays.
func TestManyWriteWhileTheLeaseIsRenewed(t *testing.T) {
	s := newShelf(newClock())
	u := open(t, s, "a")
	if err := u.take(0); err != nil {
		t.Fatal(err)
	}
	const workers, each = 8, 10
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				if err := u.book.Hold(t.Context()); err != nil {
					t.Error(err)
				}
				secret := ledger.Secret{Address: fmt.Sprintf("secret/S%d_%d", w, i)}
				if err := u.book.Change(t.Context(), "a credential", func(l *ledger.Ledger) { l.PutSecret(secret) }); err != nil {
					t.Error(err)
				}
				if err := s.clock.Sleep(t.Context(), time.Second); err != nil {
					t.Error(err)
				}
				_ = u.book.Ledger().Secrets
			}
		})
	}
	all.Wait()
	u.close()
	l := open(t, s, "b").book.Ledger()
	if len(l.Secrets) != workers*each || s.refs[ledger.LeaseRef] != "" {
		t.Errorf("%d secrets of %d are recorded; the lease is %q", len(l.Secrets), workers*each, s.refs[ledger.LeaseRef])
	}
	if data, err := l.Encode(); err != nil {
		t.Error(err)
	} else if _, err := ledger.Decode(data); err != nil {
		t.Error(err)
	}
}
