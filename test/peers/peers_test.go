// Package peers holds the sandbox and the program against another program: the stock Databricks CLI,
// built from its module, deploys the example's bundle as a target's principal, and a plan sees it.
package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs are built once: the CLI takes minutes where nothing of it is in the build cache.
type programs struct{ cli, mlopsctl string }

func build(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{cli: filepath.Join(dir, "databricks"), mlopsctl: filepath.Join(dir, "mlopsctl")}
	if ready := os.Getenv("PEERS_BIN"); ready != "" {
		return programs{cli: filepath.Join(ready, "databricks"), mlopsctl: filepath.Join(ready, "mlopsctl")}
	}
	for _, b := range []struct{ in, out, what string }{{".", p.cli, "github.com/databricks/cli"}, {filepath.Join("..", ".."), p.mlopsctl, "./cmd/mlopsctl"}} {
		c := exec.CommandContext(t.Context(), "go", "build", "-o", b.out, b.what)
		c.Dir = b.in
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", b.what, err, out)
		}
	}
	return p
}

// stage is a copy of the example's project beside a spec, and the sandbox that serves its hosts.
type stage struct {
	t        *testing.T
	programs programs
	dir      string
	hosts    map[string]string // ACCOUNT, STAGING, PROD, GITHUB
	operator map[string]string
}

func open(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, programs: build(t), dir: t.TempDir(), hosts: map[string]string{}}
	var listen []string
	for _, host := range []string{"ACCOUNT", "STAGING", "PROD", "GITHUB"} { // the order in which they are served
		address := free(t)
		s.hosts[host] = "http://" + address
		listen = append(listen, "--listen", address)
	}
	example := filepath.Join("..", "..", "examples", "mlops-stack-demo")
	if err := os.CopyFS(filepath.Join(s.dir, "mlops_stack_demo"), os.DirFS(filepath.Join(example, "mlops_stack_demo"))); err != nil {
		t.Fatal(err)
	}
	s.copy(filepath.Join(example, "README.md"), "README.md")
	s.copy(filepath.Join(example, "mlops_stack_demo", "databricks.yml"), filepath.Join("mlops_stack_demo", "databricks.yml"))
	s.copy(filepath.Join("testdata", "mlops.yaml"), "mlops.yaml")
	s.serve(listen)
	return s
}

// copy takes a file over, with the hosts at which the sandbox is served for the example's.
func (s *stage) copy(from, to string) {
	s.t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		s.t.Fatal(err)
	}
	served := strings.NewReplacer("ACCOUNT", s.hosts["ACCOUNT"], "STAGING", s.hosts["STAGING"], "PROD", s.hosts["PROD"], "GITHUB", s.hosts["GITHUB"],
		"https://e2-dogfood.staging.cloud.databricks.com", s.hosts["STAGING"], "https://e2-demo-field-eng.cloud.databricks.com", s.hosts["PROD"])
	if filepath.Ext(from) == ".md" {
		served = strings.NewReplacer()
	}
	if err := os.WriteFile(filepath.Join(s.dir, to), []byte(served.Replace(string(text))), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// serve runs `mlopsctl sandbox serve` until the test is over. It has begun once it says where it listens.
func (s *stage) serve(listen []string) {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, s.programs.mlopsctl, append([]string{"sandbox", "serve", "-o", "json"}, listen...)...)
	c.Dir, c.Env = s.dir, []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH")}
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		stop()
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { stop(); _ = c.Wait() })
	var began struct {
		Environment map[string]string `json:"environment"`
	}
	if err := json.NewDecoder(out).Decode(&began); err != nil {
		s.t.Fatalf("serving the sandbox: %v\n%s", err, complaints.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s.operator = began.Environment
}

// run is one run of a program: in a folder of the stage, in no environment but the one given.
type run struct {
	dir  string
	env  map[string]string
	name string
	args []string
}

// run wants a program to succeed, and returns what it said.
func (s *stage) run(r run) string {
	s.t.Helper()
	c := s.command(r)
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(r.name), strings.Join(r.args, " "), err, out, s.lastRequests())
	}
	return string(out)
}

func (s *stage) command(r run) *exec.Cmd {
	c := exec.CommandContext(s.t.Context(), r.name, r.args...)
	c.Dir, c.Env = filepath.Join(s.dir, r.dir), []string{"HOME=" + s.t.TempDir(), "PATH=" + os.Getenv("PATH")}
	for key, value := range r.env {
		c.Env = append(c.Env, key+"="+value)
	}
	return c
}

// lastRequests are what the sandbox was asked last, and what it answered.
func (s *stage) lastRequests() string {
	resp, err := http.Get(s.hosts["GITHUB"] + "/_sandbox/requests") //nolint:noctx // a loopback address, for a failure's text
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var log []struct {
		Method, Host, Path, Query, Operation string
		Status                               int
	}
	if err := json.NewDecoder(resp.Body).Decode(&log); err != nil {
		return err.Error()
	}
	var lines []string
	for _, r := range log[max(0, len(log)-40):] {
		lines = append(lines, fmt.Sprint(r.Status, " ", r.Method, " ", r.Host, r.Path, " ", r.Query, "  ", r.Operation))
	}
	return strings.Join(lines, "\n")
}

// mlopsctl runs the program as the sandbox's operator, and returns its result.
func (s *stage) mlopsctl(args ...string) string {
	s.t.Helper()
	c := s.command(run{env: s.operator, name: s.programs.mlopsctl, args: args})
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("mlopsctl %s: %v\n%s%s", strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out)
}
