package render

import (
	"testing"

	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func sampleReport() rights.Report {
	return rights.Report{
		Hosts: []rights.Host{
			{
				URL: "https://github.com", Role: "github",
				Login: rights.Finding{What: "a login", State: rights.OK, Why: "ann, by GITHUB_TOKEN"},
				Facts: []rights.Fact{{Name: "token", Value: "classic, with the scopes repo"}, {Name: "repository", Value: hostile}},
				Rights: []rights.Finding{
					{What: "the token's scope repo", State: rights.OK, Why: "it has it", For: []string{"repository"}},
					{What: "the token's scope workflow", State: rights.Missing, Why: hostile, Fix: "add it", For: []string{"a", "b", "c", "d", "e"}},
					{What: "that acme lets workflows open pull requests", State: rights.Unchecked, Why: "only an owner sees it", For: []string{"workflow_permissions"}},
				},
			},
			{
				URL: "https://prod.cloud.databricks.com", Role: "workspace", Facts: []rights.Fact{},
				Login:  rights.Finding{What: "a login", State: rights.Missing, Why: "no credentials", Fix: "run databricks auth login"},
				Rights: []rights.Finding{},
			},
		},
		Prerequisites: []rights.Finding{{What: "what grant/x waits for", State: rights.Missing, Why: "table x is missing", For: []string{"grant/x"}}},
	}
}

func TestADoctorsReport(t *testing.T) {
	golden(t, "doctor.txt", Doctor(sampleReport(), 7, Style{})+"\n"+Doctor(rights.Report{}, 1, Style{}))
	data, err := DoctorJSON(sampleReport(), plan.Requests{Total: 7, ByHost: map[string]int{"github.com": 7}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "doctor.json", string(data))
}

func TestAVerification(t *testing.T) {
	all := []rights.Verdict{{
		Target: "prod", Host: "https://prod.cloud.databricks.com", Principal: hostile, CIAuth: "oidc", As: "an operator",
		Findings: []rights.Finding{
			{What: "the principal", State: rights.OK, Why: "it is active: 7", For: []string{"service_principal/x"}},
			{What: "its privileges on schema:prod.x", State: rights.Failed, Why: "it does not hold MODIFY", Fix: "apply again"},
			{What: "the login itself", State: rights.Unchecked, Why: "only a job of the environment prod has what it takes", Fix: "run it there"},
		},
	}}
	golden(t, "verify.txt", Verify(all, 3, Style{})+"\n"+Verify(nil, 0, Style{}))
	data, err := VerifyJSON(all, plan.Requests{Total: 3, ByHost: map[string]int{"prod.cloud.databricks.com": 3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "verify.json", string(data))
}

func TestTheLeastThatASpecTakes(t *testing.T) {
	need := func(host string, sort rights.Sort, on, level string) rights.Need {
		return rights.Need{Right: rights.Right{Host: host, Sort: sort, On: on, Level: level}, For: []string{"secret/A", "secret/B", "environment/prod"}}
	}
	l := rights.Least{
		Operator: []rights.Allowance{
			{Host: "https://github.com", Scopes: []string{"read:org", "repo"}, Needs: []rights.Need{
				need("https://github.com", rights.Repository, "acme", "private"), need("https://github.com", rights.Token, "actions_variables", "write"),
			}},
			{Host: "https://prod.cloud.databricks.com", Scopes: []string{}, Needs: []rights.Need{need("https://prod.cloud.databricks.com", rights.Privilege, "metastore", "CREATE_CATALOG")}},
		},
		Reader: []rights.Allowance{}, OperatorLogins: []rights.Login{},
		ReaderLogins: []rights.Login{{Principal: "fares-ci", Job: "a job of a pull request, of none from a fork", Address: "federation_policy/fares-ci/pull_request"}},
	}
	golden(t, "permissions.txt", Permissions(l, Style{}))
	golden(t, "permissions.md", PermissionsMarkdown(l))
	data, err := PermissionsJSON(l)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "permissions.json", string(data))
}
