package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// dbxJob is a job of a workspace. Its settings are kept as they were sent.
type dbxJob struct {
	ID       int64           `json:"id"`
	Creator  string          `json:"creator"`
	Settings json.RawMessage `json:"settings"`
	Created  time.Time       `json:"created"`
}

func (s *Sandbox) jobRoutes() {
	const below = "/api/2.2/jobs"
	s.onWorkspace(http.MethodGet, below+"/list", (*dbxCall).listJobs)
	s.onWorkspace(http.MethodGet, below+"/get", (*dbxCall).getJob)
}

func (j *dbxJob) object() accessObject { return accessObject{Type: "jobs", ID: numeral(j.ID)} }

func (j *dbxJob) name() string {
	var s struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(j.Settings, &s) // they were read when they were kept
	return s.Name
}

// addJob keeps a job, which who made it owns.
func (s *Sandbox) addJob(w *dbxWorkspace, owner *dbxPrincipal, settings json.RawMessage) *dbxJob {
	j := &dbxJob{ID: s.state.objectID(), Creator: owner.login(), Settings: settings, Created: s.now().UTC()}
	w.Jobs = append(w.Jobs, j)
	w.allow(j.object(), owner.access(isOwner))
	return j
}

func (j *dbxJob) jobWire() dbxObject {
	return dbxObject{"job_id": j.ID, "creator_user_name": j.Creator, "created_time": j.Created.UnixMilli(), "settings": j.Settings}
}

// listJobs shows the jobs that the caller may see, 20 to a page unless told otherwise and 100 at most. Names
// are not unique, and are compared in any case.
func (c *dbxCall) listJobs() (any, error) {
	query := c.req.URL.Query()
	size, err := c.pageSize("limit", 100)
	if err != nil {
		return nil, err
	}
	if query.Get("limit") == "" {
		size = 20
	}
	found := filter(c.at.Jobs, func(j *dbxJob) bool {
		return c.may(j.object(), "", canView) && (query.Get("name") == "" || strings.EqualFold(query.Get("name"), j.name()))
	})
	part, next, err := page(found, query.Get("page_token"), size)
	if err != nil {
		return nil, err
	}
	list := []dbxObject{}
	for _, j := range part {
		list = append(list, j.jobWire())
	}
	o := dbxObject{"jobs": list, "has_more": next != ""}
	set(o, "next_page_token", next)
	return o, nil
}

func (c *dbxCall) getJob() (any, error) {
	id := c.req.URL.Query().Get("job_id")
	j := first(c.at.Jobs, func(j *dbxJob) bool { return numeral(j.ID) == id })
	if j == nil {
		return nil, dbxInvalid("Job %s does not exist.", id)
	}
	if !c.may(j.object(), "", canView) {
		return nil, dbxForbidden("User %s does not have View or Admin or Manage Run or Owner permissions on job %s.", c.me.login(), id)
	}
	o := j.jobWire()
	o["run_as_user_name"] = j.runsAs()
	return o, nil
}
