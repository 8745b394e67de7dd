package transport

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Guard refuses every request that could change something, until an apply opens it. The zero Guard
// refuses, and so does a nil one.
type Guard struct {
	open atomic.Bool
	also func(*http.Request) bool // what is let through all the same; nil is nothing
}

// Only returns a guard that lets through what allowed says of the requests that change something, and nothing
// else of them.
func Only(allowed func(*http.Request) bool) *Guard { return &Guard{also: allowed} }

// AllowWrites lets requests through that change something, from now on. An apply calls it once, when
// it begins; nothing closes a guard again.
func (g *Guard) AllowWrites() { g.open.Store(true) }

func (g *Guard) allows(req *http.Request) bool {
	return readOnly(req) || g != nil && (g.open.Load() || g.also != nil && g.also(req))
}

// readOnly reports whether a request is known to change nothing. What is not known, changes something.
func readOnly(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "":
		return true
	case http.MethodPost:
		return readOnlyPost(req)
	default:
		return false
	}
}

func readOnlyPost(req *http.Request) bool {
	p := req.URL.Path
	switch {
	case p == "/graphql" || p == "/api/graphql":
		return isQuery(req)
	case tokenEndpoint(req), appLogin(req), strings.HasSuffix(p, "/git-upload-pack"):
		return true
	}
	for _, pattern := range []string{
		"/api/2.0/mlflow/experiments/search",
		"/api/2.0/mlflow/runs/search",
		"/api/2.0/mlflow/logged-models/search",
	} {
		if ok, err := path.Match(pattern, p); err == nil && ok {
			return true
		}
	}
	return false
}

// login reports whether a request does nothing but ask for a token to go on with.
func login(req *http.Request) bool {
	return tokenEndpoint(req) || appLogin(req) || jobLogin(req) || instanceMetadata(req)
}

// jobLogin reports whether a request asks the issuer of a GitHub job's own tokens; the runner says
// where that is.
func jobLogin(req *http.Request) bool {
	return strings.HasSuffix(req.URL.Hostname(), ".actions.githubusercontent.com")
}

// appLogin reports whether a request asks for the token of a GitHub App's installation.
func appLogin(req *http.Request) bool {
	ok, err := path.Match("/app/installations/*/access_tokens", strings.TrimPrefix(req.URL.Path, "/api/v3"))
	return err == nil && ok
}

// tokenEndpoint reports whether a request asks for an access token: of Databricks, or of the
// identity providers through which a profile may log in.
func tokenEndpoint(req *http.Request) bool {
	p := req.URL.Path
	account, err := path.Match("/oidc/accounts/*/v1/token", p)
	if p == "/oidc/v1/token" || err == nil && account {
		return true
	}
	return identityProvider(req.URL.Hostname()) && strings.HasSuffix(p, "/token")
}

// isQuery reports whether every operation of a GraphQL request is a query.
func isQuery(req *http.Request) bool {
	if req.GetBody == nil {
		return false
	}
	body, err := req.GetBody()
	if err != nil {
		return false
	}
	defer body.Close() //nolint:errcheck // a copy in memory
	var sent struct{ Query string }
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&sent); err != nil {
		return false
	}
	doc, parsed := parser.ParseQuery(&ast.Source{Input: sent.Query})
	if parsed != nil || len(doc.Operations) == 0 {
		return false
	}
	for _, o := range doc.Operations {
		if o.Operation != ast.Query {
			return false
		}
	}
	return true
}
