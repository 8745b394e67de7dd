package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// custom is the environment of the path, which must have custom branch policies: without them their
// addresses are not found.
func (g *ghCall) custom() (*ghEnvironment, error) {
	e, err := g.theEnvironment()
	if err != nil {
		return nil, err
	}
	if e.Policy == nil || !e.Policy.Custom {
		return nil, ghMissing()
	}
	return e, nil
}

func ghPatternObject(p *ghPattern) ghObject {
	return ghObject{"id": p.ID, "node_id": ghNode("GateBranchPolicy", p.ID), "name": p.Name, "type": p.Type}
}

func (g *ghCall) listPatterns() (any, error) {
	e, err := g.theEnvironment()
	if err != nil {
		return nil, err
	}
	var list []ghObject
	for _, p := range e.Patterns {
		list = append(list, ghPatternObject(p))
	}
	return ghCounted(g, "branch_policies", list)
}

func (g *ghCall) createPattern() (any, error) {
	e, err := g.custom()
	if err != nil {
		return nil, err
	}
	body := ghPattern{Type: "branch"}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if body.Name == "" {
		return nil, ghUnprocessable("Name can't be blank")
	}
	if slices.ContainsFunc(e.Patterns, func(p *ghPattern) bool { return p.Name == body.Name && p.Type == body.Type }) {
		return &reply{status: http.StatusSeeOther}, nil
	}
	body.ID = g.state.nextID()
	e.Patterns, g.changed = append(e.Patterns, &body), true
	return ghPatternObject(&body), nil
}

func (g *ghCall) pattern() (*ghEnvironment, *ghPattern, error) {
	e, err := g.custom()
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(e.Patterns, func(p *ghPattern) bool { return ghSameID(p.ID, g.vars["branch_policy_id"]) })
	if i < 0 {
		return nil, nil, ghMissing()
	}
	return e, e.Patterns[i], nil
}

func (g *ghCall) getPattern() (any, error) {
	_, p, err := g.pattern()
	if err != nil {
		return nil, err
	}
	return ghPatternObject(p), nil
}

// putPattern renames; whether it is about branches or tags cannot be changed.
func (g *ghCall) putPattern() (any, error) {
	_, p, err := g.pattern()
	if err != nil {
		return nil, err
	}
	var body struct{ Name string }
	if err := g.read(&body); err != nil {
		return nil, err
	}
	p.Name, g.changed = body.Name, true
	return ghPatternObject(p), nil
}

func (g *ghCall) deletePattern() (any, error) {
	e, p, err := g.pattern()
	if err != nil {
		return nil, err
	}
	e.Patterns = slices.DeleteFunc(e.Patterns, func(other *ghPattern) bool { return other == p })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

// admits says whether a job on ref may use the environment.
func (e *ghEnvironment) admits(r *ghRepo, ref string, protected func(branch string) bool) bool {
	if e.Policy == nil {
		return true
	}
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	tag, isTag := strings.CutPrefix(ref, "refs/tags/")
	if e.Policy.Protected {
		return isBranch && protected(branch)
	}
	for _, p := range e.Patterns {
		switch {
		case p.Type == "tag" && isTag && ghGlob(p.Name, tag):
			return true
		case p.Type == "branch" && isBranch && ghGlob(p.Name, branch):
			return true
		case p.Type == "branch" && !isBranch && !isTag && ghGlob(p.Name, ref): // refs/pull/*/merge
			return true
		}
	}
	return false
}
