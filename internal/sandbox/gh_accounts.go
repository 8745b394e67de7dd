package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func ghAccountRoutes() []ghRoute {
	return []ghRoute{
		{pattern: "GET /user", need: somebody(), handle: (*ghCall).getMe},
		{pattern: "GET /user/orgs", need: somebody(), handle: (*ghCall).listMyOrgs},
		{pattern: "GET /users/{username}", handle: (*ghCall).getUser},
		{pattern: "GET /orgs/{org}", handle: (*ghCall).getOrg},
		{pattern: "GET /orgs/{org}/teams", need: somebody(), handle: (*ghCall).listTeams},
		{pattern: "GET /orgs/{org}/teams/{team_slug}", need: somebody(), handle: (*ghCall).getTeam},
		{pattern: "GET /orgs/{org}/memberships/{username}", need: somebody(), handle: (*ghCall).getMembership},
		{pattern: "GET /orgs/{org}/actions/permissions/workflow", need: somebody(), handle: (*ghCall).getOrgWorkflow},
		{pattern: "GET /orgs/{org}/actions/oidc/customization/sub", need: somebody(), handle: (*ghCall).getOrgSubject},
		{pattern: "PUT /orgs/{org}/actions/oidc/customization/sub", need: somebody(), handle: (*ghCall).putOrgSubject},
		{pattern: "POST /app/installations/{installation_id}/access_tokens", need: somebody(), handle: (*ghCall).createInstallationToken},
		{pattern: "GET /rate_limit", handle: (*ghCall).getRateLimit},
	}
}

func (g *ghCall) getMe() (any, error) {
	if g.who.account == nil {
		return nil, g.who.lacks("", "")
	}
	user := g.userFull(g.who.account)
	for _, name := range []string{"private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators"} {
		user[name] = 0
	}
	user["two_factor_authentication"] = true
	return user, nil
}

func (g *ghCall) listMyOrgs() (any, error) {
	var orgs []ghObject
	for _, a := range g.gh.Accounts {
		if a.Org && g.who.account != nil && a.member(g.who.account.Login) != nil {
			orgs = append(orgs, g.orgSimple(a))
		}
	}
	return ghList(g, orgs)
}

func (g *ghCall) getUser() (any, error) {
	a := g.gh.account(g.vars["username"])
	if a == nil {
		return nil, ghMissing()
	}
	return g.userFull(a), nil
}

// org is the organisation of the path.
func (g *ghCall) org() (*ghAccount, error) {
	a := g.gh.account(g.vars["org"])
	if a == nil || !a.Org {
		return nil, ghMissing()
	}
	return a, nil
}

// orgFor is the organisation of the path, for a caller with a right in it. Membership is asked of
// users, a permission of Apps and fine-grained tokens, a scope of classic ones.
func (g *ghCall) orgFor(permission, level string) (*ghAccount, error) {
	org, err := g.org()
	if err != nil {
		return nil, err
	}
	if g.who.account == nil {
		if g.who.installation == nil || g.who.installation.Account != org.ID {
			return nil, ghMissing()
		}
		if !g.who.holds(permission, level) {
			return nil, g.who.lacks(permission, level)
		}
		return org, nil
	}
	member := org.member(g.who.account.Login)
	if member == nil {
		return nil, ghMissing()
	}
	administers := permission == "organization_administration"
	if g.who.kind == fineToken && !g.who.holds(permission, level) {
		return nil, g.who.lacks(permission, level)
	}
	wanted := []string{"read:org", "write:org", "admin:org"}
	if administers {
		wanted = []string{"admin:org"}
	}
	if g.who.kind == classicToken && !slices.ContainsFunc(wanted, func(s string) bool { return slices.Contains(g.who.scopes, s) }) {
		f := ghRefused("Resource not accessible: this token has not been granted a scope that the operation needs.")
		f.header = ghHeader("X-Accepted-OAuth-Scopes", strings.Join(wanted, ", "))
		return nil, f
	}
	if administers && !member.Owner {
		return nil, ghRefused("You must be an organization owner.")
	}
	return org, nil
}

