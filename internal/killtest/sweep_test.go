package killtest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// sampled is how many strikes at a phase are a sample of them.
const sampled = 2

// TestOneRunMakesGoodWhateverHappenedToTheOneBefore is the sweep: each phase, struck at each request
// that changes something, in every way.
func TestOneRunMakesGoodWhateverHappenedToTheOneBefore(t *testing.T) {
	for _, p := range phases() {
		t.Run(p.name, func(t *testing.T) {
			inSample(t)
			f := &figures{phase: p.name}
			sweep(t, p, f)
			fmt.Println(f)
		})
	}
}

// inSample runs a test beside its like when each takes a moment. When all is asked for, the parts of each
// test run beside one another, so that its figures come as soon as it is through.
func inSample(t *testing.T) {
	t.Helper()
	if !*all {
		t.Parallel()
	}
}

// work is n pieces of work, numbered from 1, and what a worker begins with; the first worker has it
// already.
type work[B any] struct {
	n     int
	first B
	begin func(*testing.T) B
	do    func(*testing.T, B, int)
}

// shared lets several workers do it.
func (w work[B]) shared(t *testing.T) {
	workers := 1
	if *all {
		workers = 2
	}
	var next atomic.Int64
	t.Run("workers", func(t *testing.T) { // returns when its parallel parts have ended
		for i := range workers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				mine := w.first
				if i > 0 {
					mine = w.begin(t)
				}
				for piece := int(next.Add(1)); piece <= w.n; piece = int(next.Add(1)) {
					w.do(t, mine, piece)
				}
			})
		}
	})
}

// sweep tries every aim at a phase, a sample of them unless all are asked for.
func sweep(t *testing.T, p phase, f *figures) {
	first := begun(t, p)
	aims := targets(first.points)
	f.points = len(first.points)
	if !*all {
		aims = sample(aims)
	}
	work[*reference]{
		n: len(aims), first: first, begin: func(t *testing.T) *reference { return begun(t, p) },
		do: func(t *testing.T, r *reference, n int) {
			a := aims[n-1]
			a.by = []login{byToken, byApp}[n%2]
			t.Run(a.String(), func(t *testing.T) { r.try(t, a, f) })
		},
	}.shared(t)
}

// aim is one strike that is to be tried, at a run with one of the logins.
type aim struct {
	at   point
	with weapon
	when moment
	by   login
}

func (a aim) String() string { return fmt.Sprintf("%s %s %s", a.with, a.when, a.at) }

func weapons() []weapon { return []weapon{kill, once, twice} }
func moments() []moment { return []moment{before, during, after} }

func targets(points []point) []aim {
	var all []aim
	for _, p := range points {
		for _, with := range weapons() {
			for _, when := range moments() {
				all = append(all, aim{at: p, with: with, when: when})
			}
		}
	}
	return all
}

// sample takes some of the aims, spread over the points and over what a run is struck with.
func sample(aims []aim) []aim {
	ways := len(weapons()) * len(moments())
	points := len(aims) / ways
	var some []aim
	for i := range sampled {
		at := (2*i + 1) * points / (2 * sampled) * ways
		some = append(some, aims[at+[]int{1, 3, 8}[(points+i)%3]])
	}
	return some
}

// reference is a phase at its beginning, and what an undisturbed run makes of it.
type reference struct {
	phase  phase
	world  *world
	points []point
	want   []string // the inventory at the end
	ledger *ledger  // nil where there is none
}

// begun brings a new world to where a phase begins, and lets one copy of it run undisturbed.
func begun(t *testing.T, p phase) *reference {
	t.Helper()
	r := &reference{phase: p, world: settle(t, newSite(t), byToken)}
	p.before(r.world)
	w := r.world.copied(t, byToken)
	undisturbed := w.do(nil, p.run...)
	if undisturbed.code != 0 {
		t.Fatalf("undisturbed it ends with %d:\n%s", undisturbed.code, undisturbed)
	}
	r.points = undisturbed.points
	slices.SortFunc(r.points, point.compare)
	if p.people {
		w.turns()
	}
	if !p.gone {
		w.empty()
		w.stored()
		w.former(p)
	}
	l := w.look()
	r.want, r.ledger = l.inventory(), w.ledger()
	w.leave()
	return r
}

// try strikes one run, and holds the next one to making it good.
func (r *reference) try(t *testing.T, a aim, f *figures) {
	w := r.world.copied(t, a.by)
	if !r.phase.gone {
		w.gate.after = w.alwaysLogsIn(r.phase)
	}
	s := &strike{with: a.with, when: a.when, at: a.at}
	struck := w.do(s, r.phase.run...)
	if !endsAs(struck, s) {
		t.Errorf("struck, it ends with %d:\n%s", struck.code, struck)
	}
	w.unsaid = w.ledger() == nil && len(w.repositories()) > 0
	again := w.do(nil, r.phase.again...)
	if again.code != 0 {
		t.Errorf("the run after it ends with %d:\n%s", again.code, again)
	}
	if r.phase.people {
		w.turns()
	}
	found := findings{}
	if r.phase.gone {
		found.doubled = w.same(r.want)
	} else {
		plan := w.empty()
		found.doubled, found.unreported = w.same(r.want), w.unreported(again, plan)
		w.stored()
		w.former(r.phase)
		w.ledgerIsTrue(r)
	}
	w.leave()
	found.hits, found.searched = w.secrets.found()
	if len(found.hits) > 0 {
		t.Errorf("secrets were seen: %q", found.hits)
	}
	if t.Failed() {
		t.Logf("the run that was struck:\n%s", struck)
	}
	found.failed = t.Failed()
	f.add(s, found)
}

// endsAs reports whether a run ended as one that was struck so does.
func endsAs(r run, s *strike) bool {
	switch {
	case !s.hit():
		return r.code == 0
	case s.with == kill:
		return r.code == -1
	default:
		return r.code == 130 || r.code == 0 // it was through when it was interrupted
	}
}

// figures count what a sweep found.
type figures struct {
	mu        sync.Mutex
	phase     string
	points    int
	struck    map[weapon]int
	missed    int // ended before their point came
	converged int
	all       findings
}

type findings struct {
	doubled, unreported, hits []string
	searched                  int
	failed                    bool
}

func (f *figures) add(s *strike, found findings) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.struck == nil {
		f.struck = map[weapon]int{}
	}
	if s.hit() {
		f.struck[s.with]++
	} else {
		f.missed++
	}
	if !found.failed {
		f.converged++
	}
	f.all.doubled = append(f.all.doubled, found.doubled...)
	f.all.unreported = append(f.all.unreported, found.unreported...)
	f.all.hits = append(f.all.hits, found.hits...)
	f.all.searched += found.searched
}

// String is a line for people.
func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	runs := f.missed
	for _, n := range f.struck {
		runs += n
	}
	return fmt.Sprintf("%-12s %3d points; %4d runs: %d SIGKILL, %d Ctrl-C, %d Ctrl-C twice, %d ended before their point; "+
		"%d made good by one run; %d duplicates, %d unreported credentials; %d texts searched, %d secrets seen",
		f.phase, f.points, runs, f.struck[kill], f.struck[once], f.struck[twice], f.missed, f.converged,
		len(f.all.doubled), len(f.all.unreported), f.all.searched, len(f.all.hits))
}
