package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// federation is a principal in prod that trusts jobs of acme/demo in the environment prod.
func federation(t *testing.T) (d *dbxTest, application, policies string) {
	t.Helper()
	d = newDatabricksTest(t, "")
	id, application := d.principal("worker", prodHost)
	policies = accountAPI + "/servicePrincipals/" + id + "/federationPolicies"
	d.do(200, "POST", policies+"?policy_id=demo-prod", map[string]any{"oidc_policy": map[string]any{
		"issuer": d.s.issuerURL(), "subject": "repo:acme/demo:environment:prod",
		"audiences": []string{testAccount, prodHost + "/oidc/v1/token"},
	}})
	return d, application, policies
}

// jobToken is a token as a job's runner gets it, changed by what claims say; key nil is the issuer's.
func jobToken(t *testing.T, s *Sandbox, claims jwt.MapClaims, key *rsa.PrivateKey) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	own, err := s.signingKey()
	if err != nil {
		t.Fatal(err)
	}
	if key == nil {
		key = own
	}
	all := jwt.MapClaims{
		"iss": s.issuerURL(), "sub": "repo:acme/demo:environment:prod", "aud": testAccount,
		"iat": s.now().Unix(), "nbf": s.now().Unix(), "exp": s.now().Add(5 * time.Minute).Unix(),
	}
	maps.Copy(all, claims)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = keyID(&own.PublicKey)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (d *dbxTest) exchange(host, client, token string) (int, map[string]any) {
	d.t.Helper()
	return d.form(host+"/oidc/v1/token", url.Values{
		"grant_type": {exchangeGrant}, "subject_token_type": {jwtTokenType}, "scope": {"all-apis"},
		"client_id": {client}, "subject_token": {token},
	})
}

func TestATokenOfTheTrustedJobLogsIn(t *testing.T) {
	d, application, _ := federation(t)
	for _, audience := range []any{testAccount, prodHost + "/oidc/v1/token", []string{"other", testAccount}} {
		status, o := d.exchange(prodHost, application, jobToken(t, d.s, jwt.MapClaims{"aud": audience}, nil))
		if status != 200 || o["token_type"] != "Bearer" {
			t.Errorf("audience %v: %d %v", audience, status, o)
		}
	}
}

func TestATokenOfAnythingElseIsRefused(t *testing.T) {
	forged, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := testClock()
	d, application, _ := federation(t)
	for name, c := range map[string]struct {
		claims jwt.MapClaims
		key    *rsa.PrivateKey
		why    string
	}{
		"another environment":    {claims: jwt.MapClaims{"sub": "repo:acme/demo:environment:staging"}, why: "subject"},
		"another repository":     {claims: jwt.MapClaims{"sub": "repo:acme/other:environment:prod"}, why: "subject"},
		"another case":           {claims: jwt.MapClaims{"sub": "repo:Acme/demo:environment:prod"}, why: "subject"},
		"another audience":       {claims: jwt.MapClaims{"aud": "https://github.com/acme"}, why: "audience"},
		"another issuer":         {claims: jwt.MapClaims{"iss": "https://token.actions.githubusercontent.com/acme"}, why: "issuer"},
		"a forged signature":     {key: forged, why: "signature"},
		"an expired token":       {claims: jwt.MapClaims{"exp": now.Add(-time.Second).Unix()}, why: "expired"},
		"a token of tomorrow":    {claims: jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}, why: "not valid yet"},
		"a token without an end": {claims: jwt.MapClaims{"exp": nil}, why: "exp"},
	} {
		status, o := d.exchange(prodHost, application, jobToken(t, d.s, c.claims, c.key))
		if status != 400 || o["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v", name, status, o)
		}
		d.message(o, c.why)
	}
}

func TestAnExchangeNeedsThePrincipalItsPolicyAndItsWorkspace(t *testing.T) {
	d, application, policies := federation(t)
	token := jobToken(t, d.s, nil, nil)
	_, other := d.principal("other", prodHost)
	for name, got := range map[string]func() (int, map[string]any){
		"a principal without a policy":   func() (int, map[string]any) { return d.exchange(prodHost, other, token) },
		"nobody":                         func() (int, map[string]any) { return d.exchange(prodHost, "nobody", token) },
		"a workspace without the worker": func() (int, map[string]any) { return d.exchange(stagingHost, application, token) },
		"a token without a signature": func() (int, map[string]any) {
			return d.exchange(prodHost, application, strings.TrimRight(token, "=")[:len(token)-40])
		},
		"a token of the algorithm 'none'": func() (int, map[string]any) { return d.exchange(prodHost, application, unsigned(t, token)) },
	} {
		if status, o := got(); status != 400 && status != 401 {
			t.Errorf("%s: %d %v", name, status, o)
		}
	}
	d.do(200, "DELETE", policies+"/demo-prod", nil)
	if status, _ := d.exchange(prodHost, application, token); status != 400 {
		t.Errorf("after its policy was deleted the token answers %d", status)
	}
}

