package cli

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// asked are the requests of a run that look at live state, each as METHOD URL and how often.
func (p *proposal) asked() (all int, twice []string) {
	p.t.Helper()
	times := map[string]int{}
	for _, req := range p.sent {
		if strings.Contains(req.URL.Path, "/issues") || strings.Contains(req.URL.Path, "/pulls") || strings.Contains(req.URL.Path, "/compare/") || req.URL.Path == "/graphql" {
			continue // the conversation
		}
		all++
		name := req.Method + " " + req.URL.String()
		if times[name]++; times[name] == 2 && req.Method == http.MethodGet {
			twice = append(twice, name)
		}
	}
	return all, twice
}

// Both specs are held against one look at live state: a check asks hardly more than a plan, and asks nothing twice.
func TestACheckAsksLittleMoreThanAPlan(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob", "catalogs: { prod: { schemas: { fares: {} } } }", "catalogs: { prod: { schemas: { fares: {}, more: {} } } }"), "pull_request_target")
	p.write("base.yaml", []byte(proposedTo))
	run := func(args ...string) {
		t.Helper()
		var out bytes.Buffer
		p.sent = nil
		code := Run(t.Context(), append(args, "-f", filepath.Join(p.dir, "base.yaml")), Streams{
			In: strings.NewReader(""), Out: &out, Err: &out, Base: p, Env: func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
		})
		if code != 0 {
			t.Fatalf("%s: exit code %d:\n%s", args, code, out.String())
		}
	}
	run("apply", "--auto-approve")
	run("plan")
	plan, _ := p.asked()
	p.sent = nil
	code, said := p.check("-o", "json")
	check, twice := p.asked()
	if code != 0 || !strings.Contains(said, `"known":"live"`) {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	const more = 4 // what is asked of an object that the base's spec does not know
	if plan == 0 || check > plan+more {
		t.Errorf("a check asks %d times, a plan %d times", check, plan)
	}
	for _, name := range twice {
		t.Errorf("asked twice: %s", name)
	}
	t.Logf("a check asks %d times, a plan %d times", check, plan)
}
