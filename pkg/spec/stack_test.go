package spec_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func full(t *testing.T) *spec.Stack {
	t.Helper()
	stack, list := spec.Load("testdata/full.yaml", spec.Options{})
	if len(list) > 0 {
		t.Fatalf("the full spec is not clean:\n%s", told(list))
	}
	return stack
}

func pointer[T any](v T) *T { return &v }

func TestTheFullSpecBecomesAStackWithItsDefaults(t *testing.T) {
	want, got := wantFull(), full(t)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(spec.Stack{}), cmpopts.IgnoreFields(spec.Stack{}, "SHA256"),
		cmpopts.IgnoreFields(spec.PolicyRule{}, "Pos")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got.Policy {
		if r.Pos != got.At("policy", strconv.Itoa(i)) || r.Pos.Line == 0 {
			t.Errorf("rule %d stands at %s", i, r.Pos)
		}
	}
	if sum := sha256.Sum256(data); got.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("SHA256 %q, want that of the file", got.SHA256)
	}
}

func wantPrincipals() []spec.ServicePrincipal {
	return []spec.ServicePrincipal{{
		Name: "mlops-stack-demo-prod", ID: "5f0c1a52-7a3e-4a5b-9d2f-0123456789ab", Groups: []string{"mlops-service-principals", "ml-engineers"},
		Directory:    "/Shared/mlops-stack-demo",
		Entitlements: []string{"allow-cluster-create"}, Users: []string{"group:ml-engineers", "service_principal:mlops-stack-demo-test"},
		GitCredential: &spec.GitCredential{Provider: "gitHub", Env: "GIT_TOKEN"},
	}, {
		Name: "mlops-stack-demo-staging", GitCredential: &spec.GitCredential{Provider: "gitLab", Email: "bot@acme.com", File: "secrets/gitlab"},
	}, {
		Name: "mlops-stack-demo-test", GitCredential: &spec.GitCredential{
			Provider: "awsCodeCommit", Username: "bot", Command: []string{"vault", "read", "-field=token", "secret/git"},
		},
	}}
}

func wantGroups() []spec.Group {
	return []spec.Group{
		{Name: "mlops-service-principals"},
		{Name: "ml-engineers", Exists: true},
		{Name: "ml-leads", Members: []string{"user:ada@acme.com", "group:ml-engineers", "service_principal:mlops-stack-demo-test"}, Exclusive: true},
	}
}

func wantFull() *spec.Stack {
	return &spec.Stack{
		File: "testdata/full.yaml", Dir: "testdata", Name: "mlops-stack-demo",
		Git: spec.Git{
			Host: "https://github.com", Owner: "acme", Name: "mlops-stack-demo", Visibility: "private",
			Description: pointer("Taxi fare model"), Source: ".",
			FirstCommit: &spec.FirstCommit{
				Message: "Adding project README",
				Paths:   []string{"README.md", "docs", ".gitignore", "mlops_stack_demo/resources/README.md"},
			},
			Teams:               []spec.Team{{Slug: "ml-leads", Role: "maintain"}, {Slug: "ml-engineers", Role: "push"}},
			WorkflowPermissions: &spec.WorkflowPermissions{Default: "write", CreatePullRequests: pointer(true)},
		},
		Account: &spec.Account{Host: "https://accounts.cloud.databricks.com", ID: "11111111-2222-3333-4444-555555555555", Profile: "account-admin"},
		Branches: []spec.Branch{
			{Name: "main", Default: true, Protection: &spec.Protection{
				RequiredApprovals: pointer(1), RequiredChecks: []string{"mlops-gate"}, AllowForcePush: pointer(false)}},
			{Name: "release", From: "main", Protection: &spec.Protection{RequiredApprovals: pointer(1), Exclusive: true}},
		},
		Targets:           wantTargets(),
		ServicePrincipals: wantPrincipals(), Groups: wantGroups(),
		Catalogs: []spec.Catalog{
			{Name: "test", Schemas: []spec.Schema{{Name: "mlops_stack_demo"}}},
			{Name: "staging", Schemas: []spec.Schema{{Name: "mlops_stack_demo"}}},
			{Name: "prod", Comment: pointer("Production models and tables"), StorageRoot: "s3://acme-prod/uc", IsolatedTo: []string{"prod"},
				Schemas: []spec.Schema{{Name: "mlops_stack_demo", Comment: pointer("Taxi fare model")}}},
			{Name: "shared", Exists: true, Target: "prod"},
		},
		Permissions: wantPermissions(),
		Secrets: []spec.Secret{
			{Name: "PROD_WORKSPACE_TOKEN", RotateBefore: 14 * 24 * time.Hour, Overlap: 2 * time.Hour,
				PersonalAccessToken: &spec.PersonalAccessTokenSource{Target: "prod", Lifetime: 30 * 24 * time.Hour}},
			{Name: "WORKFLOW_TOKEN", Env: "MLOPS_WORKFLOW_TOKEN"},
			{Name: "LICENSE", File: "secrets/license.key"},
			{Name: "VAULT_TOKEN", Command: []string{"vault", "read", "-field=token", "secret/ci"}, RotateBefore: 30 * 24 * time.Hour},
			{Name: "STAGING_WORKSPACE_TOKEN", AccessToken: &spec.AccessTokenSource{Target: "staging"}},
			{Name: "PROD_CLIENT_SECRET", Environment: "prod", RotateBefore: 36 * time.Hour, Overlap: 48 * time.Hour,
				OAuthSecret: &spec.OAuthSecretSource{Target: "prod", Lifetime: 90 * 24 * time.Hour}},
		},
		Variables: []spec.Variable{
			{Name: "MODEL_OWNER", Value: "ml-engineers"},
			{Name: "FEATURE_TABLE", Environment: "prod", Value: "prod.mlops_stack_demo.features"},
		},
		Projects: wantProjects(),
		Policy:   wantPolicy(),
		CI:       &spec.CI{Reader: "mlops-stack-demo-ci", Operator: "mlopsctl"},
		Moved: []spec.Move{
			{From: "stack/taxi-demo", To: "stack/mlops-stack-demo"},
			{From: "repository/acme/taxi-demo", To: "repository/acme/mlops-stack-demo"},
			{From: "service_principal/old-name", To: "service_principal/mlops-stack-demo-prod"},
			{From: "secret/prod/CLIENT_SECRET", To: "secret/prod/PROD_CLIENT_SECRET"},
		},
	}
}

