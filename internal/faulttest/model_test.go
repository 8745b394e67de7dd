package faulttest

import (
	_ "embed"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlopsctl/mlopsctl/internal/outsider"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

//go:embed testdata/model.yaml
var modelSpec string

// item is an object of which the model knows whose it is. The kinds differ in what becomes of one that this
// stack made and that leaves the spec: a ruleset bears our mark and is deleted; a schema bears it, too, and
// is deleted where that is allowed; a variable bears none, so that nothing but the ledger says whose it is,
// and it is let go.
type item struct{ kind, name string }

func (i item) address() string {
	return map[string]string{"variable": "variable/", "ruleset": "branch_protection/", "schema": "schema/prod."}[i.kind] + i.name
}

func modelItems() []item {
	return []item{{"variable", "A"}, {"variable", "B"}, {"ruleset", "main"}, {"ruleset", "release"}, {"schema", "s1"}, {"schema", "s2"}}
}

// owner is whose an item is, for the model.
type owner string

const (
	nobodys owner = "" // not there, or others'
	made    owner = "made"
	adopted owner = "adopted"
	either  owner = "made or let go" // a run was cut off that was about to let it go
)

// model is the reference: what the spec wishes, what is there, and whose it is.
type model struct {
	w      *world
	wished map[item]bool
	there  map[item]bool
	owned  map[item]owner
	story  []string
}

// TestOwnershipIsAsAPlainModelSays lets random histories happen: edits of the spec, applies, plans, applies
// that are cut off, changes of others, time, and destroys. After each apply that ends, what is there is what
// the model says; nothing that others made is ever deleted; in the end the ledger agrees.
func TestOwnershipIsAsAPlainModelSays(t *testing.T) {
	for _, half := range []string{"one half", "the other half"} { // of the histories, for two processors
		t.Run(half, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, history)
		})
	}
}

func history(t *rapid.T) {
	dir, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the system's temporary folder
	w := open(t, dir, modelSpec, worldText)
	defer w.close()
	m := &model{w: w, wished: map[item]bool{}, there: map[item]bool{}, owned: map[item]owner{}}
	m.respell()
	m.apply(t)
	actions := map[string]func(*rapid.T){
		"edit": m.edit, "edit again": m.edit, "apply": m.apply, "apply again": m.apply, "plan": m.plan, "cut": m.cut,
		"somebody": m.somebody, "time": m.time, "destroy": m.destroy,
	}
	names := slices.Sorted(maps.Keys(actions))
	for range rapid.IntRange(2, 8).Draw(t, "steps") {
		actions[rapid.SampledFrom(names).Draw(t, "action")](t)
	}
	w.clock.Advance(leaseIsOver) // of an apply that was cut off
	m.apply(t)
	m.agrees(t)
	w.leaksNothing()
}

// respell writes the spec that wishes what the model wishes.
func (m *model) respell() {
	var b strings.Builder
	b.WriteString(modelSpec)
	b.WriteString("branches:\n  main: { default: true" + m.protection("main") + " }\n  release: { from: main" + m.protection("release") + " }\n")
	b.WriteString("catalogs:\n  prod: { schemas: {")
	for _, i := range modelItems() {
		if i.kind == "schema" && m.wished[i] {
			b.WriteString(" " + i.name + ": {},")
		}
	}
	b.WriteString(" } }\nvariables: {")
	for _, i := range modelItems() {
		if i.kind == "variable" && m.wished[i] {
			b.WriteString(" " + i.name + ": ours,")
		}
	}
	b.WriteString(" }\n")
	m.w.spec = strings.ReplaceAll(b.String(), ", }", " }")
	m.w.write("mlops.yaml", m.w.spec)
}

func (m *model) protection(branch string) string {
	if m.wished[item{"ruleset", branch}] {
		return ", protection: { required_approvals: 1 }"
	}
	return ""
}

func (m *model) tell(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf(format, args...))
}

