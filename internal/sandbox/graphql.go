package sandbox

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
)

//go:embed graphql_schema.graphql
var graphqlSchema string

// graphqlRoutes serves GraphQL where each dialect has it. Reading the schema waits for the first
// query: most runs send none.
func (s *Sandbox) graphqlRoutes() {
	var schema *ast.Schema
	answer := func(c *call) (any, error) {
		if schema == nil {
			schema = gqlparser.MustLoadSchema(&ast.Source{Name: "graphql_schema.graphql", Input: graphqlSchema})
		}
		g := &ghCall{call: c, gh: c.state.GitHub, route: "POST /graphql"}
		reply, err := g.graphql(schema)
		return g.finish(reply, err)
	}
	s.on(githubService, "POST", "/graphql", answer)
	s.on(githubService, "POST", "/api/graphql", answer)
}

// gqlError is one of an answer's errors; GitHub gives each a type.
type gqlError struct {
	Type      string              `json:"type,omitempty"`
	Path      []any               `json:"path,omitempty"`
	Locations []gqlerror.Location `json:"locations,omitempty"`
	Message   string              `json:"message"`
}

func (e *gqlError) Error() string { return e.Message }

// graphql runs one request. Everything but a missing login is answered 200, with errors beside the data.
func (g *ghCall) graphql(schema *ast.Schema) (any, error) {
	if atEnterprise := strings.HasPrefix(g.req.URL.Path, "/api/"); atEnterprise != g.gh.Enterprise {
		return nil, ghMissing()
	}
	who, err := g.identify(g.req)
	if err != nil {
		return nil, err
	}
	if who == nil {
		return nil, &failure{status: http.StatusUnauthorized, message: "This endpoint requires you to be authenticated."}
	}
	g.who = who
	g.credit(who)
	if err := g.spend(); err != nil {
		return nil, err
	}
	var body struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
		Operation string         `json:"operationName"`
	}
	if err := json.Unmarshal(g.body, &body); err != nil {
		return nil, &failure{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	}
	document, wrong := gqlparser.LoadQueryWithRules(schema, body.Query, nil)
	if wrong != nil {
		return ghObject{"errors": gqlErrors(wrong)}, nil
	}
	operation := document.Operations.ForName(body.Operation)
	if operation == nil {
		return ghObject{"errors": []*gqlError{{Message: "No operation named \"" + body.Operation + "\""}}}, nil
	}
	variables, err := validator.VariableValues(schema, operation, body.Variables)
	if err != nil {
		return ghObject{"errors": []*gqlError{{Message: err.Error()}}}, nil
	}
	run := &gqlRun{ghCall: g, schema: schema, variables: variables}
	root := run.query()
	if operation.Operation == ast.Mutation {
		root = run.mutation()
	}
	data := run.object(root, operation.SelectionSet, nil)
	if run.failed != nil {
		return nil, run.failed
	}
	answer := ghObject{"data": data}
	if run.errors != nil {
		answer["errors"] = run.errors
	}
	return answer, nil
}

func gqlErrors(list gqlerror.List) []*gqlError {
	var out []*gqlError
	for _, e := range list {
		out = append(out, &gqlError{Message: e.Message, Locations: e.Locations})
	}
	return out
}
