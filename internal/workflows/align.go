package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Align returns the text of a project's databricks.yml in line with the targets: their hosts, catalogs,
// branches and principals, production's mode, and a place of its own for each deployment of the test
// target. Lines that need not change stay byte for byte, with their comments, anchors and order; a text
// in line already comes back as it is. What cannot be brought in line without touching something else
// is an error.
func Align(text []byte, r Repository, p Project) ([]byte, error) {
	before, err := parse(text)
	if err != nil {
		return nil, err
	}
	if bound := before.node("targets", TestTarget, "git", "branch"); bound != nil && untestable(r) == "" {
		return nil, fmt.Errorf("line %d: target %s is bound to the branch %s, and a pull request's test is deployed from its own: take the branch out",
			bound.Line, TestTarget, bound.Value)
	}
	doc, changed := before, map[string]bool{}
	for {
		w, found := unmet(doc, r, p)
		if !found {
			break
		}
		at := strings.Join(w.path, ".")
		if changed[at] {
			return nil, fmt.Errorf("bringing %s in line: it is not %q even after it was set", at, w.value)
		}
		changed[at] = true
		if doc, err = doc.set(w); err != nil {
			return nil, fmt.Errorf("bringing %s in line: %w", at, err)
		}
	}
	if err := onlyChanged(before, doc, changed); err != nil {
		return nil, err
	}
	return doc.text(), nil
}

// wish is a value that a place of the file has to have.
type wish struct {
	path  []string
	value string
	met   func(have string) bool // by what is there; nil asks for the value itself
	// instead are keys beside the last of the path that mean another value of the same thing: one that is
	// there makes room.
	instead []string
	alone   bool // a mapping that is inherited is replaced as a whole, not added to
	first   bool // a new key goes to the top of its mapping
}

// unmet returns the first wish that the file does not fulfil.
func unmet(d document, r Repository, p Project) (wish, bool) {
	for _, t := range r.Targets {
		if t.ServicePrincipal == "" && !d.has("targets", t.Name) {
			continue // nobody deploys to it but people, from files of their own
		}
		for _, w := range wishes(d, r, p, t) {
			have, there := d.effective(t.Name, w.path)
			if !there || !w.isMetBy(d.resolve(t.Name, have)) {
				return w, true
			}
		}
	}
	return wish{}, false
}

func (w wish) isMetBy(have string) bool {
	if w.met != nil {
		return w.met(have)
	}
	return have == w.value
}

// wishes are what the spec says of one target, in the order in which they are written into a new one.
func wishes(d document, r Repository, p Project, t spec.Target) []wish {
	at := func(path ...string) []string { return append([]string{"targets", t.Name}, path...) }
	deployed := slices.Contains(p.Deploy, t.Name)
	var list []wish
	if deployed {
		list = append(list,
			wish{path: at("mode"), value: "production", first: true},
			wish{path: at("git", "branch"), value: t.Branch})
	}
	if t.ServicePrincipal != "" && t.Catalog != "" && d.has("variables", catalogVariable) {
		list = append(list, wish{path: d.variable(t.Name, catalogVariable), value: t.Catalog})
	}
	if t.Host != "" {
		list = append(list, wish{path: at("workspace", "host"), value: t.Host, met: func(have string) bool { return sameHost(have, t.Host) }})
	}
	if id := r.ApplicationIDs[t.ServicePrincipal]; deployed && id != "" {
		list = append(list, wish{
			path: at("run_as", "service_principal_name"), value: id, instead: []string{"user_name", "group_name"}, alone: true,
		})
	}
	if t.Name == TestTarget && untestable(r) == "" {
		list = append(list, testWishes(d, t)...)
	}
	return list
}

// catalogVariable is the variable by which the template's projects know their catalog.
const catalogVariable = "catalog_name"

// testWishes give each branch, and CI makes one for each pull request, a deployment of its own, whose
// schedules stay quiet: it is there for one run.
func testWishes(d document, t spec.Target) []wish {
	const branch = "${bundle.git.branch}"
	path := []string{"targets", t.Name, "workspace", "root_path"}
	root, there := d.effective(t.Name, path)
	if !there || root == "" {
		root = "~/.bundle/${bundle.name}/${bundle.target}"
	}
	return []wish{
		{
			path: path, value: strings.TrimSuffix(root, "/") + "/" + branch,
			met: func(have string) bool { return strings.Contains(have, branch) },
		},
		{path: []string{"targets", t.Name, "presets", "trigger_pause_status"}, value: "PAUSED"},
	}
}

func sameHost(a, b string) bool {
	plain := func(host string) string { return strings.TrimRight(strings.ToLower(host), "/") }
	return plain(a) == plain(b)
}

// onlyChanged refuses an edit that reached further than it had to, as one of a value that others share.
func onlyChanged(before, after document, changed map[string]bool) error {
	was, err := before.leaves()
	if err != nil {
		return err
	}
	is, err := after.leaves()
	if err != nil {
		return fmt.Errorf("the edited file is no YAML any more: %w", err)
	}
	for _, at := range differing(was, is) {
		if !wished(at, was, changed) {
			return fmt.Errorf("bringing the file in line would change %s, too, which shares a value with what has to change: give that a value of its own", at)
		}
	}
	return nil
}

// wished reports whether a place that differs was to be changed: by itself, as an empty place that was
// filled, or as the key that made room for another beside it.
func wished(at string, was map[string]string, changed map[string]bool) bool {
	if changed[at] {
		return true
	}
	value, there := was[at]
	for c := range changed {
		room := strings.TrimSuffix(c, "service_principal_name")
		if strings.HasPrefix(c, at+".") && there && value == emptyLeaf || room != c && strings.HasPrefix(at, room) {
			return true
		}
	}
	return false
}
