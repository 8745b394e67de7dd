package sandbox

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// graphql runs a query; the errors come back as their types.
func (g *ghTest) graphql(query string, variables map[string]any) (data map[string]any, errors []string) {
	g.t.Helper()
	path := "https://api.github.com/graphql"
	if !strings.Contains(g.base, "api.github.com") {
		path = strings.Replace(g.base, "/api/v3", "/api/graphql", 1)
	}
	a := g.do(200, "POST", path, map[string]any{"query": query, "variables": variables})
	list, _ := a.object["errors"].([]any)
	for _, e := range list {
		kind, _ := e.(map[string]any)["type"].(string)
		errors = append(errors, kind)
	}
	data, _ = a.object["data"].(map[string]any)
	return data, errors
}

const liveQuery = `query Live($o:String!,$n:String!){ rateLimit{cost remaining resetAt} viewer{ login }
  r0: repository(owner:$o,name:$n,followRenames:false){ ...R } }
fragment R on Repository {
  id databaseId nameWithOwner visibility isArchived isEmpty isTemplate description homepageUrl
  owner{ __typename id ... on Organization{ databaseId login } ... on User{ databaseId login } }
  viewerPermission viewerCanAdminister mergeCommitAllowed squashMergeCommitTitle hasIssuesEnabled
  repositoryTopics(first:30){ nodes{ topic{ name } } }
  defaultBranchRef{ name target{ oid } }
  main: ref(qualifiedName:"refs/heads/main"){ target{ oid ... on Commit{ tree{ oid } } } }
  release: ref(qualifiedName:"refs/heads/release"){ target{ oid } compare(headRef:"main"){ aheadBy behindBy status } }
  lock: ref(qualifiedName:"refs/mlopsctl/lock"){ target{ oid } }
  wf: object(expression:"refs/heads/main:.github/workflows"){ ... on Tree{ oid entries{ name oid mode type } } }
  owners: object(expression:"refs/heads/main:.github/CODEOWNERS"){ oid ... on Blob{ text isTruncated } }
  rulesets(first:20,includeParents:true){ nodes{ databaseId name updatedAt target enforcement source{ __typename }
    conditions{ refName{ include exclude } }
    bypassActors(first:20){ nodes{ bypassMode deployKey organizationAdmin repositoryRoleDatabaseId actor{ __typename ... on App{ databaseId slug } ... on Team{ databaseId slug } } } }
    rules(first:30){ nodes{ type parameters{ __typename ... on RequiredStatusChecksParameters{ strictRequiredStatusChecksPolicy requiredStatusChecks{ context integrationId } } } } } } }
  environments(first:30){ nodes{ id databaseId name protectionRules(first:10){ nodes{ type timeout preventSelfReview reviewers(first:6){ nodes{ __typename ... on User{ databaseId login } ... on Team{ databaseId slug } } } } } } }
}`

