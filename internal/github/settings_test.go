package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func TestSubjectIsWhatTheRepositoryReallySends(t *testing.T) {
	const immutable = `"sub_claim_prefix":"repo:Acme@123456/taxi@456789"`
	prod := Job{Environment: "prod", Branch: "release"}
	for name, c := range map[string]struct {
		template, organization string
		job                    Job
		want, blocked          string
	}{
		"plain":                         {template: `{"use_default":true}`, job: prod, want: "repo:Acme/taxi:environment:prod"},
		"plain pull request":            {template: `{"use_default":true}`, job: Job{PullRequest: true}, want: "repo:Acme/taxi:pull_request"},
		"immutable pull request":        {template: `{"use_default":true,` + immutable + `}`, job: Job{PullRequest: true}, want: "repo:Acme@123456/taxi@456789:pull_request"},
		"customised pull request":       {template: `{"use_default":false,"include_claim_keys":["repo","event_name"]}`, job: Job{PullRequest: true}, want: "repo:Acme/taxi:event_name:pull_request"},
		"the ref of a pull request":     {template: `{"use_default":false,"include_claim_keys":["repo","ref"]}`, job: Job{PullRequest: true}, blocked: `"ref"`},
		"the event of any other job":    {template: `{"use_default":false,"include_claim_keys":["event_name"]}`, job: prod, blocked: `"event_name"`},
		"plain branch":                  {template: `{"use_default":true}`, job: Job{Branch: "main"}, want: "repo:Acme/taxi:ref:refs/heads/main"},
		"prefix as told":                {template: `{"use_default":true,"use_immutable_subject":false,` + immutable + `}`, job: prod, want: "repo:Acme@123456/taxi@456789:environment:prod"},
		"immutable without a prefix":    {template: `{"use_default":true,"use_immutable_subject":true}`, job: prod, want: "repo:Acme@123456/taxi@456789:environment:prod"},
		"a colon in the name":           {template: `{"use_default":true}`, job: Job{Environment: "a:b"}, want: "repo:Acme/taxi:environment:a%3Ab"},
		"customised":                    {template: `{"use_default":false,"include_claim_keys":["repository_owner","repository_visibility","ref"]}`, job: prod, want: "repository_owner:Acme:repository_visibility:private:ref:refs/heads/release"},
		"customised and immutable":      {template: `{"use_default":false,"include_claim_keys":["repo","context","repository_id"],` + immutable + `}`, job: prod, want: "repo:Acme@123456/taxi@456789:environment:prod:repository_id:456789"},
		"the organisation's":            {template: `{"use_default":false}`, organization: `{"include_claim_keys":["repository_owner_id","environment"]}`, job: prod, want: "repository_owner_id:123456:environment:prod"},
		"the organisation has none":     {template: `{"use_default":false}`, job: prod, want: "repo:Acme/taxi:environment:prod"},
		"what only a job knows":         {template: `{"use_default":false,"include_claim_keys":["repo","job_workflow_ref"]}`, job: prod, blocked: "job_workflow_ref"},
		"a branch that nobody names":    {template: `{"use_default":false,"include_claim_keys":["ref"]}`, job: Job{Environment: "prod"}, blocked: `"ref"`},
		"an environment that is none":   {template: `{"use_default":false,"include_claim_keys":["environment"]}`, job: Job{Branch: "main"}, blocked: `"environment"`},
		"undocumented when immutable":   {template: `{"use_default":false,"include_claim_keys":["repository_owner"],` + immutable + `}`, job: prod, blocked: "repository_owner"},
		"a custom property of somebody": {template: `{"use_default":false,"include_claim_keys":["repo_property_team"]}`, job: prod, blocked: "repo_property_team"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]answer{"GET repos/acme/taxi": ok(repoJSON), "GET repos/acme/taxi/actions/oidc/customization/sub": ok(c.template)}
			if c.organization != "" {
				answers["GET orgs/acme/actions/oidc/customization/sub"] = ok(c.organization)
			}
			_, client := newHub(t, answers)
			got, err := client.Subject(t.Context(), c.job)
			var blocked *resource.Blocked
			switch {
			case c.blocked != "":
				if !errors.As(err, &blocked) || !strings.Contains(blocked.Reason, c.blocked) {
					t.Errorf("the error is %v, want it blocked and %q named", err, c.blocked)
				}
			case err != nil || got != c.want:
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestARulesetKeepsWhatNobodySpeaksOf(t *testing.T) {
	const stored = `{"id":7,"name":"ours","target":"branch","source_type":"Repository","source":"acme/taxi","enforcement":"disabled","_links":{},
		"conditions":{"ref_name":{"include":["refs/heads/main"],"exclude":[]},"repository_id":{"x":1}},
		"bypass_actors":[{"actor_id":null,"actor_type":"DeployKey","bypass_mode":"always"}],
		"rules":[{"type":"merge_queue","parameters":{"a":1}},{"type":"pull_request","parameters":{"required_approving_review_count":1,"allowed_merge_methods":["squash"]}}]}`
	h, c := newHub(t, map[string]answer{
		"GET repos/acme/taxi/rulesets":   ok(`[{"id":7,"name":"ours","source_type":"Repository"},{"id":8,"name":"ours","source_type":"Organization"}]`),
		"GET repos/acme/taxi/rulesets/7": ok(stored), "PUT repos/acme/taxi/rulesets/7": ok(stored),
	})
	r, err := c.Ruleset(t.Context(), "ours")
	if err != nil {
		t.Fatal(err)
	}
	r.Enforce()
	parameters, _ := r.Rule("pull_request")
	parameters["required_approving_review_count"] = 2
	r.SetRule("pull_request", parameters)
	r.SetRule("non_fast_forward", nil)
	r.SetRefs([]string{"refs/heads/release"}, []string{})
	if err := c.ReplaceRuleset(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"name": "ours", "target": "branch", "enforcement": "active",
		"conditions":    map[string]any{"ref_name": map[string]any{"include": []any{"refs/heads/release"}, "exclude": []any{}}, "repository_id": map[string]any{"x": 1.0}},
		"bypass_actors": []any{map[string]any{"actor_id": nil, "actor_type": "DeployKey", "bypass_mode": "always"}},
		"rules": []any{
			map[string]any{"type": "merge_queue", "parameters": map[string]any{"a": 1.0}},
			map[string]any{"type": "pull_request", "parameters": map[string]any{"required_approving_review_count": 2.0, "allowed_merge_methods": []any{"squash"}}},
			map[string]any{"type": "non_fast_forward"},
		},
	}
	if diff := cmp.Diff(want, h.sent(t, "PUT repos/acme/taxi/rulesets/7")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBypassActorsThatAreNotShownAreNotSent(t *testing.T) {
	const stored = `{"id":7,"name":"ours","target":"branch","enforcement":"active","bypass_actors":null,"rules":[]}`
	h, c := newHub(t, map[string]answer{
		"GET repos/acme/taxi/rulesets":   ok(`[{"id":7,"name":"ours"}]`),
		"GET repos/acme/taxi/rulesets/7": ok(stored), "PUT repos/acme/taxi/rulesets/7": ok(stored),
	})
	r, err := c.Ruleset(t.Context(), "ours")
	if err == nil {
		err = c.ReplaceRuleset(t.Context(), r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, sent := h.sent(t, "PUT repos/acme/taxi/rulesets/7")["bypass_actors"]; sent {
		t.Error("the list of bypass actors would be cleared")
	}
}

func TestARulesetThatIsNullIsNoRuleset(t *testing.T) {
	_, c := newHub(t, map[string]answer{"GET repos/acme/taxi/rulesets": ok(`[{"id":7,"name":"ours"}]`), "GET repos/acme/taxi/rulesets/7": ok(`null`)})
	if _, err := c.Ruleset(t.Context(), "ours"); err == nil || errors.Is(err, resource.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
}

func TestTwoRulesetsOfOneNameAreAnErrorWithTheirIDs(t *testing.T) {
	_, c := newHub(t, map[string]answer{"GET repos/acme/taxi/rulesets": ok(`[{"id":7,"name":"ours"},{"id":9,"name":"ours"}]`)})
	_, err := c.Ruleset(t.Context(), "ours")
	if err == nil || errors.Is(err, resource.ErrNotFound) || !strings.Contains(err.Error(), "7, 9") {
		t.Errorf("the error is %v", err)
	}
}

func TestAnEnvironmentGivesBackWhatItWasReadWith(t *testing.T) {
	const stored = `{"name":"prod","can_admins_bypass":false,"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true},
		"protection_rules":[{"type":"wait_timer","wait_timer":30},{"type":"branch_policy"},
		{"type":"required_reviewers","prevent_self_review":true,"reviewers":[{"type":"Team","reviewer":{"id":3,"slug":"ml-leads"}},{"type":"User","reviewer":{"id":4,"login":"Ada"}}]}]}`
	h, c := newHub(t, map[string]answer{"GET repos/acme/taxi/environments/prod": ok(stored), "PUT repos/acme/taxi/environments/prod": ok(stored)})
	e, err := c.FreshEnvironment(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := Environment{
		Name: "prod", WaitTimer: 30, PreventSelfReview: true, AdminsBypass: &no, Policy: NamedBranches,
		Reviewers: []Reviewer{{Type: "Team", ID: 3, Name: "team:ml-leads"}, {Type: "User", ID: 4, Name: "user:ada"}},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := c.SaveEnvironment(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	sent := map[string]any{
		"wait_timer": 30.0, "prevent_self_review": true, "can_admins_bypass": false,
		"deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true},
		"reviewers":                []any{map[string]any{"type": "Team", "id": 3.0}, map[string]any{"type": "User", "id": 4.0}},
	}
	if diff := cmp.Diff(sent, h.sent(t, "PUT repos/acme/taxi/environments/prod")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABranchPatternThatIsThereAlreadyIsFine(t *testing.T) {
	_, c := newHub(t, map[string]answer{"POST repos/acme/taxi/environments/prod/deployment-branch-policies": {
		status: http.StatusSeeOther, header: http.Header{"Location": {"/api/v3/repositories/456789"}},
	}})
	if err := c.AddBranchPolicy(t.Context(), "prod", BranchPolicy{Name: "main", Type: "branch"}); err != nil {
		t.Error(err)
	}
}

func TestABranchThatAppearedIsSaidToExist(t *testing.T) {
	_, c := newHub(t, map[string]answer{
		"POST repos/acme/taxi/git/refs":                {status: http.StatusUnprocessableEntity, body: `{"message":"Reference already exists"}`},
		"GET repos/acme/taxi/git/matching-refs/heads/": ok(`[{"ref":"refs/heads/release","object":{"sha":"1"}},{"ref":"refs/heads/a/b","object":{"sha":"2"}}]`),
	})
	if err := c.CreateBranch(t.Context(), "release", "1"); !errors.Is(err, resource.ErrExists) {
		t.Errorf("the error is %v", err)
	}
	if err := c.CreateBranch(t.Context(), "other", "1"); err == nil || errors.Is(err, resource.ErrExists) {
		t.Errorf("another refusal is %v", err)
	}
	heads, err := c.Branches(t.Context())
	if diff := cmp.Diff(map[string]string{"release": "1", "a/b": "2"}, heads); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestASecretThatIsRefusedForgetsTheKey(t *testing.T) {
	h, c := newHub(t, map[string]answer{
		"GET repos/acme/taxi/actions/secrets/public-key": ok(`{"key_id":"1","key":"aaaa"}`),
		"PUT repos/acme/taxi/actions/secrets/X":          {status: http.StatusUnprocessableEntity, body: `{"message":"wrong key"}`},
	})
	for range 2 {
		if _, err := c.PublicKey(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.PutSecret(t.Context(), Place{Name: "X"}, SealedSecret{}); !errors.Is(err, ErrKeyChanged) {
		t.Errorf("the error is %v", err)
	}
	if _, err := c.PublicKey(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if n := h.count("GET repos/acme/taxi/actions/secrets/public-key"); n != 2 {
		t.Errorf("the key was fetched %d times, want once before and once after the refusal", n)
	}
}
