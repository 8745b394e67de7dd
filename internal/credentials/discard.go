package credentials

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// Discard deletes the secret at a place. First it revokes what was recorded as issued for it, and only that:
// were it to end between the two, what is left is a secret that is of no use and still to be deleted, and
// no credential that nobody knows of.
func (v *Vault) Discard(ctx context.Context, p github.Place, s Source) error {
	if record, known := v.record(addressOf(p, s)); known {
		if err := v.withdraw(ctx, s, record); err != nil {
			return fmt.Errorf("revoking what was issued for secret %s: %w", p, err)
		}
	}
	return v.opt.GitHub.DeleteSecret(ctx, p)
}

// withdraw revokes the credentials of a record: the one that is stored, and those that were replaced.
func (v *Vault) withdraw(ctx context.Context, s Source, record ledger.Secret) error {
	ids := map[string][]string{} // by holder
	for _, r := range append(attributed(record), ledger.Replaced{RemoteID: record.RemoteID, PrincipalID: record.PrincipalID}) {
		if r.PrincipalID != "" {
			ids[r.PrincipalID] = append(ids[r.PrincipalID], r.RemoteID)
		}
	}
	for _, of := range slices.Sorted(maps.Keys(ids)) {
		if err := v.withdrawFrom(ctx, s, holding{of: of, ids: ids[of], address: record.Address}); err != nil {
			return err
		}
	}
	return nil
}

// holding is what a record says of one holder.
type holding struct {
	of      string
	ids     []string
	address string
}

// withdrawFrom revokes credentials of one holder, if its principal is the one of the source's name, or another that the
// spec runs as: whoever can push can write somebody else's id into a ledger.
func (v *Vault) withdrawFrom(ctx context.Context, s Source, h holding) error {
	ours, err := v.isNamed(ctx, s, h.of)
	if err == nil && !ours {
		ours, err = v.runsAs(ctx, h.of)
	}
	if err != nil || !ours {
		return err
	}
	done, err := v.turn(ctx, h.of, h.address)
	if err != nil {
		return err
	}
	defer done()
	v.forgetIssued(h.of)
	live, err := v.Issued(ctx, h.of)
	if err != nil {
		return err
	}
	for _, x := range live {
		if !slices.Contains(h.ids, x.ID) {
			continue
		}
		if err := v.revokeIssued(ctx, h.of, x.ID); err != nil {
			return err
		}
	}
	return nil
}

// isNamed reports whether a holder's principal goes by the name that the source has. One that is gone has taken its
// credentials with it.
func (v *Vault) isNamed(ctx context.Context, s Source, holder string) (bool, error) {
	if s.Principal == "" {
		return false, nil
	}
	principals, err := v.opt.Fleet.Principals(ctx, s.Host, s.Principal)
	return hasID(principals, holder), err
}

// runsAs reports whether a holder's principal is one that the spec runs as, by its names: the ledger alone does not
// say whose credentials may be revoked.
func (v *Vault) runsAs(ctx context.Context, holder string) (bool, error) {
	if !v.opt.Fleet.HasAccount() {
		return false, nil
	}
	for _, name := range v.opt.Principals {
		principals, err := v.opt.Fleet.Principals(ctx, "", name)
		if err != nil || hasID(principals, holder) {
			return err == nil, err
		}
	}
	return false, nil
}

func hasID(principals []databricks.Principal, holder string) bool {
	id, _ := parted(holder)
	return slices.ContainsFunc(principals, func(p databricks.Principal) bool { return p.ID == id })
}
