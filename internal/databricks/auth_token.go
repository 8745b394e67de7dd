package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/config/credentials"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// The three ways to log in that CI uses are our own strategies. The SDK's would ask .well-known
// endpoints first, run outside of a request's context, and try again by rules of their own.

// clientSecret is an OAuth client's id and secret.
type clientSecret struct{ id, secret string }

// identity is where a token of another issuer comes from, and whose it is.
type identity struct{ origin, client, audience, file, variable string }

func static(origin, token string) *credential {
	return &credential{origin: origin, auth: "pat", secrets: []string{token}, strategy: strategy{
		name:  "pat",
		token: func(context.Context) (*oauth2.Token, error) { return &oauth2.Token{AccessToken: token}, nil },
	}}
}

func (l Logins) clientCredentials(h Host, origin string, pair clientSecret) *credential {
	ask := func(ctx context.Context) (*oauth2.Token, error) {
		c := clientcredentials.Config{
			ClientID: pair.id, ClientSecret: pair.secret, AuthStyle: oauth2.AuthStyleInHeader,
			TokenURL: tokenURL(h), Scopes: []string{"all-apis"},
		}
		return l.token(ctx, &c)
	}
	return &credential{origin: origin, auth: "oauth-m2m", client: pair.id, secrets: []string{pair.secret},
		strategy: strategy{name: "oauth-m2m", token: once(explained(h, origin, ask))}}
}

// federated returns a login by a token of another issuer that a federation policy trusts.
func (l Logins) federated(h Host, kind string, id identity) (*credential, error) {
	if kind == "file-oidc" && id.file == "" {
		return nil, incomplete(h, id.origin, "file with an OIDC token")
	}
	ask := func(ctx context.Context) (*oauth2.Token, error) {
		subject, err := l.subjectToken(ctx, h, kind, id)
		if err != nil {
			return nil, err
		}
		l.Secrets.Add(subject)
		c := clientcredentials.Config{
			ClientID: id.client, AuthStyle: oauth2.AuthStyleInParams, TokenURL: tokenURL(h), Scopes: []string{"all-apis"},
			EndpointParams: url.Values{
				"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
				"subject_token":      {subject},
			},
		}
		return l.token(ctx, &c)
	}
	return &credential{origin: id.origin, auth: kind, client: id.client, strategy: strategy{name: kind, token: once(explained(h, id.origin, ask))}}, nil
}

// Impostor asks for a token of a host as another client than the one that this program is, with the same
// proof: an OIDC token, or a client secret. nil: it was given one. The error matches
// resource.ErrUnauthorized where the host refuses, as it should.
func (l Logins) Impostor(ctx context.Context, h Host, client string) error {
	address, err := canonical(h.URL)
	if err != nil {
		return err
	}
	h.URL = address
	found, err := l.find(h)
	if err != nil {
		return err
	}
	var other *credential
	switch found.auth {
	case "oauth-m2m":
		if len(found.secrets) == 0 {
			return errNoProof
		}
		other = l.clientCredentials(h, found.origin, clientSecret{id: client, secret: found.secrets[0]})
	case "github-oidc", "env-oidc", "file-oidc":
		id := l.envIdentity(found.origin)
		id.client = client
		if other, err = l.federated(h, found.auth, id); err != nil {
			return err
		}
	default:
		return errNoProof
	}
	ask, ok := other.strategy.(strategy)
	if !ok {
		return errNoProof
	}
	_, err = ask.token(ctx)
	return err
}

// errNoProof is a login that names no client, such as a personal token.
var errNoProof = errors.New("its login names no client that could be another one")

