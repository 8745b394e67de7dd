package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func protect(name string, patterns []string, rules ...map[string]any) map[string]any {
	return map[string]any{"name": name, "enforcement": "active", "target": "branch", "bypass_actors": []any{}, "rules": rules,
		"conditions": map[string]any{"ref_name": map[string]any{"include": patterns, "exclude": []string{}}}}
}

func pullRequestRule(approvals int) map[string]any {
	return map[string]any{"type": "pull_request", "parameters": map[string]any{"dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
		"require_last_push_approval": false, "required_approving_review_count": approvals, "required_review_thread_resolution": false}}
}

func checksRule(names ...string) map[string]any {
	var checks []any
	for _, name := range names {
		checks = append(checks, map[string]any{"context": name})
	}
	return map[string]any{"type": "required_status_checks",
		"parameters": map[string]any{"required_status_checks": checks, "strict_required_status_checks_policy": false}}
}

func (g *ghTest) head(repo, branch string) string {
	g.t.Helper()
	return g.get("/repos/" + repo + "/git/ref/heads/" + branch).object["object"].(map[string]any)["sha"].(string)
}

// commit adds a commit to nothing: its sha is not on any branch yet.
func (g *ghTest) commitOn(repo, parent string) string {
	g.t.Helper()
	tree := g.do(201, "POST", "/repos/"+repo+"/git/trees", map[string]any{"base_tree": parent,
		"tree": []any{map[string]any{"path": "new.txt", "mode": "100644", "type": "blob", "content": "after " + parent}}})
	commit := g.do(201, "POST", "/repos/"+repo+"/git/commits", map[string]any{"message": "more", "tree": tree.object["sha"], "parents": []string{parent}})
	return commit.object["sha"].(string)
}

func TestAnEmptyRepositoryHasNoGit(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo }]\n")
	for _, path := range []string{"/git/ref/heads/main", "/git/matching-refs/heads"} {
		if a := g.do(409, "GET", "/repos/acme/demo"+path, nil); a.object["message"] != "Git Repository is empty." {
			t.Errorf("%s: %v", path, a.text)
		}
	}
	g.do(409, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": "refs/heads/x", "sha": strings.Repeat("a", 40)})
	g.do(422, "PATCH", "/repos/acme/demo", map[string]any{"default_branch": "release"})
	if got := g.get("/repos/acme/demo/branches").list; len(got) != 0 {
		t.Errorf("branches %v", got)
	}
	g.do(201, "PUT", "/repos/acme/demo/contents/README.md", map[string]any{"message": "first", "content": "aGVsbG8="})
	g.head("acme/demo", "main")
	file := g.get("/repos/acme/demo/contents/README.md")
	if file.object["content"] != "aGVsbG8=" {
		t.Errorf("content %v", file.object["content"])
	}
	g.do(422, "PUT", "/repos/acme/demo/contents/README.md", map[string]any{"message": "again", "content": "aGVsbG8="})
	g.do(409, "PUT", "/repos/acme/demo/contents/README.md", map[string]any{"message": "again", "content": "aGVsbG8=", "sha": strings.Repeat("a", 40)})
	g.do(200, "PUT", "/repos/acme/demo/contents/README.md", map[string]any{"message": "again", "content": "aGVsbG8h", "sha": file.object["sha"]})
}

