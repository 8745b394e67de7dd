package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/nacl/box"
)

// seal encrypts as GitHub's clients do, for the key at path.
func (g *ghTest) seal(path, value string) map[string]any {
	g.t.Helper()
	key := g.get(path + "/public-key").object
	public, err := base64.StdEncoding.DecodeString(key["key"].(string))
	if err != nil || len(public) != 32 {
		g.t.Fatalf("public key %v: %v", key["key"], err)
	}
	sealed, err := box.SealAnonymous(nil, []byte(value), (*[32]byte)(public), rand.Reader)
	if err != nil {
		g.t.Fatal(err)
	}
	return map[string]any{"encrypted_value": base64.StdEncoding.EncodeToString(sealed), "key_id": key["key_id"]}
}

func TestASecretMustBeEncryptedForItsOwnScope(t *testing.T) {
	dir := t.TempDir()
	g := openGitHubTest(t, Options{Dir: dir, Hosts: Hosts{GitHub: "https://github.com", Owner: "acme"}},
		" repositories: [{ name: acme/demo, environments: [prod] }]\n")
	repository, environment := "/repos/acme/demo/actions/secrets", "/repos/acme/demo/environments/prod/secrets"
	const value = "a value that nobody may read"
	g.do(201, "PUT", repository+"/token", g.seal(repository, value))
	g.do(204, "PUT", repository+"/TOKEN", g.seal(repository, value))
	if got := g.get(repository + "/Token").object["name"]; got != "TOKEN" {
		t.Errorf("name %v", got)
	}
	wrong := g.seal(repository, value)
	g.do(422, "PUT", environment+"/TOKEN", wrong) // another scope's key id
	wrong["key_id"] = g.get(environment + "/public-key").object["key_id"]
	g.do(422, "PUT", environment+"/TOKEN", wrong) // its key id, but encrypted for another key
	g.do(422, "PUT", repository+"/TOKEN", map[string]any{"encrypted_value": base64.StdEncoding.EncodeToString([]byte(value)),
		"key_id": g.get(repository + "/public-key").object["key_id"]})
	for name, value := range map[string]string{"GITHUB_TOKEN": "x", "1ST": "x", "A-B": "x", "EMPTY": "", "LARGE": strings.Repeat("x", 48*1024+1)} {
		g.do(422, "PUT", repository+"/"+name, g.seal(repository, value))
	}
	if !g.s.HoldsSecret("acme/demo", "", "token", value) || g.s.HoldsSecret("acme/demo", "", "token", "another") {
		t.Error("HoldsSecret does not tell the value from another one")
	}
	if got := g.get(repository).object["total_count"]; got != 1.0 {
		t.Errorf("total_count %v", got)
	}
	state, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(state), value) {
		t.Error("the state holds a secret's value")
	}
	g.do(204, "DELETE", repository+"/TOKEN", nil)
	g.do(404, "GET", repository+"/TOKEN", nil)
}

func TestAVariableIsCreatedOnceAndUpdatedWhereItIs(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, environments: [prod] }]\n")
	for _, path := range []string{"/repos/acme/demo/actions/variables", "/repos/acme/demo/environments/prod/variables"} {
		g.do(404, "PATCH", path+"/HOST", map[string]any{"value": "a"})
		g.do(201, "POST", path, map[string]any{"name": "host", "value": "a"})
		g.do(409, "POST", path, map[string]any{"name": "HOST", "value": "b"})
		g.do(204, "PATCH", path+"/host", map[string]any{"value": "b"})
		if got := g.get(path + "/HOST").object; got["value"] != "b" || got["name"] != "HOST" {
			t.Errorf("%s: %v", path, got)
		}
		g.do(422, "POST", path, map[string]any{"name": "GITHUB_X", "value": "b"})
		g.do(204, "DELETE", path+"/HOST", nil)
	}
	g.do(404, "GET", "/repos/acme/demo/environments/nowhere/variables", nil)
}

