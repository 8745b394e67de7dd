package forgetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// forgedLease is a lease that somebody wrote.
type forgedLease struct {
	name   string
	lease  func(now time.Time) any // or a string, as it is
	within string                  // how long the apply waits for it
	code   int
	says   string
}

func lease(expires string, p ledger.Process) ledger.Lease {
	return ledger.Lease{FormatVersion: ledger.FormatVersion, Stack: "taxi", Run: "x", Who: "mallory", Process: p, TakenAt: "2026-11-01T12:00:00Z", ExpiresAt: expires}
}

func forgedLeases() []forgedLease {
	in := func(d time.Duration, p ledger.Process) func(time.Time) any {
		return func(now time.Time) any { return lease(ledger.Moment(now.Add(d)), p) }
	}
	raw := func(text string) func(time.Time) any { return func(time.Time) any { return text } }
	elsewhere, self := ledger.Process{Host: "elsewhere", PID: 1}, ledger.Self()
	gone := self
	gone.Started += "0"
	const century = 100 * 365 * 24 * time.Hour
	expired, held := "taking over a lease that has expired", "ledger/held"
	return []forgedLease{
		{"that lasts ten years", in(century/10, elsewhere), "90s", 0, expired},
		{"that lasts ten years, for who does not wait", in(century/10, elsewhere), "20s", 5, held},
		{"that expired long ago", in(-century/10, elsewhere), "1s", 0, expired},
		{"that is good for another 30 seconds", in(30*time.Second, elsewhere), "10s", 5, held},
		{"of this very process", in(30*time.Second, self), "10s", 5, held},
		{"of this very process, for ten years", in(century/10, self), "90s", 0, expired},
		{"of a process of this machine that has ended", in(century/10, gone), "1s", 0, "ended on this machine"},
		{"of a process of no machine", in(30*time.Second, ledger.Process{}), "10s", 5, held},
		{"that names its end with an escape", func(time.Time) any { return lease(nasty, elsewhere) }, "90s", 0, expired},
		{"whose holder is an escape", func(now time.Time) any {
			l := lease(ledger.Moment(now.Add(30*time.Second)), ledger.Process{Host: nasty, PID: -1})
			l.Who, l.TakenAt = nasty, nasty
			return l
		}, "10s", 5, held},
		{"that is empty", raw(""), "90s", 0, expired},
		{"that is no JSON", raw("mine"), "90s", 0, expired},
		{"that is nested deeply", raw(strings.Repeat("[", 100_000)), "90s", 0, expired},
		{"that is of other types", raw(`{"expires_at":7,"process":"me"}`), "90s", 0, expired},
	}
}

// A lease keeps an apply out for a minute at most, unless somebody renews it, and what it says is shown as text.
func TestAForgedLeaseEndsByItself(t *testing.T) {
	w := install(t)
	spec := read(t, "testdata/mlops.yaml")
	before := w.others()
	for i, f := range forgedLeases() {
		t.Run(f.name, func(t *testing.T) {
			w.t = t
			w.write("mlops.yaml", strings.Replace(spec, "MODEL_OWNER: ml-engineers", "MODEL_OWNER: owner-"+string(rune('a'+i)), 1))
			content, raw := f.lease(w.clock.Now()).(string)
			if !raw {
				data, err := json.Marshal(f.lease(w.clock.Now()))
				if err != nil {
					t.Fatal(err)
				}
				content = string(data)
			}
			w.push(ledger.LeaseRef, "lease.json", []byte(content))
			r := w.run("apply", "--auto-approve", "--lock-timeout", f.within)
			harmless(t, r)
			if r.code != f.code || !strings.Contains(r.text, f.says) {
				t.Errorf("the apply ends with %d, want %d and %q:\n%s", r.code, f.code, f.says, r.text)
			}
			if f.code == 5 && len(r.sent) > 0 {
				t.Errorf("it sent %v", r.sent)
			}
			if f.code == 0 && w.stands(ledger.LeaseRef) != "" {
				t.Error("the lease is still there")
			}
			after := w.others()
			for what := range before {
				if before[what] != after[what] {
					t.Errorf("%s was %s, and is %s", what, before[what], after[what])
				}
			}
			if unlocked := w.run("state", "unlock", "--auto-approve"); w.stands(ledger.LeaseRef) != "" {
				t.Errorf("it cannot be unlocked (%d): %s", unlocked.code, unlocked.text)
			}
		})
	}
}
