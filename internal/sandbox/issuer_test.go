package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claims verifies a token with the key that the issuer publishes, and returns what it says.
func (g *ghTest) claims(issuer, token string) jwt.MapClaims {
	g.t.Helper()
	discovery := g.get(issuer + "/.well-known/openid-configuration").object
	keys := g.get(discovery["jwks_uri"].(string)).object["keys"].([]any)
	key := keys[0].(map[string]any)
	number := func(name string) *big.Int {
		raw, err := base64.RawURLEncoding.DecodeString(key[name].(string))
		if err != nil {
			g.t.Fatal(err)
		}
		return new(big.Int).SetBytes(raw)
	}
	public := &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(discovery["issuer"].(string)), jwt.WithTimeFunc(g.s.now))
	if err != nil {
		g.t.Fatal(err)
	}
	if parsed.Header["kid"] != key["kid"] {
		g.t.Errorf("kid %v, the published key's is %v", parsed.Header["kid"], key["kid"])
	}
	return claims
}

const gitHubIssuer = "https://token.actions.githubusercontent.com"

func TestSubjectsArePlainImmutableOrCustomised(t *testing.T) {
	g := newGitHubTest(t, `
 oidc_subject_keys: [repository_owner, environment]
 repositories:
 - { name: acme/old, created: 2024-01-01, files: { a: b }, branches: [release] }
 - { name: acme/new, files: { a: b } }
`)
	owner, repo := ghID(g.get("/orgs/acme").object), ghID(g.get("/repos/acme/new").object)
	prefix := fmt.Sprintf("repo:acme@%s/new@%s", owner, repo)
	template := func(repo string, body map[string]any) {
		g.do(201, "PUT", "/repos/"+repo+"/actions/oidc/customization/sub", body)
	}
	check := func(want string, m MintRequest) {
		t.Helper()
		token, err := g.s.Mint(m)
		if err != nil {
			t.Fatal(err)
		}
		claims := g.claims(gitHubIssuer, token)
		if claims["sub"] != want {
			t.Errorf("%+v: subject %v, want %s", m, claims["sub"], want)
		}
	}
	check("repo:acme/old:environment:prod", MintRequest{Repository: "acme/old", Environment: "prod"})
	check("repo:acme/old:environment:a%3Ab", MintRequest{Repository: "acme/old", Environment: "a:b"})
	check("repo:acme/old:ref:refs/heads/release", MintRequest{Repository: "acme/old", Ref: "release"})
	check("repo:acme/old:pull_request", MintRequest{Repository: "acme/old", Event: "pull_request"})
	check(prefix+":environment:prod", MintRequest{Repository: "acme/new", Environment: "prod"})
	if got := g.get("/repos/acme/new/actions/oidc/customization/sub").object["sub_claim_prefix"]; got != prefix {
		t.Errorf("sub_claim_prefix %v", got)
	}
	template("acme/old", map[string]any{"use_default": false, "include_claim_keys": []string{"repo", "context", "job_workflow_ref"}})
	check("repo:acme/old:environment:prod:job_workflow_ref:acme/old/.github/workflows/deploy.yml@refs/heads/main",
		MintRequest{Repository: "acme/old", Environment: "prod"})
	template("acme/old", map[string]any{"use_default": false})
	check("repository_owner:acme:environment:prod", MintRequest{Repository: "acme/old", Environment: "prod"})
	template("acme/old", map[string]any{"use_default": true, "use_immutable_subject": true})
	check(fmt.Sprintf("repo:acme@%s/old@%s:ref:refs/heads/main", owner, ghID(g.get("/repos/acme/old").object)), MintRequest{Repository: "acme/old"})
	template("acme/new", map[string]any{"use_default": false, "include_claim_keys": []string{"repository", "ref"}})
	check(strings.Replace(prefix, "repo:", "repository:", 1)+":ref:refs/heads/main", MintRequest{Repository: "acme/new"})
	g.do(422, "PUT", "/repos/acme/new/actions/oidc/customization/sub", map[string]any{"use_default": false, "include_claim_keys": []string{"nonsense"}})
}

func TestARenameMakesSubjectsImmutable(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/old, created: 2024-01-01, files: { a: b } }]\n")
	if got := g.get("/repos/acme/old/actions/oidc/customization/sub").object["sub_claim_prefix"]; got != "repo:acme/old" {
		t.Errorf("before: %v", got)
	}
	g.do(200, "PATCH", "/repos/acme/old", map[string]any{"name": "fresh"})
	if got := g.get("/repos/acme/fresh/actions/oidc/customization/sub").object["use_immutable_subject"]; got != true {
		t.Errorf("after: %v", got)
	}
}