func wantPermissions() []spec.Permission {
	return []spec.Permission{
		{Grant: "training", Targets: []string{"test", "staging", "prod"}, Schema: "mlops_stack_demo", Input: "mlops_stack_demo.training_input"},
		{Grant: "batch_inference", Targets: []string{"staging", "prod"},
			Input: "mlops_stack_demo.batch_input", Output: "mlops_stack_demo.predictions"},
		{Principal: "group:account users", On: "schema:prod.mlops_stack_demo", Privileges: []string{"USE_SCHEMA", "EXECUTE"},
			Exclusive: true},
		{Principal: "user:ada@acme.com", Target: "prod", On: "metastore:", Privileges: []string{"CREATE_CATALOG"}},
		{Principal: "group:ml-engineers", Target: "prod", On: "directory:/Shared/mlops-stack-demo", Level: "CAN_READ"},
	}
}

func wantProjects() []spec.Project {
	return []spec.Project{
		{Name: "mlops_stack_demo", Path: "mlops_stack_demo", Workflows: spec.GenerateWorkflows,
			Code: &spec.ProjectCode{Branch: "add-ml-code", Title: "Add ML Code"}, Deploy: []string{"staging", "prod"}},
	}
}

func wantPolicy() []spec.PolicyRule {
	return []spec.PolicyRule{
		{Name: "two reviewers on release", Deny: `change.kind == "branch_protection" && change.after.required_approvals < 2`,
			Message: "release needs two approvals"},
		{Ignore: "policy/account-users", At: "grant/schema:prod.*", Reason: "the schema is public inside acme"},
		{Enforce: "policy/stored-secret"},
	}
}

func wantTargets() []spec.Target {
	return []spec.Target{
		{Name: "dev", Host: "https://dev.cloud.databricks.com", Catalog: "dev"},
		{Name: "test", Host: "https://e2-dogfood.staging.cloud.databricks.com", ServicePrincipal: "mlops-stack-demo-test",
			CIAuth: spec.OIDC, Environment: &spec.Environment{}, Catalog: "test"},
		{Name: "staging", Host: "https://e2-dogfood.staging.cloud.databricks.com", Profile: "staging-admin", Branch: "main",
			ServicePrincipal: "mlops-stack-demo-staging", CIAuth: spec.OIDC, Catalog: "staging",
			Environment: &spec.Environment{Reviewers: []string{}, Branches: []string{"main"}}},
		{Name: "prod", Host: "https://e2-demo-field-eng.cloud.databricks.com", Branch: "release",
			ServicePrincipal: "mlops-stack-demo-prod", CIAuth: spec.OAuthSecret, Catalog: "prod",
			Environment: &spec.Environment{Reviewers: []string{"team:ml-leads", "user:octocat"}, Branches: []string{"release"}}},
	}
}

