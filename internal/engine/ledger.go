package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// opened is the ledger as a plan found it.
type opened struct {
	book *ledger.Book
	err  error
}

// proposed reports whether the stack has opened a pull request before, as far as the ledger tells.
func (o opened) proposed() bool {
	return o.err == nil && slices.ContainsFunc(o.book.Ledger().Objects, func(r ledger.Object) bool { return r.Kind == "pull_request" })
}

// gone are the addresses of what has left the spec and is not there any longer. Of a pull request that says that the
// stack has proposed files, it is forgotten once no other one is to be opened.
func gone(p *plan.Plan, in plan.Input) []string {
	proposes := slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Kind == "pull_request" && c.Action == plan.Create })
	var list []string
	for _, w := range in.Departed {
		if in.Seen[w.Addr.String()].State == plan.Absent && (!proposes || w.Addr.Kind != "pull_request") {
			list = append(list, w.Addr.String())
		}
	}
	return list
}

// openLedger begins to read the ledger, which takes no longer than what else a plan has to ask for; the
// func that it returns waits for it.
func (e *Engine) openLedger(ctx context.Context) func() opened {
	if e.book != nil && e.book.Held() {
		return func() opened { return opened{book: e.book} } // nobody else writes to it now
	}
	if why := e.opt.Bounds.withheld(e.stack, e.stack.Git.Host); why != "" {
		return func() opened { return opened{err: fmt.Errorf("%s: %w", why, resource.ErrForbidden)} }
	}
	done := make(chan opened, 1)
	go func() {
		if err := e.formerRepository(ctx); err != nil {
			done <- opened{err: err}
			return
		}
		book, err := ledger.Open(ctx, ledger.Options{
			Store: e.hub, Clock: e.opt.Clock, Self: ledger.Self(), Say: e.say,
			Where: ledger.Where{Stack: e.stack.Name, Formerly: e.formerly()},
			Run:   ledger.Run{ID: newRun(), Version: e.opt.Version, Spec: e.stack.File, SHA256: e.stack.SHA256},
		})
		done <- opened{book: book, err: err}
	}()
	return sync.OnceValue(func() opened { return <-done })
}

func newRun() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails, or ends the program
	return hex.EncodeToString(b[:])
}

// formerRepository has the repository looked for under the name that it had, where the spec says that it was
// renamed and that has not been done yet.
func (e *Engine) formerRepository(ctx context.Context) error {
	for _, m := range e.stack.Moved {
		from, ok := cutKind(m.From, "repository")
		owner, name, _ := strings.Cut(from, "/")
		if ok && strings.EqualFold(owner, e.stack.Git.Owner) {
			if err := e.hub.Formerly(ctx, name); err != nil {
				return fmt.Errorf("looking for the repository under its former name %s: %w", from, err)
			}
		}
	}
	return nil
}

// formerly are the names that the stack had, by the spec's own word.
func (e *Engine) formerly() []string {
	var names []string
	for _, m := range e.stack.Moved {
		if from, ok := cutKind(m.From, "stack"); ok {
			names = append(names, from)
		}
	}
	return names
}

// names are the stack's own, today's first.
func (e *Engine) names() []string { return append([]string{e.stack.Name}, e.formerly()...) }

// owned is what a ledger says that the stack owns; nil where that cannot be known. The diagnostics say what
// that means.
func (e *Engine) owned(o opened) (*plan.Owned, diag.List) {
	code, advice := "", ""
	switch {
	case o.err == nil:
		l := o.book.Ledger()
		// What this very run is about to make is nobody's yet: if it is there by now, somebody else made it.
		l.Intents = slices.DeleteFunc(l.Intents, func(i ledger.Intent) bool { return i.Run == o.book.Run().ID || e.byName[i.Kind].Starts })
		l.Objects, l.Intents = e.withAdded(l.Objects, l.Intents)
		return &plan.Owned{Names: e.names(), Objects: l.Objects, Intents: l.Intents}, nil
	case errors.Is(o.err, resource.ErrNotFound):
		return &plan.Owned{Names: e.names()}, nil // no repository, no ledger; if it is only hidden, it is not seen either
	case errors.Is(o.err, ledger.ErrTorn):
		code, advice = "ledger/torn", "look at it with `git log -p` after fetching "+ledger.StateRef+"; go back to a version that is whole, or delete the ref: then everything is adopted again"
	case errors.Is(o.err, ledger.ErrNewer):
		code, advice = "ledger/newer", "use the version of mlopsctl that wrote it, or a newer one"
	case errors.Is(o.err, ledger.ErrOther):
		code, advice = "ledger/other-stack", "one repository holds one stack; if this is the stack's, delete the ref "+ledger.StateRef+": then everything is adopted again"
	case errors.Is(o.err, resource.ErrForbidden):
		return nil, diag.List{{Severity: diag.Warning, Code: "ledger/unreadable", Summary: "the ledger cannot be read with these credentials: " + e.Scrub(o.err.Error()),
			Detail: "what this stack owns is not known, so the plan shows nothing that is adopted, released or deleted; an apply needs `contents: write`"}}
	default:
		return nil, nil // the repository's own read says the same, or unread does
	}
	return nil, diag.List{{Severity: diag.Error, Code: code, Summary: e.Scrub(o.err.Error()), Detail: advice}}
}

// unread says that the ledger could not be read for another reason than that its repository could not.
func (e *Engine) unread(o opened, seen map[string]plan.Observation) diag.List {
	if o.err == nil || errors.Is(o.err, resource.ErrForbidden) || errors.Is(o.err, resource.ErrNotFound) || !e.aim.Destroy && seen["repository"].State != plan.Present {
		return nil
	}
	return diag.List{{Severity: diag.Error, Code: "ledger/read-failed", Summary: e.Scrub(o.err.Error()), Detail: "plan again; without the ledger nobody knows what this stack owns"}}
}

// repositoryIn returns the repository that the ledger lies in, as it was seen; its ID is "" where there is none.
func (e *Engine) repositoryIn(seen map[string]plan.Observation) ledger.Repository {
	o := seen["repository"].Object
	id, _ := o["id"].(string)
	name, _ := o["full_name"].(string)
	return ledger.Repository{Host: e.stack.Git.Host, ID: id, FullName: name}
}

// who names the person or the app in whose name an apply runs.
func (e *Engine) who(ctx context.Context) string {
	if name, _, err := e.hub.Author(ctx); err == nil && name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func (e *Engine) say(text string) {
	if e.tell != nil {
		e.tell(text)
	}
}

func cutKind(address, kind string) (name string, ok bool) {
	if len(address) > len(kind)+1 && address[:len(kind)+1] == kind+"/" {
		return address[len(kind)+1:], true
	}
	return "", false
}

// defaultLockTimeout is how long an apply waits for another one.
const defaultLockTimeout = 90 * time.Second
