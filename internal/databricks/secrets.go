package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/oauth2"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Secret is an OAuth secret of a service principal. Only issuing it shows its value. The zero Expires
// is never.
type Secret struct {
	ID               string
	Value            Sealed
	Created, Expires time.Time
}

// ErrNoPrincipal is a principal that the account does not have, or an account that there is not.
var ErrNoPrincipal = errors.New("there is no such principal in the account")

// OAuthSecrets returns the OAuth secrets of a service principal, by its numeric id.
func (f *Fleet) OAuthSecrets(ctx context.Context, principalID string) ([]Secret, error) {
	return memo.Recall(ctx, &f.memo, "secrets/"+principalID, func(ctx context.Context) ([]Secret, error) {
		api, err := f.secretsAPI(principalID)
		if err != nil {
			return nil, err
		}
		list, err := api.ListAll(ctx, oauth2.ListServicePrincipalSecretsRequest{ServicePrincipalId: principalID})
		if err = bare(err); errors.Is(err, resource.ErrNotFound) {
			return nil, fmt.Errorf("reading the OAuth secrets of principal %s: %w: %v", principalID, ErrNoPrincipal, err)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the OAuth secrets of principal %s: %w", principalID, err)
		}
		all := make([]Secret, 0, len(list))
		for _, s := range list {
			secret, err := dated(s.Id, s.CreateTime, s.ExpireTime)
			if err != nil {
				return nil, fmt.Errorf("reading the OAuth secrets of principal %s: %w", principalID, err)
			}
			all = append(all, secret)
		}
		return all, nil
	})
}

// ForgetOAuthSecrets makes the next look at a principal's secrets one at live state.
func (f *Fleet) ForgetOAuthSecrets(principalID string) { f.memo.Drop("secrets/" + principalID) }

// IssueOAuthSecret issues an OAuth secret that lives for lifetime. It is not sent again by itself: a
// principal has five at most, and one whose answer was lost takes up a place.
func (f *Fleet) IssueOAuthSecret(ctx context.Context, principalID string, lifetime time.Duration) (Secret, error) {
	api, err := f.secretsAPI(principalID)
	if err != nil {
		return Secret{}, err
	}
	defer f.ForgetOAuthSecrets(principalID)
	made, err := api.Create(ctx, oauth2.CreateServicePrincipalSecretRequest{
		ServicePrincipalId: principalID, Lifetime: fmt.Sprintf("%ds", int64(lifetime.Seconds())),
	})
	if err != nil {
		return Secret{}, fmt.Errorf("issuing an OAuth secret for principal %s: %w", principalID, withheld(bare(err)))
	}
	secret, err := dated(made.Id, made.CreateTime, made.ExpireTime)
	if err != nil {
		return Secret{}, fmt.Errorf("issuing an OAuth secret for principal %s: it was issued as %s, but %w", principalID, made.Id, err)
	}
	secret.Value = Seal(made.Secret)
	return secret, nil
}

// RevokeOAuthSecret deletes an OAuth secret of a service principal; one that is gone already is no error.
// Tokens that it was exchanged for live on for their hour.
func (f *Fleet) RevokeOAuthSecret(ctx context.Context, principalID, id string) error {
	api, err := f.secretsAPI(principalID)
	if err != nil {
		return err
	}
	if id == "" || strings.ContainsAny(id, "/?#%") { // the SDK puts it into the path as it is
		return fmt.Errorf("revoking OAuth secret %q of principal %s: that is no id", id, principalID)
	}
	defer f.ForgetOAuthSecrets(principalID)
	err = api.Delete(ctx, oauth2.DeleteServicePrincipalSecretRequest{ServicePrincipalId: principalID, SecretId: id})
	if err = bare(err); ignoreMissing(err) != nil {
		return fmt.Errorf("revoking OAuth secret %s of principal %s: %w", id, principalID, err)
	}
	return nil
}

// withheld is an error without the service's own words: nobody knows yet which secret may stand in them.
func withheld(err error) error {
	var failed *transport.Error
	if !errors.As(err, &failed) || failed.Status == 0 {
		return err
	}
	quiet := *failed
	quiet.Message = "(what it says is left out, as it may hold the new secret)"
	return &quiet
}

func (f *Fleet) secretsAPI(principalID string) (*oauth2.ServicePrincipalSecretsAPI, error) {
	c, err := f.onAccount()
	if err != nil {
		return nil, err
	}
	if _, err := number("principal", principalID); err != nil {
		return nil, err
	}
	return oauth2.NewServicePrincipalSecrets(c), nil
}

func dated(id, created, expires string) (Secret, error) {
	s := Secret{ID: id}
	var err error
	if s.Created, err = instant(created); err != nil {
		return Secret{}, fmt.Errorf("its creation time: %w", err)
	}
	if s.Expires, err = instant(expires); err != nil {
		return Secret{}, fmt.Errorf("its expiry: %w", err)
	}
	return s, nil
}

func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}

// Token is an access token and how long it lives.
type Token struct {
	Value    Sealed
	Lifetime time.Duration
}

// Exchange logs in to a workspace as a service principal with one of its OAuth secrets.
func (f *Fleet) Exchange(ctx context.Context, host, clientID string, secret Sealed) (Token, error) {
	wire, err := f.transport(host)
	if err != nil {
		return Token{}, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, host+"/oidc/v1/token", strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, fmt.Errorf("logging in to %s as %s: %w", host, clientID, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(secret.Reveal()))
	resp, err := wire.RoundTrip(req)
	if err != nil {
		return Token{}, fmt.Errorf("logging in to %s as %s: %w", host, clientID, bare(err))
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return Token{}, fmt.Errorf("logging in to %s as %s: the answer is no token", host, clientID)
	}
	if answer.AccessToken == "" {
		return Token{}, fmt.Errorf("logging in to %s as %s: the answer holds no token", host, clientID)
	}
	return Token{Value: Seal(answer.AccessToken), Lifetime: time.Duration(answer.ExpiresIn) * time.Second}, nil
}

// transport returns what every request of the fleet goes out by. Each login carries it; a workspace
// that the operator cannot log in to is reached by the account's.
func (f *Fleet) transport(host string) (http.RoundTripper, error) {
	c, err := f.on(host)
	if err != nil && f.HasAccount() {
		c, err = f.onAccount()
	}
	if err != nil {
		return nil, err
	}
	return c.Config.HTTPTransport, nil
}
