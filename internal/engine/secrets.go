package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/kinds"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Credential is one secret or Git credential of the stack, and what a plan would do about it.
type Credential struct {
	credentials.Entry
	Action plan.Action
	Reason string
}

// Stores reports whether objects of a kind hold a secret value, so that Credentials lists them.
func Stores(kind string) bool { return kinds.Stores(kind) }

// Credentials lists the secrets that the stack stores, and those that it still has though the spec no longer
// wishes them, with the plan that saw them. Of what was replaced it names what still lives.
func (e *Engine) Credentials(ctx context.Context) ([]Credential, *plan.Plan, error) {
	p, err := e.Plan(ctx, Aim{Only: []string{"secret/*", "git_credential/*"}})
	if errors.Is(err, ErrNothingSelected) {
		return nil, &plan.Plan{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var all []Credential
	for _, c := range p.Changes {
		if !kinds.Stores(c.Kind) {
			continue
		}
		entry, err := kinds.Entry(e.vault, c.Kind, c.Want, c.Before)
		if err != nil {
			return nil, nil, err
		}
		entry.Address = cmp.Or(entry.Address, c.Address)
		entry.Replaced = e.living(ctx, entry)
		all = append(all, Credential{Entry: entry, Action: c.Action, Reason: c.Reason})
	}
	slices.SortFunc(all, func(a, b Credential) int { return cmp.Compare(a.Address, b.Address) })
	return all, p, nil
}

// living are the replaced OAuth secrets of an entry that are there still. Where that cannot be read they count
// as such.
func (e *Engine) living(ctx context.Context, entry credentials.Entry) []ledger.Replaced {
	if len(entry.Replaced) == 0 || e.records == nil {
		return nil
	}
	principal := ""
	for _, s := range e.records.Secrets() {
		if s.Address == entry.Address {
			principal = s.PrincipalID
		}
	}
	return slices.DeleteFunc(slices.Clone(entry.Replaced), func(r ledger.Replaced) bool {
		secrets, err := e.vault.Issued(ctx, cmp.Or(r.PrincipalID, principal))
		if err != nil {
			return errors.Is(err, resource.ErrNotFound)
		}
		return !slices.ContainsFunc(secrets, func(x databricks.Secret) bool { return x.ID == r.RemoteID })
	})
}

// StoredSecret is a secret that the spec wishes, or a Git credential, which goes by its principal's name.
type StoredSecret struct {
	Address, Name string
	Issued        bool // here, and not given from outside
}

// StoredSecrets are the secrets that the spec wishes, with those that it implies. Nothing is sent for that.
func (e *Engine) StoredSecrets() ([]StoredSecret, error) {
	wishes, problems, err := plan.Declare(e.types, resource.Wishes{Stack: e.stack})
	if err != nil {
		return nil, err
	}
	if problems.HasErrors() {
		return nil, errors.New(problems[0].Summary)
	}
	var all []StoredSecret
	for _, w := range wishes {
		if kinds.Stores(w.Addr.Kind) {
			issue, _ := w.Want["issue"].(string)
			all = append(all, StoredSecret{Address: w.Addr.String(), Name: w.Addr.Name, Issued: issue != ""})
		}
	}
	return all, nil
}
