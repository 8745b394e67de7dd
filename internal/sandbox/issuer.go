package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
)

// issuer is GitHub's OIDC issuer: it signs tokens for the jobs of workflows.
type issuer struct {
	key *rsa.PrivateKey // nil until the first token
}

// issuerRoutes serves the issuer's discovery and keys, and, under an address of the sandbox's own,
// what GitHub's runners ask for a job's token.
func (s *Sandbox) issuerRoutes() {
	s.issuer = &issuer{}
	for _, below := range []string{"", "/_services/token"} {
		s.on(issuerService, "GET", below+"/.well-known/openid-configuration", s.atIssuer(below, discoverIssuer))
		s.on(issuerService, "GET", below+"/.well-known/jwks", s.atIssuer(below, issuerKeySet))
	}
	s.on(issuerService, "GET", "/_sandbox/oidc/{owner}/{repo}", mintForJob)
	s.on(githubService, "GET", "/_sandbox/oidc/{owner}/{repo}", mintForJob)
}

// issuerURL is the issuer as it stands in tokens.
func (s *Sandbox) issuerURL() string {
	if s.state.GitHub.Enterprise {
		return strings.TrimSuffix(s.opt.Hosts.GitHub, "/") + "/_services/token"
	}
	return "https://token.actions.githubusercontent.com"
}

// atIssuer answers only below the path that this dialect's issuer has.
func (s *Sandbox) atIssuer(below string, handle handler) handler {
	return func(c *call) (any, error) {
		if c.state.GitHub.Enterprise != (below != "") {
			return nil, ghMissing()
		}
		return handle(c)
	}
}

func discoverIssuer(c *call) (any, error) {
	url := c.issuerURL()
	return ghObject{
		"issuer": url, "jwks_uri": url + "/.well-known/jwks", "subject_types_supported": []string{"public", "pairwise"},
		"response_types_supported": []string{"id_token"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported": []string{"openid"}, "claims_supported": append([]string{"sub", "exp", "iat", "nbf", "jti"}, ghClaimNames()...),
	}, nil
}

func issuerKeySet(c *call) (any, error) {
	c.changed = c.state.GitHub.SigningKey == "" // it is made now
	key, err := c.signingKey()
	if err != nil {
		return nil, err
	}
	exponent := big.NewInt(int64(key.E)).Bytes()
	return ghObject{"keys": []ghObject{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID(&key.PublicKey),
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(exponent),
	}}}, nil
}

// signingKey reads the issuer's key from the state and makes it there when it is first needed.
func (s *Sandbox) signingKey() (*rsa.PrivateKey, error) {
	if s.issuer.key != nil {
		return s.issuer.key, nil
	}
	if kept := s.state.GitHub.SigningKey; kept != "" {
		block, _ := pem.Decode([]byte(kept))
		if block == nil {
			return nil, fmt.Errorf("the issuer's key in the sandbox's state is no PEM block")
		}
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the issuer's key in the sandbox's state: %w", err)
		}
		s.issuer.key = key
		return key, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the issuer's key: %w", err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	s.state.GitHub.SigningKey, s.issuer.key = string(pem.EncodeToMemory(block)), key
	return key, nil
}

func keyID(key *rsa.PublicKey) string {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(key))
	return strings.ToUpper(hex.EncodeToString(sum[:16]))
}

// issuerKeys are the public keys, by their ids, that an issuer's tokens are signed with; false where
// the sandbox stands in for no issuer with that address.
func (s *Sandbox) issuerKeys(url string) (map[string]*rsa.PublicKey, bool) {
	if s.state.GitHub == nil || url != s.issuerURL() {
		return nil, false
	}
	keys := map[string]*rsa.PublicKey{}
	if s.issuer.key != nil || s.state.GitHub.SigningKey != "" {
		if key, err := s.signingKey(); err == nil {
			keys[keyID(&key.PublicKey)] = &key.PublicKey
		}
	}
	return keys, true // without a key no token was ever signed
}

// mintForJob is what a runner gives a job that asks for its token: GET with the audience, by anybody
// who may write to the repository, for the job that the query describes.
func mintForJob(c *call) (any, error) {
	who, err := c.identify(c.req)
	if err != nil {
		return nil, err
	}
	c.credit(who)
	r, _ := c.state.GitHub.repository(c.vars["owner"], c.vars["repo"])
	g := &ghCall{call: c, gh: c.state.GitHub, who: who, repo: r}
	if r == nil || who == nil || !g.sees(who, r) || g.gh.role(who, r) < writeAccess {
		return nil, ghMissing()
	}
	q := c.req.URL.Query()
	token, err := c.mint(r, MintRequest{Repository: c.state.GitHub.fullName(r), Environment: q.Get("environment"), Ref: q.Get("ref"),
		Event: q.Get("event"), Audience: q.Get("audience"), Workflow: q.Get("workflow"), Actor: who.name()})
	if err != nil {
		return nil, err
	}
	c.changed = true
	return &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		body: ghObject{"count": len(token), "value": token}}, nil
}