func TestOneQueryReadsARepository(t *testing.T) {
	g := newGitHubTest(t, `
 repositories:
 - { name: acme/demo, renamed_from: acme/old, files: { .github/CODEOWNERS: "* @ann", .github/workflows/ci.yml: "on: push" }, branches: [release], environments: [prod] }
`)
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("main", []string{"~DEFAULT_BRANCH"}, checksRule("gate")))
	data, errors := g.graphql(liveQuery, map[string]any{"o": "acme", "n": "demo"})
	if errors != nil {
		t.Fatalf("errors %v", errors)
	}
	repo := data["r0"].(map[string]any)
	want := map[string]any{
		"nameWithOwner": "acme/demo", "visibility": "PRIVATE", "isEmpty": false, "viewerPermission": "ADMIN", "lock": nil,
		"release": map[string]any{"target": repo["main"].(map[string]any)["target"].(map[string]any)["oid"], "compare": nil},
	}
	if got := repo["release"].(map[string]any)["compare"]; cmp.Diff(map[string]any{"aheadBy": 0.0, "behindBy": 0.0, "status": "IDENTICAL"}, got) != "" {
		t.Errorf("compare %v", got)
	}
	delete(want, "release")
	for name, value := range want {
		if diff := cmp.Diff(value, repo[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := repo["owners"].(map[string]any)["text"]; got != "* @ann" {
		t.Errorf("CODEOWNERS %v", got)
	}
	rule := repo["rulesets"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["rules"].(map[string]any)["nodes"].([]any)[0].(map[string]any)
	if diff := cmp.Diff([]any{map[string]any{"context": "gate", "integrationId": nil}},
		rule["parameters"].(map[string]any)["requiredStatusChecks"]); diff != "" {
		t.Error(diff)
	}
	data, errors = g.graphql(liveQuery, map[string]any{"o": "acme", "n": "old"})
	if diff := cmp.Diff([]string{"NOT_FOUND"}, errors); diff != "" || data["r0"] != nil {
		t.Errorf("the old name without renames: %v %v", data, errors)
	}
	if data, _ = g.graphql(`{ repository(owner:"acme", name:"old") { name } }`, nil); data["repository"].(map[string]any)["name"] != "demo" {
		t.Errorf("the old name: %v", data)
	}
}

func TestAPageIsAsLongAsAVariableSays(t *testing.T) {
	g := newGitHubTest(t, "\n repositories: [{ name: acme/demo, files: { a: b }, environments: [dev, prod] }]\n")
	query := `query($limit:Int!){ repository(owner:"acme",name:"demo"){ environments(first:$limit){ totalCount nodes{ name } } } }`
	data, errors := g.graphql(query, map[string]any{"limit": 1})
	want := map[string]any{"repository": map[string]any{"environments": map[string]any{
		"totalCount": 2.0, "nodes": []any{map[string]any{"name": "dev"}},
	}}}
	if diff := cmp.Diff(want, data); errors != nil || diff != "" {
		t.Errorf("errors %v; (-want +got):\n%s", errors, diff)
	}
	if _, errors := g.graphql(query, map[string]any{"limit": 101}); len(errors) != 1 || errors[0] != "EXCESSIVE_PAGINATION" {
		t.Errorf("a page of 101 is %v", errors)
	}
}

func TestAQueryThatDoesNotFitTheSchemaIsRefused(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	for _, query := range []string{`{ nonsense }`, `{ repository(owner:"acme") { name } }`, `query($o:String!){ repository(owner:$o, name:"demo") { name } }`} {
		if data, errors := g.graphql(query, nil); data != nil || len(errors) == 0 {
			t.Errorf("%s: %v %v", query, data, errors)
		}
	}
	if _, errors := g.graphql(`{ repository(owner:"acme", name:"demo") { rulesets { totalCount } } }`, nil); len(errors) != 1 {
		t.Errorf("a connection without first: %v", errors)
	}
	g.as("").do(401, "POST", "https://api.github.com/graphql", map[string]any{"query": "{ viewer { login } }"})
}

const commitMutation = `mutation($in:CreateCommitOnBranchInput!){ createCommitOnBranch(input:$in){ commit{ oid } ref{ name } } }`

func TestACommitOnABranchThatMovedIsStale(t *testing.T) {
	g := openGitHubTest(t, Options{Hosts: Hosts{GitHub: "https://ghes.acme.test", Owner: "acme"}},
		" repositories: [{ name: acme/demo, files: { a: b } }]\n")
	head := g.head("acme/demo", "main")
	input := map[string]any{"branch": map[string]any{"repositoryNameWithOwner": "acme/demo", "branchName": "main"}, "expectedHeadOid": head,
		"message":     map[string]any{"headline": "workflows"},
		"fileChanges": map[string]any{"additions": []any{map[string]any{"path": "x/y.txt", "contents": base64.StdEncoding.EncodeToString([]byte("hello"))}}}}
	data, errors := g.graphql(commitMutation, map[string]any{"in": input})
	if errors != nil {
		t.Fatalf("errors %v", errors)
	}
	made := data["createCommitOnBranch"].(map[string]any)["commit"].(map[string]any)["oid"]
	if got := g.head("acme/demo", "main"); got != made {
		t.Errorf("main is at %s, committed %v", got, made)
	}
	if got := g.get("/repos/acme/demo/contents/x/y.txt").object["content"]; got != "aGVsbG8=" {
		t.Errorf("content %v", got)
	}
	if _, errors := g.graphql(commitMutation, map[string]any{"in": input}); cmp.Diff([]string{"STALE_DATA"}, errors) != "" {
		t.Errorf("the second time: %v", errors)
	}
	g.do(201, "POST", "/repos/acme/demo/rulesets", protect("main", []string{"~ALL"}, pullRequestRule(1)))
	input["expectedHeadOid"] = made
	if _, errors := g.graphql(commitMutation, map[string]any{"in": input}); len(errors) != 1 {
		t.Errorf("against the rules: %v", errors)
	}
}

func TestRefsAreUpdatedTogetherOrNotAtAll(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	data, _ := g.graphql(`{ repository(owner:"acme", name:"demo") { id } }`, nil)
	id, main, zero := data["repository"].(map[string]any)["id"], g.head("acme/demo", "main"), strings.Repeat("0", 40)
	update := func(updates ...map[string]any) []string {
		t.Helper()
		_, errors := g.graphql(`mutation($in:UpdateRefsInput!){ updateRefs(input:$in){ clientMutationId } }`,
			map[string]any{"in": map[string]any{"repositoryId": id, "refUpdates": updates}})
		return errors
	}
	release := map[string]any{"name": "refs/heads/release", "beforeOid": zero, "afterOid": main}
	stale := map[string]any{"name": "refs/heads/main", "beforeOid": zero, "afterOid": main}
	if got := update(release, stale); cmp.Diff([]string{"STALE_DATA"}, got) != "" {
		t.Errorf("with a stale one: %v", got)
	}
	g.do(404, "GET", "/repos/acme/demo/git/ref/heads/release", nil)
	if got := update(release); got != nil {
		t.Errorf("created: %v", got)
	}
	if got := g.head("acme/demo", "release"); got != main {
		t.Errorf("release is at %s", got)
	}
	if got := update(map[string]any{"name": "refs/heads/release", "beforeOid": main, "afterOid": zero}); got != nil {
		t.Errorf("deleted: %v", got)
	}
	g.do(404, "GET", "/repos/acme/demo/git/ref/heads/release", nil)
}

// Every field of the trimmed schema has a value, so that no query that fits it fails.
func TestEveryFieldOfTheGraphQLSchemaIsExecuted(t *testing.T) {
	g := newGitHubTest(t, `
 users: [{ login: ann, role: member }]
 teams: [{ slug: ml }]
 repositories: [{ name: acme/demo, files: { a: b, c/d: e }, branches: [release] }]
`)
	id := func(path string) any { return g.get(path).object["id"] }
	g.do(200, "PUT", "/repos/acme/demo/environments/prod", map[string]any{"wait_timer": 1,
		"reviewers": []any{map[string]any{"type": "User", "id": id("/users/ann")}, map[string]any{"type": "Team", "id": id("/orgs/acme/teams/ml")}}})
	g.do(200, "PUT", "/repos/acme/demo/topics", map[string]any{"names": []string{"ml"}})
	body := protect("main", []string{"~ALL"}, checksRule("gate"), pullRequestRule(0))
	body["bypass_actors"] = []any{map[string]any{"actor_type": "Team", "actor_id": id("/orgs/acme/teams/ml")}}
	g.do(201, "POST", "/repos/acme/demo/rulesets", body)

	schema := gqlparser.MustLoadSchema(&ast.Source{Input: graphqlSchema})
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.github.com/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &ghCall{call: &call{Sandbox: g.s, req: r}, gh: g.s.state.GitHub, who: &actor{account: g.s.state.GitHub.operator(), kind: classicToken, scopes: []string{"repo"}}}
	run := &gqlRun{ghCall: c, schema: schema}
	arguments := map[string]any{"owner": "acme", "name": "demo", "first": int64(10), "qualifiedName": "refs/heads/main",
		"refPrefix": "refs/heads/", "expression": "main:", "headRef": "release"}
	seen := map[string]bool{"Organization": true, "Mutation": true} // a user's fields; and what changes something
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case *gqlObject:
			if v == nil || seen[v.kind] && v.kind != "RepositoryRule" { // each has parameters of its own
				return
			}
			seen[v.kind] = true
			for _, f := range schema.Types[v.kind].Fields {
				resolve, ok := v.fields[f.Name]
				if strings.HasPrefix(f.Name, "__") {
					continue
				} else if !ok {
					t.Errorf("%s.%s has no value", v.kind, f.Name)
					continue
				}
				if value, err := resolve(arguments); err != nil {
					t.Errorf("%s.%s: %v", v.kind, f.Name, err)
				} else {
					walk(value)
				}
			}
		case []*gqlObject:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(run.query())
	for name, d := range schema.Types {
		reached := seen[name] || d.Kind != ast.Object || strings.HasPrefix(name, "__") || strings.HasSuffix(name, "Payload") || name == "Tag" || name == "App"
		if !reached {
			t.Errorf("no query reached %s", name)
		}
	}
}
