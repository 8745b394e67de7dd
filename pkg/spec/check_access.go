package spec

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// accessKinds are the objects of a workspace that a level is given on.
func accessKinds() []string { return []string{"directory", "experiment", "job", "cluster_policy"} }

// AccessLevels returns the levels that a kind of object of a workspace takes, the lowest first: a level holds
// those before it. nil for what is no such kind. A job's owner is not among them: it has exactly one, and
// giving it another takes it from the first.
func AccessLevels(kind string) []string {
	switch kind {
	case "directory":
		return []string{"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}
	case "experiment":
		return []string{"CAN_READ", "CAN_EDIT", "CAN_MANAGE"}
	case "job":
		return []string{"CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE"}
	case "cluster_policy":
		return []string{"CAN_USE"}
	default:
		return nil
	}
}

// isAccess reports whether an entry of permissions is about an object of a workspace; of one whose `on` says
// neither, its level does.
func isAccess(p *node) bool {
	kind, _, _ := strings.Cut(p.str("on"), ":")
	if _, securable := securableDepth(kind); securable {
		return false
	}
	return AccessLevels(kind) != nil || p.get("level") != nil && p.get("privileges") == nil
}

// workspacePath returns a path of a workspace in the one way that the program writes it: without what is
// said twice, and without the name of the mount that every path of a workspace may begin with.
func workspacePath(given string) string {
	if !strings.HasPrefix(given, "/") {
		return given
	}
	clean := path.Clean(given)
	if clean == "/Workspace" {
		return "/"
	}
	if rest, ok := strings.CutPrefix(clean, "/Workspace/"); ok {
		return "/" + rest
	}
	return clean
}

// checkAccess looks at an entry that gives a level on an object of a workspace.
func (r *reading) checkAccess(p *node) {
	r.checkPrincipalBut(p.get("principal"), map[string]string{
		"admins": "the admins of a workspace manage everything in it, and can be given no less",
	})
	r.refers(p.get("target"), "targets", "target")
	if kind, ok := r.checkObject(p.get("on")); ok {
		r.checkLevel(p.get("level"), kind)
	}
	if r.absent(p, "target") && len(r.hosts()) != 1 {
		r.failKey(p, found("spec/object-target", fmt.Sprintf("%s does not say in whose workspace", p.where()),
			fmt.Sprintf("add target: with one of %s", oneOf(r.root.get("targets").names()))))
	}
}

// hosts are those of the targets.
func (r *reading) hosts() map[string]bool {
	hosts := map[string]bool{}
	for _, t := range r.root.get("targets").children() {
		if host := t.get("host"); host != nil && !host.broken {
			hosts[cleanHost(host.text)] = true
		}
	}
	return hosts
}

// isNumber recognises an id.
var isNumber = regexp.MustCompile(`^[0-9]+$`).MatchString

// checkObject takes `on` apart.
func (r *reading) checkObject(n *node) (kind string, ok bool) {
	value, ok := n.value()
	if !ok {
		return "", false
	}
	kind, name, _ := strings.Cut(value, ":")
	if AccessLevels(kind) == nil {
		r.fail(n, found("spec/object", fmt.Sprintf("%s is not an object of a workspace", n.quote()),
			orNearest("a level is given on directory:, experiment:, job: or cluster_policy:", kind, accessKinds())))
		return "", false
	}
	advice := ""
	switch kind {
	case "directory", "experiment":
		advice = refusePath(name)
		if advice == "" && kind == "experiment" && workspacePath(name) == "/" {
			advice = "write the path of an experiment, such as /Shared/NAME"
		}
	default:
		switch {
		case name == "" || strings.TrimSpace(name) != name:
			advice = "write " + kind + ":NAME"
		case kind == "job" && isNumber(name) && (len(name) > 19 || name[0] == '0'):
			advice = "write the name of a job, or its id as the workspace shows it"
		}
	}
	if advice != "" {
		r.fail(n, found("spec/object", fmt.Sprintf("%s is not an object of a workspace", n.quote()), advice))
		return "", false
	}
	return kind, true
}

// refusePath returns what is wrong with a path of a workspace, "" for a sound one.
func refusePath(name string) string {
	switch {
	case !strings.HasPrefix(name, "/"):
		return "write an absolute path, such as /Shared/NAME"
	case strings.TrimSpace(name) != name:
		return "leave out the spaces around the path"
	case slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return s == "." || s == ".." }):
		return "leave out . and .."
	default:
		return ""
	}
}

// checkLevel holds a level against what its kind of object takes.
func (r *reading) checkLevel(n *node, kind string) {
	value, ok := n.value()
	levels := AccessLevels(kind)
	if !ok || slices.Contains(levels, value) {
		return
	}
	spelled := strings.ToUpper(strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '-' || c == '_' }), "_"))
	advice := orNearest("it takes "+oneOf(levels), spelled, levels)
	switch {
	case spelled == "IS_OWNER":
		advice = "a job has exactly one owner, who deploys it; write CAN_MANAGE"
	case slices.Contains(levels, spelled):
		advice = "write " + spelled
	}
	object := map[string]string{"directory": "a directory", "experiment": "an experiment", "job": "a job", "cluster_policy": "a cluster policy"}[kind]
	r.fail(n, found("spec/level", fmt.Sprintf("%s is no level on %s", n.quote(), object), advice))
}

// checkDirectories looks at the directories of principals, each of which needs a workspace.
func (r *reading) checkDirectories() {
	for _, p := range r.root.get("service_principals").children() {
		n := p.get("directory")
		value, ok := n.value()
		if !ok {
			continue
		}
		advice := refusePath(value)
		switch parts := strings.Split(strings.TrimPrefix(workspacePath(value), "/"), "/"); {
		case advice != "":
		case parts[0] == "" || len(parts) == 1 && slices.Contains([]string{"Shared", "Users", "Repos"}, parts[0]):
			advice = "every workspace has that one; write a directory below /Shared"
		case len(parts) == 2 && (parts[0] == "Users" || parts[0] == "Repos"):
			advice = "the workspace makes everybody's own folders itself; write a directory below /Shared"
		}
		if advice != "" {
			r.fail(n, found("spec/object", fmt.Sprintf("%s is not a directory that can be made", n.quote()), advice))
			continue
		}
		r.checkDirectoryTarget(p)
	}
}

// checkDirectoryTarget refuses a directory of a principal that no target runs as.
func (r *reading) checkDirectoryTarget(p *node) {
	if _, sound := r.declared("targets"); !sound || p.broken || p.misnamed {
		return
	}
	for _, t := range r.root.get("targets").children() {
		n := t.get("service_principal")
		if n != nil && n.broken || !r.absent(t, "service_principal") && n == nil || t.str("service_principal") == p.name() {
			return
		}
	}
	r.failKey(p.get("directory"), found("spec/object-target", fmt.Sprintf("no target runs as %q, so nothing says in which workspace its directory is", p.name()),
		"name it as the service_principal of a target, or leave directory out"))
}
