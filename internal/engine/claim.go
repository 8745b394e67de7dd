package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
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
	var doubts diag.List
	known.Objects, doubts = e.doubt(c, known.Objects)
	claims, err := plan.Claim(wishes, e.byName, known, e.renames())
	if err != nil {
		return claims, err
	}
	claims.Problems = append(claims.Problems, doubts...)
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
		if state := in.Seen[w.Addr.String()].State; t.Others == nil || state != plan.Present && state != plan.Awaiting && state != plan.Absent {
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
		if state := in.Seen[d.Addr.String()].State; state == plan.Present || state == plan.Awaiting {
			w.missing = append(w.missing, d)
		}
	}
	if c.aim.Destroy {
		w.hear(c.wishes)
	}
	if b := e.opt.Bounds; b != nil && len(w.missing) > 0 {
		w.read(b.Text)
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

// holders are what is told of departed objects by, where the stack is destroyed around it: it is wished and stays, as
// it is not the stack's own or not meant.
func (e *Engine) holders(c comparison, departed []resource.Wish) []resource.Wish {
	if !c.aim.Destroy {
		return nil
	}
	wished := map[string]resource.Wish{}
	for _, w := range c.wishes {
		wished[w.Addr.String()] = w
	}
	known := map[string]bool{}
	for _, d := range departed {
		known[d.Addr.String()] = true
	}
	var held []resource.Wish
	follow := slices.Sorted(maps.Keys(known))
	for len(follow) > 0 {
		address := follow[0]
		follow = follow[1:]
		for _, r := range resource.Refs(wished[address].Want) {
			if w, there := wished[r.Addr]; there && !known[r.Addr] {
				known[r.Addr] = true
				held, follow = append(held, w), append(follow, r.Addr)
			}
		}
	}
	return held
}

// witness looks for departed objects in what earlier versions of the spec wished.
type witness struct {
	engine     *Engine
	in         plan.Input
	metastores map[string]string
	missing    []resource.Wish
	heard      map[string]resource.Wish // the wishes of the version that is looked at, by address
	found      map[string]bool
}

// read hears one committed version, and says whether more are needed. One that is no valid spec says nothing.
func (w *witness) read(content []byte) (more bool) {
	w.hear(w.engine.committed(content, w.metastores))
	return len(w.missing) > 0
}

func (w *witness) hear(wishes []resource.Wish) {
	w.heard = map[string]resource.Wish{}
	for _, wish := range wishes {
		w.heard[wish.Addr.String()] = wish
	}
	w.missing = slices.DeleteFunc(w.missing, func(d resource.Wish) bool {
		wish, wished := w.heard[d.Addr.String()]
		if !wished || !w.means(wish, d) {
			return false
		}
		w.found[d.Addr.String()] = true
		return true
	})
}

// means reports whether a wish is for this very object: an address alone, in a ledger that anybody may have
// written, can stand before anything. What counts is what is there, as that is what would be deleted.
func (w *witness) means(wish, departed resource.Wish) bool {
	kind, have := w.engine.byName[wish.Addr.Kind], w.in.Seen[departed.Addr.String()].Object
	want, _ := resource.Resolve(wish.Want, w.value)
	for _, field := range kind.Identity {
		wished, says := want[field]
		is, shows := have[field]
		_, open := resource.AsRef(wished)
		switch {
		case open, says && shows && !reflect.DeepEqual(wished, is):
			return false
		case shows && !says && !givenByService(field), says && !shows && slices.Contains(kind.LiveIdentity, field):
			return false // a variable of the repository is none of an environment, whatever both are called
		}
	}
	return true
}

// givenByService reports whether a field is one that no spec has to say: an id.
func givenByService(field string) bool { return field == "id" || strings.HasSuffix(field, "_id") }

// value is what a reference of a wish stands for: not what a ledger says of an object that nothing
// vouches for.
func (w *witness) value(r resource.Ref) (any, bool) {
	i := slices.IndexFunc(w.in.Departed, func(d resource.Wish) bool { return d.Addr.String() == r.Addr })
	if i >= 0 && !w.found[r.Addr] {
		wish, wished := w.heard[r.Addr]
		if !wished || !w.means(wish, w.in.Departed[i]) {
			return nil, false
		}
	}
	return valueIn(w.in.Seen)(r)
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
