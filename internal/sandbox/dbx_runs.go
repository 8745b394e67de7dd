package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// dbxRun is a run of a job. Runs are over when they have begun: nothing is computed here, but a task
// whose file is not there, or may not be read by who the job runs as, fails as it would.
type dbxRun struct {
	ID     int64      `json:"id"`
	Job    int64      `json:"job"`
	Name   string     `json:"name"`
	Caller string     `json:"caller"`
	Tasks  []*dbxTask `json:"tasks"`
	Begun  time.Time  `json:"begun"`
}

type dbxTask struct {
	ID    int64  `json:"id"`
	Key   string `json:"key"`
	Error string `json:"error,omitempty"`
}

func (s *Sandbox) runRoutes() {
	const below = "/api/2.2/jobs"
	s.onWorkspace(http.MethodPost, below+"/run-now", (*dbxCall).runNow)
	s.onWorkspace(http.MethodGet, below+"/runs/get", (*dbxCall).getRun)
	s.onWorkspace(http.MethodGet, below+"/runs/get-output", (*dbxCall).getRunOutput)
	s.onWorkspace(http.MethodGet, below+"/runs/list", (*dbxCall).listRuns)
}

func (c *dbxCall) runNow() (any, error) {
	var b struct {
		ID   int64    `json:"job_id"`
		Only []string `json:"only"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	j, err := c.jobOf(b.ID, "CAN_MANAGE_RUN")
	if err != nil {
		return nil, err
	}
	if len(b.Only) > 0 {
		return nil, dbxInvalid("The sandbox runs all tasks of a job.")
	}
	run := &dbxRun{ID: c.state.objectID(), Job: j.ID, Name: j.name(), Caller: c.me.login(), Begun: c.now().UTC()}
	tasks, _ := j.settings()["tasks"].([]any)
	for _, task := range tasks {
		run.Tasks = append(run.Tasks, &dbxTask{ID: c.state.objectID(), Key: field(task, "task_key"), Error: c.obstacle(j, task)})
	}
	c.at.Runs = append(c.at.Runs, run)
	c.changed = true
	return dbxObject{"run_id": run.ID, "number_in_job": run.ID}, nil
}

// obstacle says why a task cannot begin; "" where nothing that the sandbox knows is in its way.
func (c *dbxCall) obstacle(j *dbxJob, task any) string {
	p := c.d.byLogin(j.runsAs())
	if p == nil || !p.Active || len(c.d.permissions(c.at, p.ID)) == 0 {
		return fmt.Sprintf("The job's run_as, %s, may not enter this workspace.", j.runsAs())
	}
	object, _ := task.(map[string]any)
	file := field(object["spark_python_task"], "python_file") + field(object["notebook_task"], "notebook_path")
	if !strings.HasPrefix(file, "/") { // of a Git repository, or in a storage of another kind
		return ""
	}
	as := &dbxCall{call: c.call, d: c.d, me: p, at: c.at}
	n := c.at.node(treePath(file))
	if n == nil || n.Type == directoryNode || !as.may(n.object(), n.Path, canRead) {
		return fmt.Sprintf("Unable to access the file \"%s\". Either it does not exist, or the identity used to run this job, %s, lacks the required permissions.", file, p.login())
	}
	return ""
}

// runOf is the run that a query names, and the task of it where it names one.
func (c *dbxCall) runOf() (*dbxRun, *dbxTask, error) {
	asked := c.req.URL.Query().Get("run_id")
	id, err := strconv.ParseInt(asked, 10, 64)
	if err != nil {
		return nil, nil, dbxInvalid("run_id must be a number.")
	}
	for _, r := range c.at.Runs {
		task := first(r.Tasks, func(t *dbxTask) bool { return t.ID == id })
		if r.ID != id && task == nil {
			continue
		}
		if !c.may(accessObject{Type: "jobs", ID: numeral(r.Job)}, "", canView) {
			return nil, nil, dbxForbidden("User %s does not have View permissions on job %d.", c.me.login(), r.Job)
		}
		return r, task, nil
	}
	return nil, nil, dbxInvalid("Run %s does not exist.", asked)
}

// ended is the state of a run or of a task that is over.
func ended(o dbxObject, trouble string) dbxObject {
	result, code, kind := "SUCCESS", "SUCCESS", "SUCCESS"
	if trouble != "" {
		result, code, kind = "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR"
	}
	o["state"] = dbxObject{"life_cycle_state": "TERMINATED", "result_state": result, "state_message": trouble, "user_cancelled_or_timedout": false}
	o["status"] = dbxObject{"state": "TERMINATED", "termination_details": dbxObject{"code": code, "type": kind, "message": trouble}}
	return o
}

func (c *dbxCall) runWire(r *dbxRun) dbxObject {
	page := fmt.Sprintf("%s/?o=%d#job/%d/run/%d", c.base(), c.at.ID, r.Job, r.ID)
	trouble := ""
	tasks := []dbxObject{}
	for _, t := range r.Tasks {
		if t.Error != "" {
			trouble = "Task " + t.Key + " failed with message: " + t.Error
		}
		tasks = append(tasks, ended(c.times(r, dbxObject{"run_id": t.ID, "task_key": t.Key, "attempt_number": 0, "run_page_url": page}), t.Error))
	}
	return ended(c.times(r, dbxObject{
		"run_id": r.ID, "job_id": r.Job, "run_name": r.Name, "run_type": "JOB_RUN", "trigger": "ONE_TIME", "creator_user_name": r.Caller,
		"number_in_job": r.ID, "original_attempt_run_id": r.ID, "run_page_url": page, "tasks": tasks,
	}), trouble)
}

func (c *dbxCall) times(r *dbxRun, o dbxObject) dbxObject {
	at := r.Begun.UnixMilli()
	o["start_time"], o["end_time"], o["setup_duration"], o["execution_duration"], o["cleanup_duration"] = at, at, 0, 0, 0
	return o
}

func (c *dbxCall) getRun() (any, error) {
	r, _, err := c.runOf()
	if err != nil {
		return nil, err
	}
	return c.runWire(r), nil
}

// getRunOutput answers for the run of one task: a job of several has no output of its own.
func (c *dbxCall) getRunOutput() (any, error) {
	r, task, err := c.runOf()
	if err != nil {
		return nil, err
	}
	if task == nil {
		if len(r.Tasks) != 1 {
			return nil, dbxInvalid("Retrieving the output of runs with multiple tasks is not supported.")
		}
		task = r.Tasks[0]
	}
	o := dbxObject{"metadata": c.runWire(r)}
	set(o, "error", task.Error)
	return o, nil
}

// listRuns shows the runs of the jobs that the caller may see, the newest first.
func (c *dbxCall) listRuns() (any, error) {
	query := c.req.URL.Query()
	size, err := c.pageSize("limit", 25)
	if err != nil {
		return nil, err
	}
	list := []dbxObject{}
	for i := len(c.at.Runs) - 1; i >= 0; i-- {
		r := c.at.Runs[i]
		active := query.Get("active_only") == "true" // they are all over
		if !active && (query.Get("job_id") == "" || query.Get("job_id") == numeral(r.Job)) && c.may(accessObject{Type: "jobs", ID: numeral(r.Job)}, "", canView) {
			o := c.runWire(r)
			if query.Get("expand_tasks") != "true" {
				delete(o, "tasks")
			}
			list = append(list, o)
		}
	}
	part, next, err := page(list, query.Get("page_token"), size)
	if err != nil {
		return nil, err
	}
	o := dbxObject{"has_more": next != ""}
	if len(part) > 0 {
		o["runs"] = part
	}
	set(o, "next_page_token", next)
	return o, nil
}
