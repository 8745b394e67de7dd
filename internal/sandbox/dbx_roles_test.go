package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const rolesWorld = `
  users: [{name: ada@acme.com}]
  groups: [{name: ml}]
  service_principals: [{name: other, client_secret: other-secret, application_id: other-id, workspaces: ["https://prod.cloud.databricks.com"]}]
`

func TestARuleSetIsReplacedOnlyAsItWasRead(t *testing.T) {
	d := newDatabricksTest(t, rolesWorld)
	_, application := d.principal("robot", prodHost)
	at := accountHost + "/api/2.0/preview/accounts/" + testAccount + "/access-control/rule-sets"
	name := "accounts/" + testAccount + "/servicePrincipals/" + application + "/ruleSets/default"
	read := func() map[string]any { return d.do(200, "GET", at+"?etag=&name="+name, nil) }
	put := func(status int, etag any, principals ...string) map[string]any {
		rules := []any{map[string]any{"role": userRole, "principals": principals}}
		return d.do(status, "PUT", at, map[string]any{"name": name, "rule_set": map[string]any{"name": name, "etag": etag, "grant_rules": rules}})
	}
	first := read()
	if text := fmt.Sprint(first["grant_rules"]); !strings.Contains(text, managerRole) || !strings.Contains(text, "servicePrincipals/"+operatorID) {
		t.Errorf("whoever made the principal does not manage it: %s", text)
	}
	put(200, first["etag"], "groups/ml", "users/ada@acme.com", "servicePrincipals/other-id")
	d.message(put(409, first["etag"], "groups/ml"), "the etag is not the current one")
	d.message(put(400, read()["etag"], "groups/none"), "does not exist")
	d.message(put(400, "", "groups/ml"), "etag")
	d.do(404, "GET", at+"?etag=&name="+strings.Replace(name, application, "nobody", 1), nil)
	d.do(400, "GET", at+"?etag=&name=accounts/other", nil)
	if rules := read()["grant_rules"].([]any); len(rules) != 1 {
		t.Errorf("what the request left out is still there: %v", rules)
	}
}

func TestATokenOnBehalfNeedsTheRightToUseTokens(t *testing.T) {
	d := newDatabricksTest(t, rolesWorld)
	_, application := d.principal("robot", prodHost)
	at := prodHost + "/api/2.0/token-management"
	body := map[string]any{"application_id": application, "lifetime_seconds": 3600, "comment": "ours"}
	d.message(d.do(403, "POST", at+"/on-behalf-of/tokens", body), "permission to use tokens")
	d.do(200, "PATCH", prodHost+"/api/2.0/permissions/authorization/tokens", entry(principalAccess, application, canUse))
	made := d.do(200, "POST", at+"/on-behalf-of/tokens", body)
	info := made["token_info"].(map[string]any)
	list := d.do(200, "GET", at+"/tokens", nil)["token_infos"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["token_id"] != info["token_id"] {
		t.Errorf("the tokens are %v, want %v", list, info)
	}
	robot := &dbxTest{t: t, s: d.s, tokens: map[string]string{prodHost: made["token_value"].(string)}}
	if me := robot.do(200, "GET", prodHost+"/api/2.0/preview/scim/v2/Me", nil); me["userName"] != application {
		t.Errorf("the token's bearer is %v", me)
	}
	robot.do(403, "GET", at+"/tokens", nil)
	id := info["token_id"].(string)
	d.do(200, "DELETE", at+"/tokens/"+id, nil)
	d.do(404, "DELETE", at+"/tokens/"+id, nil)
	robot.do(401, "GET", prodHost+"/api/2.0/preview/scim/v2/Me", nil)
	d.do(404, "POST", stagingHost+"/api/2.0/token-management/on-behalf-of/tokens", body)
}

func TestAzureHasNoTokensOnBehalf(t *testing.T) {
	const azure = "https://adb-1.2.azuredatabricks.net"
	hosts := testHosts()
	hosts.Workspaces = []string{azure}
	d := &dbxTest{t: t, s: openTest(t, Options{Now: testClock, Hosts: hosts}), id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	d.message(d.do(404, "POST", azure+"/api/2.0/token-management/on-behalf-of/tokens", map[string]any{"application_id": "x"}), "not enabled for this workspace")
}

func TestAGitCredentialIsItsManagersAndTheOnlyOneOfItsProvider(t *testing.T) {
	d := newDatabricksTest(t, rolesWorld)
	id, application := d.principal("robot", prodHost)
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := prodHost + "/api/2.0/git-credentials"
	body := map[string]any{"git_provider": "GITHUB", "personal_access_token": "secret-one", "principal_id": number}
	made := d.do(200, "POST", at, body)
	if made["git_provider"] != "gitHub" || !d.s.HoldsGitToken(prodHost, application, "secret-one") {
		t.Errorf("it is %v", made)
	}
	d.message(d.do(400, "POST", at, body), "Only one Git credential is supported")
	one := fmt.Sprintf("%s/%.0f", at, made["credential_id"])
	body["personal_access_token"] = "secret-two"
	d.do(200, "PATCH", one, body)
	if !d.s.HoldsGitToken(prodHost, application, "secret-two") {
		t.Error("the token was not changed")
	}
	if list := d.do(200, "GET", at, nil)["credentials"]; list != nil {
		t.Errorf("the operator has %v", list)
	}
	other := d.as("other-id", "other-secret")
	other.message(other.do(403, "GET", at+"?principal_id="+id, nil), "Only a manager")
	other.do(403, "POST", at, body)
	d.do(200, "DELETE", one+"?principal_id="+id, nil)
	if list := d.do(200, "GET", at+"?principal_id="+id, nil)["credentials"]; list != nil {
		t.Errorf("there is still %v", list)
	}
}
