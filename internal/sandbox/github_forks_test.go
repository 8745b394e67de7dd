package sandbox

import (
	"strings"
	"testing"
)

const forkWorld = " users:\n  - { login: eve, token: ghp_eve }\n  - { login: mallory, token: ghp_mallory }\n" +
	" repositories:\n  - { name: acme/fares, visibility: public, files: { README.md: hello, mlops.yaml: base } }\n"

// headOf is what a pull request says of where it is from.
func headOf(a answered) map[string]any { return a.object["head"].(map[string]any) }

func TestAForkIsAnothersRepository(t *testing.T) {
	g := newGitHubTest(t, forkWorld)
	eve := g.as("ghp_eve")
	made := eve.do(202, "POST", "/repos/acme/fares/forks", nil)
	if made.object["full_name"] != "eve/fares" || made.object["fork"] != true || made.object["parent"].(map[string]any)["full_name"] != "acme/fares" {
		t.Errorf("%s", made.text)
	}
	if again := eve.do(202, "POST", "/repos/acme/fares/forks", map[string]any{"default_branch_only": true}); again.object["id"] != made.object["id"] {
		t.Errorf("a second fork: %s", again.text)
	}
	if list := g.get("/repos/acme/fares/forks").list; len(list) != 1 || list[0].(map[string]any)["full_name"] != "eve/fares" {
		t.Errorf("listed: %v", list)
	}
	if g.get("/repos/acme/fares").object["forks_count"] != 1.0 {
		t.Error("the fork is not counted")
	}
	if eve.head("eve/fares", "main") != g.head("acme/fares", "main") {
		t.Error("the fork has another main")
	}
	// Each writes to what is theirs alone.
	file := map[string]any{"message": "x", "content": "eA==", "branch": "main"}
	eve.do(201, "PUT", "/repos/eve/fares/contents/more", file)
	eve.do(404, "PUT", "/repos/acme/fares/contents/more", file)
	g.as("ghp_mallory").do(404, "PUT", "/repos/eve/fares/contents/other", file)
	g.do(404, "GET", "/repos/acme/fares/contents/more", nil)

	g.do(200, "PATCH", "/repos/acme/fares", map[string]any{"private": true})
	g.do(403, "POST", "/repos/acme/fares/forks", nil) // nobody has allowed it
	g.do(204, "DELETE", "/repos/acme/fares", nil)
	eve.do(404, "GET", "/repos/eve/fares", nil) // a private repository's forks go with it
}

