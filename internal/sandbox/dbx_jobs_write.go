package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// jobSettings are a job's settings as they were sent and filled in.
type jobSettings = map[string]any

func (s *Sandbox) jobWriteRoutes() {
	const below = "/api/2.2/jobs"
	s.onWorkspace(http.MethodPost, below+"/create", (*dbxCall).createJob)
	s.onWorkspace(http.MethodPost, below+"/reset", (*dbxCall).resetJob)
	s.onWorkspace(http.MethodPost, below+"/update", (*dbxCall).updateJob)
	s.onWorkspace(http.MethodPost, below+"/delete", (*dbxCall).deleteJob)
}

// createJob makes a job, which the caller owns and which runs as the caller unless it says otherwise.
// Names are nobody's own.
func (c *dbxCall) createJob() (any, error) {
	settings := jobSettings{}
	if err := c.readNumbers(&settings); err != nil {
		return nil, err
	}
	access, _ := settings["access_control_list"].([]any)
	delete(settings, "access_control_list")
	text, err := c.keptSettings(settings)
	if err != nil {
		return nil, err
	}
	if len(access) > 0 {
		return nil, dbxInvalid("The sandbox takes a job's access_control_list with the permissions API alone.")
	}
	j := c.addJob(c.at, c.me, text)
	c.changed = true
	return dbxObject{"job_id": j.ID}, nil
}

// jobOf is the job that a body names, if the caller may change it.
func (c *dbxCall) jobOf(id int64, level string) (*dbxJob, error) {
	j := first(c.at.Jobs, func(j *dbxJob) bool { return j.ID == id })
	if j == nil {
		return nil, dbxInvalid("Job %d does not exist.", id)
	}
	if !c.may(j.object(), "", level) {
		return nil, dbxForbidden("User %s does not have %s permissions on job %d.", c.me.login(), level, id)
	}
	return j, nil
}

// resetJob replaces all settings but run_as, which stays where it is left out.
func (c *dbxCall) resetJob() (any, error) {
	var b struct {
		ID       int64       `json:"job_id"`
		Settings jobSettings `json:"new_settings"`
	}
	if err := c.readNumbers(&b); err != nil {
		return nil, err
	}
	j, err := c.jobOf(b.ID, canManage)
	if err != nil {
		return nil, err
	}
	if b.Settings == nil {
		return nil, dbxInvalid("Missing required field: new_settings")
	}
	if old := j.settings()["run_as"]; old != nil && b.Settings["run_as"] == nil {
		b.Settings["run_as"] = old
	}
	return c.keep(j, b.Settings)
}

// updateJob replaces the top-level settings that it names, and takes away those that it says to. Lists
// whose items have a key are merged by it.
func (c *dbxCall) updateJob() (any, error) {
	var b struct {
		ID       int64       `json:"job_id"`
		Settings jobSettings `json:"new_settings"`
		Remove   []string    `json:"fields_to_remove"`
	}
	if err := c.readNumbers(&b); err != nil {
		return nil, err
	}
	j, err := c.jobOf(b.ID, canManage)
	if err != nil {
		return nil, err
	}
	settings := j.settings()
	for _, name := range b.Remove {
		if strings.Contains(name, "/") {
			return nil, dbxInvalid("The sandbox removes top-level fields of a job, not %s.", name)
		}
		delete(settings, name)
	}
	for name, value := range b.Settings {
		key := map[string]string{"tasks": "task_key", "job_clusters": "job_cluster_key", "environments": "environment_key", "parameters": "name"}[name]
		list, _ := value.([]any)
		if key == "" || list == nil {
			settings[name] = value
			continue
		}
		old, _ := settings[name].([]any)
		settings[name] = mergedByKey(old, list, key)
	}
	return c.keep(j, settings)
}

// mergedByKey is old with the items of list, each in the place of the one that has its key.
func mergedByKey(old, list []any, key string) []any {
	merged := slices.Clone(old)
	for _, item := range list {
		i := slices.IndexFunc(merged, func(o any) bool { return field(o, key) == field(item, key) })
		if i < 0 {
			merged = append(merged, item)
			continue
		}
		merged[i] = item
	}
	return merged
}

func (c *dbxCall) keep(j *dbxJob, settings jobSettings) (any, error) {
	text, err := c.keptSettings(settings)
	if err != nil {
		return nil, err
	}
	j.Settings, c.changed = text, true
	return dbxObject{}, nil
}

