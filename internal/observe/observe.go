// Package observe looks at the live objects that the wishes mean: every read in parallel, but for
// those that need a parent's id to be asked for.
package observe

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlopsctl/mlopsctl/internal/dag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Failure is a look that failed for another reason than a missing permission.
type Failure struct {
	Wish resource.Wish
	Err  error
}

// Read looks at every wish's live object, at most limit at a time, and returns what it saw by address.
// What could not be read is Hidden, with the reason, whatever the reason was; the failures say which
// of those are no matter of permissions. The error is a *dag.CycleError.
func Read(ctx context.Context, wishes []resource.Wish, types map[string]resource.Type, limit int) (map[string]plan.Observation, []Failure, error) {
	seen := map[string]plan.Observation{}
	byAddr := map[string]resource.Wish{}
	var g dag.Graph
	for _, w := range wishes {
		byAddr[w.Addr.String()] = w
		g.Add(w.Addr.String(), parents(w)...)
	}
	var failures []Failure
	left, err := dag.Walk(ctx, &g, limit, dag.Visitor[look]{
		Start: func(address string) dag.Work[look] {
			w := byAddr[address]
			want, open := resource.Resolve(w.Want, func(r resource.Ref) (any, bool) {
				value, ok := seen[r.Addr].Object[r.Field]
				return value, ok
			})
			t := types[w.Addr.Kind]
			if without := unreadable(t, want, open, seen); without != nil {
				seen[address] = *without
				return nil
			}
			return func() look {
				live, err := t.Read(ctx, want)
				return look{object: live, err: err}
			}
		},
		Done: func(address string, l look) {
			o, failed := judge(l)
			seen[address] = o
			if failed {
				failures = append(failures, Failure{Wish: byAddr[address], Err: l.err})
			}
		},
	})
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("reading live state: %w", context.Cause(ctx))
	}
	return seen, failures, err
}

type look struct {
	object resource.Object
	err    error
}

// parents are the objects whose ids a read is made with. What an object needs otherwise does not
// keep it from being read.
func parents(w resource.Wish) []dag.Edge {
	var edges []dag.Edge
	for _, r := range resource.Refs(w.Want) {
		edges = append(edges, dag.Edge{To: r.Addr, Why: "its " + r.Field})
	}
	return edges
}

// unreadable returns what is to be said of an object that cannot be asked for, because an object that
// identifies it is not there or not readable itself; nil means that it can.
func unreadable(t resource.Type, want resource.Object, open []resource.Ref, seen map[string]plan.Observation) *plan.Observation {
	identifying := map[resource.Ref]bool{}
	for _, field := range t.Identity {
		for _, r := range resource.Refs(resource.Object{field: want[field]}) {
			identifying[r] = true
		}
	}
	for _, r := range open {
		if !identifying[r] {
			continue
		}
		parent := seen[r.Addr]
		switch {
		case parent.State == plan.Hidden:
			return &plan.Observation{State: plan.Hidden, Reason: fmt.Sprintf("it is found through %s, which could not be read", r.Addr)}
		case parent.State == plan.Stopped && !t.ReadsOpen:
			return &plan.Observation{State: plan.Stopped, Reason: fmt.Sprintf("it waits for %s: %s", r.Addr, parent.Reason)}
		case parent.State == plan.Present:
			return &plan.Observation{State: plan.Hidden, Reason: fmt.Sprintf("%s does not show its %s to these credentials", r.Addr, r.Field)}
		}
	}
	if len(identifying) > 0 && !t.ReadsOpen {
		return &plan.Observation{State: plan.Absent}
	}
	return nil
}

// judge turns a read's answer into an observation, and says whether it is a failure.
func judge(l look) (o plan.Observation, failed bool) {
	var blocked *resource.Blocked
	var waiting *resource.Waiting
	var moot *resource.Moot
	switch {
	case l.err == nil:
		return plan.Observation{State: plan.Present, Object: l.object}, false
	case errors.As(l.err, &blocked):
		return plan.Observation{State: plan.Stopped, Reason: blocked.Reason}, false
	case errors.As(l.err, &waiting):
		return plan.Observation{State: plan.Awaiting, Object: l.object, Reason: waiting.Error()}, false
	case errors.As(l.err, &moot):
		return plan.Observation{State: plan.Moot, Reason: moot.Reason}, false
	case errors.Is(l.err, resource.ErrNotFound):
		return plan.Observation{State: plan.Absent, Object: l.object}, false
	case errors.Is(l.err, resource.ErrForbidden):
		return plan.Observation{State: plan.Hidden, Reason: l.err.Error()}, false
	default:
		return plan.Observation{State: plan.Hidden, Reason: l.err.Error()}, true
	}
}
