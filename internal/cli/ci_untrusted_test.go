package cli

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
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
	dir  string
	api  string
	env  map[string]string
	mu   sync.Mutex
	sent []*http.Request

	before func(*http.Request) // is called before a request is answered; nil is nothing
}

// RoundTrip notes a request and answers it from the sandbox.
func (p *proposal) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.sent = append(p.sent, req)
	p.mu.Unlock()
	if p.before != nil {
		p.before(req)
	}
	return p.box.RoundTripper().RoundTrip(req)
}

func (p *proposal) ask(method, path string, body any) map[string]any {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.api+"/repos/acme/fares"+path, bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.box.Operator()["GITHUB_TOKEN"])
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

// scene is a pull request: where, against what (proposedTo, unless said), with which spec, and what a job of it is told.
type scene struct{ host, base, spec, event string }

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
	box, err := sandbox.Open(sandbox.Options{World: []byte(world), Hosts: sandbox.Hosts{
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
	p := &proposal{t: t, box: box, dir: t.TempDir(), api: api}
	main := p.ask("GET", "/git/ref/heads/main", nil)["object"].(map[string]any)["sha"]
	p.ask("POST", "/git/refs", map[string]any{"ref": "refs/heads/change", "sha": main})
	file := p.ask("GET", "/contents/mlops.yaml", nil)
	p.ask("PUT", "/contents/mlops.yaml", map[string]any{"message": "change", "branch": "change", "sha": file["sha"], "content": base64.StdEncoding.EncodeToString([]byte(s.spec))})
	pull := p.ask("POST", "/pulls", map[string]any{"title": "x", "head": "change", "base": "main"})
	pull["head"].(map[string]any)["repo"].(map[string]any)["full_name"] = "mallory/fares"
	data, err := json.Marshal(map[string]any{"number": 1, "pull_request": pull})
	if err != nil {
		t.Fatal(err)
	}
	p.write("event.json", data)
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

func (p *proposal) write(name string, data []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// check runs ci, and returns its exit code and all that it said anywhere.
func (p *proposal) check(args ...string) (code int, said string) {
	p.t.Helper()
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
		if strings.Contains(req.URL.Path, "/repos/") && !strings.HasPrefix(req.URL.Path, "/repos/acme/fares") || strings.HasPrefix(req.URL.Path, "/acme/other") {
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

// malicious are specs that a pull request from a fork may hold, and what their check has to say.
func malicious() map[string]struct{ spec, want string } {
	const variable, host = "OWNER: ann", "https://prod.cloud.databricks.com"
	return map[string]struct{ spec, want string }{
		"another workspace":                  {changed(host, "https://evil.cloud.databricks.com"), ""},
		"a further workspace":                {changed("catalogs:", "  evil: { host: https://evil.cloud.databricks.com, service_principal: evil, environment: {} }\ncatalogs:"), ""},
		"another account's host":             {changed("https://accounts.cloud.databricks.com", "https://accounts.gcp.databricks.com"), ""},
		"another account":                    {changed("11111111-2222", "99999999-2222"), ""},
		"another GitHub":                     {changed("git: {", "git: { host: https://evil.ghe.com,"), ""},
		"another repository":                 {changed("acme/fares", "acme/other"), ""},
		"a repository that was moved":        {proposedTo + "moved: [{ from: repository/acme/other, to: repository/acme/fares }]\n", ""},
		"a profile of the machine":           {changed("prod: { host", "prod: { profile: admin, host"), ""},
		"a host of nobody's":                 {changed(host, "https://evil.example.com"), "spec/host-untrusted"},
		"a host in the clear":                {changed(host, "http://169.254.169.254"), "spec/host-http"},
		"a host behind a user":               {changed(host, "https://prod.cloud.databricks.com@evil.example.com"), "spec/host"},
		"a command":                          {changed("secrets: {", "secrets: { RUN: { command: [touch, pwned] },"), ""},
		"a file beside the folder":           {changed("secrets: {", "secrets: { F: { file: ../../etc/passwd },"), "spec/path"},
		"a file of the machine":              {changed("secrets: {", "secrets: { F: { file: /etc/passwd },"), "spec/path"},
		"an include":                         {changed("version: 1", "version: 1\nx: !include /etc/passwd"), "spec/tag"},
		"a source elsewhere":                 {changed("git: {", "git: { source: ../..,"), "spec/path"},
		"a first commit of other files":      {changed("git: {", "git: { first_commit: { paths: [../../etc/passwd] },"), "spec/path"},
		"a secret in the description":        {changed("${env.MLOPS_SHOWN}", "${env.MLOPS_TOKEN}"), "spec/"},
		"a variable of the runner":           {changed("${env.MLOPS_SHOWN}", "${env.MLOPS_OTHER}"), "spec/unset"},
		"the job's token":                    {changed("${env.MLOPS_SHOWN}", "${env.GITHUB_TOKEN}"), "spec/"},
		"a secret that is none any longer":   {changed("${env.MLOPS_SHOWN}", "${env.MLOPS_TOKEN}", "secrets: { TOKEN: { env: MLOPS_TOKEN } }\n", ""), "spec/unset"},
		"aliases without end":                {"version: 1\na: &a [*a]\n", "spec/alias"},
		"a depth without end":                {"version: 1\na: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\n", "spec/"},
		"a huge file":                        {proposedTo + "# " + strings.Repeat("x", 2<<20) + "\n", "larger"},
		"another stack's name":               {changed("name: fares", "name: others"), ""},
		"the marker in a text":               {changed("Taxi ", "<!-- mlopsctl:ci:fares --> "), ""},
		"markdown, mentions and commands":    {changed(variable, "OWNER: \"| </code><img src=x onerror=x> @acme/all ::error::x ##[error]x [a](javascript:x) `\""), ""},
		"a reader that may do all":           {proposedTo + "ci: { reader: fares-prod }\n", "spec/ci-principal"},
		"protection that is taken away":      {changed(", protection: { required_approvals: 1 }", ""), "branch_protection/main"},
		"a grant to everybody on everything": {proposedTo + "permissions: [{ principal: \"group:account users\", on: \"catalog:prod\", privileges: [ALL_PRIVILEGES] }]\n", "grant/catalog:prod"},
	}
}

func TestAForksPullRequestReachesNothing(t *testing.T) {
	for name, c := range malicious() {
		t.Run(name, func(t *testing.T) {
			p := propose(t, c.spec, "pull_request")
			code, said := p.check()
			p.harmless()
			if code != 0 && code != 3 {
				t.Errorf("exit code %d, want 0 or 3:\n%s", code, said)
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("want %q:\n%s", c.want, said)
			}
			if len(p.comments()) > 0 {
				t.Errorf("a token for reading wrote a comment")
			}
			unseen(t, p, said)
		})
	}
}

// A job of pull_request_target holds every credential; the spec comes as data, and the base's bounds hold.
func TestAPrivilegedJobIsKeptWithinTheBasesBounds(t *testing.T) {
	for name, c := range malicious() {
		t.Run(name, func(t *testing.T) {
			p := propose(t, c.spec, "pull_request_target")
			code, said := p.check()
			p.harmless("accounts.cloud.databricks.com", "prod.cloud.databricks.com", "github.com")
			if code != 0 && code != 3 {
				t.Errorf("exit code %d, want 0 or 3:\n%s", code, said)
			}
			if got := p.comments(); len(got) != 1 || !strings.HasPrefix(got[0], "sandbox-operator: <!-- mlopsctl:ci:fares -->\n<!-- mlopsctl:run:0:0:") {
				t.Errorf("want one comment, under the base's name: %q", got)
			}
			unseen(t, p, said)
		})
	}
}

func unseen(t *testing.T, p *proposal, said string) {
	t.Helper()
	if strings.Contains(said, canary) {
		t.Errorf("a secret was shown:\n%s", said)
	}
	for _, line := range strings.Split(said, "\n") {
		if strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::error::x") {
			t.Errorf("a runner would obey %q", line)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "pwned")); err == nil {
		t.Errorf("a command was run")
	}
}

// The rules of the base branch hold on a fork as well, for the wishes alone; what a rule needs of live state is said, and
// refuses nothing.
func TestTheBasesRulesHoldOnAFork(t *testing.T) {
	const rules = `policy:
  - { name: approvals, deny: 'change.kind == "branch_protection" && change.after.required_approvals < 1', message: main needs an approval }
  - { name: no fewer, deny: 'change.kind == "branch_protection" && change.after.required_approvals < change.before.required_approvals' }
  - { name: nothing goes, deny: 'change.kind == "variable" && change.action == "delete"' }
  - { enforce: policy/all-privileges }
`
	base := proposedTo + rules
	weaker := strings.NewReplacer("required_approvals < 1", "required_approvals < 0", "  - { enforce: policy/all-privileges }\n", "").Replace(base)
	grant := "permissions: [{ principal: \"group:ann\", on: \"catalog:prod\", privileges: [ALL_PRIVILEGES] }]\n"
	for name, c := range map[string]struct {
		spec string
		code int
		want string
	}{
		"nothing that a rule denies":             {strings.Replace(base, "OWNER: ann", "OWNER: bob", 1), 0, `the rule "no fewer" is undecided for branch_protection/main`},
		"something leaves":                       {strings.Replace(base, "variables: { OWNER: ann }", "variables: {}", 1), 0, `the rule "nothing goes" is undecided for variable/prod/DATABRICKS_HOST, variable/prod/DATABRICKS_CLIENT_ID, variable/OWNER`},
		"something that a rule denies":           {strings.Replace(base, "required_approvals: 1", "required_approvals: 0", 1), 5, "main needs an approval"},
		"the rule is weakened beside it":         {strings.Replace(weaker, "required_approvals: 1", "required_approvals: 0", 1), 5, "main needs an approval"},
		"all rules are gone":                     {strings.Replace(proposedTo, "required_approvals: 1", "required_approvals: 0", 1), 5, "main needs an approval"},
		"a built-in one is not enforced":         {weaker + grant, 5, "policy/all-privileges"},
		"a built-in one is silenced":             {base + "  - { ignore: policy/all-privileges, at: \"*\", reason: mine }\n" + grant, 5, "policy/all-privileges"},
		"a rule of its own":                      {base + "  - { name: no ann, deny: 'change.kind == \"variable\" && change.after.value == \"ann\"' }\n", 5, `the rule "no ann" denies it`},
		"a rule of its own under a name that is": {proposedTo + "policy: [{ name: approvals, deny: 'change.kind == \"variable\"', message: no variables }]\n", 5, "no variables"},
	} {
		t.Run(name, func(t *testing.T) {
			p := scene{base: base, spec: c.spec, event: "pull_request"}.open(t)
			code, said := p.check()
			p.harmless()
			if code != c.code || !strings.Contains(said, c.want) || !strings.Contains(said, "judges the wishes by the rules") {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.want, said)
			}
		})
	}
}

func TestACheckoutOfTheHeadInAPrivilegedJobIsRefused(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request_target")
	data, err := os.ReadFile(filepath.Join(p.dir, "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	commit := commitHere(t, p.dir)
	p.write("event.json", bytes.ReplaceAll(data, []byte(headOf(t, data)), []byte(commit)))
	code, said := p.check()
	if code != 5 || !strings.Contains(said, "ci/head-checked-out") {
		t.Errorf("exit code %d, want 5:\n%s", code, said)
	}
	p.harmless()
}

func TestALinkIsNoSpec(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request")
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(outside, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(p.dir, "mlops.yaml")
	if err := os.Remove(spec); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, spec); err != nil {
		t.Fatal(err)
	}
	code, said := p.check()
	if code != 3 {
		t.Errorf("exit code %d, want 3:\n%s", code, said)
	}
	p.harmless()
	unseen(t, p, said)
}

func TestTheCommentIsOnesOwnAndOnlyOnce(t *testing.T) {
	p := propose(t, changed("OWNER: ann", "OWNER: bob"), "pull_request_target")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.github.com/repos/acme/fares/issues/1/comments",
		strings.NewReader(`{"body":"<!-- mlopsctl:ci:fares -->\nall is well"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ghp_mallory")
	if resp, err := p.box.RoundTripper().RoundTrip(req); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatal(err, resp)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			var out bytes.Buffer
			Run(t.Context(), []string{"ci", "-f", filepath.Join(p.dir, "mlops.yaml")}, Streams{
				In: strings.NewReader(""), Out: &out, Err: &out, Base: p, Env: func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
			})
		})
	}
	both.Wait()
	got := p.comments()
	if len(got) != 2 || !strings.Contains(got[0], "mallory: ") || !strings.HasSuffix(got[0], "all is well") || !strings.Contains(got[1], "variable/OWNER") {
		t.Fatalf("want what mallory wrote, and one of ours: %q", got)
	}
	for id := range 1000 { // a person deletes it
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, fmt.Sprintf("https://api.github.com/repos/acme/fares/issues/comments/%d", id), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+p.box.Operator()["GITHUB_TOKEN"])
		if _, err := p.box.RoundTripper().RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	}
	if _, said := p.check(); len(p.comments()) != 1 {
		t.Errorf("a comment that was deleted is made again: %q\n%s", p.comments(), said)
	}
}

func TestAnEnterpriseServersPullRequestIsCheckedThere(t *testing.T) {
	const host = "https://github.acme.example"
	spec := strings.NewReplacer("git: {", "git: { host: "+host+",", "OWNER: ann", "OWNER: bob").Replace(proposedTo)
	p := scene{host: host, spec: spec, event: "pull_request_target"}.open(t)
	if code, said := p.check(); code == 0 || len(p.sent) > 0 {
		t.Errorf("a host that nobody trusts was asked; exit code %d:\n%s", code, said)
	}
	p.env["MLOPSCTL_TRUSTED_HOSTS"] = "github.acme.example"
	code, said := p.check()
	if got := p.comments(); code != 0 || len(got) != 1 || !strings.Contains(got[0], "["+"`mlops.yaml:10`]("+host+"/acme/fares/blob/") {
		t.Errorf("exit code %d, comments %q:\n%s", code, got, said)
	}
	for _, req := range p.sent {
		if strings.Contains(req.URL.Host, "github.com") {
			t.Errorf("%s %s went to github.com", req.Method, req.URL)
		}
	}
}
