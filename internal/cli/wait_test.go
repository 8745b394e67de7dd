package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
)

// patient is a clock on which people act whenever somebody waits.
type patient struct {
	*virtual.Clock
	act func()
}

func (p patient) Sleep(ctx context.Context, d time.Duration) error {
	p.act()
	return p.Clock.Sleep(ctx, d)
}

const awaitedSpec = `version: 1
name: fares
git: { repository: acme/fares, first_commit: { message: Begin, paths: [README.md] } }
branches: { main: { default: true }, release: { from: main } }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
targets:
  prod: { host: https://prod.cloud.databricks.com, branch: main, service_principal: fares-prod, environment: { branches: [main] } }
projects:
  fares: { workflows: generate, code: { branch: add-fares }, deploy: [prod] }
`

// waiting runs an apply with --wait in which people act as they are told, each time that it looks again.
func waiting(t *testing.T, wait string, act func(*sandbox.Sandbox)) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"mlops.yaml": awaitedSpec, "README.md": "# Fares\n", "fares/databricks.yml": "bundle: { name: fares }\ntargets:\n  dev: { mode: development }\n"} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	clock := virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), 0)
	box, err := sandbox.Open(sandbox.Options{Now: clock.Now, Hosts: sandbox.Hosts{
		GitHub: "https://github.com", Owner: "acme", Account: "https://accounts.cloud.databricks.com", AccountID: "11111111-2222-3333-4444-555555555555",
		Workspaces: []string{"https://prod.cloud.databricks.com"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}()
	operator := box.Operator()
	var said, warned bytes.Buffer
	code = Run(t.Context(), []string{"apply", "-f", filepath.Join(dir, "mlops.yaml"), "--auto-approve", "--wait", wait}, Streams{
		In: strings.NewReader(""), Out: &said, Err: &warned, Base: box.RoundTripper(), Clock: patient{clock, func() { act(box) }},
		Env: func(name string) (string, bool) { value, ok := operator[name]; return value, ok },
	})
	return code, said.String(), warned.String()
}

// One apply that waits takes a stack from nothing to a deployment, while people do what it waits for.
func TestAnApplyThatWaitsGoesOnWhenPeopleHaveActed(t *testing.T) {
	looked := 0
	code, out, errs := waiting(t, "2h", func(box *sandbox.Sandbox) {
		looked++
		if looked%2 == 1 {
			return // nobody has found the time yet
		}
		if _, err := box.DoAll(t.Context(), "acme/fares"); err != nil {
			t.Error(err)
		}
	})
	if code != 0 {
		t.Fatalf("it ends with %d:\n%s%s", code, out, errs)
	}
	for _, want := range []string{"waiting for a person: pull_request/add-fares  #1 is to be reviewed and merged", "branch/release  created"} {
		if !strings.Contains(out+errs, want) {
			t.Errorf("it does not say %q:\n%s%s", want, out, errs)
		}
	}
	if n := strings.Count(errs, "waiting for a person: pull_request/add-fares"); n != 1 {
		t.Errorf("what it waits for is said %d times", n)
	}
	if strings.Contains(errs, "apply again once that is done") {
		t.Errorf("it gave up:\n%s", errs)
	}
}

// Nobody acts: that is no failure, and what is left is named.
func TestAnApplyThatWaitedInVainSaysSo(t *testing.T) {
	code, out, errs := waiting(t, "10m", func(*sandbox.Sandbox) {})
	if code != 0 || !strings.Contains(errs, "Waited 10m0s; apply again once that is done.") || strings.Contains(out+errs, "branch/release  created") {
		t.Errorf("it ends with %d:\n%s%s", code, out, errs)
	}
}
