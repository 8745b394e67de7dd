package sandbox

import (
	"maps"
	"strings"
	"testing"
)

const jobsAPI = stagingHost + "/api/2.2/jobs"

// job makes a job with one task that runs a file, and settings beside it.
func (d *dbxTest) job(status int, name, file string, more map[string]any) map[string]any {
	d.t.Helper()
	settings := map[string]any{"name": name, "tasks": []any{map[string]any{
		"task_key": "train", "spark_python_task": map[string]any{"python_file": file, "parameters": []any{"--rate=0.10"}}, "max_retries": 2,
	}}}
	maps.Copy(settings, more)
	return d.do(status, "POST", jobsAPI+"/create", settings)
}

func (d *dbxTest) settings(id any) map[string]any {
	d.t.Helper()
	return d.do(200, "GET", jobsAPI+"/get?job_id="+number(id), nil)["settings"].(map[string]any)
}

func number(id any) string { return numeral(int64(id.(float64))) }

func TestAJobKeepsWhatItWasGivenAndWhatTheServiceAdds(t *testing.T) {
	d := newDatabricksTest(t, "").worker("bundle", stagingHost)
	schedule := map[string]any{"quartz_cron_expression": "0 0 9 * * ?", "timezone_id": "UTC"}
	id := d.job(200, "train", "/Workspace/Users/"+d.id+"/train.py", map[string]any{"schedule": schedule})["job_id"]
	got := d.do(200, "GET", jobsAPI+"/get?job_id="+number(id), nil)
	settings := got["settings"].(map[string]any)
	if got["run_as_user_name"] != d.id || got["creator_user_name"] != d.id || settings["max_concurrent_runs"] != 1.0 ||
		settings["schedule"].(map[string]any)["pause_status"] != "UNPAUSED" {
		t.Errorf("the job is %v", got)
	}
	d.message(d.job(400, "x", "/x.py", map[string]any{"schedule": map[string]any{"timezone_id": "UTC"}}), "quartz_cron_expression")
	d.message(d.job(400, "x", "/x.py", map[string]any{"git_source": map[string]any{"git_url": "https://github.com/acme/x"}}), "git_provider")
	d.message(d.job(400, "x", "/x.py", map[string]any{"tasks": []any{
		map[string]any{"task_key": "a", "depends_on": []any{map[string]any{"task_key": "b"}}}}}), "unknown task")
	twin := d.job(200, "train", "/x.py", nil)["job_id"]
	if list := d.do(200, "GET", jobsAPI+"/list?name=TRAIN", nil)["jobs"].([]any); len(list) != 2 || twin == id {
		t.Errorf("%d jobs of one name, want 2: names are nobody's own", len(list))
	}
}

func TestResetReplacesAndUpdateMergesAJob(t *testing.T) {
	admin := newDatabricksTest(t, "")
	_, runner := admin.principal("runner", stagingHost)
	id := admin.job(200, "train", "/x.py", map[string]any{"run_as": map[string]any{"service_principal_name": runner}, "tags": map[string]any{"a": "b"}})["job_id"]
	admin.do(200, "POST", jobsAPI+"/reset", map[string]any{"job_id": id, "new_settings": map[string]any{"name": "renamed"}})
	settings := admin.settings(id)
	if settings["tags"] != nil || settings["tasks"] != nil || settings["name"] != "renamed" || settings["run_as"] == nil {
		t.Errorf("reset leaves %v, want nothing of the old settings but run_as", settings)
	}
	task := func(key string) map[string]any { return map[string]any{"task_key": key} }
	update := func(settings map[string]any, remove ...string) {
		admin.do(200, "POST", jobsAPI+"/update", map[string]any{"job_id": id, "new_settings": settings, "fields_to_remove": remove})
	}
	update(map[string]any{"tasks": []any{task("one")}, "description": "d"})
	update(map[string]any{"tasks": []any{task("two"), task("one")}}, "description")
	settings = admin.settings(id)
	if len(settings["tasks"].([]any)) != 2 || settings["description"] != nil || settings["name"] != "renamed" {
		t.Errorf("update leaves %v", settings)
	}
	admin.message(admin.do(400, "POST", jobsAPI+"/reset", map[string]any{"job_id": 7, "new_settings": map[string]any{}}), "does not exist")
}