// unsigned is a token with the same claims, and no signature.
func unsigned(t *testing.T, token string) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAPolicyWithoutAudiencesMeansTheAccount(t *testing.T) {
	d, application, policies := federation(t)
	d.do(200, "PATCH", policies+"/demo-prod?update_mask=oidc_policy.audiences", map[string]any{"oidc_policy": map[string]any{}})
	o := d.do(200, "GET", policies+"/demo-prod", nil)
	if diff := cmp.Diff([]any{testAccount}, o["oidc_policy"].(map[string]any)["audiences"]); diff != "" {
		t.Error(diff)
	}
	if status, _ := d.exchange(prodHost, application, jobToken(t, d.s, jwt.MapClaims{"aud": prodHost + "/oidc/v1/token"}, nil)); status != 400 {
		t.Errorf("the token endpoint as the audience answers %d", status)
	}
}

func TestFederationPoliciesAreCheckedAndLimited(t *testing.T) {
	d, _, policies := federation(t)
	good := map[string]any{"oidc_policy": map[string]any{"issuer": "https://issuer.example", "subject": "s"}}
	d.message(d.do(409, "POST", policies+"?policy_id=demo-prod", good), "ALREADY_EXISTS")
	for _, id := range []string{"x", "Upper", "under_score", strings.Repeat("a", 64)} {
		d.message(d.do(400, "POST", policies+"?policy_id="+id, good), "Policy id")
	}
	d.message(d.do(400, "POST", policies, map[string]any{"oidc_policy": map[string]any{"issuer": "https://issuer.example"}}), "subject is required")
	d.message(d.do(400, "POST", policies, map[string]any{"oidc_policy": map[string]any{"issuer": "issuer.example", "subject": "s"}}), "HTTPS")
	d.message(d.do(400, "POST", policies, map[string]any{"description": "empty"}), "oidc_policy is missing")
	for range maxPolicies - 1 {
		d.do(200, "POST", policies, good)
	}
	d.message(d.do(400, "POST", policies, good), "at most 20")
	o := d.do(200, "GET", policies+"?page_size=15", nil)
	rest := d.do(200, "GET", policies+"?page_size=15&page_token="+o["next_page_token"].(string), nil)
	if got := len(o["policies"].([]any)) + len(rest["policies"].([]any)); got != maxPolicies || rest["next_page_token"] != nil {
		t.Errorf("%d policies on two pages", got)
	}
}

func TestAPolicyChangesOnlyInWhatTheMaskNames(t *testing.T) {
	d, _, policies := federation(t)
	at := policies + "/demo-prod"
	rule := map[string]any{"issuer": "https://issuer.example", "subject": "new"}
	d.do(200, "PATCH", at+"?update_mask=description", map[string]any{"description": "d", "oidc_policy": rule})
	o := d.do(200, "GET", at, nil)
	if o["description"] != "d" || o["oidc_policy"].(map[string]any)["subject"] != "repo:acme/demo:environment:prod" {
		t.Errorf("with a mask: %v", o)
	}
	d.do(200, "PATCH", at, map[string]any{"oidc_policy": rule})
	if o = d.do(200, "GET", at, nil); o["description"] != "d" || o["oidc_policy"].(map[string]any)["subject"] != "new" {
		t.Errorf("without one: %v", o)
	}
	d.do(200, "PATCH", at+"?update_mask=*", map[string]any{"oidc_policy": rule})
	if o = d.do(200, "GET", at, nil); o["description"] != nil {
		t.Errorf("with *: %v", o)
	}
	d.do(400, "PATCH", at+"?update_mask=policy_id", map[string]any{"oidc_policy": rule})
	d.do(404, "PATCH", policies+"/none", map[string]any{"oidc_policy": rule})
}