func TestPuttingAnEnvironmentReplacesAllOfIt(t *testing.T) {
	g := newGitHubTest(t, `
 users: [{ login: ann, role: member }, { login: outsider }]
 teams: [{ slug: ml-leads }]
 repositories: [{ name: acme/demo }]
`)
	id := func(path string) any { return g.get(path).object["id"] }
	ann, team := id("/users/ann"), id("/orgs/acme/teams/ml-leads")
	custom := map[string]any{"protected_branches": false, "custom_branch_policies": true}
	path := "/repos/acme/demo/environments/prod"
	g.do(200, "PUT", path, map[string]any{"wait_timer": 5, "prevent_self_review": true, "can_admins_bypass": false,
		"reviewers":                []any{map[string]any{"type": "User", "id": ann}, map[string]any{"type": "Team", "id": team}},
		"deployment_branch_policy": custom})
	read := g.get("/repos/acme/demo/environments/PROD").object
	if read["can_admins_bypass"] != false || len(read["protection_rules"].([]any)) != 3 {
		t.Errorf("as read: %v", read)
	}
	policies := path + "/deployment-branch-policies"
	first := g.do(200, "POST", policies, map[string]any{"name": "release/*"})
	g.do(303, "POST", policies, map[string]any{"name": "release/*"})
	one := fmt.Sprintf("%s/%d", policies, int64(first.object["id"].(float64)))
	g.do(200, "PUT", one, map[string]any{"name": "release"})
	if got := g.get(policies).object["branch_policies"].([]any)[0].(map[string]any)["name"]; got != "release" {
		t.Errorf("policy %v", got)
	}
	g.do(200, "PUT", path, map[string]any{"deployment_branch_policy": custom})
	read = g.get(path).object
	if read["can_admins_bypass"] != true || len(read["protection_rules"].([]any)) != 1 {
		t.Errorf("after a put without the rest: %v", read)
	}
	g.do(204, "DELETE", one, nil)
	g.do(422, "PUT", path, map[string]any{"deployment_branch_policy": map[string]any{"protected_branches": true, "custom_branch_policies": true}})
	g.do(422, "PUT", path, map[string]any{"reviewers": []any{map[string]any{"type": "User", "id": id("/users/outsider")}}})
	g.do(422, "PUT", path, map[string]any{"reviewers": []any{map[string]any{"type": "User", "id": 999999}}})
	g.do(200, "PUT", path, nil)
	g.do(404, "POST", policies, map[string]any{"name": "main"})
	if got := g.get("/repos/acme/demo/environments").object["total_count"]; got != 1.0 {
		t.Errorf("total_count %v", got)
	}
	g.do(204, "DELETE", path, nil)
	g.do(404, "GET", path, nil)
}

func TestAPlanWithoutReviewersRefusesThem(t *testing.T) {
	g := newGitHubTest(t, " plan: team\n repositories: [{ name: acme/demo }]\n")
	custom := map[string]any{"protected_branches": false, "custom_branch_policies": true}
	g.do(200, "PUT", "/repos/acme/demo/environments/prod", map[string]any{"deployment_branch_policy": custom})
	g.do(422, "PUT", "/repos/acme/demo/environments/prod", map[string]any{"wait_timer": 5})
}

func TestTheOrganisationLimitsWorkflowPermissions(t *testing.T) {
	g := newGitHubTest(t, " workflow_permissions: { default: read, create_pull_requests: true, locked: true }\n repositories: [{ name: acme/demo }]\n")
	path := "/repos/acme/demo/actions/permissions/workflow"
	g.do(409, "PUT", path, map[string]any{"default_workflow_permissions": "write"})
	g.do(204, "PUT", path, map[string]any{"can_approve_pull_request_reviews": true})
	want := map[string]any{"default_workflow_permissions": "read", "can_approve_pull_request_reviews": true}
	if diff := cmp.Diff(want, g.get(path).object); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, g.get("/orgs/acme/actions/permissions/workflow").object); diff != "" {
		t.Error(diff)
	}
	g.do(204, "PUT", "/repos/acme/demo/actions/permissions", map[string]any{"enabled": true, "allowed_actions": "all"})
	g.get("/repos/acme/demo/actions/permissions")
}

func TestTheStateIsTheSameAfterItWasRead(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Hosts: Hosts{GitHub: "https://github.com", Owner: "acme"}}
	g := openGitHubTest(t, o, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	g.do(200, "PUT", "/repos/acme/demo/environments/prod", map[string]any{})
	g.do(201, "PUT", "/repos/acme/demo/actions/secrets/A", g.seal("/repos/acme/demo/actions/secrets", "x"))
	paths := []string{"/repos/acme/demo", "/repos/acme/demo/environments", "/repos/acme/demo/actions/secrets", "/repos/acme/demo/git/ref/heads/main"}
	var before, after []string
	for _, path := range paths {
		before = append(before, g.get(path).text)
	}
	again := openGitHubTest(t, o, "")
	for _, path := range paths {
		after = append(after, again.get(path).text)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if _, err := json.Marshal(g.s.state.GitHub); err != nil {
		t.Error(err)
	}
}
