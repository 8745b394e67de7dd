package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// afterImmutable is a time at which github.com gives new repositories immutable subjects.
var afterImmutable = time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)

// ghTest is a caller of GitHub's REST API in process. It holds every answer against the published
// description.
type ghTest struct {
	t     *testing.T
	s     *Sandbox
	token string
	base  string // https://api.github.com, or an Enterprise Server's /api/v3
}

// newGitHubTest opens a sandbox of github.com with a world's github part, for the operator.
func newGitHubTest(t *testing.T, world string) *ghTest {
	t.Helper()
	return openGitHubTest(t, Options{Hosts: Hosts{GitHub: "https://github.com", Owner: "acme"}}, world)
}

func openGitHubTest(t *testing.T, o Options, world string) *ghTest {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return afterImmutable }
	}
	if world != "" {
		o.World = []byte("github:\n" + world)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	base := "https://api.github.com"
	if o.Hosts.GitHub != "https://github.com" {
		base = o.Hosts.GitHub + "/api/v3"
	}
	return &ghTest{t: t, s: s, token: s.operatorGitHubToken(), base: base}
}

// as is the same sandbox for another caller; "" is nobody.
func (g *ghTest) as(token string) *ghTest {
	other := *g
	other.token = token
	return &other
}

// answered is an answer in full.
type answered struct {
	status int
	header http.Header
	text   string
	object map[string]any
	list   []any
}

// do sends a request and wants a status.
func (g *ghTest) do(status int, method, path string, body any) answered {
	g.t.Helper()
	a := g.send(method, path, body, nil)
	if a.status != status {
		g.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

func (g *ghTest) get(path string) answered { g.t.Helper(); return g.do(200, "GET", path, nil) }

func (g *ghTest) send(method, path string, body any, header http.Header) answered {
	g.t.Helper()
	var reader io.Reader
	if text, ok := body.(string); ok {
		reader = strings.NewReader(text)
	} else if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			g.t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	address := path
	if !strings.HasPrefix(path, "http") {
		address = g.base + path
	}
	r, err := http.NewRequestWithContext(g.t.Context(), method, address, reader)
	if err != nil {
		g.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if g.token != "" {
		r.Header.Set("Authorization", "Bearer "+g.token)
	}
	response, err := g.s.RoundTripper().RoundTrip(r)
	if err != nil {
		g.t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	a := answered{status: response.StatusCode, header: response.Header, text: string(text)}
	if strings.HasPrefix(a.text, "{") {
		err = json.Unmarshal(text, &a.object)
	} else if strings.HasPrefix(a.text, "[") {
		err = json.Unmarshal(text, &a.list)
	}
	if err != nil {
		g.t.Fatalf("%s %s answered what is not JSON: %v", method, path, err)
	}
	g.conforms(method, r.URL.EscapedPath(), a)
	return a
}

// ghDescribed is the trimmed description of GitHub's REST API.
type ghDescribed struct {
	Operations map[string]struct {
		ID        string
		Responses map[string]*ghSchema
	}
	Components map[string]*ghSchema
}

// ghUndescribed lists what the sandbox serves beyond the description, with its sources.
type ghUndescribed struct {
	Operations map[string]string
	Fields     map[string]string
	Answers    map[string]string // what the description has against them, which is wrong there
}

var loadGitHubDescription = sync.OnceValues(func() (ghDescribed, ghUndescribed) {
	var d ghDescribed
	var u ghUndescribed
	for file, v := range map[string]any{"testdata/github.json": &d, "testdata/undescribed_github.json": &u} {
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, v)
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file, err))
		}
	}
	return d, u
})

// conforms holds an answer against the description: its status, its form, and no field beyond it.
func (g *ghTest) conforms(method, path string, a answered) {
	g.t.Helper()
	path = strings.TrimPrefix(path, "/api/v3")
	route, _ := g.s.find(githubService, method, path)
	if route == nil {
		return
	}
	d, u := loadGitHubDescription()
	key := ghDescribedKey(route)
	operation, ok := d.Operations[key]
	if !ok {
		return // TestEveryGitHubRouteIsDescribed asks for its source
	}
	if a.status >= 400 {
		if message, _ := a.object["message"].(string); message == "" {
			g.t.Errorf("%s answered %d without a message: %s", key, a.status, a.text)
		}
		return
	}
	schema, ok := operation.Responses[fmt.Sprint(a.status)]
	if !ok && a.status/100 != 3 {
		g.t.Errorf("%s answered %d, which is not described", key, a.status)
		return
	}
	if a.text == "" || schema == nil {
		return
	}
	var value any
	if err := json.Unmarshal([]byte(a.text), &value); err != nil {
		g.t.Errorf("%s: %v", key, err)
	}
	if wrong := schema.check(d.Components, "", value); wrong != "" && u.Answers[key+": "+wrong] == "" {
		g.t.Errorf("%s answered %d: %s\n%s", key, a.status, wrong, a.text)
	}
	known := map[string]bool{}
	d.fields(schema, known)
	for _, object := range topObjects(value) {
		for name := range object {
			if len(known) > 0 && !known[name] && u.Fields[name] == "" {
				g.t.Errorf("%s answered the field %q, which is not described", key, name)
			}
		}
	}
}

func ghDescribedKey(r *route) string {
	return ghPlace(r.method + " " + strings.Replace(r.path, "/repositories/{id}", "/repos/{owner}/{repo}", 1))
}

// fields collects the names that a schema gives to an object, or to the objects of a list.
func (d ghDescribed) fields(s *ghSchema, names map[string]bool) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		d.fields(d.Components[s.Ref], names)
	}
	for name := range s.Properties {
		names[name] = true
	}
	for _, part := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		d.fields(part, names)
	}
	d.fields(s.Items, names)
}

func topObjects(value any) []map[string]any {
	switch v := value.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var all []map[string]any
		for _, item := range v {
			all = append(all, topObjects(item)...)
		}
		return all
	default:
		return nil
	}
}

// serveGitHub puts a sandbox on a loopback port, as an Enterprise Server, for git and others.
func serveGitHub(t *testing.T, world string) (g *ghTest, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = "http://" + listener.Addr().String()
	g = openGitHubTest(t, Options{Hosts: Hosts{GitHub: address, Owner: "acme"}}, world)
	server := &http.Server{Handler: g.s.Handler()}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return g, address
}

func ghID(object any) string {
	return fmt.Sprint(int64(object.(map[string]any)["id"].(float64)))
}
