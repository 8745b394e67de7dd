package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func ghRepoRoutes() []ghRoute {
	return []ghRoute{
		{pattern: "GET ~", need: reads("metadata", readAccess), handle: (*ghCall).getRepo},
		{pattern: "PATCH ~", need: writes("administration", adminAccess), handle: (*ghCall).patchRepo},
		{pattern: "DELETE ~", need: writes("administration", adminAccess), handle: (*ghCall).deleteRepo},
		{pattern: "POST /orgs/{org}/repos", need: somebody(), handle: (*ghCall).createOrgRepo},
		{pattern: "POST /user/repos", need: somebody(), handle: (*ghCall).createMyRepo},
		{pattern: "GET /user/repos", need: somebody(), handle: (*ghCall).listMyRepos},
		{pattern: "GET /orgs/{org}/repos", handle: (*ghCall).listOrgRepos},
		{pattern: "GET ~/topics", need: reads("metadata", readAccess), handle: (*ghCall).getTopics},
		{pattern: "PUT ~/topics", need: writes("administration", adminAccess), handle: (*ghCall).putTopics},
		{pattern: "GET ~/teams", need: reads("administration", adminAccess), handle: (*ghCall).listRepoTeams},
		{pattern: "GET ~/collaborators", need: reads("metadata", writeAccess), handle: (*ghCall).listCollaborators},
		{pattern: "GET ~/collaborators/{username}/permission", need: reads("metadata", readAccess), handle: (*ghCall).getCollaborator},
		{pattern: "GET /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}", need: somebody(), handle: (*ghCall).getTeamRepo},
		{pattern: "PUT /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}", need: somebody(), handle: (*ghCall).putTeamRepo},
		{pattern: "DELETE /orgs/{org}/teams/{team_slug}/repos/{owner}/{repo}", need: somebody(), handle: (*ghCall).deleteTeamRepo},
	}
}

func (g *ghCall) getRepo() (any, error) { return g.repoFull(g.repo), nil }

func (g *ghCall) listMyRepos() (any, error) {
	return g.listRepos(func(r *ghRepo) bool { return g.gh.role(g.who, r) > readAccess || r.Visibility != "public" })
}

func (g *ghCall) listOrgRepos() (any, error) {
	org, err := g.org()
	if err != nil {
		return nil, err
	}
	return g.listRepos(func(r *ghRepo) bool { return r.Owner == org.ID })
}

func (g *ghCall) listRepos(wanted func(*ghRepo) bool) (any, error) {
	var list []ghObject
	for _, r := range g.gh.Repositories {
		if wanted(r) && g.sees(g.who, r) {
			list = append(list, g.repoSimple(r))
		}
	}
	return ghList(g, list)
}

func (g *ghCall) createOrgRepo() (any, error) {
	org, err := g.org()
	if err != nil {
		return nil, err
	}
	user := g.who.account
	switch {
	case user == nil || g.who.kind == fineToken:
		if !g.who.holds("administration", "write") {
			return nil, g.who.lacks("administration", "write")
		}
	case org.member(user.Login) == nil:
		return nil, ghMissing()
	case !slices.Contains(g.who.scopes, "repo"):
		f := ghMissing()
		f.header = ghHeader("X-Accepted-OAuth-Scopes", "public_repo, repo")
		return nil, f
	}
	if user != nil && org.Closed && !user.Operator && (org.member(user.Login) == nil || !org.member(user.Login).Owner) {
		return nil, ghRefused("You need admin access to the organization before adding a repository to it.")
	}
	return g.createRepo(org)
}

func (g *ghCall) createMyRepo() (any, error) {
	if g.who.account == nil {
		return nil, g.who.lacks("administration", "write")
	}
	if g.who.kind == fineToken && !g.who.holds("administration", "write") {
		return nil, g.who.lacks("administration", "write")
	}
	return g.createRepo(g.who.account)
}

