package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// settleLedger records, where p changes nothing, what a run that could not say so itself made of its intents;
// that what has left the spec is gone: whoever makes one of that name later must not have it taken for the stack's;
// and by which name the stack goes now, so that the spec need not say for ever how it was called. Where there is none
// of these, nothing is sent.
func (e *Engine) settleLedger(ctx context.Context, p *plan.Plan) error {
	if e.book == nil || !e.book.Exists() {
		return nil
	}
	ends := e.ending(p)
	l := e.book.Ledger()
	before := open(l)
	ended, renamed := l.Run.EndedAt != "", l.Stack != e.stack.Name
	ends.conclude(&l, apply.Report{})
	message := "apply: ends a run that could not say so"
	switch {
	case !ended || open(l) != before:
	case len(p.Gone) > 0:
		message = "apply: forgets what has gone"
	case renamed:
		message = "apply: the stack goes by another name"
	default:
		return nil
	}
	for _, address := range p.Gone {
		e.say(address + " left the spec and has gone; the ledger forgets it")
	}
	e.guard.AllowWrites()
	who := e.who(ctx)
	ends.run.Who = who
	err := e.book.Finish(ctx, ledger.Taking{
		Who: who, Message: message, Change: func(l *ledger.Ledger) { ends.conclude(l, apply.Report{}) },
	})
	if err != nil {
		return fmt.Errorf("%w: %w; nothing else was left to do", ErrUnrecorded, err)
	}
	return nil
}

// unasked are the addresses of what runs before may have started and nobody wishes any more: nothing will look for it.
func (e *Engine) unasked(c comparison, wishes []resource.Wish) []string {
	if c.ledger.err != nil || c.aim.String() != "" { // a part of the wishes says nothing of the rest
		return nil
	}
	var gone []string
	for _, i := range c.ledger.book.Ledger().Intents {
		wished := slices.ContainsFunc(wishes, func(w resource.Wish) bool { return w.Addr.String() == i.Address })
		if e.byName[i.Kind].Starts && !wished {
			gone = append(gone, i.Address)
		}
	}
	return gone
}

// open is how much of what runs intended stands open in a ledger.
func open(l ledger.Ledger) int { return len(l.Intents) + len(l.Issuing) }

// withAdded are the objects of a ledger, with what runs that did not end were about to add to the lists of theirs: where
// it is there now, they added it.
func (e *Engine) withAdded(objects []ledger.Object, intents []ledger.Intent) (with []ledger.Object, rest []ledger.Intent) {
	l := ledger.Ledger{Objects: objects}
	for _, i := range intents {
		list := e.byName[i.Kind].Items
		if len(i.Items) == 0 || list == "" {
			rest = append(rest, i)
			continue
		}
		o := ledger.Object{Address: i.Address, Kind: i.Kind, Origin: ledger.Adopted, Live: i.Want, DependsOn: i.DependsOn, Since: i.At}
		items := i.Items
		if known := l.Find(i.Address); known != nil {
			o = *known
			items = append(itemsOf(e.byName[i.Kind], o.Live), beyond(i.Items, itemsOf(e.byName[i.Kind], o.Live))...)
		}
		o.Live = plan.Merge(o.Live, nil)
		o.Live[list] = anys(items)
		l.Put(o)
	}
	return l.Objects, rest
}