func TestAPullRequestOfAForkLiesInTheRepositoryThatItIsFor(t *testing.T) {
	g := newGitHubTest(t, forkWorld)
	eve, mallory := g.as("ghp_eve"), g.as("ghp_mallory")
	eve.do(202, "POST", "/repos/acme/fares/forks", nil)
	mallory.do(202, "POST", "/repos/acme/fares/forks", nil)
	push := func(text, sha string) string {
		body := map[string]any{"message": "change", "content": text, "branch": "main"}
		if sha != "" {
			body["sha"] = sha
		}
		a := eve.send("PUT", "/repos/eve/fares/contents/more", body, nil)
		return a.object["content"].(map[string]any)["sha"].(string)
	}
	blob := push("eA==", "")
	proposal := map[string]any{"title": "more", "head": "eve:main", "base": "main"}
	mallory.do(404, "POST", "/repos/acme/fares/pulls", proposal) // it is not hers to propose
	eve.do(422, "POST", "/repos/acme/fares/pulls", map[string]any{"title": "more", "head": "nobody:main", "base": "main"})
	pull := eve.do(201, "POST", "/repos/acme/fares/pulls", proposal)
	head := headOf(pull)
	if head["label"] != "eve:main" || head["user"].(map[string]any)["login"] != "eve" || head["repo"].(map[string]any)["full_name"] != "eve/fares" {
		t.Errorf("its head is %v", head)
	}
	eve.do(422, "POST", "/repos/acme/fares/pulls", proposal) // it is there already
	at := func() string {
		return g.get("/repos/acme/fares/git/ref/pull/1/head").object["object"].(map[string]any)["sha"].(string)
	}
	if at() != head["sha"] || at() != eve.head("eve/fares", "main") {
		t.Errorf("it lies at %s, and its head is %s", at(), head["sha"])
	}
	g.get("/repos/acme/fares/contents/more?ref=" + at())
	if files := g.get("/repos/acme/fares/pulls/1/files").list; len(files) != 1 {
		t.Errorf("it changes %v", files)
	}
	first := at()
	push("eXk=", blob)
	if at() == first || headOf(g.get("/repos/acme/fares/pulls/1"))["sha"] != at() {
		t.Error("a push to the fork does not reach it")
	}
	for filter, want := range map[string]int{"eve:main": 1, "mallory:main": 0, "acme:main": 0} {
		if list := g.get("/repos/acme/fares/pulls?head=" + filter).list; len(list) != want {
			t.Errorf("%s: %d pull requests", filter, len(list))
		}
	}
	eve.do(404, "PUT", "/repos/acme/fares/pulls/1/merge", nil)
	g.do(200, "PUT", "/repos/acme/fares/pulls/1/merge", nil)
	if message := g.get("/repos/acme/fares/commits/main").object["commit"].(map[string]any)["message"]; !strings.HasPrefix(message.(string), "Merge pull request #1 from eve/main") {
		t.Errorf("merged as %q", message)
	}
	g.get("/repos/acme/fares/contents/more")
}

// What was proposed stays to be read when its branch, or its repository, is gone.
func TestWhatAForkProposedStays(t *testing.T) {
	g, address := serveGitHub(t, forkWorld)
	eve := g.as("ghp_eve")
	eve.do(202, "POST", "/repos/acme/fares/forks", nil)
	pushed := newStockGit(t, withToken(address, "ghp_eve", "eve/fares.git"))
	pushed.run("pull", "--quiet", "origin", "main")
	for i, branch := range []string{"one", "two"} {
		pushed.run("checkout", "--quiet", "-b", branch)
		pushed.write("file", branch)
		pushed.commit(branch)
		pushed.run("push", "--quiet", "origin", branch)
		eve.do(201, "POST", "/repos/acme/fares/pulls", map[string]any{"title": branch, "head": "eve:" + branch, "head_repo": "eve/fares", "base": "main"})
		want := pushed.run("rev-parse", "HEAD")
		base := newStockGit(t, withToken(address, g.token, "acme/fares.git"))
		if listed := base.run("ls-remote", "origin", "refs/pull/*"); !strings.Contains(listed, strings.TrimSpace(want)+"\trefs/pull/"+string(rune('1'+i))+"/head") {
			t.Errorf("%s is not among\n%s", want, listed)
		}
		base.run("fetch", "--quiet", "origin", "refs/pull/"+string(rune('1'+i))+"/head")
		if base.run("rev-parse", "FETCH_HEAD") != want {
			t.Error("another commit was fetched")
		}
		base.refused("hidden ref", "push", "origin", "FETCH_HEAD:refs/pull/9/head")
	}
	sha := headOf(g.get("/repos/acme/fares/pulls/1"))["sha"]
	eve.do(204, "DELETE", "/repos/eve/fares/git/refs/heads/one", nil)
	if p := g.get("/repos/acme/fares/pulls/1"); p.object["state"] != "closed" || headOf(p)["sha"] != sha {
		t.Errorf("after its branch is gone it is %s at %v, was at %v", p.object["state"], headOf(p)["sha"], sha)
	}
	g.do(204, "DELETE", "/repos/eve/fares", nil)
	p := g.send("GET", "/repos/acme/fares/pulls/2", nil, nil)
	if head := headOf(p); p.object["state"] != "open" || head["repo"] != nil || head["label"] != "eve:two" || head["sha"] == "" {
		t.Errorf("after its repository is gone: %s", p.text)
	}
}
