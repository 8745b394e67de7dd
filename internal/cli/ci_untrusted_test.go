package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

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
		"nothing that a rule denies":             {strings.Replace(base, "OWNER: ann", "OWNER: bob", 1), 0, `"ann" → "bob"`},
		"what a rule hangs on":                   {strings.Replace(base, "required_approvals: 1", "required_approvals: 2", 1), 0, `the rule "no fewer" is undecided for branch_protection/main`},
		"a rule that is new, and hangs on more":  {base + "  - { name: hangs, deny: 'change.kind == \"branch_protection\" && change.before.required_approvals > 5' }\n", 0, `the rule "hangs" is undecided for branch_protection/main`},
		"something leaves":                       {strings.Replace(base, "variables: { OWNER: ann }", "variables: {}", 1), 0, `the rule "nothing goes" is undecided for variable/OWNER`},
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
			if said := strings.Count(said, "undecided for branch_protection/main"); said > 0 && strings.Contains(c.spec, "required_approvals: 1 }") && !strings.Contains(c.want, "branch_protection/main") {
				t.Error("it is said of what the pull request leaves as it was")
			}
		})
	}
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
