package sandbox

import (
	"slices"
	"strings"
)

func (r *gqlRun) rulesets(repo *ghRepo) []*gqlObject {
	var nodes []*gqlObject
	for _, set := range repo.Rulesets {
		name := &gqlObject{kind: "RefNameConditionTarget", fields: map[string]gqlField{"include": gqlIs(set.Include), "exclude": gqlIs(set.Exclude)}}
		conditions := &gqlObject{kind: "RepositoryRuleConditions", fields: map[string]gqlField{"refName": gqlIs(name)}}
		nodes = append(nodes, &gqlObject{kind: "RepositoryRuleset", fields: map[string]gqlField{
			"id": gqlIs(ghNode("RepositoryRuleset", set.ID)), "databaseId": gqlIs(set.ID), "name": gqlIs(set.Name), "target": gqlIs(strings.ToUpper(set.Target)),
			"enforcement": gqlIs(strings.ToUpper(set.Enforcement)), "createdAt": gqlIs(ghTime(set.Created)), "updatedAt": gqlIs(ghTime(set.Updated)),
			"source": func(map[string]any) (any, error) { return r.repository(repo) }, "conditions": gqlIs(conditions),
			"bypassActors": gqlPage("RepositoryRulesetBypassActorConnection", r.bypassActors(repo, set)),
			"rules":        gqlPage("RepositoryRuleConnection", gqlRules(set)),
		}})
	}
	return nodes
}

// bypassActors knows Apps and teams only; GraphQL has no users here.
func (r *gqlRun) bypassActors(repo *ghRepo, set *ghRuleset) []*gqlObject {
	var nodes []*gqlObject
	owner := r.gh.accountByID(repo.Owner)
	for _, b := range set.Bypass {
		fields := map[string]gqlField{"bypassMode": gqlIs(strings.ToUpper(b.Mode)), "deployKey": gqlIs(b.Type == "DeployKey"),
			"organizationAdmin": gqlIs(b.Type == "OrganizationAdmin"), "repositoryRoleDatabaseId": gqlIs(nil), "actor": gqlIs(nil)}
		switch b.Type {
		case "RepositoryRole":
			fields["repositoryRoleDatabaseId"] = gqlIs(b.ID)
		case "Team":
			if i := slices.IndexFunc(owner.Teams, func(t *ghTeam) bool { return b.ID != nil && t.ID == *b.ID }); i >= 0 {
				fields["actor"] = gqlIs(gqlTeam(owner.Teams[i]))
			}
		case "Integration":
			if i := slices.IndexFunc(r.gh.Apps, func(a *ghApp) bool { return b.ID != nil && a.ID == *b.ID }); i >= 0 {
				a := r.gh.Apps[i]
				fields["actor"] = gqlIs(&gqlObject{kind: "App", fields: map[string]gqlField{
					"id": gqlIs(ghNode("App", a.ID)), "databaseId": gqlIs(a.ID), "slug": gqlIs(a.Slug)}})
			}
		}
		nodes = append(nodes, &gqlObject{kind: "RepositoryRulesetBypassActor", fields: fields})
	}
	return nodes
}

func gqlTeam(t *ghTeam) *gqlObject {
	return &gqlObject{kind: "Team", fields: map[string]gqlField{"id": gqlIs(ghNode("Team", t.ID)), "databaseId": gqlIs(t.ID),
		"slug": gqlIs(t.Slug), "name": gqlIs(t.Name)}}
}

func gqlRules(set *ghRuleset) []*gqlObject {
	var nodes []*gqlObject
	for _, rule := range set.Rules {
		nodes = append(nodes, &gqlObject{kind: "RepositoryRule", fields: map[string]gqlField{
			"id": gqlIs(ghNode("RepositoryRule", set.ID) + rule.Type), "type": gqlIs(strings.ToUpper(rule.Type)), "parameters": gqlIs(gqlParameters(rule)),
		}})
	}
	return nodes
}

// gqlParameters has fewer fields than REST, as GitHub's has.
func gqlParameters(rule ghRule) *gqlObject {
	get := func(name string) gqlField { return gqlIs(rule.Parameters[name]) }
	switch rule.Type {
	case "pull_request":
		return &gqlObject{kind: "PullRequestParameters", fields: map[string]gqlField{
			"dismissStaleReviewsOnPush": get("dismiss_stale_reviews_on_push"), "requireCodeOwnerReview": get("require_code_owner_review"),
			"requireLastPushApproval": get("require_last_push_approval"), "requiredApprovingReviewCount": get("required_approving_review_count"),
			"requiredReviewThreadResolution": get("required_review_thread_resolution"),
		}}
	case "required_status_checks":
		checks := []*gqlObject{}
		list, _ := rule.Parameters["required_status_checks"].([]any)
		for _, entry := range list {
			check, _ := entry.(map[string]any)
			checks = append(checks, &gqlObject{kind: "StatusCheckConfiguration", fields: map[string]gqlField{
				"context": gqlIs(check["context"]), "integrationId": gqlIs(check["integration_id"])}})
		}
		return &gqlObject{kind: "RequiredStatusChecksParameters", fields: map[string]gqlField{
			"strictRequiredStatusChecksPolicy": get("strict_required_status_checks_policy"), "requiredStatusChecks": gqlIs(checks)}}
	default:
		return nil
	}
}

func (r *gqlRun) environments(repo *ghRepo) []*gqlObject {
	var nodes []*gqlObject
	for _, e := range repo.Environments {
		nodes = append(nodes, &gqlObject{kind: "Environment", fields: map[string]gqlField{
			"id": gqlIs(ghNode("Environment", e.ID)), "databaseId": gqlIs(e.ID), "name": gqlIs(e.Name),
			"protectionRules": gqlPage("DeploymentProtectionRuleConnection", r.protectionRules(repo, e)),
		}})
	}
	return nodes
}

func (r *gqlRun) protectionRules(repo *ghRepo, e *ghEnvironment) []*gqlObject {
	var nodes []*gqlObject
	owner := r.gh.accountByID(repo.Owner)
	add := func(id int64, kind string, reviewers []*gqlObject) {
		nodes = append(nodes, &gqlObject{kind: "DeploymentProtectionRule", fields: map[string]gqlField{
			"databaseId": gqlIs(id), "type": gqlIs(kind), "timeout": gqlIs(e.Wait), "preventSelfReview": gqlIs(e.PreventSelf),
			"reviewers": gqlPage("DeploymentReviewerConnection", reviewers),
		}})
	}
	if e.Wait > 0 {
		add(e.WaitID, "WAIT_TIMER", nil)
	}
	if len(e.Reviewers) > 0 {
		var reviewers []*gqlObject
		for _, reviewer := range e.Reviewers {
			i := slices.IndexFunc(owner.Teams, func(t *ghTeam) bool { return t.ID == reviewer.ID })
			if reviewer.Type == "Team" && i >= 0 {
				reviewers = append(reviewers, gqlTeam(owner.Teams[i]))
			} else if a := r.gh.accountByID(reviewer.ID); a != nil {
				reviewers = append(reviewers, r.account(a))
			}
		}
		add(e.ReviewersID, "REQUIRED_REVIEWERS", reviewers)
	}
	if e.Policy != nil {
		add(e.PolicyID, "BRANCH_POLICY", nil)
	}
	return nodes
}
