package dag

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSortKeepsTheOrderOfAddingWhereNothingElseDecides(t *testing.T) {
	var g Graph
	g.Add("c", Edge{To: "b", Why: "its id"})
	g.Add("a")
	g.Add("b")
	got, err := g.Sort()
	if want := []string{"b", "c", "a"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("Sort() = %v, %v; want %v", got, err, want)
	}
}

func TestACycleExplainsItself(t *testing.T) {
	var g Graph
	g.Add("x", Edge{To: "a", Why: "starts it"})
	g.Add("a", Edge{To: "b", Why: "its id"})
	g.Add("b", Edge{To: "a", Why: "its branch"})
	_, err := g.Sort()
	if want := "a cycle: a needs b (its id), b needs a (its branch)"; err == nil || err.Error() != want {
		t.Fatalf("Sort() error = %v; want %q", err, want)
	}
}

// drawGraph makes a random graph without cycles: a node needs only nodes that were drawn before it,
// but they are added in another order.
func drawGraph(t *rapid.T) *Graph {
	n := rapid.IntRange(0, 25).Draw(t, "nodes")
	order := rapid.Permutation(sequence(n)).Draw(t, "order of adding")
	edges := make([][]Edge, n)
	for i := 1; i < n; i++ {
		for _, to := range rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 0, min(i, 4), rapid.ID[int]).Draw(t, "needs") {
			edges[i] = append(edges[i], Edge{To: name(to), Why: "drawn"})
		}
	}
	var g Graph
	for _, i := range order {
		g.Add(name(i), edges[i]...)
	}
	return &g
}

func TestWalkKeepsOrderAndLimitAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		idle := rapid.IntRange(0, 3).Draw(t, "every so manieth node has no work")
		stopAfter := rapid.IntRange(0, 30).Draw(t, "stop after")
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		settled, running, seen := map[string]bool{}, 0, 0
		left, err := Walk(ctx, g, limit, Visitor[string]{
			Start: func(id string) Work[string] {
				for _, e := range g.Needs(id) {
					if !settled[e.To] {
						t.Fatalf("%s was started before %s was settled", id, e.To)
					}
				}
				if seen++; seen > stopAfter {
					stop()
				}
				if idle > 0 && seen%idle == 0 {
					settled[id] = true
					return nil
				}
				if running++; running > limit {
					t.Fatalf("%d works at a time, over the limit of %d", running, limit)
				}
				return func() string { return "did " + id }
			},
			Done: func(id, result string) {
				if result != "did "+id {
					t.Fatalf("%s got the result %q", id, result)
				}
				running--
				settled[id] = true
			},
		})
		if err != nil || running != 0 || len(left)+len(settled) != len(g.Nodes()) {
			t.Fatalf("err %v, %d still running, %d left and %d settled of %d", err, running, len(left), len(settled), len(g.Nodes()))
		}
	})
}

func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func name(i int) string { return fmt.Sprintf("n%02d", i) }
