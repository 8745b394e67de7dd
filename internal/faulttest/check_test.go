package faulttest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// check holds a run to the five promises: its exit code and its words are right; nothing is lost,
// doubled or leaked; a plain apply finishes the work and leaves an empty plan; the ledger explains what
// is there; and it all took a bounded time.
func (w *world) check(c faultCase, o outcome) {
	w.t.Helper()
	w.endsAsItSays(c, o)
	w.takesItsTime(c, o)
	w.heal()
	w.clock.Advance(leaseIsOver)
	if c.repair != nil {
		c.repair(w)
	}
	if c.row.start == doomed {
		w.vanishes(o)
	} else {
		w.converges(c, o)
	}
	w.keeps()
	w.leaksNothing()
	if c.after != nil {
		c.after(w, o)
	}
}

// leaseIsOver is after what a lease lasts that a run left behind: its process is this one, which runs still.
const leaseIsOver = 2 * time.Minute

// endsAsItSays holds the exit code to what was done and said.
func (w *world) endsAsItSays(c faultCase, o outcome) {
	w.t.Helper()
	codes := c.codes
	if codes == nil {
		codes = []int{0, 1, 6}
	}
	if !slices.Contains(codes, o.code) {
		w.t.Errorf("exit code %d, want one of %d", o.code, codes)
	}
	said := flat(o.out + "\n" + withoutDebug(o.err))
	for _, want := range c.says {
		if !strings.Contains(said, flat(want)) {
			w.t.Errorf("it does not say %q", want)
		}
	}
	switch {
	case o.code == 0, c.done, o.code == 130:
	case o.code != 6:
		for _, r := range o.mutations() {
			// A ledger that was begun, and a lease, are no change of what the stack is about.
			if r.Status >= 200 && r.Status < 300 && r.Fault == "" && !strings.HasSuffix(r.Path, "/git-receive-pack") {
				w.t.Errorf("exit code %d says that nothing was changed, but %s %s%s was answered %d", o.code, r.Method, r.Host, r.Path, r.Status)
			}
		}
	default:
		if c.row.address != "" && !strings.Contains(said, c.row.address) {
			w.t.Errorf("the report does not name %s", c.row.address)
		}
	}
	if o.code != 0 && o.code != 2 && !slices.ContainsFunc([]string{"error", "failed", "Failed", "nterrupted", "nauthorized"}, func(word string) bool { return strings.Contains(said, word) }) {
		w.t.Errorf("exit code %d, and nobody says what failed", o.code)
	}
}

// flat is text with all white space as one blank.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// takesItsTime bounds the virtual time and the requests of a run.
func (w *world) takesItsTime(c faultCase, o outcome) {
	w.t.Helper()
	most := c.most
	if most == 0 {
		most = 15 * time.Minute
	}
	if o.took > most {
		w.t.Errorf("it took %s, want at most %s", o.took, most)
	}
	const requests = 600 // an install sends about a hundred
	if len(o.sent) > requests && !c.many {
		w.t.Errorf("it sent %d requests, want at most %d", len(o.sent), requests)
	}
}

// converges holds a run that ended with 0 to having done all, and one that did not to leaving what a
// plain apply finishes. After that nothing is left to do, and nothing is sent that changes anything.
func (w *world) converges(c faultCase, o outcome) {
	w.t.Helper()
	p, look := w.plan()
	if c.remade == "" {
		w.ledgerRemembers(p)
	}
	if o.code == 0 && o.args[0] == "apply" && !c.lies && !c.settles && !c.row.start.byPeople() && look.code != 0 {
		w.t.Errorf("the apply ended with 0, but a plan ends with %d: %q", look.code, p.acting())
	}
	if again := w.apply(); again.code != 0 {
		w.t.Errorf("one more apply ends with %d", again.code)
	}
	w.turns(c)
	if p, look = w.plan(); look.code != 0 && !c.settles {
		w.t.Errorf("after one more apply a plan ends with %d: %q %v", look.code, p.acting(), p.Diagnostics)
	}
	if sent := w.apply().mutations(); len(sent) > 0 {
		w.t.Errorf("an apply with nothing to do sent %s %s%s", sent[0].Method, sent[0].Host, sent[0].Path)
	}
	if c.remade == "" && !c.settles {
		w.ledgerExplains(p)
	}
}

// vanishes holds a destroy that ended with 0 to having left nothing, and one that did not to leaving what
// a plain destroy finishes.
func (w *world) vanishes(o outcome) {
	w.t.Helper()
	if again := w.run(testContext(), doomed.args()...); again.code != 0 {
		w.t.Errorf("one more destroy ends with %d", again.code)
	} else if sent := again.mutations(); o.code == 0 && len(sent) > 0 {
		w.t.Errorf("the destroy ended with 0, but one more sent %s %s%s", sent[0].Method, sent[0].Host, sent[0].Path)
	}
	for _, name := range []string{"taxi-staging", "taxi-prod"} {
		if ids := w.principals(name); len(ids) > 0 {
			w.t.Errorf("the principal %s is left", name)
		}
	}
	for _, place := range []string{repo, uc + "/catalogs/prod", "https://staging.cloud.databricks.com/api/2.1/unity-catalog/catalogs/staging"} {
		if status, _ := w.try("GET", place, nil); status != 404 {
			w.t.Errorf("%s is left: %d", place, status)
		}
	}
}

// keeps holds the runs to what is others', and to one object of a name.
func (w *world) keeps() {
	w.t.Helper()
	w.noDuplicates()
	if now := w.others(); now != w.foreign {
		w.t.Errorf("what is not the spec's changed\nfrom %s\nto   %s", w.foreign, now)
	}
}

// leaksNothing looks for every secret that is about in whatever the runs said, asked for and left behind.
func (w *world) leaksNothing() {
	w.t.Helper()
	for place, text := range w.visible() {
		for value, from := range w.wire.known() {
			if strings.Contains(text, value) {
				w.t.Errorf("%s shows %s", place, from)
			}
		}
	}
}

// visible is everything that others may come to see.
func (w *world) visible() map[string]string {
	w.t.Helper()
	places := map[string]string{"the requests' addresses": w.wire.asked()}
	for i, o := range w.said {
		places[fmt.Sprintf("stdout of run %d", i)], places[fmt.Sprintf("stderr of run %d", i)] = o.out, o.err
	}
	for i, v := range w.history() {
		places[fmt.Sprintf("version %d of the ledger or the lease", i)] = fmt.Sprintf("%s %+v %q", v.Message, v.Author, v.Files)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && filepath.Base(file) != "licence.txt" { // it is where that secret comes from
			places[filepath.Base(file)] = string(data)
		}
	}
	return places
}

func (w *wire) known() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[string]string{}
	for value, from := range w.secrets {
		known[value] = from
	}
	return known
}

func (w *wire) asked() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.urls, "\n")
}
