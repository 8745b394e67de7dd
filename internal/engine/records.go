package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/kinds"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// records is the ledger as the vault reads and writes it.
type records struct {
	engine *Engine
	ledger ledger.Ledger // as the plan read it
}

// Secrets are the secrets that are recorded.
func (r *records) Secrets() []ledger.Secret { return r.current().Secrets }

// Issuing returns the open intents to issue a credential, of runs that did not end.
func (r *records) Issuing() []ledger.Issuing {
	l := r.current()
	if b := r.engine.book; b != nil && b.Held() {
		return slices.DeleteFunc(slices.Clone(l.Issuing), func(i ledger.Issuing) bool { return i.Run == b.Run().ID })
	}
	return l.Issuing
}

// MadePrincipal reports whether this stack made a principal, or was about to.
func (r *records) MadePrincipal(id, name string) bool {
	l, address := r.current(), "service_principal/"+name
	made := slices.ContainsFunc(l.Objects, func(o ledger.Object) bool {
		return o.Kind == "service_principal" && o.Origin == ledger.Made && o.Live["id"] == id
	})
	return made || slices.ContainsFunc(l.Intents, func(i ledger.Intent) bool { return i.Address == address })
}

// Save records a secret, and pushes it. Its intent to issue is closed with it.
func (r *records) Save(ctx context.Context, s ledger.Secret) error {
	return r.engine.book.Change(ctx, "apply: "+s.Address, func(l *ledger.Ledger) {
		l.PutSecret(s)
		l.Issuing = slices.DeleteFunc(l.Issuing, func(i ledger.Issuing) bool { return i.Address == s.Address })
	})
}

func (r *records) current() *ledger.Ledger {
	if b := r.engine.book; b != nil && b.Held() {
		l := b.Ledger()
		return &l
	}
	return &r.ledger
}

// issuing are the credentials that a plan will issue, with the ids that their principals have now.
func (e *Engine) issuing(ctx context.Context, p *plan.Plan) ([]ledger.Issuing, error) {
	var wanted []credentials.Wanted
	for _, c := range p.Changes {
		if c.Kind != "secret" || c.Action != plan.Create && c.Action != plan.Update && c.Action != plan.Rotate {
			continue
		}
		w, issues, err := kinds.Issues(c.After)
		if err != nil {
			return nil, fmt.Errorf("what %s issues: %w", c.Address, err)
		}
		if !issues {
			continue
		}
		w.Address = c.Address
		if o := p.Find("service_principal/" + w.Principal); o != nil {
			w.PrincipalID, _ = o.Before["id"].(string)
		}
		wanted = append(wanted, w)
	}
	return e.vault.Intents(ctx, wanted)
}
