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
