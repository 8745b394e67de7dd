package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Request is one line of the request log. It never holds a body or a credential.
type Request struct {
	Seq       int         `json:"seq"`
	Time      time.Time   `json:"time"`
	Host      string      `json:"host"` // as the spec names it
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Query     string      `json:"query,omitempty"`
	Status    int         `json:"status"`    // 0: the request was never answered
	Operation string      `json:"operation"` // service, method and route; "unknown" for a path that no service has
	Caller    string      `json:"caller,omitempty"`
	Mutating  bool        `json:"mutating"` // of a kind that changes something, whatever its answer was
	Fault     FaultAction `json:"fault,omitempty"`
}

// Log returns the requests that this process has answered, in order.
func (s *Sandbox) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// record adds a request to the log, and to DIR/requests.jsonl where there is a folder.
func (s *Sandbox) record(r Request) error {
	r.Seq = len(s.log) + 1
	s.log = append(s.log, r)
	if s.opt.Dir == "" {
		return nil
	}
	if s.journal == nil {
		f, err := os.OpenFile(filepath.Join(s.opt.Dir, "requests.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("the sandbox's request log: %w", err)
		}
		s.journal = f
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("the sandbox's request log: %w", err)
	}
	if _, err := s.journal.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("the sandbox's request log: %w", err)
	}
	return nil
}

func operation(c *call, r *route) string {
	if r == nil {
		return "unknown"
	}
	return string(c.service) + " " + r.method + " " + r.path
}

// mutating says whether a request is of a kind that changes something. Asking for a token, fetching
// a pack and a GraphQL query are POSTs that do not.
func mutating(c *call) bool {
	switch c.req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	switch {
	case c.databricks():
		return !strings.HasPrefix(c.path, "/oidc/")
	case strings.HasSuffix(c.path, "/git-upload-pack"):
		return false
	case c.path == "/graphql" || c.path == "/api/graphql":
		return mutation(c.body)
	default:
		return true
	}
}

func mutation(body []byte) bool {
	var request struct {
		Query string `json:"query"`
		Name  string `json:"operationName"`
	}
	if json.Unmarshal(body, &request) != nil {
		return false
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: request.Query})
	if err != nil {
		return false
	}
	return slices.ContainsFunc(doc.Operations, func(o *ast.OperationDefinition) bool {
		return o.Operation == ast.Mutation && (request.Name == "" || request.Name == o.Name)
	})
}
