package credentials

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// GitCredential is what a service principal logs in to a Git provider with, in one workspace. Its token comes from
// the source, and nothing shows it once it is stored: what can be compared is a check value, as of every value from
// outside, and the credential's id.
type GitCredential struct {
	Source   Source // with its address, its workspace and its principal's id
	Provider string
	Username string // "" is not managed
	Email    string
}

func (g GitCredential) holder() databricks.WorkspacePrincipal {
	return databricks.WorkspacePrincipal{Host: g.Source.Host, ID: g.Source.PrincipalID}
}

func (g GitCredential) wished(id string) databricks.GitCredential {
	return databricks.GitCredential{ID: id, Provider: g.Provider, Username: g.Username, Email: g.Email}
}

// StoredGit is a Git credential that is there, and what is known of its token.
type StoredGit struct {
	databricks.GitCredential
	Stored
}

// GitCredentials returns the Git credentials that the principal has in the workspace.
func (v *Vault) GitCredentials(ctx context.Context, g GitCredential) ([]databricks.GitCredential, error) {
	return v.opt.Fleet.GitCredentials(ctx, g.holder())
}

// StoredGit returns the credential of the provider that the principal has, with what its token needs, or
// resource.ErrNotFound.
func (v *Vault) StoredGit(ctx context.Context, g GitCredential) (StoredGit, error) {
	live, err := v.liveGit(ctx, g)
	if err != nil {
		return StoredGit{}, err
	}
	return StoredGit{GitCredential: live, Stored: v.judgeGit(g, live)}, nil
}

func (v *Vault) liveGit(ctx context.Context, g GitCredential) (databricks.GitCredential, error) {
	all, err := v.GitCredentials(ctx, g)
	if err != nil {
		return databricks.GitCredential{}, err
	}
	for _, x := range all {
		if strings.EqualFold(x.Provider, g.Provider) {
			return x, nil
		}
	}
	return databricks.GitCredential{}, fmt.Errorf("a Git credential of %s for %s on %s: %w", g.Source.Principal, g.Provider, g.Source.Host, resource.ErrNotFound)
}

func (v *Vault) judgeGit(g GitCredential, live databricks.GitCredential) Stored {
	var s Stored
	record, recorded := v.record(g.Source.Address)
	switch {
	case recorded && record.RemoteID != live.ID:
		s = s.due(Repair, "it is another one (id %s) than the one whose token was stored here (id %s)", live.ID, record.RemoteID)
	case recorded:
		s = v.compare(g.Source, record, s)
	default:
		v.adoptGit(g, live)
	}
	if v.isForced(g.Source.Address) && s.Need == "" {
		s = s.due(Rotation, "you asked for it")
	}
	return s
}

// adoptGit notes what an apply records of a credential that was there before: the best that can be known is that its
// token is the one that is given here now.
func (v *Vault) adoptGit(g GitCredential, live databricks.GitCredential) {
	if v.book() == nil {
		return
	}
	r := ledger.Secret{Address: g.Source.Address, Principal: g.Source.Principal, RemoteID: live.ID}
	if value, err := v.compared(g.Source); err == nil {
		r.Salt, r.Check = fresh(value)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.adopted[r.Address] = r
}

func (v *Vault) isForced(address string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.forced[address]
}

// MakeGit gives the principal a credential with the token of the source, and records it. One that appeared since the
// plan was made is resource.ErrExists, and stays as it is; but for one that this very call asked for before, when its answer
// was lost.
func (v *Vault) MakeGit(ctx context.Context, g GitCredential) (StoredGit, error) {
	return v.setGit(ctx, g, func(token databricks.Sealed) (databricks.GitCredential, error) {
		v.opt.Fleet.ForgetGitCredentials(g.holder())
		live, err := v.liveGit(ctx, g)
		switch {
		case err == nil && v.asked(g.Source.Address):
			live = g.wished(live.ID)
			return live, v.updateGit(ctx, g, live, token)
		case err == nil:
			return live, fmt.Errorf("%s has a Git credential for %s: %w", g.Source.Principal, g.Provider, resource.ErrExists)
		case !errors.Is(err, resource.ErrNotFound):
			return live, err
		}
		made, err := v.opt.Fleet.CreateGitCredential(ctx, g.holder(), g.wished(""), token)
		if errors.Is(err, resource.ErrLost) {
			v.ask(g.Source.Address)
			err = fmt.Errorf("whether it was stored is %w: %v", resource.ErrNotYet, err)
		}
		return made, err
	})
}

// ChangeGit gives the credential of that id the token of the source, its user and its address, and records it.
func (v *Vault) ChangeGit(ctx context.Context, g GitCredential, id string) (StoredGit, error) {
	return v.setGit(ctx, g, func(token databricks.Sealed) (databricks.GitCredential, error) {
		return g.wished(id), v.updateGit(ctx, g, g.wished(id), token)
	})
}

// updateGit sends a change, which may be sent twice: it says the same both times.
func (v *Vault) updateGit(ctx context.Context, g GitCredential, wished databricks.GitCredential, token databricks.Sealed) error {
	err := v.opt.Fleet.UpdateGitCredential(ctx, g.holder(), wished, token)
	if errors.Is(err, resource.ErrLost) {
		return fmt.Errorf("whether it was stored is %w: %v", resource.ErrNotYet, err)
	}
	return err
}

// setGit sends a token by send, records it, and returns what is known then.
func (v *Vault) setGit(ctx context.Context, g GitCredential, send func(databricks.Sealed) (databricks.GitCredential, error)) (StoredGit, error) {
	done, err := v.turn(ctx, "", g.Source.Address)
	if err != nil {
		return StoredGit{}, err
	}
	defer done()
	token, err := v.read(ctx, g.Source)
	if err != nil {
		return StoredGit{}, err
	}
	set, err := send(token)
	if err != nil {
		return StoredGit{}, err
	}
	v.mu.Lock()
	delete(v.forced, g.Source.Address)
	v.mu.Unlock()
	if book := v.book(); book != nil {
		r := ledger.Secret{Address: g.Source.Address, Principal: g.Source.Principal, RemoteID: set.ID, StoredAt: moment(v.opt.Clock.Now())}
		r.Salt, r.Check = v.checked(g.Source.Address, token)
		if err := book.Save(ctx, r); err != nil {
			return StoredGit{}, fmt.Errorf("the Git credential of %s is stored, and could not be recorded: %w", g.Source.Principal, err)
		}
	}
	live, err := v.liveGit(ctx, g)
	if errors.Is(err, resource.ErrNotFound) { // a listing that lags behind
		live, err = set, nil
	}
	return StoredGit{GitCredential: live}, err
}

// RemoveGit takes the credential of that id from the principal; one that is gone already is no error.
func (v *Vault) RemoveGit(ctx context.Context, g GitCredential, id string) error {
	return v.opt.Fleet.DeleteGitCredential(ctx, g.holder(), id)
}

// ask notes that a credential was asked for whose answer was lost; asked reports it.
func (v *Vault) ask(address string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sent[address] = true
}

func (v *Vault) asked(address string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sent[address]
}
