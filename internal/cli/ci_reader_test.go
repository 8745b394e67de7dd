package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// applied applies a spec with the operator's rights.
func (p *proposal) applied(spec string) {
	p.t.Helper()
	p.write("applied.yaml", []byte(spec))
	var out bytes.Buffer
	env := p.box.Operator()
	env["MLOPS_SHOWN"], env["MLOPS_TOKEN"] = "fares", canary
	code := Run(p.t.Context(), []string{"apply", "--auto-approve", "-f", filepath.Join(p.dir, "applied.yaml")}, Streams{
		In: strings.NewReader(""), Out: &out, Err: &out, Base: p, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Clock: p.time,
	})
	if code != 0 {
		p.t.Fatalf("apply: exit code %d:\n%s", code, out.String())
	}
	p.sent = nil
}

// applicationID is what a job of the repository knows a principal by.
func (p *proposal) applicationID(variable string) string {
	p.t.Helper()
	value, _ := p.ask("GET", "/actions/variables/"+variable, nil)["value"].(string)
	return value
}

// A job of a pull request logs in as the reader, by the policy that the spec made, and has no other credential for Databricks. What
// it may not read is unknown, and told from the wishes.
func TestTheReaderChecksAPullRequestWithLittle(t *testing.T) {
	base := proposedTo + "ci: { reader: fares-ci, operator: mlopsctl }\n"
	head := strings.NewReplacer("OWNER: ann", "OWNER: bob", "schemas: { fares: {} }", "schemas: { fares: {}, more: {} }").Replace(base) +
		"permissions: [{ principal: \"group:account users\", on: \"schema:prod.fares\", privileges: [SELECT] }]\n"
	p := scene{base: base, spec: head, event: "pull_request", own: true}.open(t)
	p.applied(base)
	p.env["GITHUB_TOKEN"] = "ghs_job"
	p.env["DATABRICKS_AUTH_TYPE"] = "github-oidc"
	p.env["DATABRICKS_CLIENT_ID"] = p.applicationID("MLOPSCTL_READER_CLIENT_ID")
	p.env["DATABRICKS_TOKEN_AUDIENCE"] = "11111111-2222-3333-4444-555555555555"
	p.env["ACTIONS_ID_TOKEN_REQUEST_URL"] = "https://token.actions.githubusercontent.com/_sandbox/oidc/acme/fares?event=pull_request"
	p.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = p.box.Operator()["GITHUB_TOKEN"] // the runner's own
	code, said := p.check("-o", "json")
	if code != 0 || !strings.Contains(said, `"action":"created","number":`) {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	p.harmless("accounts.cloud.databricks.com", "prod.cloud.databricks.com", "token.actions.githubusercontent.com", "github.com")
	p.readersRequests()
	rows := changesOf(t, said)
	for address, want := range map[string]string{
		"schema/prod.more": "create live added", // BROWSE is enough
		"variable/OWNER":   "unknown wish changed",
		"grant/schema:prod.fares/group:account users": "unknown wish added",
	} {
		if rows[address] != want {
			t.Errorf("%s is told as %q, want %q:\n%s", address, rows[address], want, said)
		}
	}
	comment := p.comment()
	for _, want := range []string{"the wish is changed", `"ann" → "bob"`, "the wish is added", "schema/prod.more"} {
		if !strings.Contains(comment, want) {
			t.Errorf("the comment has no %q:\n%s", want, comment)
		}
	}
	if len(rows) != 3 {
		t.Errorf("the pull request changes three objects, and the check tells of %v", rows)
	}
}

// changesOf are the rows of a check's events that the pull request changes: action, known and wish by address.
func changesOf(t *testing.T, events string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for line := range strings.Lines(events) {
		var row struct{ Type, Scope, Address, Action, Known, Wish string }
		if !strings.HasPrefix(line, "{") {
			continue
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Type == "change" && row.Scope == "change" {
			rows[row.Address] = row.Action + " " + row.Known + " " + row.Wish
		}
	}
	return rows
}

// readersRequests holds the log against what the job's credentials are: whatever went to Databricks bore the reader's token.
func (p *proposal) readersRequests() {
	p.t.Helper()
	asked := 0
	for _, req := range p.sent {
		if !strings.HasSuffix(req.URL.Host, "databricks.com") {
			continue
		}
		asked++
		if auth := req.Header.Get("Authorization"); strings.Contains(auth, p.box.Operator()["DATABRICKS_TOKEN"]) && p.box.Operator()["DATABRICKS_TOKEN"] != "" {
			p.t.Errorf("%s %s bore the operator's token", req.Method, req.URL)
		}
		if req.Method != http.MethodGet && !strings.HasSuffix(req.URL.Path, "/token") {
			p.t.Errorf("%s %s is no read", req.Method, req.URL)
		}
	}
	if asked == 0 {
		p.t.Error("nothing was asked of Databricks")
	}
}