func (l Logins) subjectToken(ctx context.Context, h Host, kind string, id identity) (string, error) {
	switch kind {
	case "env-oidc":
		name := id.variable
		if name == "" {
			name = "DATABRICKS_OIDC_TOKEN"
		}
		if token := l.env(name); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("%w: %s is not set", resource.ErrUnauthorized, name)
	case "file-oidc":
		data, err := os.ReadFile(id.file)
		if err != nil {
			return "", fmt.Errorf("%w: reading the OIDC token: %w", resource.ErrUnauthorized, err)
		}
		return strings.TrimSpace(string(data)), nil
	case "github-oidc":
		return l.jobToken(ctx, h, id)
	default:
		return "", fmt.Errorf("%q is no source of OIDC tokens", kind)
	}
}

// jobToken asks GitHub for the OIDC token of the job that this runs in.
func (l Logins) jobToken(ctx context.Context, h Host, id identity) (string, error) {
	address, bearer := l.env("ACTIONS_ID_TOKEN_REQUEST_URL"), l.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" || bearer == "" {
		return "", fmt.Errorf("%w: this is no GitHub job with the permission id-token: write", resource.ErrUnauthorized)
	}
	l.Secrets.Add(bearer)
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("reading ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
	}
	query := u.Query()
	query.Set("audience", audience(h, id))
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("asking GitHub for the job's OIDC token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := l.client().Do(req)
	if err != nil {
		return "", fmt.Errorf("asking GitHub for the job's OIDC token: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is in memory
	var answer struct{ Value string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("decoding the job's OIDC token: %w", err)
	}
	return answer.Value, nil
}

// audience is whom a job's token is for, where the environment does not say: the account itself, or
// the workspace's token endpoint (SDK config/experimental/auth/oidc/tokensource.go).
func audience(h Host, id identity) string {
	switch {
	case id.audience != "":
		return id.audience
	case h.AccountID != "":
		return h.AccountID
	default:
		return tokenURL(h)
	}
}

func (l Logins) token(ctx context.Context, c *clientcredentials.Config) (*oauth2.Token, error) {
	token, err := c.Token(context.WithValue(ctx, oauth2.HTTPClient, l.client())) // the only way that oauth2 has to take a client
	if err != nil {
		return nil, err
	}
	l.Secrets.Add(token.AccessToken)
	return token, nil
}

func (l Logins) client() *http.Client {
	return &http.Client{
		Transport:     l.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type tokenFunc func(context.Context) (*oauth2.Token, error)

func explained(h Host, origin string, ask tokenFunc) tokenFunc {
	return func(ctx context.Context) (*oauth2.Token, error) {
		token, err := ask(ctx)
		if err != nil {
			return nil, fmt.Errorf("logging in to %s with %s: %w", h.URL, origin, bare(err))
		}
		return token, nil
	}
}

// early is how long before its end a token is not used any more.
const early = 5 * time.Minute

// once returns a token that is asked for once, however many want it at the same time, and again when
// it is about to expire. Who stops waiting lets the next one ask.
func once(ask tokenFunc) tokenFunc {
	turn := make(chan struct{}, 1)
	var have *oauth2.Token
	return func(ctx context.Context) (*oauth2.Token, error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-turn }()
		if have != nil && (have.Expiry.IsZero() || time.Until(have.Expiry) > early) {
			return have, nil
		}
		fresh, err := ask(ctx)
		if err != nil {
			return nil, err
		}
		have = fresh
		return have, nil
	}
}

// strategy is the SDK's way to take a credential.
type strategy struct {
	name  string
	token tokenFunc
}

// Name returns the SDK's name for this way to log in.
func (s strategy) Name() string { return s.name }

// Configure returns what puts the credential on a request.
func (s strategy) Configure(context.Context, *config.Config) (credentials.CredentialsProvider, error) {
	return credentials.CredentialsProviderFn(func(r *http.Request) error {
		token, err := s.token(r.Context())
		if err != nil {
			return err
		}
		if token.AccessToken == "" {
			return errors.New("the token endpoint gave an empty token")
		}
		r.Header.Set("Authorization", "Bearer "+token.AccessToken)
		return nil
	}), nil
}
