package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// maxPolicies is the service's limit for the federation policies of one principal.
const maxPolicies = 20

// oidcWire is a federation policy's rule, as it travels and as it is kept.
type oidcWire struct {
	Issuer       string   `json:"issuer,omitempty"`
	Audiences    []string `json:"audiences,omitempty"`
	Subject      string   `json:"subject,omitempty"`
	SubjectClaim string   `json:"subject_claim,omitempty"`
	JWKSURI      string   `json:"jwks_uri,omitempty"`
	JWKSJSON     string   `json:"jwks_json,omitempty"`
}

func (s *Sandbox) federationRoutes() {
	const policies = "/servicePrincipals/{principal}/federationPolicies"
	on := func(method, path string, h func(*dbxCall, *dbxPrincipal) (any, error)) {
		s.onAccount(method, path, func(c *dbxCall) (any, error) {
			p, err := c.servicePrincipal()
			if err != nil {
				return nil, err
			}
			return h(c, p)
		})
	}
	one := func(h func(*dbxCall, *dbxPrincipal, *dbxPolicy) (any, error)) func(*dbxCall, *dbxPrincipal) (any, error) {
		return func(c *dbxCall, p *dbxPrincipal) (any, error) {
			policy := first(p.Policies, func(f *dbxPolicy) bool { return f.ID == c.vars["policy"] })
			if policy == nil {
				return nil, dbxMissing("NOT_FOUND", "Federation policy %s does not exist.", c.vars["policy"])
			}
			return h(c, p, policy)
		}
	}
	on(http.MethodGet, policies, (*dbxCall).listPolicies)
	on(http.MethodPost, policies, (*dbxCall).createPolicy)
	on(http.MethodGet, policies+"/{policy...}", one(func(c *dbxCall, p *dbxPrincipal, f *dbxPolicy) (any, error) { return c.policyObject(p, f), nil }))
	on(http.MethodPatch, policies+"/{policy...}", one((*dbxCall).patchPolicy))
	on(http.MethodDelete, policies+"/{policy...}", one(func(c *dbxCall, p *dbxPrincipal, f *dbxPolicy) (any, error) {
		p.Policies = slices.DeleteFunc(p.Policies, func(o *dbxPolicy) bool { return o == f })
		c.changed = true
		return dbxObject{}, nil
	}))
}

func (c *dbxCall) policyObject(p *dbxPrincipal, f *dbxPolicy) dbxObject {
	o := dbxObject{
		"name": "accounts/" + c.d.AccountID + "/servicePrincipals/" + numeral(p.ID) + "/federationPolicies/" + f.ID,
		"uid":  f.UID, "policy_id": f.ID, "service_principal_id": p.ID, "oidc_policy": f.OIDC,
		"create_time": dbxTime(f.Created), "update_time": dbxTime(f.Updated),
	}
	set(o, "description", f.Description)
	return o
}

func (c *dbxCall) listPolicies(p *dbxPrincipal) (any, error) {
	size, err := c.pageSize("page_size", 100)
	if err != nil {
		return nil, err
	}
	part, next, err := page(p.Policies, c.req.URL.Query().Get("page_token"), size)
	if err != nil {
		return nil, err
	}
	list := []dbxObject{}
	for _, f := range part {
		list = append(list, c.policyObject(p, f))
	}
	o := dbxObject{"policies": list}
	set(o, "next_page_token", next)
	return o, nil
}