func (m *model) edit(t *rapid.T) {
	i := rapid.SampledFrom(modelItems()).Draw(t, "item")
	m.wished[i] = !m.wished[i]
	m.tell("the spec wishes %s: %t", i.address(), m.wished[i])
	m.respell()
}

func (m *model) plan(*rapid.T) {
	m.w.plan()
	m.compare("a plan")
}

func (m *model) time(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Minute, hour, 40 * 24 * hour}).Draw(t, "time")
	m.tell("%s pass", d)
	m.w.clock.Advance(d)
}

var allowed = []string{"--allow-destroy", "schema", "--allow-mass-delete"}

func (m *model) apply(*rapid.T) {
	m.tell("apply")
	if o := m.w.apply(allowed...); o.code != 0 {
		m.w.t.Fatalf("an apply ends with %d after %s\n%s", o.code, strings.Join(m.story, "; "), o)
	}
	m.applied(m.wished)
	m.compare("an apply")
}

func (m *model) destroy(*rapid.T) {
	m.tell("destroy")
	m.letGo()
	if o := m.w.run(testContext(), "destroy", "--auto-approve", "--parallelism", "1", "--allow-destroy", "schema"); o.code != 0 {
		m.w.t.Fatalf("a destroy ends with %d after %s\n%s", o.code, strings.Join(m.story, "; "), o)
	}
	m.applied(nil)
	m.compare("a destroy")
}

// letGo releases what a destroy would have to name, as it holds data or access, and what no history is about.
func (m *model) letGo() {
	release := []string{"state", "release", "--auto-approve"}
	if l, ok := m.w.ledger(); ok {
		for _, o := range l.Objects {
			if o.Origin == ledger.Made && slices.Contains([]string{"repository", "branch", "environment", "service_principal", "catalog"}, o.Kind) {
				release = append(release, o.Address)
			}
		}
	}
	if len(release) == 3 {
		return
	}
	if o := m.w.run(testContext(), release...); o.code != 0 {
		m.w.t.Fatalf("a release ends with %d after %s\n%s", o.code, strings.Join(m.story, "; "), o)
	}
}

// applied is what an apply makes of the model.
func (m *model) applied(wished map[item]bool) {
	for _, i := range modelItems() {
		switch {
		case wished[i] && !m.there[i]:
			m.there[i], m.owned[i] = true, made
		case wished[i] && m.owned[i] == nobodys:
			m.owned[i] = adopted
		case wished[i]:
		case m.owned[i] == made && (i.kind != "variable" || m.wished[i]): // a spec that is there is a witness as well as a mark
			m.there[i], m.owned[i] = false, nobodys
		default:
			m.owned[i] = nobodys
		}
	}
}

// cut begins an apply, and ends it for good at one of its requests.
func (m *model) cut(t *rapid.T) {
	nth, sent := rapid.IntRange(1, 12).Draw(t, "request"), rapid.Bool().Draw(t, "sent")
	m.tell("an apply is cut off at change %d, sent: %t", nth, sent)
	seen := 0
	m.w.wire.add(&rule{path: "*", times: -1, do: func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/token") && !strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			seen++
		}
		if seen == nth && sent {
			seen++
			if _, err := send(); err != nil {
				return nil, err
			}
		}
		if seen >= nth {
			return nil, syscall.ENETDOWN
		}
		return send()
	}})
	m.w.apply(allowed...)
	m.w.heal()
	for i, now := range m.live() {
		switch {
		case now && !m.there[i]:
			m.owned[i] = made
		case !now && m.there[i]:
			m.owned[i] = nobodys
		case !m.wished[i] && m.owned[i] == made && i.kind == "variable":
			m.owned[i] = either
		case m.wished[i] && m.owned[i] == nobodys && now:
			m.owned[i] = nobodys // it may have been adopted: the next apply adopts it anyway
		}
		m.there[i] = now
	}
}

