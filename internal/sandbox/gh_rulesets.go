package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ghRuleset is a ruleset of a repository.
type ghRuleset struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"`
	Target      string     `json:"target"` // branch, tag, push
	Enforcement string     `json:"enforcement"`
	Include     []string   `json:"include"`
	Exclude     []string   `json:"exclude"`
	Bypass      []ghBypass `json:"bypass"`
	Rules       []ghRule   `json:"rules"`
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
}

type ghBypass struct {
	ID   *int64 `json:"actor_id"`
	Type string `json:"actor_type"`
	Mode string `json:"bypass_mode"`
}

type ghRule struct {
	Type       string         `json:"type"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

func ghRulesetRoutes() []ghRoute {
	return []ghRoute{
		{pattern: "GET ~/rulesets", need: reads("metadata", readAccess), handle: (*ghCall).listRulesets},
		{pattern: "POST ~/rulesets", need: writes("administration", adminAccess), handle: (*ghCall).createRuleset},
		{pattern: "GET ~/rulesets/{ruleset_id}", need: reads("metadata", readAccess), handle: (*ghCall).getRuleset},
		{pattern: "PUT ~/rulesets/{ruleset_id}", need: writes("administration", adminAccess), handle: (*ghCall).putRuleset},
		{pattern: "DELETE ~/rulesets/{ruleset_id}", need: writes("administration", adminAccess), handle: (*ghCall).deleteRuleset},
		{pattern: "GET ~/rules/branches/{branch...}", need: reads("metadata", readAccess), handle: (*ghCall).rulesOfBranch},
	}
}

// listRulesets answers without rules, conditions and bypass actors.
func (g *ghCall) listRulesets() (any, error) {
	var list []ghObject
	for _, set := range g.repo.Rulesets {
		o := g.rulesetObject(set)
		for _, name := range []string{"rules", "conditions", "bypass_actors", "current_user_can_bypass"} {
			delete(o, name)
		}
		list = append(list, o)
	}
	return ghList(g, list)
}

func (g *ghCall) ruleset() (*ghRuleset, error) {
	i := slices.IndexFunc(g.repo.Rulesets, func(set *ghRuleset) bool { return strconv.FormatInt(set.ID, 10) == g.vars["ruleset_id"] })
	if i < 0 {
		return nil, ghMissing()
	}
	return g.repo.Rulesets[i], nil
}

func (g *ghCall) getRuleset() (any, error) {
	set, err := g.ruleset()
	if err != nil {
		return nil, err
	}
	return g.rulesetObject(set), nil
}

// ghRulesetBody is a ruleset in a request. Null bypass actors are refused; absent ones are left.
type ghRulesetBody struct {
	Name        *string         `json:"name"`
	Target      *string         `json:"target"`
	Enforcement *string         `json:"enforcement"`
	Bypass      json.RawMessage `json:"bypass_actors"`
	Conditions  *struct {
		Ref *struct {
			Include []string `json:"include"`
			Exclude []string `json:"exclude"`
		} `json:"ref_name"`
	} `json:"conditions"`
	Rules *[]ghRule `json:"rules"`
}

func (g *ghCall) createRuleset() (any, error) {
	set := &ghRuleset{Target: "branch", Include: []string{}, Exclude: []string{}, Bypass: []ghBypass{}, Rules: []ghRule{}, Created: g.now()}
	if err := g.fillRuleset(set); err != nil {
		return nil, err
	}
	set.ID = g.state.nextID()
	g.repo.Rulesets, g.changed = append(g.repo.Rulesets, set), true
	return &reply{status: http.StatusCreated, body: g.rulesetObject(set)}, nil
}

func (g *ghCall) putRuleset() (any, error) {
	set, err := g.ruleset()
	if err != nil {
		return nil, err
	}
	changed := *set
	if err := g.fillRuleset(&changed); err != nil {
		return nil, err
	}
	*set, g.changed = changed, true
	return g.rulesetObject(set), nil
}

func (g *ghCall) deleteRuleset() (any, error) {
	set, err := g.ruleset()
	if err != nil {
		return nil, err
	}
	g.repo.Rulesets = slices.DeleteFunc(g.repo.Rulesets, func(other *ghRuleset) bool { return other == set })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) fillRuleset(set *ghRuleset) error {
	var body ghRulesetBody
	if err := g.read(&body); err != nil {
		return err
	}
	for to, from := range map[*string]*string{&set.Name: body.Name, &set.Target: body.Target, &set.Enforcement: body.Enforcement} {
		if from != nil {
			*to = *from
		}
	}
	if set.Enforcement == "evaluate" {
		return ghInvalidRule("Enforcement evaluate option is not supported on this plan.")
	}
	if err := g.fillBypass(set, body.Bypass); err != nil {
		return err
	}
	if body.Conditions != nil && body.Conditions.Ref != nil {
		set.Include, set.Exclude = append([]string{}, body.Conditions.Ref.Include...), append([]string{}, body.Conditions.Ref.Exclude...)
	}
	for _, pattern := range slices.Concat(set.Include, set.Exclude) {
		if pattern != "~ALL" && pattern != "~DEFAULT_BRANCH" && (len(pattern) < 6 || pattern[:5] != "refs/") {
			return ghInvalidRule("Invalid target patterns: '" + pattern + "'")
		}
	}
	if body.Rules != nil {
		set.Rules = []ghRule{}
		for _, rule := range *body.Rules {
			set.Rules = append(set.Rules, ghRuleAsStored(rule))
		}
	}
	set.Updated = g.now()
	return nil
}

func ghInvalidRule(message string) *failure {
	f := ghUnprocessable("Validation Failed")
	f.errors = []any{message} // rulesets answer plain texts
	return f
}

func (g *ghCall) fillBypass(set *ghRuleset, sent json.RawMessage) error {
	if sent == nil {
		return nil
	}
	if string(sent) == "null" {
		return ghInvalidRule("Bypass actors must be an array")
	}
	actors := []ghBypass{}
	if err := json.Unmarshal(sent, &actors); err != nil {
		return ghInvalidRule("Bypass actors are invalid")
	}
	owner := g.gh.accountByID(g.repo.Owner)
	for i := range actors {
		b := &actors[i]
		if b.Mode == "" {
			b.Mode = "always"
		}
		switch b.Type {
		case "OrganizationAdmin":
			b.ID = new(int64(1)) // whatever was sent
		case "DeployKey":
			b.ID = nil
			if b.Mode == "pull_request" {
				return ghInvalidRule("Bypass mode pull_request is not applicable for deploy keys")
			}
		default:
			if b.ID == nil {
				return ghInvalidRule("Bypass actors must have an actor id")
			}
			team := slices.ContainsFunc(owner.Teams, func(t *ghTeam) bool { return t.ID == *b.ID })
			user := g.gh.accountByID(*b.ID) != nil
			if b.Type == "Team" && !team || b.Type == "User" && !user {
				return ghInvalidRule("Actor must be part of the ruleset source or owner organization")
			}
		}
	}
	set.Bypass = actors
	return nil
}

// ghRuleAsStored fills in what GitHub adds to a rule's parameters.
func ghRuleAsStored(rule ghRule) ghRule {
	parameters := maps.Clone(rule.Parameters)
	if parameters == nil && (rule.Type == "pull_request" || rule.Type == "required_status_checks") {
		parameters = map[string]any{}
	}
	fill := func(name string, value any) {
		if _, sent := parameters[name]; !sent {
			parameters[name] = value
		}
	}
	switch rule.Type {
	case "pull_request":
		fill("allowed_merge_methods", []any{"merge", "squash", "rebase"})
		fill("required_reviewers", []any{})
	case "required_status_checks":
		fill("do_not_enforce_on_create", false)
	}
	return ghRule{Type: rule.Type, Parameters: parameters}
}

func (g *ghCall) rulesetObject(set *ghRuleset) ghObject {
	name := g.gh.fullName(g.repo)
	o := ghObject{
		"id": set.ID, "name": set.Name, "target": set.Target, "source_type": "Repository", "source": name, "enforcement": set.Enforcement,
		"conditions": ghObject{"ref_name": ghObject{"include": set.Include, "exclude": set.Exclude}}, "rules": set.Rules,
		"node_id": ghNode("RepositoryRuleset", set.ID), "created_at": ghTime(set.Created), "updated_at": ghTime(set.Updated),
		"_links": ghObject{"self": ghObject{"href": fmt.Sprintf("%s/repos/%s/rulesets/%d", g.apiBase(), name, set.ID)},
			"html": ghObject{"href": fmt.Sprintf("%s/%s/rules/%d", g.htmlBase(), name, set.ID)}},
		"current_user_can_bypass": "never",
	}
	if g.gh.bypasses(g.who, g.repo, set) {
		o["current_user_can_bypass"] = "always"
	}
	// Who may not write the ruleset is not shown who may bypass it.
	if g.may(g.who, g.repo, writes("administration", adminAccess)) == nil {
		o["bypass_actors"] = set.Bypass
	}
	return o
}

func (g *ghCall) rulesOfBranch() (any, error) {
	var list []ghObject
	for _, set := range g.repo.Rulesets {
		if set.Enforcement != "active" || !set.covers(g.repo, "refs/heads/"+g.vars["branch"]) {
			continue
		}
		for _, rule := range set.Rules {
			o := ghObject{"type": rule.Type, "ruleset_source_type": "Repository", "ruleset_source": g.gh.fullName(g.repo), "ruleset_id": set.ID}
			if rule.Parameters != nil {
				o["parameters"] = rule.Parameters
			}
			list = append(list, o)
		}
	}
	return ghList(g, list)
}