// A field that no key can fill would be a promise without a way to keep it.
func TestEveryFieldOfAStackIsFilledFromSomeKey(t *testing.T) {
	filled := map[string]bool{}
	note(reflect.ValueOf(*full(t)), "Stack", filled)
	for name, seen := range filled {
		if !seen {
			t.Errorf("%s is never filled by testdata/full.yaml", name)
		}
	}
}

func note(v reflect.Value, name string, filled map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(v.Elem(), name, filled)
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(v.Index(i), name, filled)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				at := v.Type().Name() + "." + f.Name
				filled[at] = filled[at] || !v.Field(i).IsZero()
				note(v.Field(i), at, filled)
			}
		}
	}
}

func TestWhatIsLeftOutIsNotManaged(t *testing.T) {
	stack, list := spec.Parse("mlops.yaml", []byte(shortest), spec.Options{})
	if len(list) > 0 {
		t.Fatal(told(list))
	}
	want := &spec.Stack{
		File: "mlops.yaml", Dir: ".", Name: "demo",
		Git: spec.Git{Host: "https://github.com", Owner: "acme", Name: "demo", Source: "."},
	}
	if diff := cmp.Diff(want, stack, cmpopts.IgnoreUnexported(spec.Stack{}), cmpopts.IgnoreFields(spec.Stack{}, "SHA256")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARotationDefaultsToHalfOfAShortLifetime(t *testing.T) {
	for lifetime, want := range map[string]time.Duration{"90d": 14 * 24 * time.Hour, "28d": 14 * 24 * time.Hour, "10d": 5 * 24 * time.Hour, "2h": time.Hour} {
		text := shortest + "targets: { prod: { host: https://prod.cloud.databricks.com, service_principal: p, environment: {} } }\n" +
			"secrets: { A: { oauth_secret: { target: prod, lifetime: " + lifetime + " } } }\n"
		stack, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{})
		if stack == nil {
			t.Fatal(told(list))
		}
		if got := stack.Secrets[0].RotateBefore; got != want {
			t.Errorf("lifetime %s: rotated %s before its end, want %s", lifetime, got, want)
		}
		if got, want := stack.Secrets[0].Overlap, min(24*time.Hour, stack.Secrets[0].OAuthSecret.Lifetime); got != want {
			t.Errorf("lifetime %s: overlaps for %s, want %s", lifetime, got, want)
		}
	}
}

// The expected place of each path is where a text stands that the file has once.
func TestEveryKindOfValueKnowsItsPlace(t *testing.T) {
	stack := full(t)
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		text string
	}{
		{"version", "version: 1"},
		{"git/first_commit/paths", "paths: [README.md"},
		{"git/first_commit/paths/1", "docs, .gitignore"},
		{"git/teams/ml-engineers", "ml-engineers: push"},
		{"git/workflow_permissions/create_pull_requests", "create_pull_requests"},
		{"branches/main/protection/required_approvals", "required_approvals: 1, required_checks"},
		{"branches/main/protection/allow_force_push", "allow_force_push"},
		{"targets/prod", "prod:\n    host"},
		{"targets/prod/environment/reviewers/1", "\"user:octocat\""},
		{"targets/prod/no/such/key", "prod:\n    host"},
		{"catalogs/prod/schemas/mlops_stack_demo/comment", "comment: Taxi"},
		{"permissions/1", "grant: batch_inference"},
		{"permissions/0/targets/2", "prod]\n    schema: mlops_stack_demo\n    input"},
		{"secrets/LICENSE", "license: {"},
		{"secrets/license/file", "file: secrets/license"},
		{"variables/FEATURE_TABLE/value", "value: prod.mlops"},
		{"moved/2", "{ from: service_principal/old-name"},
		{"moved/2/to", "to: service_principal"},
		{"nothing", "version: 1"},
	} {
		if got, want := stack.At(strings.Split(c.path, "/")...), placeOf(t, string(data), c.text); got != want {
			t.Errorf("%v stands at %s, want %s", c.path, got, want)
		}
	}
}

func placeOf(t *testing.T, file, text string) diag.Pos {
	t.Helper()
	before, after, found := strings.Cut(file, text)
	if !found || strings.Contains(after, text) {
		t.Fatalf("%q is not in the file once", text)
	}
	line := before[strings.LastIndex(before, "\n")+1:]
	return diag.Pos{File: "testdata/full.yaml", Line: strings.Count(before, "\n") + 1, Column: len([]rune(line)) + 1}
}

func TestColumnsCountCharactersNotBytes(t *testing.T) {
	text := "version: 1\nname: demo\ngit: { description: \"Übergrößenträger 🚕\", repository: acme }\n"
	_, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{})
	if len(list) != 1 || list[0].Source.Line != 3 || list[0].Source.Column != 55 {
		t.Errorf("%+v", told(list))
	}
}

