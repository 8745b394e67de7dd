package killtest

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// turns lets the requests of two runs through by turns: a random number of one's, while the other's are
// held, then of the other's. The order is the seed's, and no time passes in it.
type turns struct {
	mu    sync.Mutex
	moved *sync.Cond
	rng   *rand.Rand
	who   []string // the runs that have not ended; the first one's turn it is
	left  int      // requests of this turn
	dozes string   // the run that waits by itself, and keeps nobody from going on
}

// longestTurn is a few more requests than a run has under way at a time.
const longestTurn = 16

func newTurns(seed uint64, who ...string) *turns {
	t := &turns{rng: rand.New(rand.NewPCG(seed, 0)), who: who}
	t.moved = sync.NewCond(&t.mu)
	if t.rng.IntN(2) == 1 {
		slices.Reverse(t.who)
	}
	t.left = t.turn()
	return t
}

// turn is the length of a turn; every other one is a single request, which is where races are.
func (t *turns) turn() int {
	if t.rng.IntN(2) == 0 {
		return 1
	}
	return 1 + t.rng.IntN(longestTurn)
}

// await returns when a request of one run may go on.
func (t *turns) await(name string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dozes == name {
		t.dozes = ""
	}
	for len(t.who) > 1 && t.who[0] != name && t.dozes != t.who[0] {
		t.moved.Wait()
	}
	if t.dozes != "" {
		return
	}
	t.left--
	if t.left <= 0 {
		slices.Reverse(t.who)
		t.left = t.turn()
		t.moved.Broadcast()
	}
}

// doze lets the other run go on for as long as this one sends nothing.
func (t *turns) doze(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dozes = name
	t.moved.Broadcast()
}

// ends takes a run out.
func (t *turns) ends(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.who = slices.DeleteFunc(t.who, func(who string) bool { return who == name })
	t.moved.Broadcast()
}
