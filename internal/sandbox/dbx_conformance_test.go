package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// description is testdata/databricks.json, which describe/databricks writes.
type description struct {
	Operations map[string]struct {
		Query    []string `json:"query"`
		Request  string   `json:"request"`
		Required []string `json:"required"`
		Response string   `json:"response"`
	} `json:"operations"`
	Types map[string]struct {
		Fields map[string]struct {
			Type     string `json:"type"`
			Required bool   `json:"required"`
		} `json:"fields"`
		Values []string `json:"values"`
	} `json:"types"`
}

var readDescription = sync.OnceValues(func() (*description, error) {
	data, err := os.ReadFile("testdata/databricks.json")
	if err != nil {
		return nil, err
	}
	d := &description{}
	return d, json.Unmarshal(data, d)
})

func describedOperations(t *testing.T) *description {
	t.Helper()
	d, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryDatabricksRouteIsDescribedOrHasASource(t *testing.T) {
	undescribed := undescribedOperations(t)
	known, d := map[string]bool{}, describedOperations(t)
	s := openTest(t, Options{Now: testClock, Hosts: testHosts()})
	for _, sv := range []service{accountService, workspaceService} {
		for _, r := range s.routes[sv] {
			key := r.method + " " + anonymousPath(r.path)
			known[key] = true
			_, described := d.Operations[key]
			if source := undescribed[key]; !described && source == "" {
				t.Errorf("%s: no description, and no source in testdata/undescribed.json", key)
			} else if described && source != "" {
				t.Errorf("%s is described: its source in testdata/undescribed.json is of no use", key)
			}
		}
	}
	for key := range undescribed {
		if operation, _, _ := strings.Cut(key, "?"); !known[operation] {
			t.Errorf("testdata/undescribed.json has %s, which is no route", key)
		}
	}
	for key := range d.Operations {
		if !known[key] {
			t.Errorf("testdata/databricks.json has %s, which is no route", key)
		}
	}
}

// undescribedOperations are the sources of what no description has: operations, and parameters of
// operations, written OPERATION?PARAMETER.
func undescribedOperations(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/undescribed.json")
	if err != nil {
		t.Fatal(err)
	}
	undescribed := map[string]string{}
	if err := json.Unmarshal(data, &undescribed); err != nil {
		t.Fatal(err)
	}
	return undescribed
}

func anonymousPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

// exchange is a request and its answer.
type exchange struct {
	request *http.Request
	sent    []byte
	status  int
	answer  any
}

// describedDatabricks holds one exchange against the description: the request has only parameters and fields
// that it knows, a request that lacks a required field is not accepted, and the answer has the
// fields that it requires, no other ones, and the types that it says.
func describedDatabricks(t *testing.T, s *Sandbox, x exchange) {
	t.Helper()
	r, sent, status, answer := x.request, x.sent, x.status, x.answer
	d := describedOperations(t)
	var key string
	for _, sv := range []service{accountService, workspaceService} {
		if route, _ := s.find(sv, r.Method, r.URL.EscapedPath()); route != nil {
			key = route.method + " " + anonymousPath(route.path)
			break
		}
	}
	o, ok := d.Operations[key]
	if !ok {
		return
	}
	for name := range r.URL.Query() {
		if !slices.Contains(o.Query, name) && undescribedOperations(t)[key+"?"+name] == "" {
			t.Errorf("%s: the description has no parameter %s", key, name)
		}
	}
	var body map[string]any
	if len(sent) > 0 {
		if err := json.Unmarshal(sent, &body); err != nil {
			return // a body that is broken on purpose
		}
	}
	if status >= http.StatusBadRequest {
		return
	}
	for _, name := range o.Required {
		if _, given := body[name]; !given {
			t.Errorf("%s: accepted without %s, which is required", key, name)
		}
	}
	if o.Request != "" && len(sent) > 0 {
		for name := range body {
			if _, known := d.Types[o.Request].Fields[name]; !known {
				t.Errorf("%s: the request has %s, which %s has not", key, name, o.Request)
			}
		}
	}
	if o.Response != "" {
		d.check(t, key+": the answer", answer, o.Response)
	}
}

func (d *description) check(t *testing.T, at string, v any, kind string) {
	t.Helper()
	if item, isList := strings.CutPrefix(kind, "[]"); isList {
		list, ok := v.([]any)
		if !ok {
			t.Errorf("%s is no list: %v", at, v)
		}
		for i, e := range list {
			d.check(t, fmt.Sprintf("%s[%d]", at, i), e, item)
		}
		return
	}
	ok := true
	switch kind {
	case "any":
	case "string":
		_, ok = v.(string)
	case "number":
		_, ok = v.(float64)
	case "boolean":
		_, ok = v.(bool)
	case "object":
		_, ok = v.(map[string]any)
	default:
		d.checkNamed(t, at, v, kind)
	}
	if !ok {
		t.Errorf("%s is %v, no %s", at, v, kind)
	}
}

func (d *description) checkNamed(t *testing.T, at string, v any, kind string) {
	t.Helper()
	named, known := d.Types[kind]
	if !known {
		t.Errorf("%s: the description lacks %s", at, kind)
		return
	}
	if named.Fields == nil {
		if text, ok := v.(string); !ok || (len(named.Values) > 0 && !slices.Contains(named.Values, text)) {
			t.Errorf("%s is %v, which is no %s", at, v, kind)
		}
		return
	}
	object, ok := v.(map[string]any)
	if !ok {
		t.Errorf("%s is no object: %v", at, v)
		return
	}
	d.checkFields(t, at, object, kind)
	for name, f := range named.Fields {
		if _, given := object[name]; f.Required && !given {
			t.Errorf("%s lacks %s", at, name)
		}
	}
}

func (d *description) checkFields(t *testing.T, at string, object map[string]any, kind string) {
	t.Helper()
	for name, value := range object {
		f, known := d.Types[kind].Fields[name]
		if !known {
			t.Errorf("%s has %s, which %s has not", at, name, kind)
			continue
		}
		if value == nil {
			t.Errorf("%s.%s is null", at, name)
			continue
		}
		d.check(t, at+"."+name, value, f.Type)
	}
}