// createPolicy takes the policy's id from the query, and gives it one where the query has none.
func (c *dbxCall) createPolicy(p *dbxPrincipal) (any, error) {
	var b policyBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	f := &dbxPolicy{ID: c.req.URL.Query().Get("policy_id"), Created: c.now().UTC(), Updated: c.now().UTC()}
	if b.Description != nil {
		f.Description = *b.Description
	}
	if b.OIDC == nil {
		return nil, dbxInvalid("oidc_policy is missing.")
	}
	f.OIDC = *b.OIDC
	if err := c.checkPolicy(f); err != nil {
		return nil, err
	}
	switch {
	case f.ID == "":
		f.ID = c.state.nextUUID()
	case !regexp.MustCompile(`^[a-z0-9/-]{2,63}$`).MatchString(f.ID):
		return nil, dbxInvalid("Policy id %q must have 2 to 63 lower-case letters, digits, hyphens and slashes.", f.ID)
	case slices.ContainsFunc(p.Policies, func(o *dbxPolicy) bool { return o.ID == f.ID }):
		return nil, &failure{status: http.StatusConflict, code: "ALREADY_EXISTS", message: "Federation policy " + f.ID + " already exists."}
	}
	if len(p.Policies) >= maxPolicies {
		return nil, &failure{status: http.StatusBadRequest, code: "RESOURCE_LIMIT_EXCEEDED",
			message: "A service principal can have at most 20 federation policies."}
	}
	f.UID = c.state.nextUUID()
	p.Policies = append(p.Policies, f)
	c.changed = true
	return c.policyObject(p, f), nil
}

type policyBody struct {
	Description *string   `json:"description"`
	OIDC        *oidcWire `json:"oidc_policy"`
}

// checkPolicy refuses a policy that could never match. Who gives no audience means the account.
func (c *dbxCall) checkPolicy(f *dbxPolicy) error {
	if !strings.HasPrefix(f.OIDC.Issuer, "https://") && !strings.HasPrefix(f.OIDC.Issuer, "http://127.0.0.1") {
		return dbxInvalid("oidc_policy.issuer must be an HTTPS URL.")
	}
	if f.OIDC.Subject == "" {
		return dbxInvalid("oidc_policy.subject is required for service principal federation policies.")
	}
	if slices.Contains(f.OIDC.Audiences, "") {
		return dbxInvalid("oidc_policy.audiences must not be empty strings.")
	}
	if len(f.OIDC.Audiences) == 0 {
		f.OIDC.Audiences = []string{c.d.AccountID}
	}
	return nil
}

// patchPolicy changes what the mask names; without a mask, what the body has; with "*", everything.
func (c *dbxCall) patchPolicy(p *dbxPrincipal, f *dbxPolicy) (any, error) {
	var b policyBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	next := *f
	mask := strings.Split(c.req.URL.Query().Get("update_mask"), ",")
	switch mask[0] {
	case "*":
		mask = []string{"description", "oidc_policy"}
	case "":
		mask = b.given()
	}
	for _, name := range mask {
		if err := next.change(name, b); err != nil {
			return nil, err
		}
	}
	if err := c.checkPolicy(&next); err != nil {
		return nil, err
	}
	next.Updated = c.now().UTC()
	*f, c.changed = next, true
	return c.policyObject(p, f), nil
}

func (b policyBody) given() []string {
	var names []string
	if b.Description != nil {
		names = append(names, "description")
	}
	if b.OIDC != nil {
		names = append(names, "oidc_policy")
	}
	return names
}

func (f *dbxPolicy) change(name string, b policyBody) error {
	var from oidcWire
	if b.OIDC != nil {
		from = *b.OIDC
	}
	switch strings.TrimSpace(name) {
	case "description":
		f.Description = ""
		if b.Description != nil {
			f.Description = *b.Description
		}
	case "oidc_policy":
		f.OIDC = from
	case "oidc_policy.issuer":
		f.OIDC.Issuer = from.Issuer
	case "oidc_policy.audiences":
		f.OIDC.Audiences = from.Audiences
	case "oidc_policy.subject":
		f.OIDC.Subject = from.Subject
	case "oidc_policy.subject_claim":
		f.OIDC.SubjectClaim = from.SubjectClaim
	default:
		return dbxInvalid("update_mask names %q, which cannot be changed.", name)
	}
	return nil
}

// UnmarshalJSON refuses fields that a policy does not have, as the service does.
func (w *oidcWire) UnmarshalJSON(data []byte) error {
	type plain oidcWire
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(w))
}
