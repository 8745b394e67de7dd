package faulttest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// faultCase is one thing that goes wrong at one place, and what has to come of it. Whatever its fields
// say, the five promises are held to after it: see check.
type faultCase struct {
	class, name string
	row         row   // where it goes wrong; the zero row is elsewhere
	start       start // fresh unless it is said
	world       string
	faults      []sandbox.Fault
	arrange     func(*world)         // instead of faults, or beside them
	act         func(*world) outcome // apply unless it is said

	codes   []int    // how the run may end; 0, 1 and 6 unless it is said
	says    []string // what it has to say, somewhere
	most    time.Duration
	lies    bool         // a service said that it did what it did not, or was stale, so that 0 may be wrong until the next apply
	settles bool         // a plan may still show something that only a person can end
	remade  string       // who else made an object of the spec, so that the ledger may have it as adopted
	many    bool         // objects, and so requests
	done    bool         // an error of this end, after everything was done
	repair  func(*world) // what a person does before the plain apply
	after   func(*world, outcome)
}

func (c faultCase) run(t *testing.T) {
	t.Parallel()
	s := cmp.Or(c.start, c.row.start, fresh)
	w := s.begin(t, t.TempDir(), cmp.Or(c.world, worldText))
	defer w.close()
	w.inject(c.faults...)
	if c.arrange != nil {
		c.arrange(w)
	}
	act := c.act
	if act == nil {
		act = func(w *world) outcome { return w.run(testContext(), s.args()...) }
	}
	w.check(c, act(w))
	if t.Failed() {
		for _, o := range w.said {
			t.Logf("%d after %s from\n%s", o.code, o.took, o)
		}
		for _, r := range w.said[len(w.said)-1].mutations() {
			t.Logf("%d %s %s%s", r.Status, r.Method, r.Host, r.Path)
		}
	}
}

// tally counts what was run, by class.
type tally struct {
	mu               sync.Mutex
	ran, passed, bad map[string]int
}

func (y *tally) count(class string, in map[string]int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	in[class]++
}

// summary is a table of what was run.
func (y *tally) summary() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	var b strings.Builder
	ran, passed, bad := 0, 0, 0
	fmt.Fprintf(&b, "\n%-5s %6s %7s %9s  %s\n", "class", "cases", "passed", "known bad", "what")
	for _, class := range slices.Sorted(maps.Keys(titles())) {
		n, ok, wrong := y.ran[class], y.passed[class], y.bad[class]
		ran, passed, bad = ran+n, passed+ok, bad+wrong
		fmt.Fprintf(&b, "%-5s %6d %7d %9d  %s\n", class, n, ok, wrong, titles()[class])
	}
	fmt.Fprintf(&b, "%-5s %6d %7d %9d\n", "all", ran, passed, bad)
	return b.String()
}

// TestFaults runs the table. Every class must have cases, and no two cases one name.
func TestFaults(t *testing.T) {
	y := &tally{ran: map[string]int{}, passed: map[string]int{}, bad: map[string]int{}}
	t.Cleanup(func() {
		if *which == "all" {
			fmt.Print(y.summary())
		}
	})
	byClass := byClass(t)
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		t.Run(class, func(t *testing.T) {
			for _, c := range some(byClass[class]) {
				t.Run(c.name, func(t *testing.T) {
					y.count(class, y.ran)
					if why, bad := knownBad(c); bad {
						y.count(class, y.bad)
						t.Logf("badness: %s", why)
						return
					}
					c.run(t)
					if !t.Failed() {
						y.count(class, y.passed)
					}
				})
			}
		})
	}
}

// byClass is the table, held to what is promised of it.
func byClass(t *testing.T) map[string][]faultCase {
	t.Helper()
	classes, names := map[string][]faultCase{}, map[string]bool{}
	for _, c := range table(t) {
		name := c.class + "/" + c.name
		if names[name] {
			t.Errorf("two cases are called %s", name)
		}
		if titles()[c.class] == "" {
			t.Errorf("nobody says what %s is", c.class)
		}
		names[name] = true
		classes[c.class] = append(classes[c.class], c)
	}
	for class, title := range titles() {
		if len(classes[class]) == 0 && !strings.Contains(title, "elsewhere: ") {
			t.Errorf("%s, %s, has no case", class, title)
		}
	}
	if len(names) < 600 {
		t.Errorf("%d cases; at least 600 are promised", len(names))
	}
	return classes
}

// some is the whole list with -faults=all, or else a few from all over it.
func some(list []faultCase) []faultCase {
	const few = 2
	if *which == "all" || len(list) <= few {
		return list
	}
	return []faultCase{list[len(list)/2], list[len(list)-1]}
}
