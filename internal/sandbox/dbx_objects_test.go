package sandbox

import (
	"fmt"

	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const objectsWorld = `  users: [{name: ann@acme.com, workspaces: ["https://prod.cloud.databricks.com"]}, {name: bob@acme.com, workspaces: ["https://prod.cloud.databricks.com"]}]
  groups: [{name: ml, members: ["user:bob@acme.com"], workspaces: ["https://prod.cloud.databricks.com"]}, {name: elsewhere}]
  service_principals:
    - {name: reader, application_id: reader-id, client_secret: reader-secret, workspaces: ["https://prod.cloud.databricks.com"]}
  directories: [{workspace: "https://prod.cloud.databricks.com", path: /Secret/x, owner: "user:ann@acme.com"}]
  files: [{workspace: "https://prod.cloud.databricks.com", path: /Shared/readme.md}]
  experiments: [{workspace: "https://prod.cloud.databricks.com", path: /Shared/exp, owner: "user:ann@acme.com"}]
  jobs: [{workspace: "https://prod.cloud.databricks.com", name: nightly, owner: "user:ann@acme.com"}]
  cluster_policies: [{workspace: "https://prod.cloud.databricks.com", name: small}]
  access: [{workspace: "https://prod.cloud.databricks.com", on: "job:nightly", principal: "group:ml", level: CAN_VIEW}]
`

func (d *dbxTest) status(path string) map[string]any {
	d.t.Helper()
	return d.do(200, "GET", prodHost+"/api/2.0/workspace/get-status?path="+path, nil)
}

func (d *dbxTest) objectPath(path string) string {
	d.t.Helper()
	return fmt.Sprintf("%s/api/2.0/permissions/directories/%.0f", prodHost, d.status(path)["object_id"])
}

// levels are the entries of a list, each as WHO LEVEL, or WHO (LEVEL) where it is inherited.
func levels(o map[string]any) []string {
	var out []string
	rows, _ := o["access_control_list"].([]any)
	for _, row := range rows {
		r := row.(map[string]any)
		for _, kind := range []string{userAccess, groupAccess, principalAccess} {
			name, is := r[kind].(string)
			for _, p := range r["all_permissions"].([]any) {
				how := p.(map[string]any)
				text := fmt.Sprint(how["permission_level"])
				if how["inherited"] == true {
					text = fmt.Sprintf("(%s from %s)", text, how["inherited_from_object"].([]any)[0])
				}
				if is {
					out = append(out, name+" "+text)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func entry(kind, name, level string) map[string]any {
	return map[string]any{"access_control_list": []map[string]string{{kind: name, "permission_level": level}}}
}

func TestDirectoriesAreMadeWithThoseAboveThem(t *testing.T) {
	d := newDatabricksTest(t, objectsWorld)
	const mkdirs = prodHost + "/api/2.0/workspace/mkdirs"
	for range 2 {
		d.do(200, "POST", mkdirs, map[string]any{"path": "/Workspace/Shared/a/b"})
	}
	if got := d.status("/Shared/a/b"); got["object_type"] != "DIRECTORY" || got["path"] != "/Shared/a/b" {
		t.Errorf("made: %v", got)
	}
	if got := d.status("/Workspace/Shared/a/b/"); got["path"] != "/Workspace/Shared/a/b" || got["object_id"] != d.status("/Shared/a/b")["object_id"] {
		t.Errorf("with the mount: %v", got)
	}
	d.message(d.do(404, "GET", prodHost+"/api/2.0/workspace/get-status?path=/Shared/none", nil), "Path (/Shared/none) doesn't exist.")
	d.message(d.do(400, "POST", mkdirs, map[string]any{"path": "/Shared/readme.md/x"}), "already exists")
	d.message(d.do(400, "POST", mkdirs, map[string]any{"path": "Shared/x"}), "doesn't start with '/'")
	list := d.do(200, "GET", prodHost+"/api/2.0/workspace/list?path=/Shared", nil)["objects"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["path"] != "/Shared/a" {
		t.Errorf("listed: %v", list)
	}
}

func TestOnlyAnEmptyDirectoryIsDeletedWithoutSayingSo(t *testing.T) {
	d := newDatabricksTest(t, objectsWorld)
	const remove, mkdirs = prodHost + "/api/2.0/workspace/delete", prodHost + "/api/2.0/workspace/mkdirs"
	d.do(200, "POST", mkdirs, map[string]any{"path": "/Shared/a/b"})
	before := d.status("/Shared/a")["object_id"]
	d.message(d.do(400, "POST", remove, map[string]any{"path": "/Shared/a"}), "not empty")
	d.do(200, "POST", remove, map[string]any{"path": "/Shared/a", "recursive": true})
	d.do(404, "POST", remove, map[string]any{"path": "/Shared/a"})
	d.do(200, "POST", mkdirs, map[string]any{"path": "/Shared/a"})
	if d.status("/Shared/a")["object_id"] == before {
		t.Error("a directory that was made again has the id of the old one")
	}
	d.message(d.do(400, "POST", remove, map[string]any{"path": "/Shared", "recursive": true}), "protected")
	d.do(200, "POST", mkdirs, map[string]any{"path": "/Shared/exp2"})
	d.do(200, "GET", prodHost+"/api/2.0/mlflow/experiments/get-by-name?experiment_name=/Workspace/Shared/exp", nil)
}

func TestWhoMayDoWhatComesDownTheTree(t *testing.T) {
	d := newDatabricksTest(t, objectsWorld)
	reader := d.as("reader-id", "reader-secret")
	reader.do(403, "GET", prodHost+"/api/2.0/workspace/get-status?path=/Secret/x", nil)
	secret := d.objectPath("/Secret")
	d.do(200, "PATCH", secret, entry(principalAccess, "reader-id", canRead))
	reader.status("/Secret/x")
	reader.do(403, "GET", d.objectPath("/Secret/x"), nil)
	reader.do(403, "POST", prodHost+"/api/2.0/workspace/mkdirs", map[string]any{"path": "/Secret/x/y"})
	reader.do(403, "POST", prodHost+"/api/2.0/workspace/mkdirs", map[string]any{"path": "/New"})
	reader.do(200, "POST", prodHost+"/api/2.0/workspace/mkdirs", map[string]any{"path": "/Users/reader-id/mine"})
	reader.do(200, "POST", prodHost+"/api/2.0/workspace/mkdirs", map[string]any{"path": "/Shared/theirs"})
	id := fmt.Sprintf("/directories/%.0f", d.status("/Secret")["object_id"])
	want := []string{"admins (CAN_MANAGE from /directories/0)", "ann@acme.com (CAN_MANAGE from " + id + ")", "ann@acme.com CAN_MANAGE", "reader-id (CAN_READ from " + id + ")"}
	if diff := cmp.Diff(want, levels(d.do(200, "GET", d.objectPath("/Secret/x"), nil))); diff != "" {
		t.Error(diff)
	}
}

func TestAPatchAddsAndAPutReplaces(t *testing.T) {
	d := newDatabricksTest(t, objectsWorld)
	d.do(200, "POST", prodHost+"/api/2.0/workspace/mkdirs", map[string]any{"path": "/Shared/a"})
	at := d.objectPath("/Shared/a")
	d.do(200, "PATCH", at, entry(groupAccess, "ML", canRead))
	d.do(200, "PATCH", at, entry(userAccess, "Ann@acme.com", canEdit))
	got := levels(d.do(200, "PATCH", at, entry(groupAccess, "ml", canRun)))
	inherited := []string{"admins (CAN_MANAGE from /directories/0)", fmt.Sprintf("users (CAN_MANAGE from /directories/%.0f)", d.status("/Shared")["object_id"])}
	want := append([]string{operatorID + " CAN_MANAGE", "ann@acme.com CAN_EDIT", "ml CAN_RUN"}, inherited...)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = levels(d.do(200, "PUT", at, entry(groupAccess, "ml", canRead)))
	if diff := cmp.Diff(append([]string{"admins (CAN_MANAGE from /directories/0)", "ml CAN_READ"}, inherited[1]), got); diff != "" {
		t.Error(diff)
	}
}

func TestThePermissionsAPIRefuses(t *testing.T) {
	d := newDatabricksTest(t, objectsWorld)
	api := prodHost + "/api/2.0/permissions"
	job := d.do(200, "GET", prodHost+"/api/2.2/jobs/list?name=NIGHTLY", nil)["jobs"].([]any)[0].(map[string]any)
	jobs := fmt.Sprintf("%s/jobs/%.0f", api, job["job_id"])
	shared := d.objectPath("/Shared")
	for _, c := range []struct {
		status         int
		method, at     string
		body           any
		messageOfError string
	}{
		{404, "PATCH", shared, entry(groupAccess, "elsewhere", canRead), "Principal: GroupName(elsewhere) does not exist"},
		{404, "PATCH", shared, entry(userAccess, "reader-id", canRead), "Principal: UserName(reader-id) does not exist"},
		{404, "PATCH", shared, entry(principalAccess, "reader", canRead), "Principal: ServicePrincipalName(reader) does not exist"},
		{400, "PATCH", shared, entry(groupAccess, "ml", canView), "not valid for directory"},
		{400, "PATCH", shared, entry(groupAccess, "admins", canRead), "Cannot change permissions for group 'admins'"},
		{400, "PATCH", shared, map[string]any{"access_control_list": []map[string]string{{"permission_level": canRead}}}, "needs a user_name"},
		{400, "PUT", jobs, entry(groupAccess, "ml", canView), "exactly one owner"},
		{400, "PATCH", jobs, entry(userAccess, "ann@acme.com", canView), "exactly one owner"},
		{400, "PATCH", jobs, entry(groupAccess, "ml", isOwner), "cannot be the owner"},
		{404, "GET", api + "/jobs/12", nil, "does not exist"},
		{400, "GET", api + "/toasters/12", nil, "not a valid object type"},
		{400, "PUT", api + "/authorization/tokens", entry(groupAccess, "ml", canUse), "deletes the tokens"},
	} {
		d.message(d.do(c.status, c.method, c.at, c.body), c.messageOfError)
	}
	reader := d.as("reader-id", "reader-secret")
	reader.message(reader.do(403, "GET", api+"/jobs/12", nil), "does not have Manage permissions")
	reader.message(reader.do(403, "GET", jobs, nil), "does not have Manage permissions")
	if list := reader.do(200, "GET", prodHost+"/api/2.2/jobs/list", nil)["jobs"].([]any); len(list) != 0 {
		t.Errorf("jobs that the caller may not see: %v", list)
	}
	got := levels(d.do(200, "PATCH", jobs, entry(userAccess, "bob@acme.com", isOwner)))
	if diff := cmp.Diff([]string{"admins (CAN_MANAGE from /jobs/)", "bob@acme.com IS_OWNER", "ml CAN_VIEW"}, got); diff != "" {
		t.Errorf("a job that got another owner: %s", diff)
	}
}

func TestWhatPeopleMadeIsFoundByItsName(t *testing.T) {
	d := newDatabricksTest(t, objectsWorld)
	e := d.do(200, "GET", prodHost+"/api/2.0/mlflow/experiments/get-by-name?experiment_name=/Shared/exp", nil)["experiment"].(map[string]any)
	got := levels(d.do(200, "GET", prodHost+"/api/2.0/permissions/experiments/"+e["experiment_id"].(string), nil))
	if !slices.Contains(got, "ann@acme.com CAN_MANAGE") || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "users (CAN_MANAGE from") }) {
		t.Errorf("the experiment's list: %v", got)
	}
	d.do(404, "GET", prodHost+"/api/2.0/mlflow/experiments/get-by-name?experiment_name=/Shared/other", nil)
	p := d.do(200, "GET", prodHost+"/api/2.0/policies/clusters/list", nil)["policies"].([]any)[0].(map[string]any)
	at := prodHost + "/api/2.0/permissions/cluster-policies/" + p["policy_id"].(string)
	d.do(200, "PATCH", at, entry(groupAccess, "ml", canUse))
	if got := levels(d.do(200, "GET", at, nil)); !slices.Contains(got, "ml CAN_USE") {
		t.Errorf("the policy's list: %v", got)
	}
	d.do(200, "GET", at+"/permissionLevels", nil)
	job := d.do(200, "GET", prodHost+"/api/2.2/jobs/list?name=nightly&limit=1", nil)["jobs"].([]any)[0].(map[string]any)
	d.do(200, "GET", fmt.Sprintf("%s/api/2.2/jobs/get?job_id=%.0f", prodHost, job["job_id"]), nil)
	d.message(d.do(400, "GET", prodHost+"/api/2.2/jobs/get?job_id=12", nil), "Job 12 does not exist.")
}

func TestAWorldFileSaysWhatIsWrongWithAnObject(t *testing.T) {
	for world, says := range map[string]string{
		`directories: [{workspace: "https://other", path: /x}]`:                                               "no workspace",
		`directories: [{workspace: "https://prod.cloud.databricks.com", name: x}]`:                            "an absolute path",
		`jobs: [{workspace: "https://prod.cloud.databricks.com", name: x, owner: "user:nobody"}]`:             "no \"user:nobody\"",
		`access: [{workspace: "https://prod.cloud.databricks.com", on: "job:x"}]`:                             "there is none",
		`access: [{workspace: "https://prod.cloud.databricks.com", on: "directory:/Shared", level: CAN_FLY}]`: "it takes CAN_READ",
	} {
		_, err := Open(Options{Now: testClock, Hosts: testHosts(), World: []byte("databricks: {" + world + "}")})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want it to say %q", world, err, says)
		}
	}
}
