package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const noHash = "0000000000000000000000000000000000000000"

// rawPush sends commands without objects, as a client does whose view of the refs is old.
func rawPush(g *ghTest, address string, commands ...string) string {
	g.t.Helper()
	var body strings.Builder
	for i, c := range commands {
		if i == 0 {
			c += "\x00report-status atomic delete-refs"
		}
		fmt.Fprintf(&body, "%04x%s", len(c)+4, c)
	}
	return g.do(200, "POST", address+"/acme/demo.git/git-receive-pack", body.String()+flushPacket).text
}

func TestRefsOfItsOwnMakeARepositoryNoLessEmpty(t *testing.T) {
	api, address := serveGitHub(t, "")
	api.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo", "private": true})
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	for _, text := range []string{"one", "two", "three"} {
		g.write("ledger.json", text)
		g.commit(text)
		g.run("push", "--quiet", "--atomic", "origin", "HEAD:refs/mlopsctl/state", "+HEAD:refs/mlopsctl/lease")
	}
	if got := api.get("/repos/acme/demo/branches").list; len(got) != 0 {
		t.Errorf("branches: %v", got)
	}
	for _, path := range []string{"matching-refs/heads/", "matching-refs/mlopsctl/", "ref/mlopsctl/state"} {
		if a := api.do(409, "GET", "/repos/acme/demo/git/"+path, nil); a.object["message"] != "Git Repository is empty." {
			t.Errorf("%s: %s", path, a.text)
		}
	}
	if a := api.do(200, "POST", "/graphql", map[string]any{"query": `{repository(owner:"acme",name:"demo"){isEmpty}}`}); !strings.Contains(a.text, `"isEmpty":true`) {
		t.Errorf("%s", a.text)
	}
	if got := api.get("/repos/acme/demo").object["default_branch"]; got != "main" {
		t.Errorf("the default branch is %v", got)
	}
	other := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	other.run("fetch", "--quiet", "origin") // no branch, nothing comes
	other.run("fetch", "--quiet", "origin", "refs/mlopsctl/state")
	if got := other.run("log", "--format=%s", "FETCH_HEAD"); got != "three\ntwo\none\n" {
		t.Errorf("the history is %q", got)
	}
	other.run("fetch", "--quiet", "--depth=1", "origin", "refs/mlopsctl/lease")
	g.run("push", "--quiet", "origin", "HEAD~2:refs/heads/main")
	if got := len(api.get("/repos/acme/demo/git/matching-refs/mlopsctl/").list); got != 2 {
		t.Errorf("%d refs beside the branch", got)
	}
	if got := len(api.get("/repos/acme/demo/branches").list); got != 1 {
		t.Errorf("%d branches", got)
	}
}

