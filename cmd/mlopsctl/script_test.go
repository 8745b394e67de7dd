package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write what the scripts compare with anew")

func TestMain(m *testing.M) {
	// A dependency of the Databricks SDK starts it when it is loaded.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// build makes the program as users have it and returns the folder that it is in. The scripts are hundreds of processes, and
// each would be slower by far under the race detector, which watches the same code where it is run inside of tests.
func build(t *testing.T) string {
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "mlopsctl"), ".").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return dir
}

// TestScripts runs testdata/script/*.txtar, each in a folder of its own that holds a copy of
// testdata/stack as stack, and one of the example as demo.
func TestScripts(t *testing.T) {
	bin := build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			// Not the real home, and none of the real logins: a script gets an environment of its own.
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			action, err := filepath.Abs(filepath.Join("..", "..", "action"))
			if err != nil {
				return err
			}
			e.Setenv("ACTION", action)
			if err := os.CopyFS(filepath.Join(e.WorkDir, "demo"), os.DirFS(filepath.Join("..", "..", "examples", "mlops-stack-demo"))); err != nil {
				return err
			}
			return os.CopyFS(filepath.Join(e.WorkDir, "stack"), os.DirFS(filepath.Join("testdata", "stack")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": plain(exits), "json": plain(isJSON), "nowhere": plain(nowhere), "replace": plain(replace), "writes": plain(writes),
			"commit": plain(commit), "lease": plain(lease), "push": plain(push),
			"hub": plain(hub), "publish": plain(publish), "event": plain(event), "comments": plain(comments), "issue": plain(issue),
		},
	})
}

// plain is a command that cannot be negated.
func plain(command func(*testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		command(ts, args)
	}
}

// exits CODE PROGRAM ARG... runs a program that must end with that code.
func exits(ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// json document|lines FILE checks that a file, or stdout, is one JSON document, or one on each line.
func isJSON(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json document|lines FILE")
	}
	text := ts.ReadFile(args[1])
	parts := []string{text}
	if args[0] == "lines" {
		parts = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for _, part := range parts {
		d := json.NewDecoder(strings.NewReader(part))
		var v any
		ts.Check(d.Decode(&v))
		if err := d.Decode(&v); !errors.Is(err, io.EOF) {
			ts.Fatalf("there is more than one document in %q", part)
		}
	}
}

// nowhere TEXT checks that no output of the last command and no file below the work folder holds a
// text, but for the script itself.
func nowhere(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: nowhere TEXT")
	}
	for _, name := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(name), args[0]) {
			ts.Fatalf("%s holds %q", name, args[0])
		}
	}
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(args[0])) {
			ts.Fatalf("%s holds %q", path, args[0])
		}
		return err
	}))
}

// replace FILE OLD NEW changes the first OLD of a file; \n in NEW is a line break.
func replace(ts *testscript.TestScript, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"), 1)), 0o644))
}

// writes N|some checks how many requests that change something reached the sandbox so far.
func writes(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: writes N|some")
	}
	got := strings.Count(ts.ReadFile(".mlopsctl/sandbox/requests.jsonl"), `"mutating":true`)
	if args[0] == "some" && got > 0 || args[0] == strconv.Itoa(got) {
		return
	}
	ts.Fatalf("%d requests changed something, want %s", got, args[0])
}