// createRepo makes a repository. What a create does not take (topics, default_branch, archived) is
// ignored, as GitHub ignores it.
func (g *ghCall) createRepo(owner *ghAccount) (any, error) {
	var body struct {
		ghRepoPatch
		Name     string `json:"name"`
		AutoInit bool   `json:"auto_init"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if !regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`).MatchString(body.Name) || body.Name == "." || body.Name == ".." {
		return nil, &failure{status: http.StatusUnprocessableEntity, message: "Repository creation failed.",
			errors: []any{ghFieldError{Resource: "Repository", Code: "custom", Field: "name", Message: "name is invalid"}}}
	}
	if r, renamed := g.gh.repository(owner.Login, body.Name); r != nil && !renamed {
		return nil, &failure{status: http.StatusUnprocessableEntity, message: "Repository creation failed.",
			errors: []any{ghFieldError{Resource: "Repository", Code: "custom", Field: "name", Message: "name already exists on this account"}}}
	}
	r := g.addRepository(owner, body.Name)
	body.DefaultBranch, body.Archived, body.ghRepoPatch.Name = nil, nil, nil
	if err := g.applyPatch(r, &body.ghRepoPatch); err != nil {
		g.dropRepo(r)
		return nil, err
	}
	// A new repository takes its name back from the one that was renamed away from it.
	for _, other := range g.gh.Repositories {
		other.Former = slices.DeleteFunc(other.Former, func(name string) bool { return strings.EqualFold(name, g.gh.fullName(r)) })
	}
	if user := g.who.account; user != nil && owner.Org && !user.Operator {
		r.Collaborators[strings.ToLower(user.Login)] = "admin" // who makes a repository administers it
	}
	if in := g.who.installation; in != nil && in.Repositories != nil {
		in.Repositories = append(in.Repositories, r.ID) // an App sees what it made itself
	}
	g.changed = true
	if body.AutoInit {
		store, err := g.gitStore(r)
		if err != nil {
			return nil, err
		}
		readme := gitChanges{"README.md": []byte("# " + r.Name + "\n")}
		if _, err := store.commit(gitCommit{branch: r.Default, message: "Initial commit", who: g.who.name(), when: g.now(), changes: readme}); err != nil {
			return nil, err
		}
	}
	full := g.repoFull(r)
	return &reply{status: http.StatusCreated, header: http.Header{"Location": {fmt.Sprint(full["url"])}}, body: full}, nil
}

func (g *ghCall) deleteRepo() (any, error) {
	if g.who.kind == classicToken && !slices.Contains(g.who.scopes, "delete_repo") {
		return nil, ghRefused("Must have admin rights to Repository.")
	}
	gone := []*ghRepo{g.repo}
	for _, fork := range g.gh.forks(g.repo) {
		if fork.Parent = 0; g.repo.Visibility != "public" {
			gone = append(gone, fork) // a public one's stand for themselves from then on
		}
	}
	g.changed = true
	for _, r := range gone {
		g.dropRepo(r)
		if err := g.removeGit(r); err != nil {
			return nil, err
		}
	}
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) dropRepo(r *ghRepo) {
	g.gh.Repositories = slices.DeleteFunc(g.gh.Repositories, func(other *ghRepo) bool { return other == r })
}

// ghRepoPatch is what may be changed of a repository; nil is left as it is.
type ghRepoPatch struct {
	Name          *string         `json:"name"`
	Description   json.RawMessage `json:"description"` // null clears it
	Homepage      json.RawMessage `json:"homepage"`
	Private       *bool           `json:"private"`
	Visibility    *string         `json:"visibility"`
	DefaultBranch *string         `json:"default_branch"`
	Archived      *bool           `json:"archived"`
}

func (g *ghCall) patchRepo() (any, error) {
	var body ghRepoPatch
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if g.repo.Archived && body.Archived == nil {
		return nil, ghRefused("Repository was archived so is read-only.")
	}
	// On a copy, so that a refusal leaves nothing half done.
	changed := *g.repo
	changed.Flags, changed.Titles = maps.Clone(g.repo.Flags), maps.Clone(g.repo.Titles)
	if err := g.applyPatch(&changed, &body); err != nil {
		return nil, err
	}
	changed.Updated = g.now()
	*g.repo = changed
	g.changed = true
	return g.repoFull(g.repo), nil
}

