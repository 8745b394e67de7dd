package cli

import (
	"bytes"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const minimalSpec = `version: 1
name: fares
git: { repository: acme/fares }
account: { host: https://accounts.cloud.databricks.com, id: 11111111-2222-3333-4444-555555555555 }
targets:
  prod: { host: https://prod.cloud.databricks.com, service_principal: fares-prod, environment: {} }
`

// stack writes a spec, and a world beside it, into a folder of the test's own and returns the spec.
func stack(t *testing.T, world string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"mlops.yaml": minimalSpec, "world.yaml": world} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "mlops.yaml")
}

func nothingSet(string) (string, bool) { return "", false }

// reacting is a stream that does something when a text first comes by.
type reacting struct {
	mu   sync.Mutex
	seen bytes.Buffer
	on   map[string]func()
}

func (r *reacting) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Write(data)
	for text, do := range r.on {
		if strings.Contains(r.seen.String(), text) {
			delete(r.on, text)
			do()
		}
	}
	return len(data), nil
}

func interrupt(t *testing.T, by syscall.Signal) func() {
	return func() {
		if err := syscall.Kill(syscall.Getpid(), by); err != nil {
			t.Error(err)
		}
	}
}

// A hanging request keeps the apply from ending by itself: the first interrupt is answered, the second
// ends the request.
func TestAnInterruptedApplyReportsAndExitsWith130(t *testing.T) {
	for _, by := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(by) { // these tests may be run by nohup
			t.Run(by.String(), func(t *testing.T) { interruptedApply(t, by) })
		}
	}
}

func interruptedApply(t *testing.T, by syscall.Signal) {
	spec := stack(t, "faults: [{ method: PUT, path: \"*/environments/prod\", times: -1, action: hang }]\n")
	var out bytes.Buffer
	errs := &reacting{on: map[string]func(){
		"repository  created":   interrupt(t, by),
		"starting nothing more": interrupt(t, syscall.SIGINT),
	}}
	code := Run(t.Context(), []string{"apply", "-f", spec, "--sandbox=" + t.TempDir(), "--auto-approve", "--parallelism", "1"},
		Streams{In: strings.NewReader(""), Out: &out, Err: errs, Env: nothingSet})
	if code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	for _, want := range []string{"repository  created", "Not started", "interrupted. Apply again"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if !strings.Contains(errs.seen.String(), "interrupted: finishing what is in flight") {
		t.Errorf("nobody was told that the interrupt was heard:\n%s", errs.seen.String())
	}
}

func TestAPlanWhoseTimeIsOverExitsWith1(t *testing.T) {
	spec := stack(t, "faults: [{ path: \"*\", times: -1, action: hang }]\n")
	var out, errs bytes.Buffer
	code := Run(t.Context(), []string{"plan", "-f", spec, "--sandbox=" + t.TempDir(), "--timeout", "1ms"},
		Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: nothingSet})
	if code != 1 || !strings.Contains(errs.String(), "[cli/timeout]") {
		t.Errorf("exit code %d, want 1 and cli/timeout:\n%s", code, errs.String())
	}
}

func TestAServedSandboxAnswersUntilItIsInterrupted(t *testing.T) {
	spec := stack(t, "")
	var out bytes.Buffer
	answers := 0
	errs := &reacting{on: map[string]func(){"Ctrl-C ends it": func() {
		for _, address := range regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(out.String(), -1) {
			resp, err := http.Get(address + "/_sandbox/requests")
			if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
				t.Errorf("%s: %v, %v", address, resp, err)
			}
			answers++
		}
		interrupt(t, syscall.SIGINT)()
	}}}
	code := Run(t.Context(), []string{"sandbox", "serve", "-f", spec, "--dir", t.TempDir()}, Streams{Out: &out, Err: errs, Env: nothingSet})
	if code != 0 || answers != 3 {
		t.Errorf("exit code %d, %d hosts answer; want 0 and 3:\n%s", code, answers, out.String())
	}
	if want := "export GITHUB_TOKEN='"; !strings.Contains(out.String(), want) {
		t.Errorf("want %s:\n%s", want, out.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAResultThatCannotBeWrittenIsAnError(t *testing.T) {
	var errs bytes.Buffer
	code := Run(t.Context(), []string{"version"}, Streams{Out: full{}, Err: &errs, Env: nothingSet})
	if code != 1 || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("exit code %d, want 1 and the reason:\n%s", code, errs.String())
	}
}

func TestSandboxTakesTheNextArgumentUnlessThatIsSomethingElse(t *testing.T) {
	plans := func(name string) bool { return name == "plan.json" || name == "box/state.json" }
	for line, want := range map[string]string{
		"plan --sandbox":                    "plan --sandbox",
		"plan --sandbox dir":                "plan --sandbox=dir",
		"plan --sandbox --out x":            "plan --sandbox --out x",
		"plan --sandbox plan.json":          "plan --sandbox=plan.json",
		"apply --sandbox plan.json":         "apply --sandbox plan.json",
		"apply --sandbox dir plan.json":     "apply --sandbox=dir plan.json",
		"state --sandbox show":              "state --sandbox show",
		"state show --sandbox box":          "state show --sandbox=box",
		"state release --sandbox a/b":       "state release --sandbox a/b",
		"secrets --sandbox rotate":          "secrets --sandbox rotate",
		"--sandbox plan":                    "--sandbox plan",
		"--target apply --sandbox plan":     "--target apply --sandbox plan",
		"-f apply plan --sandbox plan.json": "-f apply plan --sandbox=plan.json",
		"--quiet apply --sandbox plan.json": "--quiet apply --sandbox plan.json",
		"plan -- --sandbox dir":             "plan -- --sandbox dir",
		"plan --sandbox=dir x":              "plan --sandbox=dir x",
	} {
		if got := joinSandbox(strings.Fields(line), plans); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s became %s, want %s", line, strings.Join(got, " "), want)
		}
	}
}

func TestSecretsAreTakenOutOfJSONTextByText(t *testing.T) {
	scrub := func(text string) string { return strings.ReplaceAll(text, "12345", "[redacted]") }
	const document = `{"id":12345,"a":"x12345","\"12345":["\\","é \u202e 12345"]}`
	const want = `{"id":12345,"a":"x[redacted]","\"[redacted]":["\\","é ` + "\u202e" + ` [redacted]"]}`
	if diff := cmp.Diff(want, string(scrubJSON([]byte(document), scrub))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
