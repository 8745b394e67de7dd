package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// dbxPersonal is what makes a token a personal access token: the service lists it and can revoke it.
type dbxPersonal struct {
	ID      string    `json:"id"`
	Comment string    `json:"comment,omitempty"`
	Created time.Time `json:"created"`
	By      int64     `json:"by"`
}

// tokenRoutes are a workspace's token management, for its admins.
func (s *Sandbox) tokenRoutes() {
	const tokens = "/api/2.0/token-management/tokens"
	on := func(method, path string, h dbxHandler) {
		s.onWorkspace(method, path, func(c *dbxCall) (any, error) {
			if err := c.workspaceAdmin(); err != nil {
				return nil, err
			}
			return h(c)
		})
	}
	on(http.MethodPost, "/api/2.0/token-management/on-behalf-of/tokens", (*dbxCall).createOnBehalf)
	on(http.MethodGet, tokens, (*dbxCall).listTokens)
	one := func(h func(*dbxCall, *dbxToken) (any, error)) dbxHandler {
		return func(c *dbxCall) (any, error) {
			t := first(c.personalTokens(), func(t *dbxToken) bool { return t.Personal.ID == c.vars["token"] })
			if t == nil {
				return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Token %s does not exist.", c.vars["token"])
			}
			return h(c, t)
		}
	}
	on(http.MethodGet, tokens+"/{token}", one(func(c *dbxCall, t *dbxToken) (any, error) {
		return dbxObject{"token_info": c.tokenInfo(t)}, nil
	}))
	on(http.MethodDelete, tokens+"/{token}", one(func(c *dbxCall, t *dbxToken) (any, error) {
		c.d.Tokens = slices.DeleteFunc(c.d.Tokens, func(o *dbxToken) bool { return o == t })
		c.changed = true
		return dbxObject{}, nil
	}))
}

// personalTokens are those of the workspace that have not expired.
func (c *dbxCall) personalTokens() []*dbxToken {
	return filter(c.d.Tokens, func(t *dbxToken) bool {
		return t.Personal != nil && t.Workspace == c.at.ID && c.now().Before(t.Expires)
	})
}

func (c *dbxCall) listTokens() (any, error) {
	query := c.req.URL.Query()
	list := []dbxObject{}
	for _, t := range c.personalTokens() {
		by := c.d.principal(t.Personal.By)
		if id := query.Get("created_by_id"); id != "" && id != numeral(t.Personal.By) {
			continue
		}
		if name := query.Get("created_by_username"); name != "" && (by == nil || by.login() != name) {
			continue
		}
		list = append(list, c.tokenInfo(t))
	}
	if len(list) == 0 {
		return dbxObject{}, nil
	}
	return dbxObject{"token_infos": list}, nil
}

func (c *dbxCall) tokenInfo(t *dbxToken) dbxObject {
	o := dbxObject{
		"token_id": t.Personal.ID, "owner_id": t.Principal, "created_by_id": t.Personal.By, "workspace_id": t.Workspace,
		"creation_time": t.Personal.Created.UnixMilli(), "expiry_time": t.Expires.UnixMilli(),
	}
	set(o, "comment", t.Personal.Comment)
	if by := c.d.principal(t.Personal.By); by != nil {
		o["created_by_username"] = by.login()
	}
	return o
}

// onAzure reports whether a workspace is one of Azure's, which has no tokens on behalf of somebody.
func (w *dbxWorkspace) onAzure() bool {
	return strings.HasSuffix(hostName(w.Host), ".azuredatabricks.net")
}

func hostName(host string) string {
	_, name, _ := strings.Cut(host, "://")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// createOnBehalf makes a token for a service principal and shows its value: it is the only time.
func (c *dbxCall) createOnBehalf() (any, error) {
	var b struct {
		ApplicationID string `json:"application_id"`
		Lifetime      int64  `json:"lifetime_seconds"`
		Comment       string `json:"comment"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	p := c.d.byLogin(b.ApplicationID)
	life := time.Duration(b.Lifetime) * time.Second
	switch {
	case c.at.onAzure():
		return nil, dbxMissing("FEATURE_DISABLED", "On-behalf-of token creation for service principals is not enabled for this workspace")
	case p == nil || p.user() || len(c.d.permissions(c.at, p.ID)) == 0:
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Service principal with application ID %s does not exist in this workspace.", b.ApplicationID)
	case !c.mayUseTokens(p):
		return nil, dbxForbidden("Service principal %s does not have permission to use tokens.", b.ApplicationID)
	case b.Lifetime < 0 || life > maxLifetime:
		return nil, dbxInvalid("lifetime_seconds must be at most %d.", int64(maxLifetime.Seconds()))
	case b.Lifetime == 0:
		life = maxLifetime
	}
	id := hashed(fmt.Sprint("personal access token ", c.d.AccountID, c.state.nextID()))
	value := personalValue(id)
	t := &dbxToken{
		Hash: hashed(value), Principal: p.ID, Workspace: c.at.ID, Expires: c.now().UTC().Add(life),
		Personal: &dbxPersonal{ID: id, Comment: b.Comment, Created: c.now().UTC(), By: c.me.ID},
	}
	c.d.Tokens = append(c.d.Tokens, t)
	c.changed = true
	return dbxObject{"token_value": value, "token_info": c.tokenInfo(t)}, nil
}

// personalValue follows from the id, so that the same requests are answered with the same bytes.
func personalValue(id string) string { return "dapi" + hashed("personal " + id)[:32] }

// mayUseTokens reports whether somebody's own entry, or that of a group, lets them use tokens of the workspace.
// Its admins may.
func (c *dbxCall) mayUseTokens(p *dbxPrincipal) bool {
	if slices.Contains(c.d.permissions(c.at, p.ID), "ADMIN") {
		return true
	}
	names := append(c.d.names(p), everyUser)
	return slices.ContainsFunc(c.at.entries(accessObject{Type: "authorization", ID: "tokens"}), func(a dbxAccess) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, a.Name) })
	})
}
