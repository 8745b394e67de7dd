package sandbox

import (
	"net/http"
	"slices"
)

func ghActionsRoutes() []ghRoute {
	read, write := reads("administration", adminAccess), writes("administration", adminAccess)
	return []ghRoute{
		{pattern: "GET ~/actions/permissions", need: read, handle: (*ghCall).getActions},
		{pattern: "PUT ~/actions/permissions", need: write, handle: (*ghCall).putActions},
		{pattern: "GET ~/actions/permissions/workflow", need: read, handle: (*ghCall).getWorkflow},
		{pattern: "PUT ~/actions/permissions/workflow", need: write, handle: (*ghCall).putWorkflow},
		{pattern: "GET ~/actions/oidc/customization/sub", need: reads("actions", readAccess), handle: (*ghCall).getSubject},
		{pattern: "PUT ~/actions/oidc/customization/sub", need: writes("actions", adminAccess), handle: (*ghCall).putSubject},
	}
}

func (g *ghCall) getActions() (any, error) {
	a := g.repo.Actions
	o := ghObject{"enabled": a.Enabled, "sha_pinning_required": a.Pinned}
	if a.Enabled {
		o["allowed_actions"] = a.Allowed
	}
	return o, nil
}

func (g *ghCall) putActions() (any, error) {
	var body struct {
		Enabled bool
		Allowed *string `json:"allowed_actions"`
		Pinned  *bool   `json:"sha_pinning_required"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	a := &g.repo.Actions
	a.Enabled = body.Enabled
	if body.Allowed != nil {
		a.Allowed = *body.Allowed
	}
	if body.Pinned != nil {
		a.Pinned = *body.Pinned
	}
	g.changed = true
	return &reply{status: http.StatusNoContent}, nil
}

func (g *ghCall) getWorkflow() (any, error) {
	w := g.repo.Workflow
	return ghObject{"default_workflow_permissions": w.Default, "can_approve_pull_request_reviews": w.Approve}, nil
}

// putWorkflow changes what is sent. Asking for more than the organisation allows is a conflict, and
// one field is enough for it.
func (g *ghCall) putWorkflow() (any, error) {
	var body struct {
		Default *string `json:"default_workflow_permissions"`
		Approve *bool   `json:"can_approve_pull_request_reviews"`
	}
	if len(g.body) > 0 {
		if err := g.read(&body); err != nil {
			return nil, err
		}
	}
	wanted := g.repo.Workflow
	if body.Default != nil {
		wanted.Default = *body.Default
	}
	if body.Approve != nil {
		wanted.Approve = *body.Approve
	}
	owner := g.gh.accountByID(g.repo.Owner)
	more := body.Default != nil && wanted.Default == "write" && owner.Workflow.Default != "write"
	if owner.Org && owner.Locked && (more || body.Approve != nil && wanted.Approve && !owner.Workflow.Approve) {
		return nil, ghConflict("Conflict: this setting is prevented by the owning organization")
	}
	g.repo.Workflow, g.changed = wanted, true
	return &reply{status: http.StatusNoContent}, nil
}

// getSubject answers the fields of immutable subjects on github.com only.
func (g *ghCall) getSubject() (any, error) {
	sub := g.repo.Subject
	o := ghObject{"use_default": sub.UseDefault}
	if sub.Keys != nil {
		o["include_claim_keys"] = sub.Keys
	}
	if !g.gh.Enterprise {
		o["use_immutable_subject"] = sub.Immutable
		o["sub_claim_prefix"] = g.gh.subjectPrefix(g.repo)
	}
	return o, nil
}

func (g *ghCall) putSubject() (any, error) {
	var body struct {
		UseDefault bool     `json:"use_default"`
		Keys       []string `json:"include_claim_keys"`
		Immutable  *bool    `json:"use_immutable_subject"`
	}
	if err := g.read(&body); err != nil {
		return nil, err
	}
	if bad := ghUnknownClaim(body.Keys); bad != "" {
		return nil, ghUnprocessable("Invalid claim key: %s", bad)
	}
	sub := ghSubject{UseDefault: body.UseDefault, Keys: body.Keys, Immutable: g.repo.Subject.Immutable}
	if sub.UseDefault {
		sub.Keys = nil // the default template has no keys
	}
	if body.Immutable != nil && !g.gh.Enterprise {
		sub.Immutable = *body.Immutable
	}
	g.repo.Subject, g.changed = sub, true
	return &reply{status: http.StatusCreated, body: ghObject{}}, nil
}

// ghUnknownClaim is the first key that is no claim of a token, "" when all are.
func ghUnknownClaim(keys []string) string {
	known := append(ghClaimNames(), "repo", "context")
	for _, key := range keys {
		if !slices.Contains(known, key) {
			return key
		}
	}
	return ""
}

// ghClaimNames are the claims of a job's token that a subject may be made of.
func ghClaimNames() []string {
	return []string{"actor", "actor_id", "aud", "base_ref", "environment", "event_name", "head_ref", "iss", "job_workflow_ref",
		"job_workflow_sha", "ref", "ref_type", "ref_protected", "repository", "repository_id", "repository_owner", "repository_owner_id",
		"repository_visibility", "run_attempt", "run_id", "run_number", "runner_environment", "sha", "workflow", "workflow_ref", "workflow_sha"}
}
