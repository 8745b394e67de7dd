package sandbox

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// byFederation is the principal that client_id names, if one of its federation policies trusts the
// token: issued and signed by the policy's issuer, for one of its audiences, about its subject.
func (c *call) byFederation(form url.Values) (*dbxPrincipal, error) {
	if form.Get("subject_token_type") != jwtTokenType {
		return nil, exchangeRefused("subject_token_type must be %s.", jwtTokenType)
	}
	p := c.state.Databricks.byLogin(form.Get("client_id"))
	if p == nil || p.user() {
		return nil, invalidClient()
	}
	var why error
	for _, policy := range p.Policies {
		err := c.trusts(policy, form.Get("subject_token"))
		if err == nil {
			return p, nil
		}
		why = errors.Join(why, fmt.Errorf("policy %s: %w", policy.ID, err))
	}
	if why == nil {
		why = errors.New("the service principal has no federation policy")
	}
	return nil, exchangeRefused("No federation policy trusts the token: %s.", why)
}

func exchangeRefused(format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: "invalid_grant", message: fmt.Sprintf(format, args...)}
}

// trusts says why a policy does not trust a token. The signature comes first: nothing that an
// unsigned token says is worth an answer.
func (c *call) trusts(policy *dbxPolicy, token string) error {
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(c.now), jwt.WithExpirationRequired(),
	).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return c.issuerKey(policy.OIDC, t) })
	if err != nil {
		return err
	}
	if issuer, err := claims.GetIssuer(); err != nil || issuer != policy.OIDC.Issuer {
		return errors.New("the issuer is another one")
	}
	audiences, err := claims.GetAudience()
	trusted := policy.OIDC.Audiences
	if len(trusted) == 0 {
		trusted = []string{c.state.Databricks.AccountID}
	}
	if err != nil || !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(trusted, a) }) {
		return fmt.Errorf("the audience %v is not one of its audiences", []string(audiences))
	}
	claim := policy.OIDC.SubjectClaim
	if claim == "" {
		claim = "sub"
	}
	if subject, _ := claims[claim].(string); subject != policy.OIDC.Subject {
		return fmt.Errorf("the subject %q is not its subject", subject)
	}
	return nil
}

func (c *call) issuerKey(policy oidcWire, t *jwt.Token) (*rsa.PublicKey, error) {
	if policy.JWKSURI != "" || policy.JWKSJSON != "" {
		return nil, errors.New("the sandbox knows an issuer's published keys only, not jwks_uri and jwks_json")
	}
	keys, ok := c.issuerKeys(policy.Issuer)
	if !ok {
		return nil, fmt.Errorf("no keys can be had from issuer %s", policy.Issuer)
	}
	kid, _ := t.Header["kid"].(string)
	if key := keys[kid]; key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("issuer %s has no key %q", policy.Issuer, kid)
}
