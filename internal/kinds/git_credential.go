package kinds

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlopsctl/mlopsctl/internal/credentials"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// gitCredentialKind is what a principal's jobs log in to a Git provider with. It is set on the principal's behalf by
// whoever manages the principal. The token is never a part of it: what can be compared is that the credential is
// there, whose it is, and whether the token's value is the one that was stored.
var gitCredentialKind = resource.Kind[*credentials.Vault, gitCredential]{
	Name:         "git_credential",
	Doc:          "What a service principal's jobs with a Git source log in to the Git provider with.",
	Identity:     []string{"host", "principal", "principal_id", "provider", "made"},
	LiveIdentity: []string{"host", "principal_id", "id"},
	CreateOnly:   []string{"address", "env", "file", "command"},
	Declare:      declareGitCredentials,
	Read:         readGitCredential,
	Create: func(ctx context.Context, v *credentials.Vault, want gitCredential) (gitCredential, error) {
		stored, err := v.MakeGit(ctx, want.credential())
		return want.seen(stored), err
	},
	Update: func(ctx context.Context, v *credentials.Vault, have, want gitCredential) (gitCredential, error) {
		stored, err := v.ChangeGit(ctx, want.credential(), have.ID)
		return want.seen(stored), err
	},
	Delete: func(ctx context.Context, v *credentials.Vault, have gitCredential) error {
		return v.RemoveGit(ctx, have.credential(), have.ID)
	},
	Check: func(_ context.Context, v *credentials.Vault, want gitCredential) error {
		return v.Available(want.credential().Source)
	},
	Warn: warnOfGitToken,
	Due: func(have gitCredential) resource.Renewal {
		return resource.Renewal{Reason: have.Renew, Tidy: have.Need == credentials.Repair} // an update, and no rotation
	},
	// What was made for another provider stays in view, so that it is not left behind.
	Shrink: func(want, made gitCredential) gitCredential {
		if made.Provider != want.Provider {
			want.Made = made.Provider
		}
		return want
	},
}

type gitCredential struct {
	Host        string        `json:"host"`
	Principal   string        `json:"principal"`
	PrincipalID resource.Text `json:"principal_id"`
	Provider    string        `json:"provider"`
	Made        string        `json:"made,omitempty"` // another provider, for which the stack has one at this address
	Username    string        `json:"username,omitempty"`
	Email       string        `json:"email,omitempty"`

	Address string   `json:"address,omitempty"` // under which the ledger has its check value
	Env     string   `json:"env,omitempty"`
	File    string   `json:"file,omitempty"`
	Command []string `json:"command,omitempty"`

	ID         string           `json:"id,omitempty"`
	Need       credentials.Need `json:"need,omitempty"`
	Renew      string           `json:"renew,omitempty"`
	Uncompared string           `json:"uncompared,omitempty"` // why its token could not be
}

func declareGitCredentials(w resource.Wishes) []resource.Decl[gitCredential] {
	var decls []resource.Decl[gitCredential]
	for _, p := range w.ServicePrincipals {
		if p.GitCredential == nil {
			continue
		}
		for _, t := range targetsOf(w, p.Name) {
			decls = append(decls, resource.Decl[gitCredential]{
				Addr: resource.Addr{Kind: "git_credential", Scope: t.Name, Name: p.Name},
				Key:  t.Host + " " + p.Name, // two targets may share a workspace
				Want: wishedGit(t, p),
				Needs: []resource.Need{{
					Addr: assignmentAddr(t.Name, p.Name).String(), Why: "the workspace knows a principal once it is assigned to it",
				}},
				At: w.At("service_principals", p.Name, "git_credential"),
			})
		}
	}
	return decls
}

func wishedGit(t spec.Target, p spec.ServicePrincipal) gitCredential {
	g := p.GitCredential
	return gitCredential{
		Host: t.Host, Principal: p.Name, PrincipalID: resource.From(principalAddr(p.Name), "id"),
		Provider: g.Provider, Username: g.Username, Email: g.Email,
		Address: resource.Addr{Kind: "git_credential", Scope: t.Name, Name: p.Name}.String(), Env: g.Env, File: g.File, Command: g.Command,
	}
}

func (g gitCredential) credential() credentials.GitCredential {
	return credentials.GitCredential{
		Source: credentials.Source{
			Address: g.Address, Env: g.Env, File: g.File, Command: g.Command,
			Host: g.Host, Principal: g.Principal, PrincipalID: g.PrincipalID.Value,
		},
		Provider: g.Provider, Username: g.Username, Email: g.Email,
	}
}

func readGitCredential(ctx context.Context, v *credentials.Vault, want gitCredential) (gitCredential, error) {
	if err := want.replaces(ctx, v); err != nil {
		return gitCredential{}, err
	}
	stored, err := v.StoredGit(ctx, want.credential())
	if err == nil && want.ID != "" && want.ID != stored.ID {
		err = fmt.Errorf("the Git credential %s: %w", want.ID, resource.ErrNotFound) // another was made since
	}
	return want.seen(stored), err
}

// replaces is a *resource.Blocked while the credential that was made at this address for another provider is there.
func (g gitCredential) replaces(ctx context.Context, v *credentials.Vault) error {
	if g.Made == "" {
		return nil
	}
	was := g.credential()
	was.Provider = g.Made
	switch _, err := v.StoredGit(ctx, was); {
	case errors.Is(err, resource.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return &resource.Blocked{Reason: fmt.Sprintf("the stack has a Git credential for %s here, and a provider is nothing that is changed: "+
			"apply once without the git_credential of %s, so that it goes, and then with the one for %s", g.Made, g.Principal, g.Provider)}
	}
}

// seen is the credential as it is. What the spec does not say of it is not managed.
func (g gitCredential) seen(s credentials.StoredGit) gitCredential {
	have := g
	have.Env, have.File, have.Command, have.Made = "", "", nil, ""
	have.ID, have.Username, have.Email = s.ID, s.Username, s.Email
	have.Need, have.Renew, have.Uncompared = s.Need, s.Renew, s.Uncompared
	return have
}

func warnOfGitToken(want gitCredential, have *gitCredential) *resource.Warning {
	if have == nil || have.Uncompared == "" {
		return nil
	}
	return &resource.Warning{
		Code:    "plan/not-compared",
		Summary: fmt.Sprintf("whether the token of %s for %s changed cannot be told from here: %s", want.Principal, want.Provider, have.Uncompared),
		Detail:  "it stays as it is; plan where its value can be read, or renew it with `mlopsctl secrets rotate " + want.Address + "`",
	}
}
