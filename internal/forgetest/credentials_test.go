package forgetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// forgedCredentials claim that OAuth secrets of other people are what the stack issued and no longer needs.
func forgedCredentials() []forgery {
	own := "secret/prod/PROD_CLIENT_SECRET"
	const longAgo = "2020-01-01T00:00:00Z"
	return []forgery{
		{name: "replaced, of a principal that another one's record names", forge: func(w *world, l *ledger.Ledger) {
			l.FindSecret(own).Replaced = []ledger.Replaced{{RemoteID: w.by, RevokeAfter: longAgo, PrincipalID: w.ids["payroll"]}}
		}},
		{name: "replaced, as if it were of the stack's own principal", forge: func(w *world, l *ledger.Ledger) {
			l.FindSecret(own).Replaced = []ledger.Replaced{{RemoteID: w.by, RevokeAfter: longAgo}}
		}},
		{name: "stored, of another principal", forge: func(w *world, l *ledger.Ledger) {
			s := l.FindSecret(own)
			s.Principal, s.PrincipalID, s.RemoteID, s.ExpiresAt = "payroll", w.ids["payroll"], w.by, longAgo
		}},
		{name: "issued by a run that did not end", forge: func(w *world, l *ledger.Ledger) {
			l.Put(w.bot("service_principal/payroll", "payroll"))
			l.Issuing = append(l.Issuing, ledger.Issuing{Address: own, Principal: "payroll", PrincipalID: w.ids["payroll"], Before: []string{}, Run: "x", At: ledger.Moment(w.clock.Now())})
		}},
		{name: "issued by such a run, for a principal by its name", forge: func(w *world, l *ledger.Ledger) {
			l.Intents = append(l.Intents, ledger.Intent{Address: "service_principal/payroll", Kind: "service_principal", Run: "x", At: ledger.Moment(w.clock.Now()), DependsOn: []string{},
				Want: map[string]any{"display_name": "payroll", "active": true}})
			l.Issuing = append(l.Issuing, ledger.Issuing{Address: own, Principal: "payroll", Before: []string{}, Run: "x", At: ledger.Moment(w.clock.Now())})
		}},
	}
}

// TestForgedRecordsReachOnlyThePrincipalsOfTheSpec forges what is recorded of credentials. Those of a principal for which the
// spec issues none are out of reach. On a principal of the spec nothing live tells a secret that the stack issued from
// one that somebody issued by hand, so that a forged record can have that one revoked.
func TestForgedRecordsReachOnlyThePrincipalsOfTheSpec(t *testing.T) {
	for _, f := range forgedCredentials() {
		t.Run(f.name, func(t *testing.T) {
			w := install(t)
			before := w.others()
			w.forge(func(l *ledger.Ledger) { f.forge(w, l) })
			var said strings.Builder
			for range 2 {
				r := w.run(append([]string{"apply", "--auto-approve", "--allow-mass-delete"}, allowed()...)...)
				harmless(t, r)
				r.sent = slices.DeleteFunc(r.sent, w.renews)
				w.unharmed(t, before, r)
				fmt.Fprintf(&said, "ended with %d:\n%s\n", r.code, r.text)
			}
			if t.Failed() {
				t.Log(said.String())
			}
		})
	}
}
