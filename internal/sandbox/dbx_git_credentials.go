package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// dbxGitCredential is what somebody logs in to a Git provider with; only a hash of its token is kept.
type dbxGitCredential struct {
	ID        int64  `json:"id"`
	Principal int64  `json:"principal"`
	Provider  string `json:"provider"`
	Username  string `json:"username,omitempty"`
	Email     string `json:"email,omitempty"`
	Hash      string `json:"hash"`
}

type gitCredentialWire struct {
	Provider  string `json:"git_provider"`
	Username  string `json:"git_username"`
	Email     string `json:"git_email"`
	Token     string `json:"personal_access_token"`
	Principal int64  `json:"principal_id"`
}

// gitCredentialRoutes are the Git credentials of a workspace: the caller's own, or those of a service principal
// that the caller manages.
func (s *Sandbox) gitCredentialRoutes() {
	const all = "/api/2.0/git-credentials"
	s.onWorkspace(http.MethodGet, all, (*dbxCall).listGitCredentials)
	s.onWorkspace(http.MethodPost, all, (*dbxCall).createGitCredential)
	one := func(h func(*dbxCall, *dbxGitCredential) (any, error)) dbxHandler {
		return func(c *dbxCall) (any, error) {
			g := first(c.at.GitCredentials, func(g *dbxGitCredential) bool { return numeral(g.ID) == c.vars["id"] })
			if g == nil {
				return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Git credential %s does not exist.", c.vars["id"])
			}
			return h(c, g)
		}
	}
	queried := func(h func(*dbxCall, *dbxGitCredential) (any, error)) dbxHandler {
		return one(func(c *dbxCall, g *dbxGitCredential) (any, error) {
			owner, err := c.gitOwner(c.askedPrincipal())
			if err == nil && owner != g.Principal {
				err = dbxMissing("RESOURCE_DOES_NOT_EXIST", "Git credential %s does not exist.", c.vars["id"])
			}
			if err != nil {
				return nil, err
			}
			return h(c, g)
		})
	}
	s.onWorkspace(http.MethodGet, all+"/{id}", queried(func(_ *dbxCall, g *dbxGitCredential) (any, error) { return g.wire(), nil }))
	s.onWorkspace(http.MethodPatch, all+"/{id}", one((*dbxCall).updateGitCredential))
	s.onWorkspace(http.MethodDelete, all+"/{id}", queried(func(c *dbxCall, g *dbxGitCredential) (any, error) {
		c.at.GitCredentials = slices.DeleteFunc(c.at.GitCredentials, func(o *dbxGitCredential) bool { return o == g })
		c.changed = true
		return dbxObject{}, nil
	}))
}

func (g *dbxGitCredential) wire() dbxObject {
	o := dbxObject{"credential_id": g.ID, "git_provider": g.Provider}
	set(o, "git_username", g.Username)
	set(o, "git_email", g.Email)
	return o
}

func (c *dbxCall) askedPrincipal() int64 {
	id, _ := strconv.ParseInt(c.req.URL.Query().Get("principal_id"), 10, 64) // what is no number asks for nobody
	return id
}

// gitOwner is whose credentials a request is about.
func (c *dbxCall) gitOwner(principal int64) (int64, error) {
	if principal == 0 {
		return c.me.ID, nil
	}
	p := c.d.principal(principal)
	switch {
	case p == nil || p.user() || len(c.d.permissions(c.at, p.ID)) == 0:
		return 0, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Service principal %d does not exist in this workspace.", principal)
	case !c.managesPrincipal(p):
		return 0, dbxForbidden("Only a manager of service principal %d may change its Git credentials.", principal)
	default:
		return p.ID, nil
	}
}

func (c *dbxCall) listGitCredentials() (any, error) {
	owner, err := c.gitOwner(c.askedPrincipal())
	if err != nil {
		return nil, err
	}
	list := []dbxObject{}
	for _, g := range c.at.GitCredentials {
		if g.Principal == owner {
			list = append(list, g.wire())
		}
	}
	if len(list) == 0 {
		return dbxObject{}, nil
	}
	return dbxObject{"credentials": list}, nil
}

// gitProviders are those that the service has, in any case.
func gitProviders() []string {
	return []string{
		"gitHub", "bitbucketCloud", "gitLab", "azureDevOpsServices", "gitHubEnterprise", "bitbucketServer", "gitLabEnterpriseEdition", "awsCodeCommit",
	}
}

func (c *dbxCall) readGitCredential() (gitCredentialWire, error) {
	var b gitCredentialWire
	if err := c.read(&b); err != nil {
		return b, err
	}
	i := slices.IndexFunc(gitProviders(), func(p string) bool { return strings.EqualFold(p, b.Provider) })
	if i < 0 {
		return b, dbxInvalid("%q is not a Git provider.", b.Provider)
	}
	b.Provider = gitProviders()[i]
	return b, nil
}

// createGitCredential refuses a second one of one provider: it is to be changed instead.
func (c *dbxCall) createGitCredential() (any, error) {
	b, err := c.readGitCredential()
	if err != nil {
		return nil, err
	}
	owner, err := c.gitOwner(b.Principal)
	if err != nil {
		return nil, err
	}
	same := func(g *dbxGitCredential) bool { return g.Principal == owner && g.Provider == b.Provider }
	switch {
	case first(c.at.GitCredentials, same) != nil:
		return nil, &failure{status: http.StatusBadRequest, code: "INVALID_STATE",
			message: "Only one Git credential is supported at this time. If you would like to update your credential, please use the PATCH endpoint."}
	case b.Token == "":
		return nil, dbxInvalid("personal_access_token is missing.")
	}
	g := &dbxGitCredential{ID: c.state.principalID(), Principal: owner, Provider: b.Provider, Username: b.Username, Email: b.Email, Hash: hashed(b.Token)}
	c.at.GitCredentials = append(c.at.GitCredentials, g)
	c.changed = true
	return g.wire(), nil
}

func (c *dbxCall) updateGitCredential(g *dbxGitCredential) (any, error) {
	b, err := c.readGitCredential()
	if err != nil {
		return nil, err
	}
	owner, err := c.gitOwner(b.Principal)
	switch {
	case err != nil:
		return nil, err
	case owner != g.Principal:
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Git credential %d does not exist.", g.ID)
	case g.Provider != b.Provider:
		return nil, dbxInvalid("The credential is one of %s, not of %s.", g.Provider, b.Provider)
	}
	if b.Username != "" {
		g.Username = b.Username
	}
	if b.Email != "" {
		g.Email = b.Email
	}
	if b.Token != "" {
		g.Hash = hashed(b.Token)
	}
	c.changed = true
	return dbxObject{}, nil
}

// HoldsGitToken says whether a principal, by its application id, logs in to a Git provider with that token on a
// workspace. It is for tests and rehearsals: nobody else could tell.
func (s *Sandbox) HoldsGitToken(host, applicationID, token string) bool {
	s.lock()
	defer s.unlock()
	d := s.state.Databricks
	w, p := d.workspace(host), d.byLogin(applicationID)
	return w != nil && p != nil && slices.ContainsFunc(w.GitCredentials, func(g *dbxGitCredential) bool {
		return g.Principal == p.ID && g.Hash == hashed(token)
	})
}