// somebody makes what is not there, or deletes what is.
func (m *model) somebody(t *rapid.T) {
	i := rapid.SampledFrom(modelItems()).Draw(t, "item of others")
	switch {
	case m.there[i]:
		m.tell("somebody deletes %s", i.address())
		m.remove(i)
		m.there[i] = false
	case i.kind == "variable":
		m.tell("somebody makes %s", i.address())
		m.w.send("POST", repo+"/actions/variables", map[string]any{"name": i.name, "value": "theirs"})
		m.there[i] = true
	case i.kind == "schema":
		m.tell("somebody makes %s", i.address())
		m.w.send("POST", uc+"/schemas", map[string]any{"catalog_name": "prod", "name": i.name})
		m.there[i], m.owned[i] = true, nobodys // it has another id than one that was made here
	}
}

func (m *model) remove(i item) {
	switch i.kind {
	case "variable":
		m.w.send("DELETE", repo+"/actions/variables/"+i.name, nil)
	case "schema":
		m.w.send("DELETE", uc+"/schemas/prod."+i.name, nil)
	default:
		for _, r := range outsider.Items(m.w.send("GET", repo+"/rulesets?per_page=100", nil), "items") {
			if r["name"] == "mlopsctl/taxi: "+i.name {
				m.w.send("DELETE", fmt.Sprintf("%s/rulesets/%.0f", repo, r["id"]), nil)
			}
		}
	}
}

// live is what is there, as the services list it.
func (m *model) live() map[item]bool {
	names := map[string]bool{}
	if status, list := m.w.try("GET", repo+"/actions/variables?per_page=30", nil); status == http.StatusOK {
		for _, v := range outsider.Items(list, "variables") {
			names["variable/"+fmt.Sprint(v["name"])] = true
		}
		_, list = m.w.try("GET", repo+"/rulesets?per_page=100", nil)
		for _, r := range outsider.Items(list, "items") {
			names["branch_protection/"+strings.TrimPrefix(fmt.Sprint(r["name"]), "mlopsctl/taxi: ")] = true
		}
	}
	if status, list := m.w.try("GET", uc+"/schemas?catalog_name=prod", nil); status == http.StatusOK {
		for _, s := range outsider.Items(list, "schemas") {
			names["schema/"+fmt.Sprint(s["full_name"])] = true
		}
	}
	found := map[item]bool{}
	for _, i := range modelItems() {
		found[i] = names[i.address()]
	}
	return found
}

func (m *model) compare(after string) {
	for i, now := range m.live() {
		if now != m.there[i] {
			m.w.t.Fatalf("after %s, %s is there: %t; the model says %t, owned: %q, wished: %t\nafter %s\n%s",
				after, i.address(), now, m.there[i], m.owned[i], m.wished[i], strings.Join(m.story, "; "), m.w.said[len(m.w.said)-1])
		}
	}
}

// agrees holds the ledger to the model, and what is left to do to nothing.
func (m *model) agrees(*rapid.T) {
	if p, o := m.w.plan(); o.code != 0 {
		m.w.t.Fatalf("a plan after an apply ends with %d: %q after %s", o.code, p.acting(), strings.Join(m.story, "; "))
	}
	l, ok := m.w.ledger()
	if !ok {
		m.w.t.Fatal("there is no ledger")
	}
	for _, i := range modelItems() {
		got := nobodys
		if o := l.Find(i.address()); o != nil {
			got = map[ledger.Origin]owner{ledger.Made: made, ledger.Adopted: adopted}[o.Origin]
		}
		if got != m.owned[i] && m.owned[i] != either {
			m.w.t.Fatalf("the ledger says of %s %q, the model %q after %s", i.address(), got, m.owned[i], strings.Join(m.story, "; "))
		}
	}
	if now := m.w.others(); now != m.w.foreign {
		m.w.t.Fatalf("what is not the spec's changed\nfrom %s\nto   %s", m.w.foreign, now)
	}
}
