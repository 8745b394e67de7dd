package sandbox

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

func (s *Sandbox) experimentWriteRoutes() {
	const below = "/api/2.0/mlflow/experiments/"
	s.onWorkspace(http.MethodGet, below+"get", (*dbxCall).getExperiment)
	s.onWorkspace(http.MethodPost, below+"create", (*dbxCall).createExperiment)
	s.onWorkspace(http.MethodPost, below+"update", (*dbxCall).updateExperiment)
	s.onWorkspace(http.MethodPost, below+"delete", func(c *dbxCall) (any, error) { return c.stageExperiment("deleted") })
	s.onWorkspace(http.MethodPost, below+"restore", func(c *dbxCall) (any, error) { return c.stageExperiment("active") })
	s.onWorkspace(http.MethodPost, below+"set-experiment-tag", (*dbxCall).tagExperiment)
}

// experimentOf is the experiment with an id, if the caller has a level on it. A deleted one is found,
// too.
func (c *dbxCall) experimentOf(id, level string) (*dbxExperiment, error) {
	e := c.at.experiment(id)
	switch {
	case e == nil:
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Node ID %s does not exist.", id)
	case !c.may(e.object(), e.Name, level):
		return nil, dbxForbidden("%s does not have %s permissions on experiment %s.", c.me.login(), level, id)
	}
	return e, nil
}

func (c *dbxCall) getExperiment() (any, error) {
	e, err := c.experimentOf(c.req.URL.Query().Get("experiment_id"), canRead)
	if err != nil {
		return nil, err
	}
	return dbxObject{"experiment": e.experimentWire()}, nil
}

// placeable refuses a name under which no experiment can be: relative, without its directory, taken
// (by a deleted one, too), or in a directory that the caller may not write to.
func (c *dbxCall) placeable(name string) error {
	if !strings.HasPrefix(name, "/") {
		return dbxInvalid("Got an invalid experiment name '%s'. An experiment name must be an absolute path within the Databricks workspace.", name)
	}
	at := treePath(name)
	c.welcomeHome(at)
	dir := c.at.node(path.Dir(at))
	switch {
	case dir == nil || dir.Type != directoryNode:
		return dbxMissing("RESOURCE_DOES_NOT_EXIST", "Parent directory %s does not exist.", path.Dir(at))
	case !c.may(dir.object(), dir.Path, canEdit):
		return dbxForbidden("%s does not have Edit permissions on %s.", c.me.login(), dir.Path)
	case c.at.node(at) != nil || slices.ContainsFunc(c.at.Experiments, func(e *dbxExperiment) bool { return e.Name == at }):
		return dbxExists("RESOURCE_ALREADY_EXISTS", "Node named '%s' already exists", name)
	}
	return nil
}

func (c *dbxCall) createExperiment() (any, error) {
	var b struct {
		Name     string   `json:"name"`
		Location string   `json:"artifact_location"`
		Tags     []dbxTag `json:"tags"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	if err := c.placeable(b.Name); err != nil {
		return nil, err
	}
	e := c.addExperiment(c.at, c.me, b.Name)
	if b.Location != "" {
		e.Location = b.Location
	}
	e.Tags = append(b.Tags, e.Tags...)
	c.changed = true
	return dbxObject{"experiment_id": e.ID}, nil
}

// updateExperiment renames: an experiment has nothing else to change.
func (c *dbxCall) updateExperiment() (any, error) {
	var b struct {
		ID   string `json:"experiment_id"`
		Name string `json:"new_name"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	e, err := c.experimentOf(b.ID, canEdit)
	if err != nil {
		return nil, err
	}
	if b.Name != "" && treePath(b.Name) != e.Name {
		if err := c.placeable(b.Name); err != nil {
			return nil, err
		}
		e.Name = treePath(b.Name)
	}
	e.Updated, c.changed = c.now().UTC(), true
	return dbxObject{}, nil
}

// stageExperiment deletes softly, and restores.
func (c *dbxCall) stageExperiment(stage string) (any, error) {
	var b struct {
		ID string `json:"experiment_id"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	e, err := c.experimentOf(b.ID, canManage)
	if err != nil {
		return nil, err
	}
	if e.Stage == stage {
		return nil, dbxMissing("RESOURCE_DOES_NOT_EXIST", "Node ID %s is %s already.", b.ID, stage)
	}
	e.Stage, e.Updated, c.changed = stage, c.now().UTC(), true
	return dbxObject{}, nil
}

func (c *dbxCall) tagExperiment() (any, error) {
	var b struct {
		ID    string `json:"experiment_id"`
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	if err := c.read(&b); err != nil {
		return nil, err
	}
	e, err := c.experimentOf(b.ID, canEdit)
	if err != nil {
		return nil, err
	}
	if b.Key == "" {
		return nil, dbxInvalid("Missing value for required parameter 'key'.")
	}
	e.Tags = append(slices.DeleteFunc(e.Tags, func(t dbxTag) bool { return t.Key == b.Key }), dbxTag{b.Key, b.Value})
	c.changed = true
	return dbxObject{}, nil
}
