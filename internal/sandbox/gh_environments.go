package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ghEnvironment is a deployment environment.
type ghEnvironment struct {
	ID           int64         `json:"id"`
	Name         string        `json:"name"`
	Wait         int           `json:"wait_timer"`
	WaitID       int64         `json:"wait_timer_id"`
	Reviewers    []ghReviewer  `json:"reviewers"`
	ReviewersID  int64         `json:"reviewers_id"`
	PreventSelf  bool          `json:"prevent_self_review"`
	AdminsBypass bool          `json:"can_admins_bypass"`
	Policy       *ghPolicyKind `json:"policy"` // nil: any branch
	PolicyID     int64         `json:"policy_id"`
	Patterns     []*ghPattern  `json:"patterns"`
	Vault        ghVault       `json:"vault"`
	Created      time.Time     `json:"created"`
	Updated      time.Time     `json:"updated"`
}

type ghReviewer struct {
	Type string `json:"type"` // User, Team
	ID   int64  `json:"id"`
}

type ghPolicyKind struct {
	Protected bool `json:"protected_branches"`
	Custom    bool `json:"custom_branch_policies"`
}

// ghPattern names branches or tags that may deploy.
type ghPattern struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // branch, tag
}

func ghEnvironmentRoutes() []ghRoute {
	read, write := reads("actions", readAccess), writes("administration", adminAccess)
	return []ghRoute{
		{pattern: "GET ~/environments", need: read, handle: (*ghCall).listEnvironments},
		{pattern: "GET ~/environments/{environment_name}", need: read, handle: (*ghCall).getEnvironment},
		{pattern: "PUT ~/environments/{environment_name}", need: write, handle: (*ghCall).putEnvironment},
		{pattern: "DELETE ~/environments/{environment_name}", need: write, handle: (*ghCall).deleteEnvironment},
		{pattern: "GET ~/environments/{environment_name}/deployment-branch-policies", need: read, handle: (*ghCall).listPatterns},
		{pattern: "POST ~/environments/{environment_name}/deployment-branch-policies", need: write, handle: (*ghCall).createPattern},
		{pattern: "GET ~/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}", need: read, handle: (*ghCall).getPattern},
		{pattern: "PUT ~/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}", need: write, handle: (*ghCall).putPattern},
		{pattern: "DELETE ~/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}", need: write, handle: (*ghCall).deletePattern},
	}
}

// environment finds one by its name, in any case.
func (r *ghRepo) environment(name string) *ghEnvironment {
	i := slices.IndexFunc(r.Environments, func(e *ghEnvironment) bool { return strings.EqualFold(e.Name, name) })
	if i < 0 {
		return nil
	}
	return r.Environments[i]
}

// addEnvironment makes an environment without any protection.
func (s *Sandbox) addEnvironment(r *ghRepo, name string) *ghEnvironment {
	id := s.state.nextID()
	e := &ghEnvironment{ID: id, WaitID: s.state.nextID(), ReviewersID: s.state.nextID(), PolicyID: s.state.nextID(), Name: name,
		AdminsBypass: true, Created: s.now(), Updated: s.now()}
	r.Environments = append(r.Environments, e)
	return e
}

func (g *ghCall) listEnvironments() (any, error) {
	var list []ghObject
	for _, e := range slices.SortedFunc(slices.Values(g.repo.Environments), func(a, b *ghEnvironment) int { return cmp.Compare(a.Name, b.Name) }) {
		list = append(list, g.environmentObject(e))
	}
	return ghCounted(g, "environments", list)
}

func (g *ghCall) theEnvironment() (*ghEnvironment, error) {
	e := g.repo.environment(g.vars["environment_name"])
	if e == nil {
		return nil, ghMissing()
	}
	return e, nil
}

func (g *ghCall) getEnvironment() (any, error) {
	e, err := g.theEnvironment()
	if err != nil {
		return nil, err
	}
	return g.environmentObject(e), nil
}

// ghEnvironmentBody replaces everything: what it leaves out is reset.
type ghEnvironmentBody struct {
	Wait         int           `json:"wait_timer"`
	PreventSelf  bool          `json:"prevent_self_review"`
	Reviewers    []ghReviewer  `json:"reviewers"`
	AdminsBypass *bool         `json:"can_admins_bypass"`
	Policy       *ghPolicyKind `json:"deployment_branch_policy"`
}

func (g *ghCall) putEnvironment() (any, error) {
	var body ghEnvironmentBody
	if len(g.body) > 0 && string(g.body) != "null" {
		if err := g.read(&body); err != nil {
			return nil, err
		}
	}
	if err := g.environmentFits(&body); err != nil {
		return nil, err
	}
	e := g.repo.environment(g.vars["environment_name"])
	if e == nil {
		name := g.vars["environment_name"]
		if len(name) > 255 || strings.TrimSpace(name) == "" {
			return nil, ghUnprocessable("Environment name is invalid")
		}
		e = g.addEnvironment(g.repo, name)
	}
	e.Wait, e.PreventSelf, e.Policy, e.Updated = body.Wait, body.PreventSelf, body.Policy, g.now()
	e.Reviewers = slices.Clone(body.Reviewers)
	// GitHub keeps no order of reviewers.
	slices.SortFunc(e.Reviewers, func(a, b ghReviewer) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) })
	e.Reviewers = slices.Compact(e.Reviewers)
	e.AdminsBypass = body.AdminsBypass == nil || *body.AdminsBypass
	if e.Policy == nil || !e.Policy.Custom {
		e.Patterns = nil
	}
	g.changed = true
	return g.environmentObject(e), nil
}