func (g *ghCall) applyPatch(r *ghRepo, p *ghRepoPatch) error {
	if err := g.applyVisibility(r, p); err != nil {
		return err
	}
	for field, value := range map[**string]json.RawMessage{&r.Description: p.Description, &r.Homepage: p.Homepage} {
		if value == nil {
			continue
		}
		var text *string
		if err := json.Unmarshal(value, &text); err != nil {
			return fmt.Errorf("a text of a repository: %w", err)
		}
		if text != nil && *text == "" {
			text = nil // GitHub answers null for an empty text
		}
		*field = text
	}
	var sent map[string]any
	if err := g.read(&sent); err != nil {
		return err
	}
	for name, value := range sent {
		if flag, ok := value.(bool); ok && isKey(r.Flags, name) {
			r.Flags[name] = flag
		}
		if title, ok := value.(string); ok && isKey(r.Titles, name) {
			r.Titles[name] = title
		}
	}
	if !r.Flags["allow_merge_commit"] && !r.Flags["allow_squash_merge"] && !r.Flags["allow_rebase_merge"] {
		return ghInvalid(ghFieldError{Resource: "Repository", Code: "custom", Field: "merge_commit_allowed",
			Message: "Sorry, you need to allow at least one merge strategy. (no_merge_method)"})
	}
	if p.Archived != nil {
		r.Archived = *p.Archived
	}
	if p.DefaultBranch != nil && *p.DefaultBranch != r.Default {
		if err := g.setDefaultBranch(r, *p.DefaultBranch); err != nil {
			return err
		}
	}
	if p.Name != nil && *p.Name != r.Name {
		return g.rename(r, *p.Name)
	}
	return nil
}

func isKey[V any](m map[string]V, name string) bool { _, ok := m[name]; return ok }

func (g *ghCall) applyVisibility(r *ghRepo, p *ghRepoPatch) error {
	wanted := r.Visibility
	if p.Private != nil {
		wanted = map[bool]string{true: "private", false: "public"}[*p.Private]
		if *p.Private && r.Visibility == "internal" {
			wanted = r.Visibility
		}
	}
	if p.Visibility != nil {
		wanted = *p.Visibility
	}
	owner := g.gh.accountByID(r.Owner)
	if wanted == "internal" && (!owner.Org || owner.Plan != "enterprise") {
		return ghInvalid(ghFieldError{Resource: "Repository", Code: "custom", Field: "visibility",
			Message: "Only organizations associated with an enterprise can set visibility to internal"})
	}
	r.Visibility = wanted
	return nil
}

func (g *ghCall) setDefaultBranch(r *ghRepo, branch string) error {
	store, err := g.gitStore(r)
	if err != nil {
		return err
	}
	refs, err := store.refs("refs/heads/")
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return ghInvalid(ghFieldError{Resource: "Repository", Code: "invalid", Field: "default_branch",
			Message: "Cannot update default branch for an empty repository. Please init the repository and push first."})
	}
	if !slices.ContainsFunc(refs, func(ref gitRef) bool { return ref.name == "refs/heads/"+branch }) {
		return ghInvalid(ghFieldError{Resource: "Repository", Code: "invalid", Field: "default_branch",
			Message: fmt.Sprintf("The branch %s was not found. Please push that ref first or create it via the Git Data API.", branch)})
	}
	r.Default = branch
	return store.setHead(branch)
}

// rename leaves the old name as a redirect. On github.com the subjects of its tokens change with it.
func (g *ghCall) rename(r *ghRepo, name string) error {
	owner := g.gh.accountByID(r.Owner).Login
	if other, renamed := g.gh.repository(owner, name); other != nil && !renamed && other.ID != r.ID {
		return ghInvalid(ghFieldError{Resource: "Repository", Code: "custom", Field: "name", Message: "name already exists on this account"})
	}
	r.Former = append(slices.Clone(r.Former), owner+"/"+r.Name)
	r.Name = name
	if !g.gh.Enterprise && !g.now().Before(immutableSince()) {
		r.Subject.Immutable = true
	}
	return nil
}