func TestRefsAreCreatedMovedAndDeleted(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, files: { a: b }, branches: [develop] }]\n")
	main := g.head("acme/demo", "main")
	post := func(status int, ref, sha, message string) {
		t.Helper()
		a := g.do(status, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": ref, "sha": sha})
		if message != "" && a.object["message"] != message {
			t.Errorf("%s: %v", ref, a.object["message"])
		}
	}
	post(201, "refs/heads/release", main, "")
	post(422, "refs/heads/release", main, "Reference already exists")
	post(422, "refs/heads/other", strings.Repeat("a", 40), "Object does not exist")
	post(422, "refs/mlopsctl", main, "Reference name must start with 'refs/' and contain at least two slashes.")
	post(201, "refs/mlopsctl/state", main, "")
	post(422, "refs/heads/main/sub", main, "")

	next := g.commitOn("acme/demo", main)
	g.do(200, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": next})
	g.do(422, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": main})
	g.do(200, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": main, "force": true})
	g.do(422, "PATCH", "/repos/acme/demo/git/refs/heads/nowhere", map[string]any{"sha": main})

	var names []string
	for _, ref := range g.get("/repos/acme/demo/git/matching-refs/heads/").list {
		names = append(names, ref.(map[string]any)["ref"].(string))
	}
	if diff := cmp.Diff([]string{"refs/heads/develop", "refs/heads/main", "refs/heads/release"}, names); diff != "" {
		t.Error(diff)
	}
	g.do(422, "DELETE", "/repos/acme/demo/git/refs/heads/main", nil)
	g.do(204, "DELETE", "/repos/acme/demo/git/refs/heads/release", nil)
	g.do(404, "GET", "/repos/acme/demo/git/ref/heads/release", nil)
	g.do(200, "PATCH", "/repos/acme/demo", map[string]any{"default_branch": "develop"})
	g.get("/repos/acme/demo/branches/develop")
	g.do(404, "GET", "/repos/acme/demo/branches/release", nil)
	g.get("/repos/acme/demo/commits")
	g.get("/repos/acme/demo/compare/main...develop")
	g.get("/repos/acme/demo/git/trees/main?recursive=1")
}

func TestRulesetsReadAsTheyWereWrittenWithWhatGitHubAdds(t *testing.T) {
	g := newGitHubTest(t, `
 users: [{ login: reader, token: t-reader }]
 repositories: [{ name: acme/demo, files: { a: b }, collaborators: { reader: read } }]
`)
	body := protect("ours", []string{"refs/heads/main"}, pullRequestRule(1), map[string]any{"type": "non_fast_forward"})
	body["bypass_actors"] = []any{map[string]any{"actor_type": "OrganizationAdmin", "actor_id": 99, "bypass_mode": "pull_request"}}
	made := g.do(201, "POST", "/repos/acme/demo/rulesets", body)
	path := fmt.Sprintf("/repos/acme/demo/rulesets/%d", int64(made.object["id"].(float64)))
	read := g.get(path).object
	if diff := cmp.Diff([]any{map[string]any{"actor_type": "OrganizationAdmin", "actor_id": 1.0, "bypass_mode": "pull_request"}}, read["bypass_actors"]); diff != "" {
		t.Error(diff)
	}
	parameters := read["rules"].([]any)[0].(map[string]any)["parameters"].(map[string]any)
	if diff := cmp.Diff([]any{"merge", "squash", "rebase"}, parameters["allowed_merge_methods"]); diff != "" {
		t.Error(diff)
	}
	summary := g.get("/repos/acme/demo/rulesets").list[0].(map[string]any)
	for _, name := range []string{"rules", "conditions", "bypass_actors"} {
		if _, there := summary[name]; there {
			t.Errorf("the listing shows %s", name)
		}
	}
	if _, there := g.as("t-reader").get(path).object["bypass_actors"]; there {
		t.Error("bypass actors are shown to somebody who may not write the ruleset")
	}
	body["bypass_actors"] = nil
	g.do(422, "PUT", path, body)
	body["bypass_actors"] = []any{}
	if got := g.do(200, "PUT", path, body).object["bypass_actors"]; len(got.([]any)) != 0 {
		t.Errorf("bypass actors after they were cleared: %v", got)
	}
	g.do(422, "POST", "/repos/acme/demo/rulesets", protect("bad", []string{"main"}))
	g.do(422, "POST", "/repos/acme/demo/rulesets", protect("bad", []string{"~ALL"}, map[string]any{"type": "no_such_rule"}))
	if got := g.get("/repos/acme/demo/rules/branches/main").list; len(got) != 2 {
		t.Errorf("rules of main: %v", got)
	}
	g.do(204, "DELETE", path, nil)
	g.do(404, "GET", path, nil)
}

func TestRulesAreEnforcedOnEveryWayToMoveARef(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, files: { a: b }, branches: [release] }]\n")
	main := g.head("acme/demo", "main")
	next := g.commitOn("acme/demo", main)
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("main", []string{"~DEFAULT_BRANCH"}, pullRequestRule(0)))
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("release", []string{"refs/heads/rel*"},
		map[string]any{"type": "non_fast_forward"}, map[string]any{"type": "deletion"}, checksRule("gate")))
	a := g.do(422, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": next})
	if want := "Changes must be made through a pull request."; !strings.Contains(a.text, want) {
		t.Errorf("%s", a.text)
	}
	g.do(409, "PUT", "/repos/acme/demo/contents/b", map[string]any{"message": "m", "content": ""})
	g.do(422, "DELETE", "/repos/acme/demo/git/refs/heads/release", nil)
	if a := g.do(422, "PATCH", "/repos/acme/demo/git/refs/heads/release", map[string]any{"sha": next}); !strings.Contains(a.text, `Required status check \"gate\"`) {
		t.Errorf("%s", a.text)
	}
	g.do(201, "POST", "/repos/acme/demo/statuses/"+next, map[string]any{"state": "success", "context": "gate"})
	g.get("/repos/acme/demo/commits/" + next + "/status")
	g.do(200, "PATCH", "/repos/acme/demo/git/refs/heads/release", map[string]any{"sha": next})
	g.do(422, "PATCH", "/repos/acme/demo/git/refs/heads/release", map[string]any{"sha": main, "force": true})
	g.do(422, "POST", "/repos/acme/demo/merges", map[string]any{"base": "main", "head": "release"})
}