func (g *ghCall) getOrg() (any, error) {
	org, err := g.org()
	if err != nil {
		return nil, err
	}
	o := g.orgSimple(org)
	maps.Copy(o, ghObject{
		"name": org.Login, "has_organization_projects": true, "has_repository_projects": true, "public_repos": 0, "public_gists": 0,
		"followers": 0, "following": 0, "html_url": g.htmlBase() + "/" + org.Login, "type": "Organization",
		"created_at": ghTime(org.Created), "updated_at": ghTime(org.Created), "archived_at": nil,
	})
	// The plan and the members' rights are only for members.
	if g.who != nil && g.who.account != nil && org.member(g.who.account.Login) != nil {
		o["plan"] = ghObject{"name": org.Plan, "space": 976562499, "private_repos": 999999, "filled_seats": len(org.Members), "seats": 100}
		o["default_repository_permission"] = org.Base
		o["members_can_create_repositories"] = !org.Closed
		o["default_repository_branch"] = g.gh.DefaultBranch
	}
	return o, nil
}

func (g *ghCall) listTeams() (any, error) {
	org, err := g.orgFor("members", "read")
	if err != nil {
		return nil, err
	}
	var teams []ghObject
	for _, t := range org.Teams {
		teams = append(teams, g.teamObject(org, t, "pull"))
	}
	return ghList(g, teams)
}

func (g *ghCall) getTeam() (any, error) {
	org, err := g.orgFor("members", "read")
	if err != nil {
		return nil, err
	}
	t := org.team(g.vars["team_slug"])
	if t == nil {
		return nil, ghMissing()
	}
	o := g.teamObject(org, t, "pull")
	delete(o, "permissions")
	count := 0
	for _, r := range g.gh.Repositories {
		if r.Owner == org.ID && r.Teams[t.Slug] != "" {
			count++
		}
	}
	maps.Copy(o, ghObject{"members_count": len(t.Members), "repos_count": count, "created_at": ghTime(t.Created),
		"updated_at": ghTime(t.Created), "organization": g.teamOrganization(org)})
	return o, nil
}

func (g *ghCall) teamOrganization(org *ghAccount) ghObject {
	o := g.orgSimple(org)
	maps.Copy(o, ghObject{"has_organization_projects": true, "has_repository_projects": true, "public_repos": 0, "public_gists": 0,
		"followers": 0, "following": 0, "html_url": g.htmlBase() + "/" + org.Login, "type": "Organization",
		"created_at": ghTime(org.Created), "updated_at": ghTime(org.Created), "archived_at": nil})
	return o
}

func (g *ghCall) getMembership() (any, error) {
	org, err := g.orgFor("members", "read")
	if err != nil {
		return nil, err
	}
	user, m := g.gh.account(g.vars["username"]), org.member(g.vars["username"])
	if m == nil || user == nil {
		return nil, ghMissing()
	}
	role := "member"
	if m.Owner {
		role = "admin"
	}
	url := fmt.Sprintf("%s/orgs/%s", g.apiBase(), org.Login)
	return ghObject{"url": url + "/memberships/" + user.Login, "state": "active", "role": role, "organization_url": url,
		"organization": g.orgSimple(org), "user": g.userSimple(user)}, nil
}

func (g *ghCall) getOrgWorkflow() (any, error) {
	org, err := g.orgFor("organization_administration", "read")
	if err != nil {
		return nil, err
	}
	return ghObject{"default_workflow_permissions": org.Workflow.Default, "can_approve_pull_request_reviews": org.Workflow.Approve}, nil
}

func (g *ghCall) getOrgSubject() (any, error) {
	org, err := g.orgFor("organization_administration", "read")
	if err != nil {
		return nil, err
	}
	if org.Subject == nil {
		return nil, ghMissing()
	}
	return ghObject{"include_claim_keys": org.Subject.Keys}, nil
}

func (g *ghCall) putOrgSubject() (any, error) {
	org, err := g.orgFor("organization_administration", "write")
	if err != nil {
		return nil, err
	}
	var body struct {
		Keys []string `json:"include_claim_keys"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if bad := ghUnknownClaim(body.Keys); bad != "" {
		return nil, ghUnprocessable("Invalid claim key: %s", bad)
	}
	org.Subject, g.changed = &ghSubject{Keys: body.Keys}, true
	return &reply{status: http.StatusCreated, body: ghObject{}}, nil
}

func (g *ghCall) getRateLimit() (any, error) {
	if g.gh.Enterprise {
		f := ghMissing()
		f.message = "Rate limiting is not enabled."
		return nil, f
	}
	g.refund() // asking costs nothing
	q := g.quota()
	rate := ghObject{"limit": g.limit(), "used": q.used, "remaining": max(0, g.limit()-q.used), "reset": q.reset.Unix()}
	return ghObject{"resources": ghObject{"core": rate, "search": rate, "graphql": rate}, "rate": rate}, nil
}
