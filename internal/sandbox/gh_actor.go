package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// actor is who sent a request to GitHub, and what its credential is limited to.
type actor struct {
	account      *ghAccount // nil for an App
	app          *ghApp
	installation *ghInstallation // nil for an App's own JWT
	kind         tokenKind
	scopes       []string
	permissions  map[string]string
	repositories []int64 // nil: not limited
}

func (a *actor) name() string {
	switch {
	case a == nil:
		return ""
	case a.account != nil:
		return a.account.Login
	default:
		return a.app.Slug + "[bot]"
	}
}

func (a *actor) id() int64 {
	switch {
	case a == nil:
		return 0
	case a.account != nil:
		return a.account.ID
	default:
		return a.app.ID
	}
}

// identify resolves a request's credential: nil for none, 401 for one that is wrong or expired.
func (s *Sandbox) identify(r *http.Request) (*actor, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "":
		return nil, nil
	case "bearer", "token":
	case "basic": // how git sends a token
		user, password, _ := r.BasicAuth()
		token = password
		if password == "" || password == "x-oauth-basic" {
			token = user
		}
	default:
		return nil, ghBadCredentials()
	}
	token = strings.TrimSpace(token)
	if who := s.appByJWT(token); who != nil {
		return who, nil
	}
	return s.byToken(token)
}

func ghBadCredentials() *failure {
	return &failure{status: http.StatusUnauthorized, message: "Bad credentials"}
}

func (s *Sandbox) byToken(token string) (*actor, error) {
	gh := s.state.GitHub
	if token != "" && token == s.operatorGitHubToken() {
		return &actor{account: gh.operator(), kind: classicToken,
			scopes: []string{"admin:org", "delete_repo", "repo", "user", "workflow"}}, nil
	}
	if who := s.byPerson(token); who != nil {
		return who, nil
	}
	i := slices.IndexFunc(gh.Tokens, func(t *ghToken) bool { return t.Hash == ghHash(token) })
	if i < 0 {
		return nil, ghBadCredentials()
	}
	t := gh.Tokens[i]
	if !t.Expires.IsZero() && !s.now().Before(t.Expires) {
		return nil, ghBadCredentials()
	}
	who := &actor{kind: t.Kind, scopes: t.Scopes, permissions: t.Permissions, repositories: t.Repositories}
	if t.Kind != appToken {
		who.account = gh.account(t.Login)
		return who, nil
	}
	for _, app := range gh.Apps {
		for _, in := range app.Installed {
			if in.ID == t.Installation {
				who.app, who.installation = app, in
				return who, nil
			}
		}
	}
	return nil, ghBadCredentials()
}

// appByJWT recognises the JWT that an App signs with its private key, as GitHub does: RS256, issued
// by the App, not from the future, and for no longer than ten minutes.
func (s *Sandbox) appByJWT(token string) *actor {
	if strings.Count(token, ".") != 2 {
		return nil
	}
	for _, app := range s.state.GitHub.Apps {
		key, err := jwt.ParseRSAPublicKeyFromPEM([]byte(app.PublicKey))
		if err != nil {
			continue
		}
		var claims jwt.RegisteredClaims
		_, err = jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil },
			jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(fmt.Sprint(app.ID)), jwt.WithIssuedAt(),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now))
		if err == nil && claims.ExpiresAt.Sub(s.now()) <= 10*time.Minute {
			return &actor{app: app, kind: appToken}
		}
	}
	return nil
}

func ghHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// access is a role on a repository; each holds what the ones before it hold.
type access int

const (
	noAccess access = iota
	readAccess
	triageAccess
	writeAccess
	maintainAccess
	adminAccess
)

// ghRole reads a role in either of its two spellings.
func ghRole(name string) access {
	switch name {
	case "pull", "read":
		return readAccess
	case "triage":
		return triageAccess
	case "push", "write":
		return writeAccess
	case "maintain":
		return maintainAccess
	case "admin":
		return adminAccess
	default:
		return noAccess
	}
}

func (a access) permissions() map[string]bool {
	return map[string]bool{"pull": a >= readAccess, "triage": a >= triageAccess, "push": a >= writeAccess,
		"maintain": a >= maintainAccess, "admin": a >= adminAccess}
}

