package sandbox

import (
	"fmt"
	"strings"
)

// htmlBase is the address of the pages that people see.
func (g *ghCall) htmlBase() string { return strings.TrimSuffix(g.opt.Hosts.GitHub, "/") }

func (g *ghCall) userSimple(a *ghAccount) ghObject {
	url := g.apiBase() + "/users/" + a.Login
	o := ghObject{
		"login": a.Login, "id": a.ID, "node_id": ghNode(a.kind(), a.ID), "gravatar_id": "", "type": a.kind(), "site_admin": false,
		"avatar_url": fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.ID), "url": url, "html_url": g.htmlBase() + "/" + a.Login,
		"following_url": url + "/following{/other_user}", "gists_url": url + "/gists{/gist_id}", "starred_url": url + "/starred{/owner}{/repo}",
		"organizations_url": url + "/orgs", "events_url": url + "/events{/privacy}",
	}
	for _, name := range []string{"followers", "subscriptions", "repos", "received_events"} {
		o[name+"_url"] = url + "/" + name
	}
	return o
}

func (g *ghCall) userFull(a *ghAccount) ghObject {
	o := g.userSimple(a)
	for _, name := range []string{"company", "blog", "location", "email", "hireable", "bio"} {
		o[name] = nil
	}
	for _, name := range []string{"public_repos", "public_gists", "followers", "following"} {
		o[name] = 0
	}
	o["name"], o["created_at"], o["updated_at"] = a.Login, ghTime(a.Created), ghTime(a.Created)
	return o
}

func (g *ghCall) orgSimple(a *ghAccount) ghObject {
	url := g.apiBase() + "/orgs/" + a.Login
	return ghObject{
		"login": a.Login, "id": a.ID, "node_id": ghNode("Organization", a.ID), "url": url, "repos_url": url + "/repos",
		"events_url": url + "/events", "hooks_url": url + "/hooks", "issues_url": url + "/issues", "description": nil,
		"members_url": url + "/members{/member}", "public_members_url": url + "/public_members{/member}",
		"avatar_url": fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", a.ID),
	}
}

func (g *ghCall) teamObject(org *ghAccount, t *ghTeam, permission string) ghObject {
	url := fmt.Sprintf("%s/organizations/%d/team/%d", g.apiBase(), org.ID, t.ID)
	return ghObject{
		"id": t.ID, "node_id": ghNode("Team", t.ID), "name": t.Name, "slug": t.Slug, "description": nil, "privacy": "closed",
		"notification_setting": "notifications_enabled", "permission": permission, "permissions": ghRole(permission).permissions(),
		"url": url, "html_url": fmt.Sprintf("%s/orgs/%s/teams/%s", g.htmlBase(), org.Login, t.Slug),
		"members_url": url + "/members{/member}", "repositories_url": url + "/repos", "parent": nil, "type": "organization",
		"organization_id": org.ID,
	}
}

// repoSimple is a repository as listings show it.
func (g *ghCall) repoSimple(r *ghRepo) ghObject {
	owner := g.gh.accountByID(r.Owner)
	url := g.apiBase() + "/repos/" + g.gh.fullName(r)
	html := g.htmlBase() + "/" + g.gh.fullName(r)
	host := strings.TrimPrefix(strings.TrimPrefix(g.htmlBase(), "https://"), "http://")
	o := ghObject{
		"id": r.ID, "node_id": ghNode("Repository", r.ID), "name": r.Name, "full_name": g.gh.fullName(r), "owner": g.userSimple(owner),
		"private": r.Visibility != "public", "visibility": r.Visibility, "html_url": html, "description": r.Description, "fork": r.Parent != 0,
		"url": url, "git_url": "git://" + host + "/" + g.gh.fullName(r) + ".git", "ssh_url": "git@" + host + ":" + g.gh.fullName(r) + ".git",
		"clone_url": html + ".git", "svn_url": html, "mirror_url": nil, "homepage": r.Homepage, "language": nil, "license": nil,
		"archived": r.Archived, "disabled": false, "topics": append([]string{}, r.Topics...), "has_pages": false,
		"default_branch": r.Default, "created_at": ghTime(r.Created), "updated_at": ghTime(r.Updated), "pushed_at": ghTime(r.Pushed),
		"permissions": g.gh.role(g.who, r).permissions(),
	}
	o["forks"], o["forks_count"] = len(g.gh.forks(r)), len(g.gh.forks(r))
	for _, name := range []string{"stargazers_count", "watchers", "watchers_count", "size", "open_issues", "open_issues_count"} {
		o[name] = 0
	}
	for name, below := range ghRepoURLs() {
		o[name] = url + below
	}
	for _, name := range []string{"has_issues", "has_projects", "has_wiki", "has_downloads", "has_discussions", "is_template",
		"allow_forking", "web_commit_signoff_required"} {
		o[name] = r.Flags[name]
	}
	return o
}

// repoFull is a repository as an answer about it alone shows it. The merge settings are there only
// for those who may read and write its contents.
func (g *ghCall) repoFull(r *ghRepo) ghObject {
	o := g.repoSimple(r)
	o["network_count"], o["subscribers_count"] = 0, 0
	o["custom_properties"] = ghObject{}
	o["temp_clone_token"] = nil
	if from := g.parent(r); from != nil {
		o["parent"], o["source"] = g.repoSimple(from), g.repoSimple(from)
	}
	owner := g.gh.accountByID(r.Owner)
	if owner.Org {
		o["organization"] = g.userSimple(owner)
	}
	if g.who == nil {
		return o
	}
	role := g.gh.role(g.who, r)
	if role >= writeAccess && (g.who.kind == classicToken || g.who.holds("contents", "write")) {
		for _, name := range ghMergeSettings() {
			o[name] = r.Flags[name]
		}
		for name, value := range r.Titles {
			o[name] = value
		}
	}
	if role == adminAccess {
		o["security_and_analysis"] = ghObject{"secret_scanning": ghObject{"status": "disabled"},
			"secret_scanning_push_protection": ghObject{"status": "disabled"}}
	}
	return o
}

// ghRepoURLs are the addresses below a repository's own.
func ghRepoURLs() map[string]string {
	urls := map[string]string{
		"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
		"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
		"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}",
		"git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
		"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}",
		"keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "milestones_url": "/milestones{/number}",
		"notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}",
		"statuses_url": "/statuses/{sha}", "trees_url": "/git/trees{/sha}",
	}
	for _, name := range []string{"contributors", "deployments", "downloads", "events", "forks", "hooks", "languages", "merges",
		"stargazers", "subscribers", "subscription", "tags", "teams"} {
		urls[name+"_url"] = "/" + name
	}
	return urls
}
