package forgetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// forgedForDestroy claim, under addresses that the spec wishes, what is somebody else's.
func forgedForDestroy() []forgery {
	swap := func(w *world, l *ledger.Ledger) {
		o := w.bot("service_principal/taxi-prod", "taxi-prod")
		l.Put(o)
	}
	return []forgery{
		{name: "another principal in the place of ours", says: "service_principal/taxi-prod", forge: swap},
		{name: "the assignment of another principal", says: "workspace_assignment/prod/taxi-prod", forge: func(w *world, l *ledger.Ledger) {
			swap(w, l)
			o := l.Find("workspace_assignment/prod/taxi-prod")
			o.Live = with(o.Live, "principal_id", w.ids["payroll"])
		}},
		{name: "the grant to another principal", says: "grant/catalog:prod/taxi-prod", forge: func(w *world, l *ledger.Ledger) {
			swap(w, l)
			l.Put(grantOn(l, "grant/catalog:prod/taxi-prod", "prod", payrollApp))
		}},
		{name: "the federation policy of another principal", says: "federation_policy/taxi-prod/prod", forge: func(w *world, l *ledger.Ledger) {
			swap(w, l)
			l.Put(w.policy("federation_policy/taxi-prod/prod", "taxi-prod", "prod"))
		}},
		{name: "the credential of another principal, in a secret from the environment", says: "secret/WORKFLOW_TOKEN", forge: func(w *world, l *ledger.Ledger) {
			o := l.Find("secret/WORKFLOW_TOKEN")
			o.Live = with(o.Live, "principal", "payroll", "principal_id", w.ids["payroll"], "workspace", prod, "issue", "oauth_secret")
			l.PutSecret(ledger.Secret{Address: o.Address, Issue: "oauth_secret", Principal: "payroll", PrincipalID: w.ids["payroll"], RemoteID: w.by})
		}},
		{name: "the credential of another principal, in the record of ours", says: "secret/prod/PROD_CLIENT_SECRET", forge: func(w *world, l *ledger.Ledger) {
			s := *l.FindSecret("secret/prod/PROD_CLIENT_SECRET")
			s.Principal, s.PrincipalID, s.RemoteID = "payroll", w.ids["payroll"], w.by
			s.Replaced = []ledger.Replaced{{RemoteID: w.by, RevokeAfter: "2020-01-01T00:00:00Z", PrincipalID: w.ids["payroll"]}}
			l.PutSecret(s)
		}},
		{name: "a privilege that the stack never gave", says: "grant/catalog:prod/group:ml-engineers", forge: func(_ *world, l *ledger.Ledger) {
			o := l.Find("grant/catalog:prod/group:ml-engineers")
			o.Live, o.Kept = with(o.Live, "privileges", []any{"BROWSE", "USE_CATALOG"}), nil
		}},
		{name: "the ruleset of somebody else", says: "branch_protection/main", forge: func(w *world, l *ledger.Ledger) {
			o := l.Find("branch_protection/main")
			o.Live = with(o.Live, "id", w.ruleset)
		}},
		{name: "the catalog of another team in the place of ours", says: "catalog/test", forge: func(w *world, l *ledger.Ledger) {
			o := w.finance()
			o.Address = "catalog/test"
			l.Put(o)
		}},
		{name: "a cycle through everything", forge: func(_ *world, l *ledger.Ledger) {
			for i := range l.Objects {
				l.Objects[i].DependsOn = []string{l.Objects[(i+1)%len(l.Objects)].Address}
			}
		}},
		{name: "the objects of others beside ours", says: "catalog/finance", forge: func(w *world, l *ledger.Ledger) {
			for _, f := range forgedObjects() {
				f.forge(w, l)
			}
		}},
	}
}

// TestADestroyTakesNothingFromOthers destroys a stack, every guarded kind named, by a ledger that somebody forged.
// What is the stack's may go.
func TestADestroyTakesNothingFromOthers(t *testing.T) {
	for _, f := range forgedForDestroy() {
		t.Run(f.name, func(t *testing.T) {
			w := install(t)
			w.forge(func(l *ledger.Ledger) { f.forge(w, l) })
			before := w.others()
			r := w.run(append([]string{"destroy", "--auto-approve"}, allowed()...)...)
			harmless(t, r)
			if !strings.Contains(r.text, f.says) {
				t.Errorf("it does not speak of %s", f.says)
			}
			r.sent = slices.DeleteFunc(r.sent, func(sent string) bool {
				return !strings.Contains(sent, "payroll") && !strings.Contains(sent, "finance")
			})
			w.unharmed(t, before, r)
			if t.Failed() {
				t.Logf("the destroy (%d):\n%s", r.code, r.text)
			}
		})
	}
}