// roleName is the spelling of role_name.
func (a access) roleName() string {
	return []string{"none", "read", "triage", "write", "maintain", "admin"}[a]
}

// need is what an operation asks of its caller: a role, the permission that a fine-grained token or
// an App must have, and whether it must be somebody at all.
type need struct {
	login      bool
	role       access
	permission string // "contents"
	level      string // "read", "write"
}

// somebody is the need of an operation without a repository.
func somebody() need { return need{login: true} }

// reads and writes are needs of a permission with the role that goes with it for a user's token.
func reads(permission string, role access) need {
	return need{login: true, role: role, permission: permission, level: "read"}
}

func writes(permission string, role access) need {
	return need{login: true, role: role, permission: permission, level: "write"}
}

// role is what who may do on r by membership, whatever the credential is limited to.
func (gh *GitHub) role(who *actor, r *ghRepo) access {
	role := noAccess
	if r.Visibility == "public" {
		role = readAccess
	}
	if who == nil {
		return role
	}
	owner := gh.accountByID(r.Owner)
	if who.account == nil {
		if who.installation != nil && who.installation.Account == owner.ID {
			return adminAccess // its permissions are the limit
		}
		return role
	}
	if who.account.Operator || who.account.ID == owner.ID {
		return adminAccess
	}
	if m := owner.member(who.account.Login); m != nil {
		if m.Owner {
			return adminAccess
		}
		role = max(role, ghRole(owner.Base))
	}
	role = max(role, ghRole(r.Collaborators[strings.ToLower(who.account.Login)]))
	for slug, permission := range r.Teams {
		if t := owner.team(slug); t != nil && t.Members[strings.ToLower(who.account.Login)] != "" {
			role = max(role, ghRole(permission))
		}
	}
	return role
}

// covers says whether the credential itself reaches r.
func (a *actor) covers(r *ghRepo) bool {
	if r.Visibility == "public" {
		return true
	}
	switch {
	case a == nil:
		return false
	case a.kind == classicToken:
		return slices.Contains(a.scopes, "repo")
	case a.installation != nil && a.installation.Repositories != nil && !slices.Contains(a.installation.Repositories, r.ID):
		return false
	default:
		return a.repositories == nil || slices.Contains(a.repositories, r.ID)
	}
}

func (g *ghCall) sees(who *actor, r *ghRepo) bool {
	return g.gh.role(who, r) >= readAccess && who.covers(r)
}

// may refuses what the caller's role or its credential does not allow. GitHub names the permission
// that is missing for the tokens that have permissions.
func (g *ghCall) may(who *actor, r *ghRepo, n need) error {
	if who == nil && (n.level != "read" || n.permission != "contents" && n.permission != "metadata") {
		return &failure{status: http.StatusUnauthorized, message: "Requires authentication"}
	}
	if g.gh.role(who, r) < n.role {
		if n.role == adminAccess {
			return ghRefused("Must have admin rights to Repository.")
		}
		return ghMissing()
	}
	if who == nil {
		return nil
	}
	if who.kind == classicToken {
		if n.level == "write" && !slices.Contains(who.scopes, "repo") && !slices.Contains(who.scopes, "public_repo") {
			f := ghMissing()
			f.header = ghHeader("X-Accepted-OAuth-Scopes", "repo")
			return f
		}
		return nil
	}
	if who.holds(n.permission, n.level) || (r.Visibility == "public" && n.level == "read" && n.role == readAccess) {
		return nil
	}
	return who.lacks(n.permission, n.level)
}

func (a *actor) holds(permission, level string) bool {
	if permission == "" || permission == "metadata" {
		return true
	}
	held := a.permissions[permission]
	return held == "write" || held == "admin" || (held == "read" && level == "read")
}

func (a *actor) lacks(permission, level string) *failure {
	f := ghRefused("Resource not accessible by personal access token")
	if a.kind == appToken {
		f = ghRefused("Resource not accessible by integration")
	}
	f.header = ghHeader("X-Accepted-GitHub-Permissions", permission+"="+level)
	return f
}
