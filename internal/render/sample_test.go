package render

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +now):\n%s", name, diff)
	}
}

const (
	hub     = "https://github.com"
	account = "https://accounts.cloud.databricks.com"
	prod    = "https://prod.cloud.databricks.com"
)

func at(line, column int) diag.Pos { return diag.Pos{File: "mlops.yaml", Line: line, Column: column} }

func need(address, why string) resource.Need { return resource.Need{Addr: address, Why: why} }

// sample is a plan with every action that this version makes, and a few hostile texts.
func sample() *plan.Plan {
	p := &plan.Plan{
		Version: "1.2.3", CreatedAt: "2026-11-23T12:00:00Z",
		Specs:    []plan.Spec{{Path: "mlops.yaml", SHA256: "abc", Name: "mlops-stack-demo"}},
		Requests: plan.Requests{Total: 38, ByHost: map[string]int{"api.github.com": 12, "prod.cloud.databricks.com": 26}},
		Diagnostics: diag.List{{Severity: diag.Warning, Code: "plan/hidden-repository",
			Summary: "a private repository that this token may not see looks like a missing one",
			Detail:  "check the token's repositories", Address: "repository", Source: new(at(8, 3))}},
	}
	p.Changes = []plan.Change{
		{Address: "repository", Kind: "repository", Host: hub, Action: plan.Create, Reason: "it is not there", Source: at(8, 3),
			After: resource.Object{"name": "mlops-stack-demo"},
			Fields: []plan.Field{{Path: "description", After: "Taxi \"fare\"\nmodel\x1b[31m \u202egnp"},
				{Path: "name", After: "mlops-stack-demo"}, {Path: "visibility", After: "private"}}},
		{Address: "service_principal/demo-prod", Kind: "service_principal", Host: account, Action: plan.None, Source: at(40, 5)},
		{Address: "environment/prod", Kind: "environment", Host: hub, Action: plan.Create, Reason: "it is not there", Source: at(50, 5),
			Needs: []resource.Need{need("repository", "its repository comes from there (id)"), need("service_principal/demo-prod", "it names it")},
			Fields: []plan.Field{{Path: "branches", After: []any{"release"}}, {Path: "repository", KnownAfterApply: true},
				{Path: "reviewers", After: []any{"team:ml-leads", "user:eve`"}}}},
		{Address: "environment/staging", Kind: "environment", Host: hub, Action: plan.Update, Reason: "branches and wait_timer differ", Source: at(45, 5),
			Before: resource.Object{"branches": []any{"develop", "main"}}, Danger: resource.Unguarded,
			Fields: []plan.Field{{Path: "branches", Before: []any{"develop", "main"}, After: []any{"main", "release/*"}},
				{Path: "policy.wait_timer", Before: nil, After: 30.0}}},
		{Address: "catalog_binding/prod", Kind: "catalog_binding", Host: prod, Action: plan.Update, Reason: "isolation_mode differs", Source: at(60, 5),
			Before: resource.Object{"isolation_mode": "OPEN"}, Danger: resource.AccessLoss,
			Fields: []plan.Field{{Path: "isolation_mode", Before: "OPEN", After: "ISOLATED"}}},
		{Address: "secret/prod/CLIENT_SECRET", Kind: "secret", Host: hub, Action: plan.Rotate, Reason: "it expires on 2026-12-01", Source: at(80, 3),
			Before: resource.Object{"name": "CLIENT_SECRET"}, Needs: []resource.Need{need("environment/prod", "it is stored there")}},
		{Address: "grant/table:prod.a.b/demo-prod", Kind: "grant", Host: prod, Action: plan.Blocked, Source: at(70, 5),
			Reason: "the table prod.a.b does not exist yet | a job makes it"},
		{Address: "team/ml-leads", Kind: "team", Host: hub, Action: plan.Unknown, Source: at(13, 12),
			Reason: "403: the token lacks administration:read <b>@acme</b>"},
	}
	return p
}

func report() apply.Report {
	return apply.Report{Results: []apply.Result{
		{Address: "repository", Action: plan.Create, Status: apply.Done, Note: "the answer was lost; it had been done"},
		{Address: "environment/prod", Action: plan.Create, Status: apply.Failed, Err: errors.New("writing environment prod: PUT api.github.com/…: 422 \x1b[2Jno")},
		{Address: "secret/prod/CLIENT_SECRET", Action: plan.Rotate, Status: apply.Skipped, Cause: "environment/prod"},
		{Address: "environment/staging", Action: plan.Update, Status: apply.NotStarted},
	}}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