func TestAPushOfManyRefsIsACompareAndSwapOfAll(t *testing.T) {
	api, address := serveGitHub(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.run("pull", "--quiet", "origin", "main")
	first := strings.TrimSpace(g.run("rev-parse", "HEAD"))
	g.commit("second")
	second := strings.TrimSpace(g.run("rev-parse", "HEAD"))
	g.run("push", "--quiet", "origin", second+":refs/mlopsctl/state", first+":refs/mlopsctl/lease")
	before := g.run("ls-remote", "origin")
	state, lease := " refs/mlopsctl/state", " refs/mlopsctl/lease"
	for _, c := range []struct{ push, want []string }{
		{[]string{noHash + " " + first + state}, []string{"reference already exists"}},
		{[]string{first + " " + second + state}, []string{"is at " + second + " but expected " + first}},
		{[]string{first + " " + noHash + state}, []string{"is at " + second + " but expected " + first}},
		{[]string{second + " " + first + state, noHash + " " + first + lease}, []string{"ng refs/mlopsctl/state atomic push failure", "reference already exists"}},
		{[]string{first + " " + first + state, second + " " + noHash + lease}, []string{"but expected " + first, "but expected " + second}},
		{[]string{second + " " + strings.Repeat("1", 40) + state}, []string{"missing necessary objects"}},
	} {
		answer := rawPush(api, address, c.push...)
		for _, want := range c.want {
			if !strings.Contains(answer, want) || strings.Contains(answer, "ok refs/") {
				t.Errorf("%q: want %q in %q", c.push, want, answer)
			}
		}
	}
	if got := g.run("ls-remote", "origin"); got != before {
		t.Errorf("the refs were\n%s and are\n%s", before, got)
	}
	rawPush(api, address, second+" "+first+state, first+" "+noHash+lease)
	if got := g.run("ls-remote", "origin", "refs/mlopsctl/*"); got != first+"\trefs/mlopsctl/state\n" {
		t.Errorf("after both: %q", got)
	}
}

func TestAWorldCanRefuseRefs(t *testing.T) {
	api, address := serveGitHub(t, " repositories: [{ name: acme/demo, files: { a: b }, refuse_refs: [refs/mlopsctl/*] }]\n")
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.run("pull", "--quiet", "origin", "main")
	g.refused("GH013: Repository rule violations found for refs/mlopsctl/state.", "push", "origin", "main:refs/mlopsctl/state")
	g.refused("push declined due to repository rule violations", "push", "--atomic", "origin", "main:refs/mlopsctl/state", "main:topic")
	g.refused("Cannot create ref due to creations being restricted.", "push", "origin", "main:refs/mlopsctl/state")
	g.run("push", "--quiet", "origin", "main:topic")
	a := api.do(422, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": "refs/mlopsctl/state", "sha": api.head("acme/demo", "main")})
	if !strings.Contains(a.text, "Repository rule violations found") {
		t.Errorf("%s", a.text)
	}
}

func TestEveryAnswerBearsTheSandboxesTime(t *testing.T) {
	now := time.Date(2026, time.November, 23, 9, 0, 0, 0, time.FixedZone("east", 3600))
	g := openGitHubTest(t, Options{Hosts: Hosts{GitHub: "https://github.com", Owner: "acme"}, Now: func() time.Time { return now }},
		" repositories: [{ name: acme/demo, files: { a: b } }]\n")
	refs := "https://github.com/acme/demo.git/info/refs?service=git-receive-pack"
	want := func(a answered, date string) {
		t.Helper()
		if got := a.header["Date"]; len(got) != 1 || got[0] != date {
			t.Errorf("the date is %q, want %s", got, date)
		}
	}
	want(g.get("/repos/acme/demo"), "Mon, 23 Nov 2026 08:00:00 GMT")
	want(g.do(200, "GET", refs, nil), "Mon, 23 Nov 2026 08:00:00 GMT")
	want(g.do(404, "GET", "/repos/acme/none", nil), "Mon, 23 Nov 2026 08:00:00 GMT")
	g.do(201, "POST", "/repos/acme/demo/git/refs", map[string]any{"ref": "refs/heads/x", "sha": g.head("acme/demo", "main")})
	g.do(200, "GET", refs, nil)
	now = now.Add(time.Minute)
	if err := g.s.Inject(Fault{Path: "*/info/refs", Action: FaultStale}, Fault{Path: "*/acme/demo", Action: FaultStatus, Status: 503}); err != nil {
		t.Fatal(err)
	}
	a := g.do(200, "GET", refs, nil)
	want(a, "Mon, 23 Nov 2026 08:01:00 GMT")
	if strings.Contains(a.text, "refs/heads/x") {
		t.Error("the stale answer is a fresh one")
	}
	want(g.do(503, "GET", "/repos/acme/demo", nil), "Mon, 23 Nov 2026 08:01:00 GMT")
}

func TestFaultsHitGit(t *testing.T) {
	const pushes, fetches = "*/git-receive-pack", "*/git-upload-pack"
	for _, c := range []struct {
		fault Fault
		done  bool
	}{
		{Fault{Method: "POST", Path: pushes, Action: FaultResetBefore}, false},
		{Fault{Method: "POST", Path: pushes, Action: FaultResetAfter}, true},
		{Fault{Method: "POST", Path: pushes, Action: FaultTruncate}, true},
		{Fault{Method: "POST", Path: pushes, Action: FaultStatus, Status: 502}, false},
		{Fault{Method: "POST", Path: pushes, Action: FaultStatusAfter, Status: 502}, true},
		{Fault{Method: "GET", Path: "*/info/refs", Action: FaultStatus, Status: http.StatusForbidden}, false},
		{Fault{Method: "GET", Path: "*/info/refs", Action: FaultTruncate}, false},
	} {
		api, address := serveGitHub(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
		g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
		g.run("pull", "--quiet", "origin", "main")
		c.fault.Times = -1 // curl sends again by itself what a used connection lost
		if err := api.s.Inject(c.fault); err != nil {
			t.Fatal(err)
		}
		g.refused("", "push", "origin", "main:refs/mlopsctl/state")
		if err := api.s.ClearFaults(); err != nil {
			t.Fatal(err)
		}
		if got := g.run("ls-remote", "origin", "refs/mlopsctl/*") != ""; got != c.done {
			t.Errorf("%s of %s: done is %v", c.fault.Action, c.fault.Path, got)
		}
		if err := api.s.Inject(Fault{Method: "POST", Path: fetches, Action: FaultTruncate}); err != nil {
			t.Fatal(err)
		}
		fresh := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
		fresh.refused("", "fetch", "origin", "main")
		fresh.run("fetch", "--quiet", "origin", "main")
	}
}

func TestAStockGitGivesUpOnAHang(t *testing.T) {
	api, address := serveGitHub(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	if err := api.s.Inject(Fault{Path: "*/info/refs", Action: FaultHang}); err != nil {
		t.Fatal(err)
	}
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.refused("Operation too slow", "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=1", "ls-remote", "origin")
}
