package github

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// app is a GitHub App's installation, which logs in with a token that lives for an hour.
type app struct {
	id, installation string
	key              *rsa.PrivateKey
	host             site
	opt              LoginOptions
}

// app returns the login of the App that the environment gives, if it gives one.
func (o LoginOptions) app(host site) (login Login, found bool, err error) {
	const prefix = "MLOPSCTL_GITHUB_APP_"
	id, installation, key := o.env(prefix+"ID"), o.env(prefix+"INSTALLATION_ID"), o.env(prefix+"PRIVATE_KEY")
	if id == "" && installation == "" && key == "" {
		return Login{}, false, nil
	}
	for _, missing := range []struct{ name, value string }{{"ID", id}, {"INSTALLATION_ID", installation}, {"PRIVATE_KEY", key}} {
		if missing.value == "" {
			return Login{}, true, fmt.Errorf("logging in to %s as a GitHub App: %w: %s is not set", host.web, resource.ErrUnauthorized, prefix+missing.name)
		}
	}
	o.Secrets.Add(key)
	// What keeps a variable to one line has \n for its line breaks.
	parsed, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(strings.ReplaceAll(key, `\n`, "\n")))
	if err != nil {
		return Login{}, true, fmt.Errorf("logging in to %s as a GitHub App: %w: %s is no RSA key in PEM form", host.web, resource.ErrUnauthorized, prefix+"PRIVATE_KEY")
	}
	if o.Clock == nil {
		o.Clock = transport.System()
	}
	a := app{id: id, installation: installation, key: parsed, host: host, opt: o}
	token := once(a.token, a.lasts)
	return Login{
		Origin: "GitHub App " + id,
		Token: func(ctx context.Context) (string, error) {
			t, err := token(ctx)
			return t.Token, err
		},
		Permissions: func(ctx context.Context) (map[string]string, error) {
			t, err := token(ctx)
			return t.Permissions, err
		},
	}, true, nil
}

type installationToken struct {
	Token       string            `json:"token"`
	Expires     time.Time         `json:"expires_at"`
	Permissions map[string]string `json:"permissions"`
}

// lasts reports whether a token lives for 5 minutes more, the longest that one request may wait.
func (a app) lasts(t installationToken) bool {
	return t.Expires.Sub(a.opt.Clock.Now()) > 5*time.Minute
}

// token asks for a token of the installation.
func (a app) token(ctx context.Context) (installationToken, error) {
	t, err := a.ask(ctx)
	if err != nil {
		return t, fmt.Errorf("logging in to %s as GitHub App %s: %w", a.host.web, a.id, err)
	}
	a.opt.Secrets.Add(t.Token)
	return t, nil
}

func (a app) ask(ctx context.Context) (installationToken, error) {
	var t installationToken
	proof, err := a.proof()
	if err != nil {
		return t, err
	}
	a.opt.Secrets.Add(proof)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.host.api.String()+installationPath(a.installation), nil)
	if err != nil {
		return t, err
	}
	req.Header.Set("Authorization", "Bearer "+proof)
	req.Header.Set("Accept", "application/vnd.github+json")
	resp, err := noRedirect(a.opt.Transport).Do(req)
	var refused *transport.Error
	if errors.As(err, &refused) {
		return t, refused // net/http would say method and address twice
	}
	if err != nil {
		return t, err
	}
	defer resp.Body.Close() //nolint:errcheck // it is in memory
	if err := json.NewDecoder(resp.Body).Decode(&t); err != nil {
		return t, fmt.Errorf("decoding the installation's token: %w", err)
	}
	if t.Token == "" {
		return t, fmt.Errorf("%w: the answer holds no token", resource.ErrUnauthorized)
	}
	return t, nil
}

// proof signs that we are the App. It begins a minute ago, as clocks differ, and GitHub takes none that
// lives for more than ten.
func (a app) proof() (string, error) {
	now := a.opt.Clock.Now()
	claims := jwt.RegisteredClaims{
		Issuer:    a.id,
		IssuedAt:  jwt.NewNumericDate(now.Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute)),
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(a.key)
	if err != nil {
		return "", fmt.Errorf("signing as the App: %w", err)
	}
	return signed, nil
}