func TestAPrivateRepositoryOnAFreePlanKeepsRulesWithoutEnforcingThem(t *testing.T) {
	g := newGitHubTest(t, " plan: free\n repositories: [{ name: acme/demo, files: { a: b } }]\n")
	next := g.commitOn("acme/demo", g.head("acme/demo", "main"))
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("main", []string{"~ALL"}, pullRequestRule(1)))
	g.do(200, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": next})
	g.do(422, "PUT", "/repos/acme/demo/environments/prod", map[string]any{})
	g.do(403, "GET", "/repos/acme/demo/branches/main/protection", nil)
}

func TestClassicProtectionHasThreeKindsOfNotFound(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	for branch, want := range map[string]string{"main": "Branch not protected", "nowhere": "Branch not found"} {
		if a := g.do(404, "GET", "/repos/acme/demo/branches/"+branch+"/protection", nil); a.object["message"] != want {
			t.Errorf("%s: %v", branch, a.object["message"])
		}
	}
	g.do(200, "PUT", "/repos/acme/demo/branches/main/protection", map[string]any{"required_status_checks": nil, "enforce_admins": true,
		"required_pull_request_reviews": map[string]any{"required_approving_review_count": 1}, "restrictions": nil})
	g.get("/repos/acme/demo/branches/main/protection")
	next := g.commitOn("acme/demo", g.head("acme/demo", "main"))
	g.do(422, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": next})
	g.do(204, "DELETE", "/repos/acme/demo/branches/main/protection", nil)
	g.do(200, "PATCH", "/repos/acme/demo/git/refs/heads/main", map[string]any{"sha": next})
}

func TestAPullRequestMergesWhenTheRulesAreMet(t *testing.T) {
	g := newGitHubTest(t, `
 users: [{ login: ann, role: owner, token: t-ann }]
 repositories: [{ name: acme/demo, files: { a: b } }]
`)
	next := g.commitOn("acme/demo", g.head("acme/demo", "main"))
	g.do(201, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": "refs/heads/topic", "sha": next})
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("main", []string{"~DEFAULT_BRANCH"}, pullRequestRule(1), checksRule("gate")))
	wish := map[string]any{"title": "More", "head": "topic", "base": "main"}
	g.do(201, "POST", "/repos/acme/demo/pulls", wish)
	g.do(422, "POST", "/repos/acme/demo/pulls", wish)
	g.do(422, "POST", "/repos/acme/demo/pulls", map[string]any{"title": "None", "head": "main", "base": "topic"})
	g.do(201, "POST", "/repos/acme/demo/issues/1/comments", map[string]any{"body": "plan"})
	if got := g.get("/repos/acme/demo/issues/1/comments").list; len(got) != 1 {
		t.Errorf("comments %v", got)
	}
	g.do(405, "PUT", "/repos/acme/demo/pulls/1/merge", map[string]any{})
	g.do(422, "POST", "/repos/acme/demo/pulls/1/reviews", map[string]any{"event": "APPROVE"})
	g.as("t-ann").do(200, "POST", "/repos/acme/demo/pulls/1/reviews", map[string]any{"event": "APPROVE"})
	g.do(405, "PUT", "/repos/acme/demo/pulls/1/merge", map[string]any{})
	g.do(201, "POST", "/repos/acme/demo/statuses/"+next, map[string]any{"state": "success", "context": "gate"})
	g.do(409, "PUT", "/repos/acme/demo/pulls/1/merge", map[string]any{"sha": strings.Repeat("b", 40)})
	merged := g.do(200, "PUT", "/repos/acme/demo/pulls/1/merge", map[string]any{"sha": next})
	if got := g.head("acme/demo", "main"); got != merged.object["sha"] {
		t.Errorf("main is at %s, merged at %v", got, merged.object["sha"])
	}
	if p := g.get("/repos/acme/demo/pulls/1").object; p["merged"] != true || p["state"] != "closed" {
		t.Errorf("after the merge: merged %v, state %v", p["merged"], p["state"])
	}
	if got := g.get("/repos/acme/demo/pulls").list; len(got) != 0 {
		t.Errorf("open pull requests: %v", got)
	}
}
