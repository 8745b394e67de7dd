package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// route is one operation of a service: a method, a path with {name} segments ({name...} takes the
// rest), and what it does.
type route struct {
	method, path string
	handle       handler
}

// handler answers one call: a value to be sent as JSON, or an error. A *reply is sent as it is; an
// error that is a *failure is sent in the service's own form; any other error is a 500.
type handler func(*call) (any, error)

// call is one request on its way through a handler.
type call struct {
	*Sandbox
	service service
	host    string // as in the URL, with its port
	req     *http.Request
	body    []byte
	path    string // below the dialect's prefix, still escaped
	vars    map[string]string
	caller  *caller // nil: nobody
	changed bool    // set by a handler that changed the state
}

// caller is who sent a request, as its credentials say.
type caller struct {
	Login string // a GitHub login, a user name or an application id
	Admin bool   // holds every right
}

// reply is an answer that is not simply 200 and JSON.
type reply struct {
	status int
	header http.Header
	body   any // []byte goes out as it is; nil is no body
}

// failure is a refusal by a service. Code is Databricks' error_code; errors are GitHub's.
type failure struct {
	status  int
	code    string
	message string
	errors  []any
	header  http.Header
	scim    bool // Databricks SCIM's own error form
}

func (f *failure) Error() string { return fmt.Sprintf("%d %s: %s", f.status, f.code, f.message) }

// on adds a route; the order in which routes are added is the order in which they are tried.
func (s *Sandbox) on(sv service, method, path string, h handler) {
	s.routes[sv] = append(s.routes[sv], route{method: method, path: path, handle: h})
}

// find returns the first route that matches, and the values of its {names}, unescaped.
func (s *Sandbox) find(sv service, method, path string) (*route, map[string]string) {
	for i := range s.routes[sv] {
		r := &s.routes[sv][i]
		if r.method != method {
			continue
		}
		if vars, ok := match(r.path, path); ok {
			return r, vars
		}
	}
	return nil, nil
}

func match(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	vars := map[string]string{}
	for i, w := range want {
		name, isVar := strings.CutPrefix(w, "{")
		name = strings.TrimSuffix(name, "}")
		if rest, ok := strings.CutSuffix(name, "..."); isVar && ok {
			value, err := url.PathUnescape(strings.Join(got[min(i, len(got)):], "/"))
			vars[rest] = value
			return vars, err == nil
		}
		if i >= len(got) || (!isVar && w != got[i]) {
			return nil, false
		}
		if isVar {
			value, err := url.PathUnescape(got[i])
			if err != nil || value == "" {
				return nil, false
			}
			vars[name] = value
		}
	}
	return vars, len(got) == len(want)
}

// read decodes the request's JSON into v.
func (c *call) read(v any) error {
	if err := json.Unmarshal(c.body, v); err != nil {
		return &failure{status: http.StatusBadRequest, code: "MALFORMED_REQUEST", message: "Problems parsing JSON: " + err.Error()}
	}
	return nil
}
