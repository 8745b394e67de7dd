package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
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
