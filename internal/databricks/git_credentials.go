package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// GitCredential is what a service principal logs in to a Git provider with, in one workspace. It has one for a
// provider. Nothing shows its token.
type GitCredential struct{ ID, Provider, Username, Email string }

type gitCredentialInfo struct {
	ID       int64  `json:"credential_id"`
	Provider string `json:"git_provider"`
	Username string `json:"git_username"`
	Email    string `json:"git_email"`
}

func (g gitCredentialInfo) credential() GitCredential {
	return GitCredential{ID: strconv.FormatInt(g.ID, 10), Provider: g.Provider, Username: g.Username, Email: g.Email}
}

// gitCredentialChange is what a request sets; what is absent stays. They are set on the principal's behalf: who is
// let do that manages the principal. Nobody logs in as the principal for it, as that would take a credential of its own.
type gitCredentialChange struct {
	Provider  string `json:"git_provider"`
	Username  string `json:"git_username,omitempty"`
	Email     string `json:"git_email,omitempty"`
	Token     string `json:"personal_access_token"`
	Principal int64  `json:"principal_id"`
}

const gitCredentials = "/api/2.0/git-credentials"

// WorkspacePrincipal is a service principal in a workspace, by its numeric id.
type WorkspacePrincipal struct{ Host, ID string }

func (p WorkspacePrincipal) key() string { return "git/" + p.Host + "/" + p.ID }

// GitCredentials returns the Git credentials of a service principal in a workspace, or resource.ErrNotFound where the
// workspace does not know it. Who does not manage the principal may not look: resource.ErrForbidden.
func (f *Fleet) GitCredentials(ctx context.Context, p WorkspacePrincipal) ([]GitCredential, error) {
	if _, err := number("principal", p.ID); err != nil {
		return nil, err
	}
	return memo.Recall(ctx, &f.memo, p.key(), func(ctx context.Context) ([]GitCredential, error) {
		var answer struct {
			Credentials []gitCredentialInfo `json:"credentials"`
		}
		err := f.sendTo(ctx, p.Host, request{method: http.MethodGet, path: gitCredentials, query: map[string]any{"principal_id": p.ID}}, &answer)
		if err != nil {
			return nil, fmt.Errorf("reading the Git credentials of principal %s on %s: %w", p.ID, p.Host, onBehalf(err))
		}
		all := make([]GitCredential, 0, len(answer.Credentials))
		for _, g := range answer.Credentials {
			all = append(all, g.credential())
		}
		return all, nil
	})
}

// onBehalf says of a refusal who would be let.
func onBehalf(err error) error {
	if errors.Is(err, resource.ErrForbidden) {
		return fmt.Errorf("%w; an account admin, or a manager of the service principal, sets them for it: have that role given, or do it as the principal itself", err)
	}
	return err
}

// ForgetGitCredentials makes the next look at a principal's Git credentials one at live state.
func (f *Fleet) ForgetGitCredentials(p WorkspacePrincipal) { f.memo.Drop(p.key()) }

// CreateGitCredential gives a service principal a Git credential and returns it. Where it has one for the provider
// already the error is resource.ErrExists; where the workspace does not know the principal yet, resource.ErrNotYet.
func (f *Fleet) CreateGitCredential(ctx context.Context, p WorkspacePrincipal, g GitCredential, token Sealed) (GitCredential, error) {
	defer f.ForgetGitCredentials(p)
	body, err := g.change(p, token)
	if err != nil {
		return GitCredential{}, err
	}
	var made gitCredentialInfo
	err = f.sendTo(ctx, p.Host, request{method: http.MethodPost, path: gitCredentials, body: body}, &made)
	switch {
	case says(err, onlyOne):
		err = fmt.Errorf("%w: %w", resource.ErrExists, err)
	case errors.Is(err, resource.ErrNotFound):
		err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	case err == nil && made.ID == 0:
		err = fmt.Errorf("%w: it names no credential; %s", resource.ErrLost, newer)
	}
	if err != nil {
		return GitCredential{}, fmt.Errorf("giving principal %s a Git credential for %s on %s: %w", p.ID, g.Provider, p.Host, onBehalf(err))
	}
	return made.credential(), nil
}

// onlyOne is how the service refuses a second credential for one provider.
const onlyOne = "only one git credential is supported"

// UpdateGitCredential gives the Git credential of that id another token, and the user and address that are set.
func (f *Fleet) UpdateGitCredential(ctx context.Context, p WorkspacePrincipal, g GitCredential, token Sealed) error {
	defer f.ForgetGitCredentials(p)
	body, err := g.change(p, token)
	if err == nil {
		_, err = number("Git credential", g.ID)
	}
	if err != nil {
		return err
	}
	err = f.sendTo(ctx, p.Host, request{method: http.MethodPatch, path: gitCredentials, body: body}.below(g.ID), nil)
	if err != nil {
		return fmt.Errorf("changing Git credential %s of principal %s on %s: %w", g.ID, p.ID, p.Host, onBehalf(err))
	}
	return nil
}

func (g GitCredential) change(p WorkspacePrincipal, token Sealed) (gitCredentialChange, error) {
	id, err := number("principal", p.ID)
	return gitCredentialChange{Provider: g.Provider, Username: g.Username, Email: g.Email, Token: token.Reveal(), Principal: id}, err
}

// DeleteGitCredential takes a Git credential from a service principal; one that is gone already is no error.
func (f *Fleet) DeleteGitCredential(ctx context.Context, p WorkspacePrincipal, id string) error {
	defer f.ForgetGitCredentials(p)
	if _, err := number("Git credential", id); err != nil {
		return err
	}
	r := request{method: http.MethodDelete, path: gitCredentials, query: map[string]any{"principal_id": p.ID}}.below(id)
	if err := ignoreMissing(f.sendTo(ctx, p.Host, r, nil)); err != nil {
		return fmt.Errorf("deleting Git credential %s of principal %s on %s: %w", id, p.ID, p.Host, onBehalf(err))
	}
	return nil
}
