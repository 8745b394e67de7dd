package engine

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func TestMain(m *testing.M) {
	// A dependency of the SDK's counts for as long as the program runs.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// silence is a network on which nothing ever answers.
type silence struct{ asked func() }

func (s silence) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked()
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAnInterruptedPlanLeavesNothingRunning(t *testing.T) {
	const text = `version: 1
name: fares
git: { repository: acme/fares }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
targets:
  staging: { host: https://staging.cloud.databricks.com, service_principal: fares-staging, environment: {}, catalog: staging }
  prod: { host: https://prod.cloud.databricks.com, service_principal: fares-prod, environment: {}, catalog: prod }
catalogs: { staging: {}, prod: {} }
`
	stack, problems := spec.Parse(filepath.Join(t.TempDir(), "mlops.yaml"), []byte(text), spec.Options{})
	if problems.HasErrors() {
		t.Fatalf("the spec is wrong: %+v", problems)
	}
	ctx, stop := context.WithCancel(t.Context())
	var first sync.Once
	env := map[string]string{"GITHUB_TOKEN": "ghp-token-of-the-test", "DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "dose-of-the-test"}
	e, err := Connect(stack, Options{
		Base: silence{asked: func() { first.Do(stop) }}, Clock: transport.System(), Parallelism: 4,
		Env: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Plan(ctx, Aim{}); err == nil {
		t.Error("the plan of a network that is silent was made")
	}
}
