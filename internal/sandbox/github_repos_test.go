package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryGitHubRouteIsDescribed(t *testing.T) {
	g := newGitHubTest(t, "")
	d, u := loadGitHubDescription()
	seen := map[string]bool{}
	for _, r := range g.s.routes[githubService] {
		key := ghDescribedKey(&r)
		seen[key] = true
		_, described := d.Operations[key]
		if listed := u.Operations[key] != ""; described == listed {
			t.Errorf("%s: described %v, in undescribed_github.json %v; one of them is wanted", key, described, listed)
		}
	}
	for key := range d.Operations {
		if !seen[key] {
			t.Errorf("%s is described and not served", key)
		}
	}
}

func TestARequestThatLacksWhatIsRequiredIsRefused(t *testing.T) {
	g := newGitHubTest(t, `
 repositories:
 - { name: acme/demo, files: { README.md: hello } }
 teams: [{ slug: ml }]
`)
	g.do(200, "PUT", "/repos/acme/demo/environments/prod", map[string]any{
		"deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true}})
	set := g.do(201, "POST", "/repos/acme/demo/rulesets", map[string]any{"name": "x", "enforcement": "active"})
	fill := strings.NewReplacer("{org}", "acme", "{owner}", "acme", "{repo}", "demo", "{environment_name}", "prod", "{team_slug}", "ml",
		"{ruleset_id}", fmt.Sprint(int64(set.object["id"].(float64))), "{branch}", "main", "{path...}", "README.md", "{ref...}", "heads/main",
		"{sha}", "main")
	checked := 0
	for _, r := range g.s.routes[githubService] {
		schema := ghRequestSchemas()[ghPlace(r.method+" "+r.path)]
		if schema == nil || len(schema.Required) == 0 || strings.Contains(fill.Replace(r.path), "{") {
			continue
		}
		checked++
		a := g.do(422, r.method, fill.Replace(r.path), map[string]any{})
		if message := a.object["message"].(string); !strings.Contains(message, "wasn't supplied") {
			t.Errorf("%s %s: %q", r.method, r.path, message)
		}
	}
	if checked < 10 {
		t.Errorf("only %d operations were checked", checked)
	}
}

func TestARepositoryIsCreatedReadChangedAndDeleted(t *testing.T) {
	g := newGitHubTest(t, "")
	made := g.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "Demo", "visibility": "private", "description": "Taxi", "has_wiki": false})
	if got := made.object["full_name"]; got != "acme/Demo" {
		t.Errorf("full_name %v", got)
	}
	read := g.get("/repos/ACME/demo")
	want := map[string]any{"private": true, "visibility": "private", "description": "Taxi", "homepage": nil, "has_wiki": false,
		"allow_squash_merge": true, "default_branch": "main"}
	for name, value := range want {
		if diff := cmp.Diff(value, read.object[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	changed := g.do(200, "PATCH", "/repos/acme/Demo", map[string]any{"description": "", "allow_rebase_merge": false})
	if changed.object["description"] != nil || changed.object["allow_rebase_merge"] != false || changed.object["allow_merge_commit"] != true {
		t.Errorf("after the change: %v", changed.text)
	}
	g.do(422, "PATCH", "/repos/acme/Demo", map[string]any{"default_branch": "release"})
	g.do(200, "PUT", "/repos/acme/Demo/topics", map[string]any{"names": []string{"ML", "databricks"}})
	if diff := cmp.Diff([]any{"databricks", "ml"}, g.get("/repos/acme/Demo/topics").object["names"]); diff != "" {
		t.Error(diff)
	}
	g.do(204, "DELETE", "/repos/acme/Demo", nil)
	g.do(404, "GET", "/repos/acme/Demo", nil)
}

func TestARepositorysNameIsTakenOnce(t *testing.T) {
	g := newGitHubTest(t, "")
	g.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo"})
	a := g.do(422, "POST", "/orgs/acme/repos", map[string]any{"name": "DEMO"})
	first := a.object["errors"].([]any)[0].(map[string]any)
	if first["code"] != "custom" || first["message"] != "name already exists on this account" {
		t.Errorf("errors %v", first)
	}
}

func TestARenamedRepositoryRedirectsToItsID(t *testing.T) {
	g := newGitHubTest(t, `
 repositories:
 - { name: acme/demo, renamed_from: acme/old, files: { a: b } }
`)
	a := g.do(301, "GET", "/repos/acme/old/branches", nil)
	next := a.header.Get("Location")
	if want := "/branches"; !strings.HasSuffix(next, want) || !strings.Contains(next, "/repositories/") {
		t.Fatalf("Location %q", next)
	}
	if got := g.get(next).list; len(got) != 1 {
		t.Errorf("below the id: %v", got)
	}
	if b := g.do(307, "PATCH", "/repos/acme/old", map[string]any{"has_wiki": false}); b.header.Get("Location") == "" {
		t.Error("a PATCH of the old name has no Location")
	}
	if got := g.get(strings.TrimSuffix(next, "/branches")).object["full_name"]; got != "acme/demo" {
		t.Errorf("full_name %v", got)
	}
}

func TestAnArchivedRepositoryIsReadOnly(t *testing.T) {
	g := newGitHubTest(t, `
 repositories:
 - { name: acme/demo, archived: true, files: { a: b } }
`)
	g.get("/repos/acme/demo/branches")
	g.do(403, "POST", "/repos/acme/demo/actions/variables", map[string]any{"name": "A", "value": "b"})
	g.do(403, "PATCH", "/repos/acme/demo", map[string]any{"description": "x"})
	g.do(200, "PATCH", "/repos/acme/demo", map[string]any{"archived": false})
	g.do(201, "POST", "/repos/acme/demo/actions/variables", map[string]any{"name": "A", "value": "b"})
}

func TestANewRepositoryIsNotSeenEverywhereAtOnce(t *testing.T) {
	g := newGitHubTest(t, " delay: 2\n")
	g.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo"})
	g.get("/repos/acme/demo")
	g.do(404, "GET", "/repos/acme/demo/environments", nil)
	g.do(404, "GET", "/repos/acme/demo/environments", nil)
	g.get("/repos/acme/demo/environments")
}

func TestWhatACredentialMayNotSeeIsNotFound(t *testing.T) {
	g := newGitHubTest(t, `
 base_permission: none
 users:
 - { login: stranger, token: t-stranger }
 - { login: reader, token: t-reader }
 - { login: writer, token: t-writer }
 - { login: limited, role: owner, token: t-limited, permissions: { contents: read } }
 - { login: late, role: owner, token: t-late, expired: true }
 repositories:
 - { name: acme/demo, files: { a: b }, collaborators: { reader: read, writer: write } }
`)
	g.as("").do(404, "GET", "/repos/acme/demo", nil)
	g.as("").do(401, "GET", "/user", nil)
	g.as("nonsense").do(401, "GET", "/repos/acme/demo", nil)
	g.as("t-late").do(401, "GET", "/repos/acme/demo", nil)
	g.as("t-stranger").do(404, "GET", "/repos/acme/demo", nil)

	read := g.as("t-reader").get("/repos/acme/demo")
	if _, there := read.object["allow_squash_merge"]; there {
		t.Error("merge settings are shown to somebody who may not write contents")
	}
	g.as("t-reader").do(403, "PATCH", "/repos/acme/demo", map[string]any{"description": "x"})
	if _, there := g.as("t-writer").get("/repos/acme/demo").object["allow_squash_merge"]; !there {
		t.Error("merge settings are not shown to somebody who may write contents")
	}
	refused := g.as("t-limited").do(403, "PUT", "/repos/acme/demo/environments/prod", map[string]any{})
	if got := refused.header.Get("X-Accepted-GitHub-Permissions"); got != "administration=write" {
		t.Errorf("X-Accepted-GitHub-Permissions %q", got)
	}
	if got := refused.object["message"]; got != "Resource not accessible by personal access token" {
		t.Errorf("message %q", got)
	}
}

func TestPagesHaveLinksAndLimits(t *testing.T) {
	g := newGitHubTest(t, `
 repositories:
 - { name: acme/demo }
`)
	for i := range 35 {
		g.do(201, "POST", "/repos/acme/demo/actions/variables", map[string]any{"name": fmt.Sprintf("V%02d", i), "value": "x"})
	}
	count := func(a answered) int { return len(a.object["variables"].([]any)) }
	if got := count(g.get("/repos/acme/demo/actions/variables")); got != 10 {
		t.Errorf("a page has %d variables, want 10", got)
	}
	first := g.get("/repos/acme/demo/actions/variables?per_page=100")
	if got := count(first); got != 30 {
		t.Errorf("the largest page has %d variables, want 30", got)
	}
	link := first.header.Get("Link")
	_, next, _ := strings.Cut(link, "<")
	next, rel, _ := strings.Cut(next, ">; rel=")
	if !strings.HasPrefix(rel, `"next"`) || !strings.Contains(next, "/repositories/") {
		t.Fatalf("Link %q", link)
	}
	if got := count(g.get(next)); got != 5 {
		t.Errorf("the second page has %d variables, want 5", got)
	}
}

func TestAnAnswerThatDidNotChangeIsNotSentAgain(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo }]\n")
	first := g.get("/repos/acme/demo")
	again := g.send("GET", "/repos/acme/demo", nil, http.Header{"If-None-Match": {first.header.Get("ETag")}})
	if again.status != 304 || again.text != "" {
		t.Errorf("%d %q", again.status, again.text)
	}
	if first.header.Get("X-RateLimit-Remaining") != again.header.Get("X-RateLimit-Remaining") {
		t.Error("a 304 used the rate limit")
	}
	g.do(200, "PATCH", "/repos/acme/demo", map[string]any{"description": "new"})
	if a := g.send("GET", "/repos/acme/demo", nil, http.Header{"If-None-Match": {first.header.Get("ETag")}}); a.status != 200 {
		t.Errorf("after a change: %d", a.status)
	}
}

func TestTheRateLimitIsEnforcedAndSaid(t *testing.T) {
	g := newGitHubTest(t, " rate_limit: 2\n")
	g.get("/user")
	g.get("/user")
	a := g.do(403, "GET", "/user", nil)
	if a.header.Get("X-RateLimit-Remaining") != "0" || a.header.Get("X-GitHub-Request-Id") == "" {
		t.Errorf("headers %v", a.header)
	}
}

func TestTeamsGetRolesOnARepository(t *testing.T) {
	g := newGitHubTest(t, `
 users: [{ login: ann, role: member, token: t-ann }]
 base_permission: none
 teams: [{ slug: ml-leads, members: [ann] }]
 repositories: [{ name: acme/demo }]
`)
	g.as("t-ann").do(404, "GET", "/repos/acme/demo", nil)
	g.do(404, "PUT", "/orgs/acme/teams/nobody/repos/acme/demo", map[string]any{"permission": "push"})
	g.do(422, "PUT", "/orgs/acme/teams/ml-leads/repos/acme/demo", map[string]any{"permission": "write"})
	g.do(204, "PUT", "/orgs/acme/teams/ml-leads/repos/acme/demo", map[string]any{"permission": "maintain"})
	teams := g.get("/repos/acme/demo/teams").list
	if len(teams) != 1 || teams[0].(map[string]any)["permission"] != "maintain" {
		t.Errorf("teams %v", teams)
	}
	if got := g.as("t-ann").get("/repos/acme/demo").object["permissions"].(map[string]any)["maintain"]; got != true {
		t.Errorf("ann's permissions: maintain is %v", got)
	}
	g.do(204, "GET", "/orgs/acme/teams/ml-leads/repos/acme/demo", nil)
	g.get("/orgs/acme/teams")
	g.get("/orgs/acme/teams/ml-leads")
	g.get("/orgs/acme")
	g.get("/users/ann")
	g.get("/user/orgs")
	g.get("/repos/acme/demo/collaborators")
	g.do(204, "DELETE", "/orgs/acme/teams/ml-leads/repos/acme/demo", nil)
	g.do(404, "GET", "/orgs/acme/teams/ml-leads/repos/acme/demo", nil)
}

func TestAnEnterpriseServerHasItsAPIElsewhere(t *testing.T) {
	g := openGitHubTest(t, Options{Hosts: Hosts{GitHub: "https://ghes.acme.test", Owner: "acme"}}, "")
	g.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo"})
	a := g.get("/repos/acme/demo")
	if a.header.Get("X-RateLimit-Limit") != "" {
		t.Error("an Enterprise Server announces a rate limit")
	}
	if got := a.object["url"]; got != "https://ghes.acme.test/api/v3/repos/acme/demo" {
		t.Errorf("url %v", got)
	}
	g.do(404, "GET", "https://ghes.acme.test/repos/acme/demo", nil)
	sub := g.get("/repos/acme/demo/actions/oidc/customization/sub")
	if diff := cmp.Diff(map[string]any{"use_default": true}, sub.object); diff != "" {
		t.Error(diff)
	}
}

// What git keeps of a repository is part of the effect: the ledger lies in it.
func TestADeletionWithoutEffectLeavesWhatGitKeeps(t *testing.T) {
	for name, dir := range map[string]string{"in a folder": t.TempDir(), "in none": ""} {
		t.Run(name, func(t *testing.T) {
			g := openGitHubTest(t, Options{Dir: dir, Hosts: Hosts{GitHub: "https://github.com", Owner: "acme"}}, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
			before := g.get("/repos/acme/demo/git/matching-refs/").text
			inject(t, g.s, Fault{Method: "DELETE", Path: "*/repos/acme/demo", Action: FaultIgnore}, Fault{Method: "POST", Path: "*/git/refs", Action: FaultIgnore})
			g.do(204, "DELETE", "/repos/acme/demo", nil)
			sha := g.get("/repos/acme/demo/git/ref/heads/main").object["object"].(map[string]any)["sha"]
			g.do(201, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": "refs/heads/other", "sha": sha})
			if after := g.get("/repos/acme/demo/git/matching-refs/").text; after != before {
				t.Errorf("the refs are %s, want %s", after, before)
			}
			g.do(204, "DELETE", "/repos/acme/demo", nil)
			g.do(404, "GET", "/repos/acme/demo", nil)
		})
	}
}
