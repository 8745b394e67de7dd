package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// databricks sends a request to production's workspace in the operator's name, as a person at a desk does.
func (p *proposal) databricks(method, path, body string) {
	p.t.Helper()
	const host = "https://prod.cloud.databricks.com"
	send := func(req *http.Request, out any) {
		p.t.Helper()
		resp, err := p.box.RoundTripper().RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			p.t.Fatalf("%s %s: %v, %v", req.Method, req.URL, resp, err)
		}
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			p.t.Fatal(err)
		}
	}
	login, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, host+"/oidc/v1/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}}.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	login.SetBasicAuth(p.box.Operator()["DATABRICKS_CLIENT_ID"], p.box.Operator()["DATABRICKS_CLIENT_SECRET"])
	var token struct {
		Access string `json:"access_token"`
	}
	send(login, &token)
	req, err := http.NewRequestWithContext(p.t.Context(), method, host+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("Content-Type", "application/json")
	var answer any
	send(req, &answer)
}

// What somebody changed outside says who did it and when, where the reads of a plan show that, and costs no request.
func TestDriftSaysWhoChangedWhatAndWhen(t *testing.T) {
	base := strings.Replace(proposedTo, "schemas: { fares: {} }", "schemas: { fares: { comment: Fares } }", 1)
	p := scene{base: base, spec: base + "# more\n", event: "schedule"}.open(t)
	p.applied(base)
	p.env["GITHUB_EVENT_PATH"] = ""
	p.check("--drift", "-o", "json")
	quiet, _ := p.asked()
	p.sent = nil
	p.databricks(http.MethodPatch, "/api/2.1/unity-catalog/schemas/prod.fares", `{"comment":"mine"}`)
	p.ask("PATCH", "/actions/variables/OWNER", map[string]any{"value": "nobody"})
	code, said := p.check("--drift", "-o", "json", "--detailed-exitcode")
	if code != 2 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	who := p.box.Operator()["DATABRICKS_CLIENT_ID"]
	day := touchedOn(t, said, "schema/prod.fares", who)
	touchedOn(t, said, "variable/OWNER", "") // GitHub does not say who
	if drifted, _ := p.asked(); drifted > quiet {
		t.Errorf("%d requests where nothing drifted, %d where something did", quiet, drifted)
	}
	issue, _ := p.ask("GET", "/issues/2", nil)["body"].(string)
	if !strings.Contains(issue, "it was changed last on "+day+" by "+who) {
		t.Errorf("the issue does not say who did it:\n%s", issue)
	}
}

// because is what a change comes from, as a plan says it.
type because struct{ Address, Cause, Reason string }

// planned is a plan of what was applied, by address.
func (p *proposal) planned() map[string]because {
	p.t.Helper()
	var out bytes.Buffer
	Run(p.t.Context(), []string{"plan", "-o", "json", "-f", filepath.Join(p.dir, "applied.yaml")}, Streams{
		In: strings.NewReader(""), Out: &out, Err: io.Discard, Base: p, Env: func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
	})
	var plan struct{ Changes []because }
	if err := json.Unmarshal(out.Bytes(), &plan); err != nil {
		p.t.Fatal(err)
	}
	rows := map[string]because{}
	for _, c := range plan.Changes {
		rows[c.Address] = c
	}
	return rows
}

