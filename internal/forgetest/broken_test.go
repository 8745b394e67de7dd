package forgetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

const nasty = "\x1b[2J\x1b]0;owned\x07\u202egnp\u2066.<img src=x>\n::error::x\r`$(id)`|"

// brokenLedgers are none that this program would have written for this stack.
func brokenLedgers() []forgery {
	edited := func(change func(*ledger.Ledger)) func(*world) []byte {
		return func(w *world) []byte {
			l := w.ledger()
			change(&l)
			return w.encoded(l)
		}
	}
	replaced := func(pairs ...string) func(*world) []byte {
		return func(w *world) []byte {
			return []byte(strings.NewReplacer(pairs...).Replace(string(w.encoded(w.ledger()))))
		}
	}
	return []forgery{
		{name: "of another stack", says: "ledger/other-stack", raw: edited(func(l *ledger.Ledger) { l.Stack = "payroll" })},
		{name: "of another repository", says: "ledger/other-stack", raw: edited(func(l *ledger.Ledger) { l.Repository.ID = "35" })},
		{name: "of a newer format", says: "ledger/newer", raw: replaced(`"format_version": "1.0"`, `"format_version": "2.0"`)},
		{name: "of no format", says: "ledger/newer", raw: replaced(`"format_version": "1.0",`, ``)},
		{name: "with a key of a newer version", says: "ledger/torn", raw: replaced(`"stack": "taxi"`, `"stack": "taxi", "delete": ["catalog/finance"]`)},
		{name: "with an address twice", says: "ledger/torn", raw: edited(func(l *ledger.Ledger) { l.Objects = append(l.Objects[:1], l.Objects...) })},
		{name: "out of order", says: "ledger/torn", raw: edited(func(l *ledger.Ledger) { l.Objects[0], l.Objects[1] = l.Objects[1], l.Objects[0] })},
		{name: "with an object of no identity", says: "ledger/torn", raw: edited(func(l *ledger.Ledger) { l.Objects[0].Live = resource.Object{} })},
		{name: "with an object of another kind", says: "ledger/torn", raw: edited(func(l *ledger.Ledger) { l.Objects[0].Kind = "catalog" })},
		{name: "with an origin of its own", says: "ledger/torn", raw: edited(func(l *ledger.Ledger) { l.Objects[0].Origin = "owned" })},
		{name: "with an address that moves the cursor", says: "ledger/torn", raw: edited(func(l *ledger.Ledger) { l.Put(made("variable/"+nasty, resource.Object{"name": "A"})) })},
		{name: "with a name that moves the cursor", says: "ledger/other-stack", raw: edited(func(l *ledger.Ledger) { l.Stack = nasty })},
		{name: "cut in the middle", says: "ledger/torn", raw: func(w *world) []byte { all := w.encoded(w.ledger()); return all[:len(all)/2] }},
		{name: "with something behind it", says: "ledger/torn", raw: func(w *world) []byte { return append(w.encoded(w.ledger()), "{}"...) }},
		{name: "empty", says: "ledger/torn", raw: func(*world) []byte { return nil }},
		{name: "null", says: "ledger/newer", raw: func(*world) []byte { return []byte("null") }},
		{name: "of thirty megabytes", says: "ledger/read-failed", raw: func(*world) []byte { return bytes.Repeat([]byte(" "), 30<<20) }},
		{name: "of ten megabytes", says: "ledger/read-failed", raw: func(*world) []byte { return bytes.Repeat([]byte(" "), 10<<20) }},
		{name: "nested a hundred thousand times", says: "ledger/torn", raw: func(*world) []byte {
			return []byte(`{"format_version":"1.0","objects":` + strings.Repeat("[", 100_000))
		}},
	}
}

