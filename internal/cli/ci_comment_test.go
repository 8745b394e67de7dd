package cli

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

func (p *proposal) run(id string, args ...string) string {
	p.env["GITHUB_RUN_ID"] = id
	_, said := p.check(append(args, "-o", "json")...)
	return said
}

func (p *proposal) comment() string {
	p.t.Helper()
	list := p.comments()
	if len(list) != 1 {
		p.t.Fatalf("want one comment: %q", list)
	}
	return list[0]
}

func TestAnOlderRunLeavesTheCommentOfANewerOne(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request_target")
	old := p.event()
	if said := p.run("78"); !strings.Contains(said, `"action":"created"`) {
		t.Fatal(said)
	}
	// A run that started earlier, of the same commit.
	if said := p.run("77"); !strings.Contains(said, `"action":"superseded"`) || !strings.Contains(p.comment(), "/actions/runs/78)") {
		t.Errorf("the comment is %s\n%s", p.comment(), said)
	}
	// The same run, tried again.
	p.env["GITHUB_RUN_ATTEMPT"] = "2"
	if said := p.run("78"); !strings.Contains(said, `"action":"updated"`) || !strings.Contains(p.comment(), "mlopsctl:run:78:2:") {
		t.Errorf("the comment is %s\n%s", p.comment(), said)
	}
	// Another commit; then somebody runs the job of the former one again.
	p.push(changed("OWNER: ann", "OWNER: carl"))
	p.retell()
	if said := p.run("79"); !strings.Contains(said, `"action":"updated"`) || !strings.Contains(p.comment(), `"carl"`) {
		t.Errorf("the comment is %s\n%s", p.comment(), said)
	}
	p.write("event.json", old)
	p.env["GITHUB_RUN_ATTEMPT"] = "3"
	for _, id := range []string{"78", "80"} {
		if said := p.run(id); !strings.Contains(said, `"action":"superseded"`) || !strings.Contains(p.comment(), `"carl"`) {
			t.Errorf("run %s: the comment is %s\n%s", id, p.comment(), said)
		}
	}
}

func TestACommentAboutAFormerCommitSaysSo(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request_target")
	old := p.event()
	p.push(changed("OWNER: ann", "OWNER: carl"))
	p.write("event.json", old)
	if said := p.run("77"); !strings.Contains(said, `"action":"created"`) || !strings.Contains(p.comment(), "has got other commits since") {
		t.Errorf("the comment is %s\n%s", p.comment(), said)
	}
	p.retell()
	if said := p.run("78"); !strings.Contains(said, `"action":"updated"`) || strings.Contains(p.comment(), "has got other commits since") {
		t.Errorf("the comment is %s\n%s", p.comment(), said)
	}
}

// Both have made their plans; the newer one is a moment faster, or both make the comment at once.
func TestTheNewerRunHasTheLastWord(t *testing.T) {
	for _, step := range []string{"GET", "POST"} {
		p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request_target")
		newer := &proposal{t: t, box: p.box, dir: p.dir, api: p.api, env: maps.Clone(p.env)}
		p.before = func(req *http.Request) {
			if req.Method == step && strings.HasSuffix(req.URL.Path, "/comments") {
				p.before = nil
				newer.run("78")
			}
		}
		if said := p.run("77"); !strings.Contains(said, `"action":"superseded"`) || !strings.Contains(p.comment(), "/actions/runs/78)") {
			t.Errorf("%s: the comment is %s\n%s", step, p.comment(), said)
		}
	}
}