func TestReferencesStandForValues(t *testing.T) {
	text := `version: ${var.VERSION}
name: ${var.NAME}-${env.MLOPS_STAGE}
git:
  repository: ${env.REPO}
  description: $${not.a.reference} costs $5
branches: { main: { default: "${var.DEFAULT}", protection: { required_approvals: "${var.N}", allow_force_push: "${var.F}" } } }
variables: { COUNT: "${var.N}" }
secrets: { A: { env: "MLOPS_${var.NAME}" } }
`
	env := map[string]string{"MLOPS_STAGE": "prod", "REPO": "acme/demo"}
	stack, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{
		Vars:      map[string]string{"VERSION": "1", "NAME": "demo", "DEFAULT": "true", "N": "2", "F": "false"},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		AllowEnv:  []string{"REPO"},
	})
	if stack == nil {
		t.Fatal(told(list))
	}
	p := stack.Branches[0].Protection
	got := []any{stack.Name, stack.Git.Owner, *stack.Git.Description, stack.Branches[0].Default, *p.RequiredApprovals, *p.AllowForcePush,
		stack.Variables[0].Value, stack.Secrets[0].Env}
	want := []any{"demo-prod", "acme", "${not.a.reference} costs $5", true, 2, false, "2", "MLOPS_demo"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseReadsNoFile(t *testing.T) {
	text := "version: 1\nname: demo\ngit: { repository: acme/demo, first_commit: { paths: [no-such-file] } }\nsecrets: { A: { file: nor/this } }\n"
	if stack, list := spec.Parse(filepath.Join(t.TempDir(), "nowhere", "mlops.yaml"), []byte(text), spec.Options{}); stack == nil {
		t.Error(told(list))
	}
}

func TestTheExamplesAreClean(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/mlops.y*ml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		if _, list := spec.Load(file, spec.Options{}); len(list) > 0 {
			t.Errorf("%s:\n%s", file, told(list))
		}
	}
}

func TestTheSameFileGivesTheSameReport(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, first := spec.Parse("mlops.yaml", data, spec.Options{})
		for range 3 {
			if _, again := spec.Parse("mlops.yaml", data, spec.Options{}); !slices.EqualFunc(first, again, func(a, b diag.Diagnostic) bool { return cmp.Equal(a, b) }) {
				t.Fatalf("%s: two reports of one file:\n%s\n%s", file, told(first), told(again))
			}
		}
	}
}

func TestTheDefaultsAreThoseOfTheSchema(t *testing.T) {
	stack, list := spec.Parse("mlops.yaml", []byte(`version: 1
name: demo
git: { repository: acme/demo, first_commit: { paths: [README.md] } }
branches: { main: { protection: {} } }
targets: { prod: { host: https://prod.cloud.databricks.com, service_principal: p, environment: {} } }
catalogs: { prod: {} }
permissions: [{ principal: "group:a", on: "catalog:prod", privileges: [BROWSE] }]
secrets: { A: { oauth_secret: { target: prod } } }
`), spec.Options{})
	if stack == nil {
		t.Fatal(told(list))
	}
	for path, got := range map[string]any{
		"git.host":                        stack.Git.Host,
		"git.source":                      stack.Git.Source,
		"git.first_commit.message":        stack.Git.FirstCommit.Message,
		"branches.*.default":              stack.Branches[0].Default,
		"branches.*.protection.exclusive": stack.Branches[0].Protection.Exclusive,
		"permissions.*.exclusive":         stack.Permissions[0].Exclusive,
		"targets.*.ci_auth":               stack.Targets[0].CIAuth,
		"catalogs.*.exists":               stack.Catalogs[0].Exists,
		"secrets.*.oauth_secret.lifetime": fmt.Sprintf("%dd", stack.Secrets[0].OAuthSecret.Lifetime/(24*time.Hour)),
	} {
		e, err := spec.Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Trim(e.Default, `"`); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, but the schema says %s", path, got, want)
		}
	}
}

func TestASpecBeyondEveryHandsReachIsRefusedOnce(t *testing.T) {
	text := shortest + "variables:\n"
	for i := range 20_000 {
		text += fmt.Sprintf("  V%d: x\n", i)
	}
	_, list := spec.Parse("mlops.yaml", []byte(text), spec.Options{})
	if len(list) != 1 || list[0].Code != "spec/size" || list[0].Source.Line < 19_000 {
		t.Errorf("%.500s", told(list))
	}
}

func TestProductionIsToldByItsName(t *testing.T) {
	for name, want := range map[string]bool{
		"prod": true, "PROD": true, "production": true, "prod-eu": true, "prod_us": true, "production2": true,
		"product": false, "prod2": false, "preprod": false, "staging": false, "": false,
	} {
		if got := spec.IsProduction(spec.Target{Name: name}); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
