package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// claim joins the wishes that the aim leaves with what the stack owns, of which an aim at a target leaves out
// what departed: nothing says whose it was.
func (e *Engine) claim(c comparison, owned *plan.Owned) (plan.Claims, error) {
	wishes := c.wishes
	if c.aim.Destroy {
		wishes = nil
	}
	known := plan.Owned{Names: e.names()}
	if owned != nil {
		known = *owned
	}
	claims, err := plan.Claim(wishes, e.byName, known, e.renames())
	if err != nil {
		return claims, err
	}
	if claims.Wishes, err = e.selected(c.spec, claims.Wishes, c.aim); err != nil {
		return claims, err
	}
	claims.Departed = slices.DeleteFunc(claims.Departed, func(w resource.Wish) bool {
		return c.aim.Target != "" || c.aim.Keep || !c.aim.names(w)
	})
	if len(claims.Wishes)+len(claims.Departed) == 0 && c.aim.String() != "" {
		return claims, fmt.Errorf("%w by %s; `mlopsctl plan` lists the addresses", ErrNothingSelected, c.aim)
	}
	return claims, nil
}

// renames are the spec's entries under moved.
func (e *Engine) renames() []plan.Rename {
	var renames []plan.Rename
	for i, m := range e.stack.Moved {
		renames = append(renames, plan.Rename{From: m.From, To: m.To, At: e.stack.At("moved", fmt.Sprint(i))})
	}
	return renames
}

// settle holds the ledger against the repository that it was found in.
func (e *Engine) settle(o opened, seen map[string]plan.Observation) diag.List {
	if o.err != nil && !errors.Is(o.err, resource.ErrNotFound) {
		return e.unread(o, seen)
	}
	if err := o.book.Settle(e.repositoryIn(seen)); err != nil {
		_, problems := e.owned(opened{err: err})
		return problems
	}
	e.book = o.book
	return nil
}

// others lists what stands beside the wished on the lists that the spec takes over, each once.
func (e *Engine) others(ctx context.Context, in plan.Input) ([]resource.Wish, error) {
	known := map[string]bool{}
	for _, w := range in.Wishes {
		known[identity(w)], known[w.Addr.String()] = true, true
	}
	var others []resource.Wish
	for _, w := range in.Wishes {
		t := e.byName[w.Addr.Kind]
		if state := in.Seen[w.Addr.String()].State; t.Others == nil || state != plan.Present && state != plan.Absent {
			continue
		}
		want, _ := resource.Resolve(w.Want, valueIn(in.Seen))
		list, err := t.Others(ctx, want)
		if err != nil && !errors.Is(err, resource.ErrNotFound) {
			return nil, fmt.Errorf("reading what stands beside %s: %w", w.Addr, err)
		}
		for _, o := range list {
			if !known[identity(o)] && !known[o.Addr.String()] {
				known[identity(o)] = true
				o.At = w.At
				others = append(others, o)
			}
		}
	}
	return others, nil
}

func valueIn(seen map[string]plan.Observation) func(resource.Ref) (any, bool) {
	return func(r resource.Ref) (any, bool) {
		value, ok := seen[r.Addr].Object[r.Field]
		return value, ok
	}
}

// rules say what the plan may delete. The committed versions of the spec are looked at only when there is
// something that they could bear witness for.
func (e *Engine) rules(c comparison, in plan.Input) plan.Rules {
	r := plan.Rules{Destroy: c.aim.Destroy, Keep: c.aim.Keep, Allow: c.aim.Allow, Witnessed: map[string]bool{}, Spec: diag.Pos{File: e.stack.File, Line: 1, Column: 1}}
	w := witness{engine: e, in: in, metastores: c.spec.Metastores, found: r.Witnessed}
	for _, d := range in.Departed {
		if in.Seen[d.Addr.String()].State == plan.Present {
			w.missing = append(w.missing, d)
		}
	}
	if c.aim.Destroy {
		w.hear(c.wishes)
	}
	if len(w.missing) == 0 || e.stack.File == "" {
		return r
	}
	// A history that cannot be read bears witness for nothing, and what has no witness stays.
	if err := gitrepo.Versions(e.stack.File, w.read); err != nil {
		e.say("the committed versions of the spec: " + err.Error())
	}
	return r
}

// witness looks for departed objects in what earlier versions of the spec wished.
type witness struct {
	engine     *Engine
	in         plan.Input
	metastores map[string]string
	missing    []resource.Wish
	found      map[string]bool
}

// read hears one committed version, and says whether more are needed. One that is no valid spec says nothing.
func (w *witness) read(content []byte) (more bool) {
	stack, problems := spec.Parse(w.engine.stack.File, content, w.engine.opt.Spec)
	if !problems.HasErrors() && stack.Git.Host == w.engine.stack.Git.Host {
		wishes, flaws, err := plan.Declare(w.engine.types, resource.Wishes{Stack: stack, Metastores: w.metastores})
		if err == nil && !flaws.HasErrors() {
			w.hear(wishes)
		}
	}
	return len(w.missing) > 0
}

func (w *witness) hear(wishes []resource.Wish) {
	byAddr := map[string]resource.Wish{}
	for _, wish := range wishes {
		byAddr[wish.Addr.String()] = wish
	}
	w.missing = slices.DeleteFunc(w.missing, func(d resource.Wish) bool {
		wish, wished := byAddr[d.Addr.String()]
		if !wished || !w.means(wish, d) {
			return false
		}
		w.found[d.Addr.String()] = true
		return true
	})
}

// means reports whether a wish is for this very object: an address alone, in a ledger that anybody may have
// written, can stand before anything.
func (w *witness) means(wish, departed resource.Wish) bool {
	want, _ := resource.Resolve(wish.Want, valueIn(w.in.Seen))
	for _, field := range w.engine.byName[wish.Addr.Kind].Identity {
		wished, says := want[field]
		recorded, known := departed.Want[field]
		if !says || !known {
			continue
		}
		if _, open := resource.AsRef(wished); open || !reflect.DeepEqual(wished, recorded) {
			return false
		}
	}
	return true
}

// remind tells the vault what the ledger holds of credentials.
func (e *Engine) remind(c comparison, owned *plan.Owned) {
	if owned == nil {
		return
	}
	l := ledger.Ledger{}
	if c.ledger.err == nil {
		l = c.ledger.book.Ledger()
	}
	e.records = &records{engine: e, ledger: l}
	e.vault.Use(e.records)
	e.vault.Force(c.aim.Rotate)
}
