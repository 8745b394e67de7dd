package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (g *ghCall) getTopics() (any, error) {
	return ghObject{"names": append([]string{}, g.repo.Topics...)}, nil
}

func (g *ghCall) putTopics() (any, error) {
	var body struct {
		Names []string `json:"names"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if len(body.Names) > 20 {
		return nil, ghUnprocessable("Repository topics can't have more than 20 topics.")
	}
	topics := []string{}
	for _, name := range body.Names {
		name = strings.ToLower(name)
		if name == "" || len(name) > 50 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name[0] == '-' {
			return nil, ghUnprocessable("Topics must start with a lowercase letter or number, consist of 50 characters or less, and can include hyphens.")
		}
		topics = append(topics, name)
	}
	slices.Sort(topics)
	g.repo.Topics, g.changed = slices.Compact(topics), true
	return g.getTopics()
}

func (g *ghCall) listRepoTeams() (any, error) {
	owner := g.gh.accountByID(g.repo.Owner)
	var teams []ghObject
	for _, slug := range ghKeys(g.repo.Teams) {
		if t := owner.team(slug); t != nil {
			teams = append(teams, g.teamObject(owner, t, g.repo.Teams[slug]))
		}
	}
	return ghList(g, teams)
}

// listCollaborators lists people with their highest role; "direct" leaves out those who have it only
// from the organisation or a team.
func (g *ghCall) listCollaborators() (any, error) {
	direct := g.req.URL.Query().Get("affiliation") == "direct"
	var list []ghObject
	for _, a := range g.gh.Accounts {
		if a.Org {
			continue
		}
		role := g.gh.role(&actor{account: a}, g.repo)
		named := g.repo.Collaborators[strings.ToLower(a.Login)] != "" || a.ID == g.repo.Owner
		if role < readAccess || !named && (direct || role == readAccess && g.repo.Visibility == "public") {
			continue
		}
		o := g.userSimple(a)
		o["permissions"], o["role_name"] = role.permissions(), role.roleName()
		list = append(list, o)
	}
	return ghList(g, list)
}

func (g *ghCall) getCollaborator() (any, error) {
	a := g.gh.account(g.vars["username"])
	if a == nil {
		return nil, ghMissing()
	}
	role := g.gh.role(&actor{account: a}, g.repo)
	// "permission" knows four words only; role_name has the others.
	permission := map[access]string{noAccess: "none", readAccess: "read", triageAccess: "read", writeAccess: "write",
		maintainAccess: "write", adminAccess: "admin"}[role]
	user := g.userSimple(a)
	user["permissions"], user["role_name"] = role.permissions(), role.roleName()
	return ghObject{"permission": permission, "role_name": role.roleName(), "user": user}, nil
}

// teamRepo is the team and the repository of the path. The organisation must own the repository.
func (g *ghCall) teamRepo(level string) (*ghAccount, *ghTeam, error) {
	org, err := g.orgFor("members", "read")
	if err != nil {
		return nil, nil, err
	}
	t := org.team(g.vars["team_slug"])
	r, renamed := g.gh.repository(g.vars["owner"], g.vars["repo"])
	if t == nil || r == nil || renamed || !g.sees(g.who, r) {
		return nil, nil, ghMissing()
	}
	g.repo = r
	if level == "write" {
		if err := g.may(g.who, r, writes("administration", adminAccess)); err != nil {
			return nil, nil, err
		}
		if r.Archived {
			return nil, nil, ghRefused("Repository was archived so is read-only.")
		}
	}
	if r.Owner != org.ID {
		return nil, nil, ghUnprocessable("Validation Failed: the repository does not belong to the team's organization")
	}
	return org, t, nil
}

// getTeamRepo answers 204, or the repository with the team's rights where that media type is asked.
func (g *ghCall) getTeamRepo() (any, error) {
	_, t, err := g.teamRepo("read")
	if err != nil {
		return nil, err
	}
	permission, ok := g.repo.Teams[t.Slug]
	if !ok {
		return nil, ghMissing()
	}
	if !strings.Contains(g.req.Header.Get("Accept"), "application/vnd.github.v3.repository+json") {
		return &reply{status: http.StatusNoContent}, nil
	}
	o := g.repoSimple(g.repo)
	o["permissions"], o["role_name"] = ghRole(permission).permissions(), ghRole(permission).roleName()
	return o, nil
}

func (g *ghCall) putTeamRepo() (any, error) {
	_, t, err := g.teamRepo("write")
	if err != nil {
		return nil, err
	}
	var body struct {
		Permission string `json:"permission"`
	}
	if len(g.body) > 0 {
		if err := g.read(&body); err != nil {
			return nil, err
		}
	}
	permission := cmp.Or(body.Permission, "push")
	if !slices.Contains([]string{"pull", "triage", "push", "maintain", "admin"}, permission) {
		return nil, ghInvalid(ghFieldError{Resource: "TeamMember", Code: "invalid", Field: "permission",
			Message: "permission must be one of pull, triage, push, maintain, admin, or a custom role"})
	}
	teams := maps.Clone(g.repo.Teams)
	teams[t.Slug] = permission
	g.repo.Teams, g.changed = teams, true
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) deleteTeamRepo() (any, error) {
	_, t, err := g.teamRepo("write")
	if err != nil {
		return nil, err
	}
	delete(g.repo.Teams, t.Slug)
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}
