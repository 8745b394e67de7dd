package credentials

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// Records is what the ledger holds of credentials.
type Records interface {
	// Secrets are the secrets that are recorded.
	Secrets() []ledger.Secret
	// Issuing are the open intents of runs that did not end; those of the run that asks are not among them.
	Issuing() []ledger.Issuing
	// MadePrincipal reports whether this stack made a service principal, or was about to.
	MadePrincipal(id, name string) bool
	// Save records a secret in place of what was recorded at its address, closes the intents to issue for
	// it, and returns when the repository has it.
	Save(ctx context.Context, s ledger.Secret) error
}

// Use gives the vault the ledger for the plan that is about to be made, and forgets what it concluded for
// the plan before. Without records (nil, or never called) a credential is recognised by times, nothing is
// revoked, and nothing is recorded.
func (v *Vault) Use(r Records) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.records, v.adopted, v.strays, v.forced = r, map[string]ledger.Secret{}, map[string]*strays{}, map[string]bool{}
	v.done = map[string]bool{}
}

// Settled are the addresses of the secrets that the last plan saw as they should be, and for which a run that did not
// end was to issue a credential of which nothing is left: that intent is closed.
func (v *Vault) Settled() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.done))
}

// Force makes the secrets at these addresses due though nothing asks for it, until each is stored. It takes
// the place of what was forced before, and Use ends it.
func (v *Vault) Force(addresses []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forced = map[string]bool{}
	for _, a := range addresses {
		v.forced[a] = true
	}
}

// Wanted is a credential that an apply is going to issue.
type Wanted struct {
	Address     string // of the secret that it is for
	Principal   string
	PrincipalID string // "" where the principal is yet to be made
	Workspace   string // of a personal access token; "" of an OAuth secret
}

// Intents are the intents to issue these credentials, in their order: each with the ids that its principal
// has now. It reads, and records nothing; the run's id is left to the caller.
func (v *Vault) Intents(ctx context.Context, wanted []Wanted) ([]ledger.Issuing, error) {
	var intents []ledger.Issuing
	for _, w := range wanted {
		i := ledger.Issuing{
			Address: w.Address, Principal: w.Principal, PrincipalID: holder(w.PrincipalID, w.Workspace), Before: []string{}, At: ledger.Moment(v.opt.Clock.Now()),
		}
		if w.PrincipalID != "" {
			secrets, err := v.Issued(ctx, i.PrincipalID)
			if err != nil {
				return nil, fmt.Errorf("recording what %s has before a credential is issued: %w", w.Principal, err)
			}
			i.Before = idsOf(secrets)
		}
		intents = append(intents, i)
	}
	return intents, nil
}

// Adopted are the records of the secrets that the last plan saw in place and that the ledger does not know:
// what an apply that adopts them writes into it. An id is in one of them only where it is certain.
func (v *Vault) Adopted() []ledger.Secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	var adopted []ledger.Secret
	for _, s := range v.adopted {
		adopted = append(adopted, s)
	}
	slices.SortFunc(adopted, func(a, b ledger.Secret) int { return cmp.Compare(a.Address, b.Address) })
	return adopted
}

// addressOf is the address of a place. GitHub tells neither environments nor secrets apart by case, and an
// object that has left the spec may bear whatever address a ledger says.
func addressOf(p github.Place, s Source) string {
	address := "secret/" + p.Name
	if p.Environment != "" {
		address = "secret/" + p.Environment + "/" + p.Name
	}
	if strings.EqualFold(address, s.Address) {
		return s.Address
	}
	return address
}

// record returns what the ledger holds of a secret.
func (v *Vault) record(address string) (ledger.Secret, bool) {
	for _, s := range v.recorded() {
		if strings.EqualFold(s.Address, address) {
			return s, true
		}
	}
	return ledger.Secret{}, false
}

func (v *Vault) recorded() []ledger.Secret {
	if r := v.book(); r != nil {
		return r.Secrets()
	}
	return nil
}

// book is the ledger; nil where there is none.
func (v *Vault) book() Records {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.records
}

// holds reports whether a record knows an OAuth secret: as the one that is stored, or as one that was replaced.
func holds(r ledger.Secret, id string) bool {
	return r.RemoteID == id || slices.ContainsFunc(r.Replaced, func(x ledger.Replaced) bool { return x.RemoteID == id })
}

func idsOf(secrets []databricks.Secret) []string {
	ids := make([]string, 0, len(secrets))
	for _, s := range secrets {
		ids = append(ids, s.ID)
	}
	slices.Sort(ids)
	return ids
}

func find(secrets []databricks.Secret, id string) (databricks.Secret, bool) {
	i := slices.IndexFunc(secrets, func(s databricks.Secret) bool { return s.ID == id })
	if i < 0 {
		return databricks.Secret{}, false
	}
	return secrets[i], true
}
