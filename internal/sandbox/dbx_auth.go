package sandbox

import (
	"crypto/hmac"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tokenLife is how long an access token is good.
const tokenLife = time.Hour

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	jwtTokenType  = "urn:ietf:params:oauth:token-type:jwt"
)

func (s *Sandbox) loginRoutes() {
	for _, sv := range []service{workspaceService, accountService} {
		s.on(sv, http.MethodGet, "/.well-known/databricks-config", (*call).databricksConfig)
		s.on(sv, http.MethodGet, "/oidc/accounts/{account}/.well-known/oauth-authorization-server", (*call).accountAuthorization)
		s.on(sv, http.MethodPost, "/oidc/accounts/{account}/v1/token", (*call).accountToken)
	}
	s.on(workspaceService, http.MethodGet, "/oidc/.well-known/oauth-authorization-server", (*call).workspaceAuthorization)
	s.on(workspaceService, http.MethodPost, "/oidc/v1/token", (*call).workspaceToken)
}

// databricksConfig tells a client what kind of host this is. Where one address is both, it is a
// workspace that knows its account.
func (c *call) databricksConfig() (any, error) {
	d := c.state.Databricks
	config := dbxObject{
		"account_id": d.AccountID, "cloud": "AWS", "host_type": "account",
		"oidc_endpoint": c.base() + "/oidc/accounts/" + d.AccountID,
		"token_federation_default_oidc_audiences": []string{d.AccountID},
	}
	for _, host := range c.hosts(c.req) {
		w := d.workspace(host)
		if w == nil {
			continue
		}
		config["host_type"], config["workspace_id"] = "workspace", strconv.FormatInt(w.ID, 10)
		config["oidc_endpoint"] = c.base() + "/oidc"
		break
	}
	return config, nil
}

// base is the address at which the caller reached this host.
func (c *call) base() string {
	scheme := c.req.URL.Scheme
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + c.req.Host
}

func (c *call) workspaceAuthorization() (any, error) { return authorization(c.base() + "/oidc"), nil }

func (c *call) accountAuthorization() (any, error) {
	if c.vars["account"] != c.state.Databricks.AccountID {
		return nil, dbxMissing("NOT_FOUND", "Account %s does not exist.", c.vars["account"])
	}
	return authorization(c.base() + "/oidc/accounts/" + c.vars["account"]), nil
}

func authorization(issuer string) dbxObject {
	return dbxObject{
		"issuer": issuer, "authorization_endpoint": issuer + "/v1/authorize", "token_endpoint": issuer + "/v1/token",
		"scopes_supported":                      []string{"all-apis", "offline_access", "openid", "profile", "email"},
		"response_types_supported":              []string{"code"},
		"grant_types_supported":                 []string{"client_credentials", "authorization_code", "refresh_token", exchangeGrant},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":      []string{"S256"},
	}
}

func (c *call) accountToken() (any, error) {
	if c.vars["account"] != c.state.Databricks.AccountID {
		return nil, invalidClient()
	}
	return c.token(nil)
}

func (c *call) workspaceToken() (any, error) {
	return c.token(c.state.Databricks.workspace(c.workspaceHost()))
}

// token issues an access token for a client secret, or for a token of somebody else's that a
// federation policy trusts. w is the workspace that issues it, nil for the account.
func (c *call) token(w *dbxWorkspace) (any, error) {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, &failure{status: http.StatusBadRequest, code: "invalid_request", message: "The body is not a form."}
	}
	var p *dbxPrincipal
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
		p, err = c.bySecret(form)
	case exchangeGrant:
		p, err = c.byFederation(form)
	default:
		err = &failure{status: http.StatusBadRequest, code: "unsupported_grant_type", message: fmt.Sprintf("Unsupported grant type %q.", grant)}
	}
	if err != nil {
		return nil, err
	}
	if scope := form.Get("scope"); !slices.Contains(strings.Fields(scope), "all-apis") {
		return nil, &failure{status: http.StatusBadRequest, code: "invalid_scope", message: fmt.Sprintf("Unsupported scope %q.", scope)}
	}
	d := c.state.Databricks
	if !p.Active || (w != nil && len(d.permissions(w, p.ID)) == 0) {
		return nil, invalidClient()
	}
	c.caller = &caller{Login: p.login(), Admin: d.accountAdmin(p)}
	return c.issue(p, w), nil
}

func (c *call) issue(p *dbxPrincipal, w *dbxWorkspace) dbxObject {
	d, now := c.state.Databricks, c.now().UTC()
	d.Tokens = slices.DeleteFunc(d.Tokens, func(t *dbxToken) bool { return !now.Before(t.Expires) })
	// Like the services' own tokens it looks like a JWT and means nothing to its bearer.
	value := "sandbox." + hashed(fmt.Sprint("access token ", d.AccountID, c.state.nextID())) + ".sandbox"
	t := &dbxToken{Hash: hashed(value), Principal: p.ID, Expires: now.Add(tokenLife)}
	if w != nil {
		t.Workspace = w.ID
	}
	d.Tokens = append(d.Tokens, t)
	c.changed = true
	return dbxObject{"access_token": value, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": "all-apis"}
}

func invalidClient() *failure {
	return &failure{status: http.StatusUnauthorized, code: "invalid_client", message: "Client authentication failed"}
}

// bySecret is the principal whose id and secret a form, or the Basic header, carries.
func (c *call) bySecret(form url.Values) (*dbxPrincipal, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := c.req.BasicAuth(); ok {
		id, secret = unescaped(user), unescaped(password)
	}
	p := c.state.Databricks.byLogin(id)
	if p == nil || p.user() || secret == "" {
		return nil, invalidClient()
	}
	hash := hashed(secret)
	if hmac.Equal([]byte(p.Password), []byte(hash)) {
		return p, nil
	}
	for _, s := range p.Secrets {
		if s.Hash == hash && c.now().Before(s.Expires) {
			return p, nil
		}
	}
	return nil, invalidClient()
}

// unescaped undoes what RFC 6749 asks of a client before it builds a Basic header.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