func TestAJobRunsAsItsWriterUnlessAnAdministratorSaysSo(t *testing.T) {
	admin := newDatabricksTest(t, "")
	one, other := admin.worker("one", stagingHost), admin.worker("other", stagingHost)
	runAs := map[string]any{"run_as": map[string]any{"service_principal_name": one.id}}
	one.job(200, "own", "/x.py", runAs)
	other.message(other.job(403, "foreign", "/x.py", runAs), "not authorized")
	admin.job(200, "admin's", "/x.py", runAs)
	admin.message(admin.job(400, "nobody's", "/x.py", map[string]any{"run_as": map[string]any{"service_principal_name": "nobody"}}), "does not exist")
}

func TestAJobIsItsOwnersAlone(t *testing.T) {
	admin := newDatabricksTest(t, "")
	one, other := admin.worker("one", stagingHost), admin.worker("other", stagingHost)
	id := one.job(200, "train", "/x.py", nil)["job_id"]
	other.message(other.do(403, "GET", jobsAPI+"/get?job_id="+number(id), nil), "PERMISSION_DENIED")
	other.message(other.do(403, "POST", jobsAPI+"/delete", map[string]any{"job_id": id}), "PERMISSION_DENIED")
	other.message(other.do(403, "POST", jobsAPI+"/run-now", map[string]any{"job_id": id}), "PERMISSION_DENIED")
	one.do(200, "PUT", stagingHost+"/api/2.0/permissions/jobs/"+number(id), map[string]any{"access_control_list": []any{
		map[string]any{"group_name": "users", "permission_level": "CAN_VIEW"}, map[string]any{"service_principal_name": one.id, "permission_level": "IS_OWNER"}}})
	other.do(200, "GET", jobsAPI+"/get?job_id="+number(id), nil)
	one.do(200, "POST", jobsAPI+"/delete", map[string]any{"job_id": id})
	one.message(one.do(400, "GET", jobsAPI+"/get?job_id="+number(id), nil), "does not exist")
}

func TestARunFailsWhereItsFileIsMissing(t *testing.T) {
	d := newDatabricksTest(t, "").worker("bundle", stagingHost)
	file := "/Workspace/Users/" + d.id + "/train.py"
	id := d.job(200, "train", file, nil)["job_id"]
	run := func() map[string]any {
		started := d.do(200, "POST", jobsAPI+"/run-now", map[string]any{"job_id": id})
		return d.do(200, "GET", jobsAPI+"/runs/get?run_id="+number(started["run_id"]), nil)
	}
	failed := run()
	state := failed["state"].(map[string]any)
	if state["result_state"] != "FAILED" || !strings.Contains(state["state_message"].(string), "Unable to access the file") {
		t.Errorf("without its file the run ends as %v", state)
	}
	d.upload(200, file, "print(1)", "")
	state = run()["state"].(map[string]any)
	if state["result_state"] != "SUCCESS" || state["life_cycle_state"] != "TERMINATED" {
		t.Errorf("with its file the run ends as %v", state)
	}
	task := failed["tasks"].([]any)[0].(map[string]any)["run_id"]
	if o := d.do(200, "GET", jobsAPI+"/runs/get-output?run_id="+number(task), nil); !strings.Contains(o["error"].(string), "Unable to access") {
		t.Errorf("the task's output is %v", o)
	}
	if o := d.do(200, "GET", jobsAPI+"/runs/list?limit=1&job_id="+number(id), nil); len(o["runs"].([]any)) != 1 || o["has_more"] != true {
		t.Errorf("the runs are %v", o)
	}
	d.message(d.do(400, "GET", jobsAPI+"/runs/get?run_id=7", nil), "does not exist")
}

