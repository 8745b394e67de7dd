package killtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rounds is how often two runs are let loose together, and how often in a sample.
const (
	rounds        = 50
	sampledRounds = 1
)

// pair is what two runs do at the same time.
type pair struct {
	name   string
	before func(*world)
	runs   [2][]string
	// other is the second run's spec, "" for the same one.
	other string
}

func pairs() []pair {
	apply, plan := []string{"apply", "--auto-approve"}, []string{"plan", "--detailed-exitcode"}
	return []pair{
		{name: "two installs", before: func(*world) {}, runs: [2][]string{apply, apply}},
		{name: "two changes", before: func(w *world) { w.installed(); w.edit() }, runs: [2][]string{apply, apply}},
		{name: "an apply and a plan", before: func(w *world) { w.installed(); w.edit() }, runs: [2][]string{apply, plan}},
		{name: "two stacks with one principal", before: (*world).neighbour, runs: [2][]string{apply, apply}, other: "other"},
	}
}

// neighbour adds another stack beside the example: another repository, and the same principals.
func (w *world) neighbour() {
	w.t.Helper()
	w.write(w.at("other", "README.md"), "# Other\n")
	w.write(w.at("other", "mlops.yaml"), w.site.names.Replace(`version: 1
name: other
git:
  repository: acme/other
  first_commit: { message: Begin, paths: [README.md] }
account:
  host: https://accounts.cloud.databricks.com
  id: `+accountID+`
targets:
  staging:
    host: https://e2-dogfood.staging.cloud.databricks.com
    service_principal: mlops-stack-demo-staging
    environment: {}
  prod:
    host: https://e2-demo-field-eng.cloud.databricks.com
    service_principal: mlops-stack-demo-prod
    environment: {}
catalogs:
  staging: { exists: true, schemas: { taxi: {} } }
permissions:
  - principal: service_principal:mlops-stack-demo-staging
    on: schema:staging.taxi
    privileges: [USE_SCHEMA, EXECUTE]
secrets:
  OTHER_CLIENT_SECRET: { environment: prod, oauth_secret: { target: prod, lifetime: 90d } }
`))
}

// TestTwoRunsAtOnceNeverMakeAnythingTwice lets two processes loose on the same services.
func TestTwoRunsAtOnceNeverMakeAnythingTwice(t *testing.T) {
	for _, p := range pairs() {
		t.Run(p.name, func(t *testing.T) {
			inSample(t)
			n := rounds
			if !*all {
				n = sampledRounds
			}
			f := &together{name: p.name, codes: map[string]int{}}
			work[*joint]{n: n, first: p.begun(t), begin: p.begun, do: func(t *testing.T, j *joint, seed int) {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { j.round(t, uint64(seed), f) })
			}}.shared(t)
			fmt.Println(f)
		})
	}
}

// joint is a pair at its beginning, and what one run after the other makes of it.
type joint struct {
	pair  pair
	world *world
	want  []string
}

func (p pair) begun(t *testing.T) *joint {
	t.Helper()
	j := &joint{pair: p, world: settle(t, newSite(t), byToken)}
	p.before(j.world)
	w := j.world.copied(t, byToken)
	for i, args := range p.runs {
		w.gate.under(nil, nil)
		if r := w.finish(w.start(p.folder(w, i), "", args)); r.code != 0 {
			t.Fatalf("run %d, one after the other, ends with %d:\n%s", i, r.code, r)
		}
	}
	l := w.look()
	j.want = l.inventory()
	w.leave()
	return j
}

// folder is where the spec of one of the two runs is.
func (p pair) folder(w *world, i int) string {
	if i == 1 && p.other != "" {
		return filepath.Join(w.root, p.other)
	}
	return w.spec()
}

// round lets two runs loose in the order of a seed. Each is right, or says that the other one is at it;
// a run of each afterwards finds or makes everything right, and nothing is there twice.
func (j *joint) round(t *testing.T, seed uint64, f *together) {
	w := j.world.copied(t, byToken)
	by := newTurns(seed, "0", "1")
	w.gate.under(nil, by)
	var children [2]*child
	for i, args := range j.pair.runs {
		children[i] = w.start(j.pair.folder(w, i), fmt.Sprint(i), args)
	}
	for i, c := range children {
		go func() {
			<-c.ended
			by.ends(fmt.Sprint(i))
		}()
	}
	runs := []run{w.finish(children[0]), w.finish(children[1])}
	w.site.quiet()
	codes := fmt.Sprint(runs[0].code, " and ", runs[1].code)
	var last []run
	for i := range children {
		w.gate.under(nil, nil)
		r := w.finish(w.start(j.pair.folder(w, i), "", []string{"apply", "--auto-approve"}))
		if r.code != 0 {
			t.Errorf("the apply after it ends with %d:\n%s", r.code, r)
		}
		last = append(last, r)
	}
	plan := w.empty()
	found := findings{doubled: w.same(j.want), unreported: w.unreported(append(last, plan)...)}
	w.stored()
	w.leave()
	found.hits, found.searched = w.secrets.found()
	if len(found.hits) > 0 {
		t.Errorf("secrets were seen: %q", found.hits)
	}
	if !slices.ContainsFunc(runs, func(r run) bool { return r.code == 0 }) {
		t.Errorf("neither run was right: %s", codes)
	}
	if t.Failed() {
		t.Logf("the runs ended with %s:\n%s\n---\n%s", codes, runs[0], runs[1])
	}
	found.failed = t.Failed()
	f.add(codes, found)
}

// together counts what came of the rounds.
type together struct {
	mu     sync.Mutex
	name   string
	codes  map[string]int
	rounds int
	right  int
	all    findings
}

func (f *together) add(codes string, found findings) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rounds++
	f.codes[codes]++
	if !found.failed {
		f.right++
	}
	f.all.doubled = append(f.all.doubled, found.doubled...)
	f.all.unreported = append(f.all.unreported, found.unreported...)
	f.all.hits = append(f.all.hits, found.hits...)
	f.all.searched += found.searched
}

// String is a line for people.
func (f *together) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var codes []string
	for c, n := range f.codes {
		codes = append(codes, fmt.Sprintf("%d× %s", n, c))
	}
	slices.Sort(codes)
	return fmt.Sprintf("%s: %d rounds (exit codes: %s); %d right; %d duplicates, %d unreported credentials; %d texts searched, %d secrets seen",
		f.name, f.rounds, strings.Join(codes, ", "), f.right, len(f.all.doubled), len(f.all.unreported), f.all.searched, len(f.all.hits))
}