// environmentFits refuses what GitHub's plans and rules do not allow.
func (g *ghCall) environmentFits(body *ghEnvironmentBody) error {
	owner := g.gh.accountByID(g.repo.Owner)
	public := g.repo.Visibility == "public"
	if !public && owner.Plan == "free" {
		return ghUnprocessable("Failed to create the environment. Please ensure the billing plan supports it.")
	}
	if !public && owner.Plan != "enterprise" && (len(body.Reviewers) > 0 || body.Wait > 0 || body.PreventSelf) {
		return ghUnprocessable("Failed to create the environment protection rule. Please ensure the billing plan supports the required reviewers protection rule.")
	}
	if body.Policy != nil && body.Policy.Protected == body.Policy.Custom {
		return ghUnprocessable("Invalid request.\n\nprotected_branches and custom_branch_policies cannot have the same value.")
	}
	if body.Wait < 0 || body.Wait > 43200 {
		return ghUnprocessable("Invalid request.\n\nwait_timer must be between 0 and 43200.")
	}
	if len(body.Reviewers) > 6 {
		return ghUnprocessable("Invalid request.\n\nNo more than 6 reviewers are allowed.")
	}
	for _, reviewer := range body.Reviewers {
		if !g.mayReview(owner, reviewer) {
			return ghInvalid(ghFieldError{Resource: "EnvironmentReviewer", Code: "invalid", Field: "reviewers",
				Message: fmt.Sprintf("Could not resolve to a reviewer with the type %s and the id %d", reviewer.Type, reviewer.ID)})
		}
	}
	return nil
}

// mayReview: a reviewer is a user or a team of the owner that may read the repository.
func (g *ghCall) mayReview(owner *ghAccount, reviewer ghReviewer) bool {
	if reviewer.Type == "Team" {
		i := slices.IndexFunc(owner.Teams, func(t *ghTeam) bool { return t.ID == reviewer.ID })
		return i >= 0 && (g.repo.Visibility != "private" || g.repo.Teams[owner.Teams[i].Slug] != "" || ghRole(owner.Base) >= readAccess)
	}
	user := g.gh.accountByID(reviewer.ID)
	return user != nil && !user.Org && g.gh.role(&actor{account: user}, g.repo) >= readAccess
}

func (g *ghCall) deleteEnvironment() (any, error) {
	e, err := g.theEnvironment()
	if err != nil {
		return nil, err
	}
	g.repo.Environments = slices.DeleteFunc(g.repo.Environments, func(other *ghEnvironment) bool { return other == e })
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) environmentObject(e *ghEnvironment) ghObject {
	full, escaped := g.gh.fullName(g.repo), url.PathEscape(e.Name)
	rules := []ghObject{}
	rule := func(id int64, kind string) ghObject {
		o := ghObject{"id": id, "node_id": ghNode("GateRule", id), "type": kind}
		rules = append(rules, o)
		return o
	}
	if e.Wait > 0 {
		rule(e.WaitID, "wait_timer")["wait_timer"] = e.Wait
	}
	if len(e.Reviewers) > 0 || e.PreventSelf {
		o := rule(e.ReviewersID, "required_reviewers")
		o["prevent_self_review"], o["reviewers"] = e.PreventSelf, g.reviewerObjects(e)
	}
	o := ghObject{
		"id": e.ID, "node_id": ghNode("Environment", e.ID), "name": e.Name, "created_at": ghTime(e.Created), "updated_at": ghTime(e.Updated),
		"url":               fmt.Sprintf("%s/repos/%s/environments/%s", g.apiBase(), full, escaped),
		"html_url":          fmt.Sprintf("%s/%s/deployments/activity_log?environments_filter=%s", g.htmlBase(), full, escaped),
		"can_admins_bypass": e.AdminsBypass, "deployment_branch_policy": nil,
	}
	if e.Policy != nil {
		rule(e.PolicyID, "branch_policy")
		o["deployment_branch_policy"] = *e.Policy
	}
	o["protection_rules"] = rules
	return o
}

func (g *ghCall) reviewerObjects(e *ghEnvironment) []ghObject {
	owner := g.gh.accountByID(g.repo.Owner)
	list := []ghObject{}
	for _, reviewer := range e.Reviewers {
		if reviewer.Type == "Team" {
			if i := slices.IndexFunc(owner.Teams, func(t *ghTeam) bool { return t.ID == reviewer.ID }); i >= 0 {
				list = append(list, ghObject{"type": "Team", "reviewer": g.teamObject(owner, owner.Teams[i], "pull")})
			}
			continue
		}
		if user := g.gh.accountByID(reviewer.ID); user != nil {
			list = append(list, ghObject{"type": "User", "reviewer": g.userSimple(user)})
		}
	}
	return list
}

func ghSameID(id int64, text string) bool { return strconv.FormatInt(id, 10) == text }
