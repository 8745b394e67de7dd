package cli

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

const proposedTo = `version: 1
name: fares
git: { repository: acme/fares, visibility: private, description: "Taxi ${env.MLOPS_SHOWN}" }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
branches: { main: { default: true, protection: { required_approvals: 1 } } }
targets:
  prod: { host: https://prod.cloud.databricks.com, service_principal: fares-prod, environment: {} }
catalogs: { prod: { schemas: { fares: {} } } }
secrets: { TOKEN: { env: MLOPS_TOKEN } }
variables: { OWNER: ann }
`

const canary = "canary-7c1d8e-never-seen"

// proposal is a pull request against a repository that holds proposedTo, and what a check of it asked.
type proposal struct {
	t    *testing.T
	box  *sandbox.Sandbox
	time *virtual.Clock // the services', and an apply's
	dir  string
	api  string
	from string // the token of who proposes it
	at   string // the path of the repository whose branch it is
	env  map[string]string
	mu   sync.Mutex
	sent []*http.Request

	before func(*http.Request)            // is called before a request is answered; nil is nothing
	says   func(host, body string) string // what a host says by now in place of an answer; nil: what it said
}

// RoundTrip notes a request and answers it from the sandbox.
func (p *proposal) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.sent = append(p.sent, req)
	p.mu.Unlock()
	if p.before != nil {
		p.before(req)
	}
	resp, err := p.box.RoundTripper().RoundTrip(req)
	if p.says == nil || err != nil {
		return resp, err
	}
	data, err := io.ReadAll(resp.Body)
	text := p.says(req.URL.Host, string(data))
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	resp.Header.Del("Content-Length")
	return resp, err
}

// ask is a request about the repository, in the operator's name.
func (p *proposal) ask(method, path string, body any) map[string]any {
	p.t.Helper()
	return p.send(p.box.Operator()["GITHUB_TOKEN"], method, "/repos/acme/fares"+path, body)
}

func (p *proposal) send(token, method, path string, body any) map[string]any {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.api+path, bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := p.box.RoundTripper().RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	data, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		p.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, data, err)
	}
	out := map[string]any{}
	if len(data) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &out); err != nil {
			p.t.Fatal(err)
		}
	}
	return out
}

// propose opens a pull request with that spec, and writes the event of a job that is about it.
func propose(t *testing.T, spec, event string) *proposal {
	t.Helper()
	return scene{spec: spec, event: event}.open(t)
}

// scene is a pull request: where, against what (proposedTo, unless said), with which spec, and what a job of it is told. It comes
// from a fork of mallory's, unless it is one of the repository's own.
type scene struct {
	host, base, spec, event string
	own                     bool
}