func TestAnEnvironmentsPolicySaysWhoGetsAToken(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, created: 2024-01-01, files: { a: b }, branches: [release, topic] }]\n")
	mint := func(wanted bool, m MintRequest) {
		t.Helper()
		m.Repository = "acme/demo"
		if _, err := g.s.Mint(m); (err == nil) != wanted {
			t.Errorf("%+v: %v", m, err)
		}
	}
	path := "/repos/acme/demo/environments/prod"
	mint(true, MintRequest{Environment: "prod", Ref: "topic"})
	g.get(path) // the job made it
	g.do(200, "PUT", path, map[string]any{"deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true}})
	mint(false, MintRequest{Environment: "prod", Ref: "release"})
	g.do(200, "POST", path+"/deployment-branch-policies", map[string]any{"name": "release"})
	mint(true, MintRequest{Environment: "prod", Ref: "release"})
	mint(false, MintRequest{Environment: "prod", Ref: "topic"})
	mint(false, MintRequest{Environment: "prod", Event: "pull_request"})
	g.do(200, "POST", path+"/deployment-branch-policies", map[string]any{"name": "refs/pull/*/merge"})
	mint(true, MintRequest{Environment: "prod", Event: "pull_request"})
	mint(false, MintRequest{Ref: "nowhere"})

	g.do(200, "PUT", path, map[string]any{"deployment_branch_policy": map[string]any{"protected_branches": true, "custom_branch_policies": false}})
	mint(true, MintRequest{Environment: "prod", Ref: "topic"}) // no branch is protected, so all may
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("release", []string{"refs/heads/release"}, map[string]any{"type": "deletion"}))
	mint(false, MintRequest{Environment: "prod", Ref: "topic"})
	mint(true, MintRequest{Environment: "prod", Ref: "release"})
}

func TestAJobAsksForItsTokenOverHTTP(t *testing.T) {
	g := openGitHubTest(t, Options{Hosts: Hosts{GitHub: "https://ghes.acme.test", Owner: "acme"}}, `
 users: [{ login: reader, token: t-reader }]
 repositories: [{ name: acme/demo, files: { a: b }, collaborators: { reader: read } }]
`)
	address := "https://ghes.acme.test/_sandbox/oidc/acme/demo?environment=prod&audience=me"
	g.as("t-reader").do(404, "GET", address, nil)
	token := g.get(address).object["value"].(string)
	claims := g.claims("https://ghes.acme.test/_services/token", token)
	if claims["sub"] != "repo:acme/demo:environment:prod" || claims["aud"] != "me" || claims["repository"] != "acme/demo" {
		t.Errorf("claims %v", claims)
	}
	if life := claims["exp"].(float64) - claims["iat"].(float64); life != 300 {
		t.Errorf("it lives %v seconds", life)
	}
	keys, known := g.s.issuerKeys("https://ghes.acme.test/_services/token")
	if !known || len(keys) != 1 {
		t.Errorf("issuerKeys: %v, %d keys", known, len(keys))
	}
	if _, known := g.s.issuerKeys(gitHubIssuer); known {
		t.Error("an Enterprise Server's sandbox knows github.com's issuer")
	}
}

func TestAnAppLogsInWithItsKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "\n", "\\n")
	g := newGitHubTest(t, fmt.Sprintf(`
 repositories: [{ name: acme/demo, files: { a: b } }, { name: acme/other }]
 apps: [{ id: 7, slug: robot, installation: 70, public_key: "%s", permissions: { contents: write, variables: read }, repositories: [acme/demo] }]
`, text))
	sign := func(issuer string, life time.Duration) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{Issuer: issuer,
			IssuedAt: jwt.NewNumericDate(afterImmutable), ExpiresAt: jwt.NewNumericDate(afterImmutable.Add(life))}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const path = "/app/installations/70/access_tokens"
	g.as(sign("8", time.Minute)).do(401, "POST", path, nil)
	g.as(sign("7", time.Hour)).do(401, "POST", path, nil)
	g.do(401, "POST", path, nil)
	made := g.as(sign("7", 9*time.Minute)).do(201, "POST", path, nil)
	app := g.as(made.object["token"].(string))
	app.get("/repos/acme/demo")
	app.get("/repos/acme/demo/actions/variables")
	app.do(404, "GET", "/repos/acme/other", nil)
	refused := app.do(403, "POST", "/repos/acme/demo/actions/variables", map[string]any{"name": "A", "value": "b"})
	if refused.object["message"] != "Resource not accessible by integration" {
		t.Errorf("message %v", refused.object["message"])
	}
	if err := g.s.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	app.do(401, "GET", "/repos/acme/demo", nil)
}
