package dag

import "context"

// Work is what a node does, on a goroutine of its own.
type Work[R any] func() R

// Visitor is what Walk asks and tells. Both funcs are called on Walk's own goroutine, so they may
// share state without a lock.
type Visitor[R any] struct {
	// Start is called when all that the node needs is settled. It returns the node's work, or nil
	// where there is none to do, and the node is settled at once.
	Start func(id string) Work[R]
	// Done is called with the result of a node's work, before anything that needs it is started.
	Done func(id string, result R)
	// Stop is asked before every start, and ends the walk as the end of its context does. nil: never.
	Stop func() bool
}

func (v Visitor[R]) stops() bool { return v.Stop != nil && v.Stop() }

// Walk visits every node of g after the nodes that it needs, at most limit works at a time, never in
// waves. Once ctx ends, or Stop says so, it starts nothing more; it returns when every work that was
// started is done, and reports the nodes that were never started, in g's order. It visits nothing of a
// graph that cannot be sorted.
func Walk[R any](ctx context.Context, g *Graph, limit int, v Visitor[R]) (left []string, err error) {
	sorted, err := g.Sort()
	if err != nil {
		return nil, err
	}
	w := &walk[R]{graph: g, visitor: v, open: map[string]int{}, dependents: map[string][]string{}, done: make(chan outcome[R])}
	started := map[string]bool{}
	for _, id := range sorted {
		needs := g.Needs(id)
		w.open[id] = len(needs)
		for _, e := range needs {
			w.dependents[e.To] = append(w.dependents[e.To], id)
		}
		if len(needs) == 0 {
			w.ready = append(w.ready, id)
		}
	}
	for running := 0; ; {
		for len(w.ready) > 0 && running < max(limit, 1) && ctx.Err() == nil && !v.stops() {
			id := w.ready[0]
			w.ready = w.ready[1:]
			started[id] = true
			work := v.Start(id)
			if work == nil {
				w.settle(id)
				continue
			}
			running++
			go func() { w.done <- outcome[R]{id: id, result: work()} }()
		}
		if running == 0 {
			break
		}
		o := <-w.done
		running--
		v.Done(o.id, o.result)
		w.settle(o.id)
	}
	for _, id := range g.Nodes() {
		if !started[id] {
			left = append(left, id)
		}
	}
	return left, nil
}

type walk[R any] struct {
	graph      *Graph
	visitor    Visitor[R]
	open       map[string]int // needs that are not settled
	dependents map[string][]string
	ready      []string
	done       chan outcome[R]
}

type outcome[R any] struct {
	id     string
	result R
}

func (w *walk[R]) settle(id string) {
	for _, d := range w.dependents[id] {
		if w.open[d]--; w.open[d] == 0 {
			w.ready = append(w.ready, d)
		}
	}
}
