package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// dbxExperiment is an MLflow experiment. Its name is a path in the workspace's tree, from whose directories
// it inherits who may do what.
type dbxExperiment struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"` // as treePath writes it
	Stage    string    `json:"stage"`
	Location string    `json:"location"`
	Tags     []dbxTag  `json:"tags,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

type dbxTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (s *Sandbox) experimentRoutes() {
	s.onWorkspace(http.MethodGet, "/api/2.0/mlflow/experiments/get-by-name", (*dbxCall).getExperimentByName)
}

func (e *dbxExperiment) active() bool { return e.Stage == "active" }

func (e *dbxExperiment) object() accessObject { return accessObject{Type: "experiments", ID: e.ID} }

func (w *dbxWorkspace) experiment(id string) *dbxExperiment {
	return first(w.Experiments, func(e *dbxExperiment) bool { return e.ID == id })
}

// addExperiment keeps an experiment, which who made it manages.
func (s *Sandbox) addExperiment(w *dbxWorkspace, owner *dbxPrincipal, name string) *dbxExperiment {
	id := numeral(s.state.objectID())
	e := &dbxExperiment{
		ID: id, Name: treePath(name), Stage: "active", Location: "dbfs:/databricks/mlflow-tracking/" + id, Created: s.now().UTC(), Updated: s.now().UTC(),
		Tags: []dbxTag{{"mlflow.ownerEmail", owner.login()}, {"mlflow.experiment.sourceName", treePath(name)}, {"mlflow.experimentType", "MLFLOW_EXPERIMENT"}},
	}
	w.Experiments = append(w.Experiments, e)
	w.allow(e.object(), owner.access(canManage))
	return e
}

func (e *dbxExperiment) experimentWire() dbxObject {
	return dbxObject{
		"experiment_id": e.ID, "name": e.Name, "artifact_location": e.Location, "lifecycle_stage": e.Stage, "tags": e.Tags,
		"creation_time": e.Created.UnixMilli(), "last_update_time": e.Updated.UnixMilli(),
	}
}

// getExperimentByName finds deleted ones, too.
func (c *dbxCall) getExperimentByName() (any, error) {
	asked := c.req.URL.Query().Get("experiment_name")
	if !strings.HasPrefix(asked, "/") {
		return nil, dbxInvalid("Got an invalid experiment name '%s'. An experiment name must be an absolute path within the Databricks workspace.", asked)
	}
	e := first(c.at.Experiments, func(e *dbxExperiment) bool { return e.Name == treePath(asked) })
	switch {
	case e == nil:
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Node named '%s' does not exist", asked)
	case !c.may(e.object(), e.Name, canRead):
		return nil, dbxForbidden("%s does not have Read permissions on experiment %s.", c.me.login(), e.ID)
	}
	return dbxObject{"experiment": e.experimentWire()}, nil
}