func (c *dbxCall) deleteJob() (any, error) {
	var b struct {
		ID int64 `json:"job_id"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	j, err := c.jobOf(b.ID, canManage)
	if err != nil {
		return nil, err
	}
	c.at.Jobs = slices.DeleteFunc(c.at.Jobs, func(o *dbxJob) bool { return o == j })
	c.at.disown(j.object())
	c.changed = true
	return dbxObject{}, nil
}

// readNumbers decodes a body whose numbers must come back as they were sent.
func (c *dbxCall) readNumbers(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return &failure{status: http.StatusBadRequest, code: "MALFORMED_REQUEST", message: "Could not parse request object: " + err.Error()}
	}
	return nil
}

// settings are a job's settings, to be changed by the caller.
func (j *dbxJob) settings() jobSettings {
	settings := jobSettings{}
	d := json.NewDecoder(bytes.NewReader(j.Settings))
	d.UseNumber()
	_ = d.Decode(&settings) // they were JSON when they were kept
	return settings
}

func field(o any, name string) string {
	object, _ := o.(map[string]any)
	value, _ := object[name].(string)
	return value
}

// keptSettings checks settings and fills in what the service does.
func (c *dbxCall) keptSettings(settings jobSettings) ([]byte, error) {
	if err := c.checkJob(settings); err != nil {
		return nil, err
	}
	fill(settings, jobSettings{
		"email_notifications": dbxObject{}, "webhook_notifications": dbxObject{}, "timeout_seconds": 0, "max_concurrent_runs": 1, "format": "MULTI_TASK",
	})
	if schedule, _ := settings["schedule"].(map[string]any); schedule != nil {
		fill(schedule, jobSettings{"pause_status": "UNPAUSED"})
	}
	tasks, _ := settings["tasks"].([]any)
	for _, task := range tasks {
		fill(task.(map[string]any), jobSettings{"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": dbxObject{}})
	}
	return json.Marshal(settings)
}

func fill(o map[string]any, defaults map[string]any) {
	given := maps.Clone(o)
	maps.Copy(o, defaults)
	maps.Copy(o, given)
}

// checkJob refuses what the service refuses in a job's settings.
func (c *dbxCall) checkJob(settings jobSettings) error {
	if schedule, ok := settings["schedule"].(map[string]any); ok && (field(schedule, "quartz_cron_expression") == "" || field(schedule, "timezone_id") == "") {
		return dbxInvalid("Invalid schedule: quartz_cron_expression and timezone_id are required.")
	}
	if git, ok := settings["git_source"].(map[string]any); ok && (field(git, "git_provider") == "" || field(git, "git_url") == "") {
		return dbxInvalid("git_source.git_provider and git_source.git_url are required.")
	}
	seen := map[string]bool{}
	tasks, _ := settings["tasks"].([]any)
	for _, task := range tasks {
		key := field(task, "task_key")
		if key == "" || seen[key] {
			return dbxInvalid("Task key %q is missing or not unique.", key)
		}
		seen[key] = true
	}
	for _, task := range tasks {
		needs, _ := task.(map[string]any)["depends_on"].([]any)
		for _, need := range needs {
			if !seen[field(need, "task_key")] {
				return dbxInvalid("Invalid dependency graph: task '%s' depends on unknown task '%s'.", field(task, "task_key"), field(need, "task_key"))
			}
		}
	}
	return c.checkRunAs(settings["run_as"])
}

// checkRunAs lets a job run as its writer, and as another principal where an administrator says so.
func (c *dbxCall) checkRunAs(runAs any) error {
	who := field(runAs, "service_principal_name") + field(runAs, "user_name")
	if runAs == nil || who == "" {
		return nil
	}
	p := c.d.byLogin(who)
	switch {
	case p == nil || len(c.d.permissions(c.at, p.ID)) == 0:
		return dbxInvalid("Cannot set run_as: %s does not exist in this workspace.", who)
	case p != c.me && !c.rules():
		return dbxForbidden("User %s is not authorized to use %s as run_as.", c.me.login(), who)
	}
	return nil
}

// runsAs is the login that a job's runs have.
func (j *dbxJob) runsAs() string {
	runAs := j.settings()["run_as"]
	if who := field(runAs, "service_principal_name") + field(runAs, "user_name"); who != "" {
		return who
	}
	return j.Creator
}
