package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// ruleWire is who has a role on a service principal, as it travels and as it is kept.
type ruleWire struct {
	Principals []string `json:"principals,omitempty"`
	Role       string   `json:"role"`
}

// The roles on a service principal.
const (
	userRole    = "roles/servicePrincipal.user"
	managerRole = "roles/servicePrincipal.manager"
)

// ruleSetRoutes are the account's rule sets of service principals. Which one is meant stands in a parameter.
func (s *Sandbox) ruleSetRoutes() {
	const path = "/api/2.0/preview/accounts/{account}/access-control/rule-sets"
	s.onAccountAt(http.MethodGet, path, func(c *dbxCall) (any, error) {
		p, err := c.ruled(c.req.URL.Query().Get("name"))
		if err != nil {
			return nil, err
		}
		return c.ruleSet(p), nil
	})
	s.onAccountAt(http.MethodPut, path, (*dbxCall).replaceRules)
}

// ruled is the principal whose rule set has that name. It goes by its application id there.
func (c *dbxCall) ruled(name string) (*dbxPrincipal, error) {
	parts := regexp.MustCompile(`^accounts/([^/]+)/servicePrincipals/([^/]+)/ruleSets/default$`).FindStringSubmatch(name)
	if parts == nil || parts[1] != c.d.AccountID {
		return nil, dbxInvalid("%q is not the name of a rule set of this account that the sandbox knows.", name)
	}
	p := c.d.byLogin(parts[2])
	if p == nil || p.user() {
		return nil, dbxMissing("NOT_FOUND", "Service principal %s does not exist.", parts[2])
	}
	return p, nil
}

func (c *dbxCall) ruleSet(p *dbxPrincipal) dbxObject {
	o := dbxObject{
		"name": "accounts/" + c.d.AccountID + "/servicePrincipals/" + p.ApplicationID + "/ruleSets/default", "etag": p.ruleEtag(),
	}
	if len(p.Rules) > 0 {
		o["grant_rules"] = p.Rules
	}
	return o
}

func (p *dbxPrincipal) ruleEtag() string {
	return "RENUAAABhSweA" + hashed(fmt.Sprint(p.ID, " ", p.RuleVersion))[:12]
}

// replaceRules replaces a whole rule set, if nobody changed it since it was read.
func (c *dbxCall) replaceRules() (any, error) {
	var b struct {
		Name    string `json:"name"`
		RuleSet struct {
			Name  string     `json:"name"`
			Etag  string     `json:"etag"`
			Rules []ruleWire `json:"grant_rules"`
		} `json:"rule_set"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	p, err := c.ruled(b.Name)
	switch {
	case err != nil:
		return nil, err
	case b.RuleSet.Name != b.Name:
		return nil, dbxInvalid("The rule set is called %q, the request is for %q.", b.RuleSet.Name, b.Name)
	case b.RuleSet.Etag == "":
		return nil, dbxInvalid("rule_set.etag is missing.")
	case b.RuleSet.Etag != p.ruleEtag():
		return nil, &failure{status: http.StatusConflict, code: "RESOURCE_CONFLICT",
			message: "The rule set was changed since it was read: the etag is not the current one."}
	}
	for _, r := range b.RuleSet.Rules {
		if r.Role != userRole && r.Role != managerRole {
			return nil, dbxInvalid("%q is no role on a service principal.", r.Role)
		}
		for _, name := range r.Principals {
			if !c.d.ruleKnows(name) {
				return nil, dbxInvalid("Principal %q does not exist.", name)
			}
		}
	}
	p.Rules = slices.DeleteFunc(b.RuleSet.Rules, func(r ruleWire) bool { return len(r.Principals) == 0 })
	p.RuleVersion++
	c.changed = true
	return c.ruleSet(p), nil
}

// ruleKnows reports whether a principal of a rule exists.
func (d *Databricks) ruleKnows(name string) bool {
	kind, value, _ := strings.Cut(name, "/")
	switch kind {
	case "groups":
		return strings.EqualFold(value, allUsers) || d.groupNamed(value) != nil
	case "users", "servicePrincipals":
		p := d.byLogin(value)
		return p != nil && p.user() == (kind == "users")
	default:
		return false
	}
}

// managesPrincipal reports whether the caller may change a service principal: account admins may change all, others need
// the role.
func (c *dbxCall) managesPrincipal(p *dbxPrincipal) bool {
	if c.d.accountAdmin(c.me) {
		return true
	}
	names := []string{"users/" + c.me.login(), "servicePrincipals/" + c.me.login()}
	for _, id := range c.d.groupsOf(c.me.ID) {
		names = append(names, "groups/"+c.d.group(id).Name)
	}
	return slices.ContainsFunc(p.Rules, func(r ruleWire) bool {
		return r.Role == managerRole && slices.ContainsFunc(r.Principals, func(name string) bool { return slices.Contains(names, name) })
	})
}