func (w *world) encoded(l ledger.Ledger) []byte {
	w.t.Helper()
	data, err := l.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// A ledger that is none is refused, and nothing is done: not even what the spec wishes.
func TestABrokenLedgerIsRefused(t *testing.T) {
	w := install(t)
	before, good := w.others(), w.encoded(w.ledger())
	w.write("mlops.yaml", strings.Replace(read(t, "testdata/mlops.yaml"), "MODEL_OWNER: ml-engineers", "MODEL_OWNER: others", 1))
	for _, f := range brokenLedgers() {
		t.Run(f.name, func(t *testing.T) {
			w.t = t
			w.push(ledger.StateRef, "ledger.json", good) // the next one is made from it
			w.push(ledger.StateRef, "ledger.json", f.raw(w))
			for _, args := range [][]string{{"plan"}, {"apply", "--auto-approve"}, {"destroy", "--auto-approve"}} {
				r := w.run(args...)
				harmless(t, r)
				if r.code != 1 || !strings.Contains(r.text, "["+f.says+"]") || len(r.sent) > 0 {
					t.Errorf("%s ends with %d, sent %v, and says\n%.2000s", args[0], r.code, r.sent, r.text)
				}
			}
			w.unharmed(t, before, ended{})
		})
	}
}

// Every text of a ledger that is whole may be anything: it is shown, and does nothing.
func TestWhatALedgerSaysIsShownAsText(t *testing.T) {
	w := install(t)
	before := w.others()
	w.forge(func(l *ledger.Ledger) {
		l.Run.Who, l.Run.Host, l.Run.Spec, l.Run.Version, l.Run.ID = nasty, nasty, nasty, nasty, nasty
		l.Run.Did = []ledger.Deed{{Address: nasty, Action: nasty, Status: nasty, Error: nasty}}
		l.Repository.FullName, l.Repository.Host = nasty, nasty
		for i := range l.Objects {
			o := &l.Objects[i]
			o.By, o.Since, o.DependsOn, o.Kept = nasty, nasty, []string{nasty}, []string{nasty}
		}
		l.Find("catalog/prod").Live["comment"] = nasty
		l.Put(made("variable/BY_HAND", resource.Object{"repository": l.Repository.ID, "name": "BY_HAND", "value": nasty}))
		l.Put(made("variable/X"+"<img src=x>`$(id)`", resource.Object{"repository": l.Repository.ID, "name": "BY_HAND" + nasty, "value": nasty}))
		l.Intents = []ledger.Intent{{Address: "service_principal/x", Kind: "service_principal", Run: nasty, At: nasty, DependsOn: []string{}, Want: resource.Object{"display_name": nasty, "active": true}}}
		l.Issuing = []ledger.Issuing{{Address: "secret/X", Principal: nasty, PrincipalID: nasty, Before: []string{nasty}, Run: nasty, At: nasty}}
	})
	w.write("mlops.yaml", strings.Replace(read(t, "testdata/mlops.yaml"), "Production models and tables", "Models", 1))
	for _, args := range [][]string{{"plan"}, {"plan", "-o", "markdown"}, {"plan", "--log-level", "debug"}, {"state", "show"}, {"state", "history"}, {"apply", "--auto-approve"}} {
		r := w.run(args...)
		harmless(t, r)
		if strings.Contains(r.text, "\n::") { // a workflow command, wherever GitHub reads the log
			t.Errorf("%v gives commands:\n%s", args, r.text)
		}
	}
	delete(before, uc+"/catalogs/prod") // its comment was wished
	after := w.others()
	for what := range before {
		if before[what] != after[what] {
			t.Errorf("%s was %s, and is %s", what, before[what], after[what])
		}
	}
}

// An older version that is pushed again loses what was recorded since, and nothing live.
func TestAReplayedLedgerLosesNothing(t *testing.T) {
	w := install(t)
	versions, err := gitrepo.Fetch(t.Context(), w.remote(), w.stands(ledger.StateRef), 0)
	if err != nil {
		t.Fatal(err)
	}
	before := w.others()
	for i, v := range versions {
		t.Run(fmt.Sprintf("version %d of %d", len(versions)-i, len(versions)), func(t *testing.T) {
			w.t = t
			w.push(ledger.StateRef, "ledger.json", v.Files["ledger.json"])
			r := w.run("apply", "--auto-approve", "--allow-mass-delete")
			harmless(t, r)
			r.sent = slices.DeleteFunc(r.sent, w.renews)
			w.unharmed(t, before, r)
			if r.code != 0 {
				t.Errorf("the apply ends with %d:\n%s", r.code, r.text)
			}
			if again := w.run("plan", "--detailed-exitcode"); again.code != 0 {
				t.Errorf("the plan after it ends with %d:\n%s", again.code, again.text)
			}
		})
	}
}

// renews reports whether a request renews a credential of the stack: what a version says that a run began with is begun
// again where nobody can know how it ended.
func (w *world) renews(request string) bool {
	for _, name := range []string{"taxi-prod", "taxi-staging"} {
		if strings.Contains(request, "/servicePrincipals/"+w.ids[name]+"/credentials/secrets") {
			return true
		}
	}
	return strings.HasPrefix(request, "PUT ") && strings.Contains(request, "/secrets/")
}
