package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSecrets and maxLifetime are the service's limits for the OAuth secrets of one principal.
const (
	maxSecrets  = 5
	maxLifetime = 730 * 24 * time.Hour
)

// credentialRoutes are the OAuth secrets of service principals: at the account, and at a workspace
// for those who are assigned to it.
func (s *Sandbox) credentialRoutes() {
	const secrets = "/servicePrincipals/{principal}/credentials/secrets"
	for _, op := range []struct {
		method, path string
		handle       func(*dbxCall, *dbxPrincipal) (any, error)
	}{
		{http.MethodGet, secrets, (*dbxCall).listSecrets},
		{http.MethodPost, secrets, (*dbxCall).createSecret},
		{http.MethodDelete, secrets + "/{secret}", (*dbxCall).deleteSecret},
	} {
		s.onAccount(op.method, op.path, func(c *dbxCall) (any, error) {
			p, err := c.servicePrincipal()
			if err != nil {
				return nil, err
			}
			return op.handle(c, p)
		})
		s.onWorkspace(op.method, "/api/2.0/accounts"+op.path, func(c *dbxCall) (any, error) {
			if err := c.workspaceAdmin(); err != nil {
				return nil, err
			}
			p, err := c.servicePrincipal()
			if err != nil {
				return nil, err
			}
			if len(c.d.permissions(c.at, p.ID)) == 0 {
				return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Service principal %d is not in this workspace.", p.ID)
			}
			return op.handle(c, p)
		})
	}
}

// servicePrincipal is the one that the path names by its id. An application id is not an id.
func (c *dbxCall) servicePrincipal() (*dbxPrincipal, error) {
	id, err := strconv.ParseInt(c.vars["principal"], 10, 64)
	if err != nil {
		return nil, dbxInvalid("Service principal id %q is not a number.", c.vars["principal"])
	}
	if p := c.d.principal(id); p != nil && !p.user() {
		return p, nil
	}
	return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Service principal %d does not exist.", id)
}

func secretObject(s *dbxSecret) dbxObject {
	return dbxObject{
		// What the service hashes, and how, is not documented: here it is no hash of the value.
		"id": s.ID, "status": "ACTIVE", "secret_hash": hashed("secret " + s.ID),
		"create_time": dbxTime(s.Created), "update_time": dbxTime(s.Created), "expire_time": dbxTime(s.Expires),
	}
}

// liveSecrets are the secrets that have not expired; the others are no longer listed and take no place.
func (c *dbxCall) liveSecrets(p *dbxPrincipal) []*dbxSecret {
	return filter(p.Secrets, func(s *dbxSecret) bool { return c.now().Before(s.Expires) })
}

func (c *dbxCall) listSecrets(p *dbxPrincipal) (any, error) {
	size, err := c.pageSize("page_size", 100)
	if err != nil {
		return nil, err
	}
	part, next, err := page(c.liveSecrets(p), c.req.URL.Query().Get("page_token"), size)
	if err != nil {
		return nil, err
	}
	list := []dbxObject{}
	for _, s := range part {
		list = append(list, secretObject(s))
	}
	o := dbxObject{"secrets": list}
	set(o, "next_page_token", next)
	return o, nil
}

// createSecret shows the value: it is the only time.
func (c *dbxCall) createSecret(p *dbxPrincipal) (any, error) {
	var b struct {
		Lifetime string `json:"lifetime"`
	}
	if len(c.body) > 0 {
		if err := c.read(&b); err != nil {
			return nil, err
		}
	}
	life := maxLifetime
	if b.Lifetime != "" {
		seconds, isSeconds := strings.CutSuffix(b.Lifetime, "s")
		n, err := strconv.Atoi(seconds)
		if err != nil || !isSeconds || n <= 0 || n > int(maxLifetime.Seconds()) {
			return nil, dbxInvalid("Lifetime %q must be a number of seconds from 1s to %ds.", b.Lifetime, int(maxLifetime.Seconds()))
		}
		life = time.Duration(n) * time.Second
	}
	p.Secrets = c.liveSecrets(p)
	if len(p.Secrets) >= maxSecrets {
		return nil, &failure{status: http.StatusBadRequest, code: "RESOURCE_LIMIT_EXCEEDED",
			message: "A service principal can have at most 5 OAuth secrets."}
	}
	id := c.state.nextUUID()
	value := secretValue(c.d.AccountID, id)
	s := &dbxSecret{ID: id, Hash: hashed(value), Created: c.now().UTC(), Expires: c.now().UTC().Add(life)}
	p.Secrets = append(p.Secrets, s)
	c.changed = true
	o := secretObject(s)
	o["secret"] = value
	return o, nil
}

// secretValue follows from the id, so that the same requests are answered with the same bytes.
func secretValue(account, id string) string {
	return "dose" + hashed("OAuth secret " + account + id)[:32]
}

// LogsIn says whether what a repository's secret (environment "") or an environment's holds is an OAuth
// secret or a personal access token that a principal can log in with now. It is for tests and rehearsals: nobody else could tell.
func (s *Sandbox) LogsIn(repository, environment, name string) bool {
	s.lock()
	now, account := s.now(), s.state.Databricks.AccountID
	var values []string
	for _, p := range s.state.Databricks.Principals {
		for _, x := range p.Secrets {
			if p.Active && now.Before(x.Expires) {
				values = append(values, secretValue(account, x.ID))
			}
		}
	}
	for _, t := range s.state.Databricks.Tokens {
		if p := s.state.Databricks.principal(t.Principal); t.Personal != nil && p != nil && p.Active && now.Before(t.Expires) {
			values = append(values, personalValue(t.Personal.ID))
		}
	}
	s.unlock()
	return slices.ContainsFunc(values, func(value string) bool { return s.HoldsSecret(repository, environment, name, value) })
}

func (c *dbxCall) deleteSecret(p *dbxPrincipal) (any, error) {
	if !slices.ContainsFunc(c.liveSecrets(p), func(s *dbxSecret) bool { return s.ID == c.vars["secret"] }) {
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Secret %s does not exist.", c.vars["secret"])
	}
	p.Secrets = slices.DeleteFunc(p.Secrets, func(s *dbxSecret) bool { return s.ID == c.vars["secret"] })
	c.changed = true
	return dbxObject{}, nil
}
