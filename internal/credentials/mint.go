package credentials

import (
	"context"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
)

// An OAuth secret belongs to a principal of the account, a personal access token to a principal in one workspace. So
// that nothing takes the one for the other, the holder of a token is the principal's id, @, and the workspace.

// holder is whose credentials are meant: a principal's, or with a workspace the tokens that it has there.
func holder(principalID, workspace string) string {
	if workspace == "" {
		return principalID
	}
	return principalID + "@" + workspace
}

// parted returns the principal of a holder, and the workspace, "" for OAuth secrets.
func parted(holder string) (principalID, workspace string) {
	principalID, workspace, _ = strings.Cut(holder, "@")
	return principalID, workspace
}

// At returns the source with the holder of what it issues, given the principal's id; "" stays unknown.
func (s Source) At(principalID string) Source {
	s.PrincipalID = principalID
	if principalID != "" && s.Issue == PersonalToken {
		s.PrincipalID = holder(principalID, s.Host)
	}
	return s
}

// lasts reports whether what is issued is stored itself, and has an end that a record or its times tell.
func (i Issue) lasts() bool { return i == OAuthSecret || i == PersonalToken }

// nounOf is what messages call the credentials of a holder.
func nounOf(holder string) string {
	if _, workspace := parted(holder); workspace != "" {
		return PersonalToken.noun()
	}
	return OAuthSecret.noun()
}

// noun is what messages call the credentials behind a source.
func (i Issue) noun() string {
	if i == PersonalToken {
		return "token"
	}
	return "OAuth secret"
}

// one is noun with its article.
func (i Issue) one() string {
	if i == PersonalToken {
		return "a token"
	}
	return "an OAuth secret"
}

// Issued returns the credentials of a holder that are there.
func (v *Vault) Issued(ctx context.Context, of string) ([]databricks.Secret, error) {
	if principal, workspace := parted(of); workspace != "" {
		return v.opt.Fleet.PersonalTokens(ctx, workspace, principal)
	}
	return v.opt.Fleet.OAuthSecrets(ctx, of)
}

func (v *Vault) forgetIssued(of string) {
	if _, workspace := parted(of); workspace != "" {
		v.opt.Fleet.ForgetPersonalTokens(workspace)
		return
	}
	v.opt.Fleet.ForgetOAuthSecrets(of)
}

func (v *Vault) revokeIssued(ctx context.Context, of, id string) error {
	if _, workspace := parted(of); workspace != "" {
		return v.opt.Fleet.RevokePersonalToken(ctx, workspace, id)
	}
	return v.opt.Fleet.RevokeOAuthSecret(ctx, of, id)
}

// mint issues one credential, known as a secret before anybody is sent it. A principal that is to have a token is let use
// tokens first.
func (v *Vault) mint(ctx context.Context, s Source, lifetime time.Duration) (made databricks.Secret, err error) {
	defer func() { v.opt.Secrets.Add(made.Value.Reveal()) }()
	if s.Issue != PersonalToken {
		return v.opt.Fleet.IssueOAuthSecret(ctx, s.PrincipalID, lifetime)
	}
	if err := v.opt.Fleet.AllowTokens(ctx, s.Host, s.ApplicationID); err != nil {
		return databricks.Secret{}, err
	}
	return v.opt.Fleet.IssuePersonalToken(ctx, s.Host, databricks.TokenOrder{
		ApplicationID: s.ApplicationID, Comment: "mlopsctl: " + s.Address, Lifetime: lifetime,
	})
}