func (s scene) open(t *testing.T) *proposal {
	t.Helper()
	host, base, api := cmp.Or(s.host, "https://github.com"), cmp.Or(s.base, proposedTo), "https://api.github.com"
	if s.host != "" {
		base, api = strings.Replace(base, "git: {", "git: { host: "+host+",", 1), host+"/api/v3"
	}
	world := "github:\n  users:\n    - { login: reader, role: member, token: ghs_readonly, permissions: { contents: read, pull_requests: read } }\n" +
		"    - { login: job, role: member, token: ghs_job, permissions: { contents: read, pull_requests: write } }\n" +
		"    - { login: mallory, role: member, token: ghp_mallory }\n" +
		"  repositories:\n    - name: acme/fares\n      files: { README.md: hello, mlops.yaml: " + fmt.Sprintf("%q", base) + " }\n    - { name: acme/other, files: { README.md: x } }\n"
	clock := virtual.NewClock(time.Now(), time.Millisecond)
	box, err := sandbox.Open(sandbox.Options{Now: clock.Now, World: []byte(world), Hosts: sandbox.Hosts{
		GitHub: host, Owner: "acme", Account: "https://accounts.cloud.databricks.com", AccountID: "11111111-2222-3333-4444-555555555555",
		Workspaces: []string{"https://prod.cloud.databricks.com"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &proposal{t: t, box: box, time: clock, dir: t.TempDir(), api: api, from: box.Operator()["GITHUB_TOKEN"], at: "/repos/acme/fares"}
	head := "change"
	if !s.own {
		p.ask("PATCH", "", map[string]any{"allow_forking": true})
		p.from, p.at, head = "ghp_mallory", "/repos/mallory/fares", "mallory:change"
		p.send(p.from, "POST", "/repos/acme/fares/forks", nil)
	}
	main := p.send(p.from, "GET", p.at+"/git/ref/heads/main", nil)["object"].(map[string]any)["sha"]
	p.send(p.from, "POST", p.at+"/git/refs", map[string]any{"ref": "refs/heads/change", "sha": main})
	p.push(s.spec)
	p.send(p.from, "POST", "/repos/acme/fares/pulls", map[string]any{"title": "x", "head": head, "base": "main"})
	p.retell()
	p.write("mlops.yaml", []byte(s.spec))
	p.env = map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": s.event, "GITHUB_EVENT_PATH": filepath.Join(p.dir, "event.json"), "GITHUB_REPOSITORY": "acme/fares",
		"GITHUB_SERVER_URL": host, "GITHUB_TOKEN": "ghs_readonly", "MLOPS_SHOWN": "fares", "MLOPS_TOKEN": canary, "MLOPS_OTHER": canary + "-2",
		"GITHUB_WORKSPACE": p.dir, "GITHUB_OUTPUT": filepath.Join(p.dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(p.dir, "summary"),
	}
	if s.event != "pull_request" { // such a job has every right, and the base branch's checkout
		for name, value := range box.Operator() {
			p.env[name] = value
		}
		p.write("mlops.yaml", []byte(base))
	}
	return p
}

// push gives the pull request another commit.
func (p *proposal) push(spec string) {
	p.t.Helper()
	file := p.send(p.from, "GET", p.at+"/contents/mlops.yaml?ref=change", nil)
	p.send(p.from, "PUT", p.at+"/contents/mlops.yaml", map[string]any{"message": "change", "branch": "change", "sha": file["sha"], "content": base64.StdEncoding.EncodeToString([]byte(spec))})
}

// event is what a job that starts now is told.
func (p *proposal) event() []byte {
	p.t.Helper()
	data, err := json.Marshal(map[string]any{"number": 1, "pull_request": p.ask("GET", "/pulls/1", nil)})
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

func (p *proposal) retell() { p.t.Helper(); p.write("event.json", p.event()) }

func (p *proposal) write(name string, data []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// check runs ci, and returns its exit code and all that it said anywhere.
func (p *proposal) check(args ...string) (code int, said string) {
	p.t.Helper()
	for _, name := range []string{"output", "summary"} { // each step of a job has its own
		if err := os.Remove(filepath.Join(p.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code = Run(p.t.Context(), append([]string{"ci", "-f", filepath.Join(p.dir, "mlops.yaml")}, args...), Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Base: p, Env: func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
	})
	said = out.String() + errs.String()
	for _, name := range []string{"output", "summary"} {
		data, _ := os.ReadFile(filepath.Join(p.dir, name)) // not there when the run ended before
		said += string(data)
	}
	for _, c := range p.comments() {
		said += c
	}
	return code, said
}

func (p *proposal) comments() []string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.api+"/repos/acme/fares/issues/1/comments", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.box.Operator()["GITHUB_TOKEN"])
	resp, err := p.box.RoundTripper().RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	var list []struct {
		Body string
		User struct{ Login string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		p.t.Fatal(err)
	}
	var texts []string
	for _, c := range list {
		texts = append(texts, c.User.Login+": "+c.Body)
	}
	return texts
}

// harmless holds the request log against what a check may ask.
func (p *proposal) harmless(hosts ...string) {
	p.t.Helper()
	for _, req := range p.sent {
		if !slices.Contains(append(hosts, "api.github.com"), req.URL.Host) {
			p.t.Errorf("%s %s went out", req.Method, req.URL)
		}
		if strings.Contains(req.URL.Path, "/repos/") && !strings.HasPrefix(req.URL.Path, "/repos/acme/fares") || strings.HasPrefix(req.URL.Path, "/acme/other") || strings.HasPrefix(req.URL.Path, "/mallory") {
			p.t.Errorf("%s %s is about another repository", req.Method, req.URL)
		}
		reads := req.Method == http.MethodGet || strings.HasSuffix(req.URL.Path, "/token") || req.URL.Path == "/graphql" || strings.HasSuffix(req.URL.Path, "/git-upload-pack")
		if !reads && !strings.Contains(req.URL.Path, "/comments") {
			p.t.Errorf("%s %s changes something", req.Method, req.URL)
		}
	}
}

func changed(pairs ...string) string {
	text := strings.NewReplacer(pairs...).Replace(proposedTo)
	if text == proposedTo {
		panic("nothing was changed by " + pairs[0])
	}
	return text
}
