package sandbox

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// objects adds what people made in workspaces.
func (b *worldBuilder) objects(w *DatabricksWorld) error {
	for _, family := range []struct {
		kind string
		list []WorldObject
		add  func(*dbxWorkspace, *dbxPrincipal, WorldObject)
	}{
		{"directory", w.Directories, func(ws *dbxWorkspace, owner *dbxPrincipal, o WorldObject) { b.plant(ws, owner, o.Path) }},
		{"file", w.Files, b.file},
		{"experiment", w.Experiments, func(ws *dbxWorkspace, owner *dbxPrincipal, o WorldObject) {
			b.plant(ws, owner, path.Dir(o.Path))
			b.addExperiment(ws, owner, o.Path)
		}},
		{"job", w.Jobs, b.job},
		{"cluster_policy", w.ClusterPolicies, func(ws *dbxWorkspace, _ *dbxPrincipal, o WorldObject) { b.addClusterPolicy(ws, o.Name) }},
	} {
		for _, o := range family.list {
			ws, err := b.workspaceOf(o.Workspace)
			if err != nil {
				return fmt.Errorf("%s %q: %w", family.kind, o.Path+o.Name, err)
			}
			owner, err := b.maker(o.Owner)
			if err != nil {
				return fmt.Errorf("%s %q: %w", family.kind, o.Path+o.Name, err)
			}
			named := family.kind == "job" || family.kind == "cluster_policy"
			if named != (o.Path == "" && o.Name != "") || !named && !strings.HasPrefix(o.Path, "/") {
				return fmt.Errorf("%s %q: a job and a cluster policy have a name, everything else an absolute path", family.kind, o.Path+o.Name)
			}
			family.add(ws, owner, o)
		}
	}
	return nil
}

// maker is who made an object: the operator where a world file names nobody.
func (b *worldBuilder) maker(name string) (*dbxPrincipal, error) {
	if name == "" {
		return b.d.byLogin(operatorID), nil
	}
	kind, value, _ := strings.Cut(name, ":")
	if p := b.named(kind, value); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no %q; name it user:NAME or service_principal:NAME, and declare it in the world file", name)
}

// plant makes a directory and those above it.
func (b *worldBuilder) plant(ws *dbxWorkspace, owner *dbxPrincipal, at string) *dbxNode {
	at = treePath(at)
	if n := ws.node(at); n != nil {
		return n
	}
	b.plant(ws, owner, path.Dir(at))
	n := &dbxNode{ID: b.state.objectID(), Path: at, Type: directoryNode, Created: b.now().UTC(), Modified: b.now().UTC()}
	ws.Tree = append(ws.Tree, n)
	ws.allow(n.object(), owner.access(canManage))
	return n
}

func (b *worldBuilder) file(ws *dbxWorkspace, owner *dbxPrincipal, o WorldObject) {
	b.plant(ws, owner, path.Dir(o.Path))
	n := &dbxNode{ID: b.state.objectID(), Path: treePath(o.Path), Type: fileNode, Created: b.now().UTC(), Modified: b.now().UTC()}
	ws.Tree = append(ws.Tree, n)
	ws.allow(n.object(), owner.access(canManage))
}

func (b *worldBuilder) job(ws *dbxWorkspace, owner *dbxPrincipal, o WorldObject) {
	settings, _ := json.Marshal(map[string]string{"name": o.Name, "format": "MULTI_TASK"}) // strings never fail
	b.addJob(ws, owner, settings)
}

// access gives levels on what is there.
func (b *worldBuilder) access(w *DatabricksWorld) error {
	for _, given := range w.Access {
		if err := b.allow(given); err != nil {
			return fmt.Errorf("access on %q: %w", given.On, err)
		}
	}
	return nil
}

func (b *worldBuilder) allow(given WorldAccess) error {
	ws, err := b.workspaceOf(given.Workspace)
	if err != nil {
		return err
	}
	o, found := ws.objectCalled(given.On)
	if !found {
		return fmt.Errorf("there is none; declare it in the world file")
	}
	if !slices.Contains(accessLevels(o.Type), given.Level) {
		return fmt.Errorf("level %q: it takes %s", given.Level, strings.Join(accessLevels(o.Type), ", "))
	}
	kind, name, _ := strings.Cut(given.Principal, ":")
	if kind == "group" && (name == everyUser || b.d.groupNamed(name) != nil) {
		ws.allow(o, dbxAccess{Kind: groupAccess, Name: name, Level: given.Level})
		return nil
	}
	p, err := b.maker(given.Principal)
	if err != nil {
		return err
	}
	ws.allow(o, p.access(given.Level))
	return nil
}

// objectCalled finds an object by TYPE:NAME.
func (w *dbxWorkspace) objectCalled(on string) (accessObject, bool) {
	kind, name, _ := strings.Cut(on, ":")
	switch kind {
	case "directory", "file":
		if n := w.node(treePath(name)); n != nil {
			return n.object(), true
		}
	case "experiment":
		if e := first(w.Experiments, func(e *dbxExperiment) bool { return e.Name == treePath(name) }); e != nil {
			return e.object(), true
		}
	case "job":
		if j := first(w.Jobs, func(j *dbxJob) bool { return j.name() == name }); j != nil {
			return j.object(), true
		}
	case "cluster_policy":
		if p := first(w.ClusterPolicies, func(p *dbxClusterPolicy) bool { return p.Name == name }); p != nil {
			return p.object(), true
		}
	}
	return accessObject{}, false
}