// The service gives other values by itself: nobody has touched the objects since they were applied, and it says so.
func TestWhatTheServiceChangedIsNobodysDoing(t *testing.T) {
	base := strings.Replace(proposedTo, "schemas: { fares: {} }", "schemas: { fares: { comment: Fares } }", 1)
	p := scene{base: base, spec: base + "# more\n", event: "schedule"}.open(t)
	p.databricks(http.MethodPost, "/api/2.1/unity-catalog/catalogs", `{"name":"prod"}`)
	p.databricks(http.MethodPost, "/api/2.1/unity-catalog/schemas", `{"name":"fares","catalog_name":"prod","comment":"Fares"}`)
	later := func() { p.time.Advance(2 * time.Second) }
	later()
	p.says = func(host, body string) string { // an apply takes longer than it does here
		if host == "api.github.com" && strings.Contains(body, `"required_approving_review_count":1`) {
			later()
		}
		return body
	}
	p.applied(base)
	p.env["GITHUB_EVENT_PATH"] = ""
	p.says = func(host, body string) string {
		switch host {
		case "prod.cloud.databricks.com":
			return strings.ReplaceAll(body, `"comment":"Fares"`, `"comment":"Managed"`)
		case "api.github.com":
			return strings.ReplaceAll(body, `"required_approving_review_count":1`, `"required_approving_review_count":2`)
		}
		return body
	}
	code, said := p.check("--drift", "-o", "json", "--detailed-exitcode")
	if code != 2 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	planned := p.planned()
	issue, _ := p.ask("GET", "/issues/2", nil)["body"].(string)
	_, byItself, _ := strings.Cut(issue, "#### The service changed by itself")
	for _, address := range []string{"schema/prod.fares", "branch_protection/main"} {
		if row := planned[address]; row.Cause != "service" || !strings.Contains(row.Reason, "the service changed it") {
			t.Errorf("%s: the plan says %+v", address, row)
		}
		if !strings.Contains(said, `"cause":"service"`) || !strings.Contains(byItself, address) {
			t.Errorf("%s: the check says\n%s", address, said)
		}
	}
	// Who touches it is told from that, though the values are the same.
	p.says = nil
	p.databricks(http.MethodPatch, "/api/2.1/unity-catalog/schemas/prod.fares", `{"comment":"Managed"}`)
	if _, said := p.check("--drift", "-o", "json"); strings.Contains(said, `"cause":"service"`) || !strings.Contains(said, `"cause":"outside"`) {
		t.Errorf("what somebody changed is told as the service's:\n%s", said)
	}
}

// A run that began earlier, and comes in late, leaves what a later one found: about drift, and that there is none.
func TestAnOlderRunLeavesTheIssueOfANewerOne(t *testing.T) {
	p := scene{spec: proposedTo + "# more\n", event: "schedule"}.open(t)
	p.applied(proposedTo)
	p.env["GITHUB_EVENT_PATH"] = ""
	run := func(id, value, action, state, text string) {
		t.Helper()
		p.ask("PATCH", "/actions/variables/OWNER", map[string]any{"value": value})
		if said := p.run(id, "--drift"); !strings.Contains(said, `"what":"issue","action":"`+action+`"`) {
			t.Errorf("run %s: want %s:\n%s", id, action, said)
		}
		if issue := p.ask("GET", "/issues/2", nil); issue["state"] != state || !strings.Contains(issue["body"].(string), text) {
			t.Errorf("run %s: the issue is %s, want %s and %q: %s", id, issue["state"], state, text, issue["body"])
		}
	}
	run("78", "bob", "created", "open", `"bob"`)
	run("77", "eve", "superseded", "open", `"bob"`)
	run("77", "ann", "superseded", "open", `"bob"`) // nor does it close it
	run("79", "carl", "updated", "open", `"carl"`)
	run("81", "ann", "closed", "closed", "mlopsctl:run:81:")
	run("80", "carl", "superseded", "closed", "mlopsctl:run:81:")
	run("82", "dora", "reopened", "open", `"dora"`)
	// Another opens one as well, at the same moment.
	other := p.ask("GET", "/issues/2", nil)
	p.ask("POST", "/issues", map[string]any{"title": "x", "body": strings.Replace(other["body"].(string), "run:82:", "run:81:", 1)})
	run("83", "dora", "updated", "open", "mlopsctl:run:83:")
	if state := p.ask("GET", "/issues/3", nil)["state"]; state != "closed" {
		t.Errorf("two issues are left: the older run's is %s", state)
	}
}

// touchedOn holds an object's row of a check against who changed it, and returns the day.
func touchedOn(t *testing.T, events, address, who string) string {
	t.Helper()
	for line := range strings.Lines(events) {
		var row struct {
			Address, Cause string
			By             string `json:"changed_by"`
			At             string `json:"changed_at"`
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &row) != nil || row.Address != address {
			continue
		}
		day, _, dated := strings.Cut(row.At, "T")
		if row.Cause != "outside" || row.By != who || !dated {
			t.Errorf("%s: %+v", address, row)
		}
		return day
	}
	t.Errorf("%s did not drift:\n%s", address, events)
	return ""
}
