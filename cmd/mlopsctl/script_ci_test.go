package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// hub METHOD PATH [BODY] asks the sandbox's GitHub something in the operator's name, as a person with a browser
// does; the answer is what stdout holds afterwards. ~ is the repository.
func hub(ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: hub METHOD PATH [BODY]")
	}
	body := ""
	if len(args) > 2 {
		body = args[2]
	}
	_, err := ts.Stdout().Write(ask(ts, args[0], args[1], body))
	ts.Check(err)
}

// hubHost is the GitHub host of a script, HUB, and where its API is.
func hubHost(ts *testscript.TestScript) (host, api string) {
	if host = ts.Getenv("HUB"); host != "" {
		return host, host + "/api/v3"
	}
	return "https://github.com", "https://api.github.com"
}

func ask(ts *testscript.TestScript, method, path, body string) []byte {
	host, api := hubHost(ts)
	box, err := sandbox.Open(sandbox.Options{Dir: ts.MkAbs(".mlopsctl/sandbox"), Hosts: sandbox.Hosts{
		GitHub: host, Owner: "acme", Account: "https://accounts.cloud.databricks.com",
		AccountID:  "11111111-2222-3333-4444-555555555555",
		Workspaces: []string{"https://staging.cloud.databricks.com", "https://prod.cloud.databricks.com"},
	}})
	ts.Check(err)
	defer func() { ts.Check(box.Close()) }()
	req, err := http.NewRequest(method, api+strings.Replace(path, "~", "/repos/acme/fares", 1), strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+box.Operator()["GITHUB_TOKEN"])
	resp, err := box.RoundTripper().RoundTrip(req)
	ts.Check(err)
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode >= 300 {
		ts.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, data)
	}
	return data
}

// publish BRANCH commits everything in the present folder, and pushes it to a branch of the sandbox's repository.
func publish(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: publish BRANCH")
	}
	found, err := filepath.Glob(ts.MkAbs(".mlopsctl/sandbox/git/*.git"))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("the sandbox has %d repositories", len(found))
	}
	ts.Check(os.WriteFile(ts.MkAbs(".git/info/exclude"), []byte(".mlopsctl\n"), 0o644))
	git(ts, "", "add", "-A")
	git(ts, "", "commit", "-q", "--allow-empty", "-m", "as it is now")
	git(ts, "", "push", "-q", found[0], "+HEAD:refs/heads/"+args[0])
}

// event NAME NUMBER sets the environment of a job of GitHub Actions that is about a pull request.
func event(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: event NAME NUMBER")
	}
	var pull json.RawMessage = ask(ts, "GET", "~/pulls/"+args[1], "")
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	data, err := json.Marshal(map[string]any{"number": number, "pull_request": pull})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(".mlopsctl/event.json"), data, 0o644))
	host, api := hubHost(ts)
	for name, value := range map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": args[0], "GITHUB_EVENT_PATH": ts.MkAbs(".mlopsctl/event.json"), "GITHUB_REPOSITORY": "acme/fares",
		"GITHUB_SERVER_URL": host, "GITHUB_API_URL": api, "GITHUB_RUN_ID": "77", "GITHUB_OUTPUT": ts.MkAbs(".mlopsctl/output"), "GITHUB_STEP_SUMMARY": ts.MkAbs(".mlopsctl/summary.md"),
	} {
		ts.Setenv(name, value)
	}
	for _, name := range []string{"output", "summary.md"} {
		ts.Check(os.WriteFile(ts.MkAbs(filepath.Join(".mlopsctl", name)), nil, 0o644))
	}
}

// comments NUMBER FILE writes the comments on a pull request, or an issue, into a file: each author, then the text,
// with commits and numbers that differ from run to run made alike.
func comments(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: comments NUMBER FILE")
	}
	var list []struct {
		Body string
		User struct{ Login string }
	}
	ts.Check(json.Unmarshal(ask(ts, "GET", "~/issues/"+args[0]+"/comments", ""), &list))
	var b bytes.Buffer
	for _, c := range list {
		fmt.Fprintf(&b, "%s:\n%s\n", c.User.Login, c.Body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), steady(b.Bytes()), 0o644))
}

// issue NUMBER FILE writes an issue into a file: its title and state, then its text.
func issue(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: issue NUMBER FILE")
	}
	var i struct{ Title, Body, State string }
	ts.Check(json.Unmarshal(ask(ts, "GET", "~/issues/"+args[0], ""), &i))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), steady(fmt.Appendf(nil, "%s (%s)\n%s\n", i.Title, i.State, i.Body)), 0o644))
}

// steady is a text without what differs from run to run: commits, dates and how much was asked.
func steady(text []byte) []byte {
	text = regexp.MustCompile(`[0-9a-f]{40}`).ReplaceAll(text, []byte("COMMIT"))
	text = regexp.MustCompile(`(head|base) .[0-9a-f]{10}.`).ReplaceAll(text, []byte("$1 COMMIT"))
	text = regexp.MustCompile(`\d+ requests`).ReplaceAll(text, []byte("N requests"))
	return regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAll(text, []byte("DATE"))
}