func TestAnExperimentLivesInItsFolderAndIsDeletedSoftly(t *testing.T) {
	d := newDatabricksTest(t, "").worker("bundle", stagingHost)
	home := "/Users/" + d.id
	const api = stagingHost + "/api/2.0/mlflow/experiments/"
	d.message(d.do(404, "POST", api+"create", map[string]any{"name": home + "/missing/e"}), "Parent directory")
	d.message(d.do(400, "POST", api+"create", map[string]any{"name": "e"}), "absolute path")
	d.message(d.do(403, "POST", api+"create", map[string]any{"name": "/Users/e"}), "PERMISSION_DENIED")
	id := d.do(200, "POST", api+"create", map[string]any{"name": "/Workspace" + home + "/e", "tags": []any{map[string]any{"key": "k", "value": "v"}}})["experiment_id"].(string)
	d.message(d.do(400, "POST", api+"create", map[string]any{"name": home + "/e"}), "RESOURCE_ALREADY_EXISTS")
	get := func() map[string]any {
		return d.do(200, "GET", api+"get?experiment_id="+id, nil)["experiment"].(map[string]any)
	}
	if e := get(); e["name"] != home+"/e" || e["artifact_location"] != "dbfs:/databricks/mlflow-tracking/"+id || e["lifecycle_stage"] != "active" {
		t.Errorf("the experiment is %v", e)
	}
	d.do(200, "POST", api+"update", map[string]any{"experiment_id": id, "new_name": home + "/f"})
	d.do(200, "POST", api+"set-experiment-tag", map[string]any{"experiment_id": id, "key": "k", "value": "w"})
	d.do(200, "POST", api+"delete", map[string]any{"experiment_id": id})
	d.message(d.do(404, "POST", api+"delete", map[string]any{"experiment_id": id}), "RESOURCE_DOES_NOT_EXIST")
	d.message(d.do(400, "POST", api+"create", map[string]any{"name": home + "/f"}), "RESOURCE_ALREADY_EXISTS")
	if e := d.do(200, "GET", api+"get-by-name?experiment_name="+home+"/f", nil)["experiment"].(map[string]any); e["lifecycle_stage"] != "deleted" {
		t.Errorf("by its name it is %v", e)
	}
	d.do(200, "POST", api+"restore", map[string]any{"experiment_id": id})
	if e := get(); e["lifecycle_stage"] != "active" || e["name"] != home+"/f" {
		t.Errorf("the restored experiment is %v", e)
	}
}

func TestAModelNeedsThePrivilegeToCreateOne(t *testing.T) {
	admin := newDatabricksTest(t, "  catalogs: [{name: staging, schemas: [ml]}]\n")
	d := admin.worker("bundle", stagingHost)
	const api = stagingHost + "/api/2.1/unity-catalog/"
	body := map[string]any{"catalog_name": "staging", "schema_name": "ml", "name": "Fare", "comment": "c"}
	grant := func(on string, privileges ...string) {
		admin.do(200, "PATCH", api+"permissions/"+on, map[string]any{"changes": []any{map[string]any{"principal": d.id, "add": privileges}}})
	}
	d.message(d.do(403, "POST", api+"models", body), "USE CATALOG")
	grant("catalog/staging", "USE_CATALOG")
	grant("schema/staging.ml", "USE_SCHEMA")
	d.message(d.do(403, "POST", api+"models", body), "CREATE MODEL")
	grant("schema/staging.ml", "CREATE_MODEL")
	if o := d.do(200, "POST", api+"models", body); o["full_name"] != "staging.ml.fare" || o["owner"] != d.id {
		t.Errorf("the model is %v", o)
	}
	d.message(d.do(400, "POST", api+"models", body), "already exists")
	d.do(200, "PATCH", api+"models/staging.ml.fare", map[string]any{"comment": "new"})
	if o := d.do(200, "GET", api+"models/staging.ml.fare", nil); o["comment"] != "new" {
		t.Errorf("the model is %v", o)
	}
	d.do(200, "DELETE", api+"models/staging.ml.fare", nil)
	d.message(d.do(404, "GET", api+"models/staging.ml.fare", nil), "DOES_NOT_EXIST")
}
