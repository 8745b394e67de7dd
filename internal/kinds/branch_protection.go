package kinds

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// branchProtectionKind is a ruleset of the stack's own. It stands beside what protects the branch
// otherwise; GitHub enforces the strictest of them all.
var branchProtectionKind = resource.Kind[*github.Client, branchProtection]{
	Name:      "branch_protection",
	Doc:       "The stack's own ruleset for a branch: approvals, required checks, no force pushes.",
	Identity:  []string{"repository", "branch", "name", "visibility"},
	ReadsOpen: true,
	Declare:   declareBranchProtection,
	Read:      readBranchProtection,
	Create:    createBranchProtection,
	Update:    updateBranchProtection,
	Delete: func(ctx context.Context, c *github.Client, have branchProtection) error {
		id, err := strconv.ParseInt(have.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("deleting ruleset %q: its id %q is not a number", have.Name, have.ID)
		}
		return c.DeleteRuleset(ctx, id)
	},
	Find: findBranchProtection,
}

type branchProtection struct {
	Repository        resource.Text `json:"repository,omitzero"`
	Branch            string        `json:"branch"`
	Name              string        `json:"name"`
	Visibility        string        `json:"visibility,omitempty"` // as wished of the repository
	Enforcement       string        `json:"enforcement,omitempty"`
	Refs              []string      `json:"refs,omitzero"`
	ExceptRefs        []string      `json:"except_refs,omitzero"`
	RequiredApprovals *int          `json:"required_approvals,omitempty"`
	RequiredChecks    []string      `json:"required_checks,omitzero"`
	AllowForcePush    *bool         `json:"allow_force_push,omitempty"`
	ID                string        `json:"id,omitempty"`
}

// The rule types of GitHub's that the spec speaks of.
const (
	rulePullRequest = "pull_request"
	ruleChecks      = "required_status_checks"
	ruleNoForce     = "non_fast_forward"
)

func declareBranchProtection(w resource.Wishes) []resource.Decl[branchProtection] {
	var decls []resource.Decl[branchProtection]
	for _, b := range w.Branches {
		p := b.Protection
		if p == nil {
			continue
		}
		decls = append(decls, resource.Decl[branchProtection]{
			Addr: resource.Addr{Kind: "branch_protection", Name: b.Name},
			Want: branchProtection{
				Repository: inRepository(), Branch: b.Name, Visibility: w.Git.Visibility,
				// The name is the marker of the stack, so that stacks do not take each other's rules.
				Name:        fmt.Sprintf("mlopsctl/%s: %s", w.Name, b.Name),
				Enforcement: "active", Refs: []string{"refs/heads/" + b.Name}, ExceptRefs: []string{},
				RequiredApprovals: p.RequiredApprovals, RequiredChecks: sortedSet(p.RequiredChecks), AllowForcePush: p.AllowForcePush,
			},
			Needs: beforeProtection(w.Stack, b.Name),
			At:    w.At("branches", b.Name, "protection"),
		})
	}
	return decls
}

// beforeProtection is what has to be done on a branch before rules stand in its way.
func beforeProtection(s *spec.Stack, name string) []resource.Need {
	needs := []resource.Need{{Addr: branchAddr(name).String(), Why: "the branch is made before it is protected"}}
	if s.Git.FirstCommit != nil {
		needs = append(needs, resource.Need{Addr: firstCommitAddr.String(), Why: "the first commit is pushed before a rule demands pull requests"})
	}
	for _, b := range s.Branches {
		if ref := origin(s, b).Ref; ref != nil && ref.Addr == branchAddr(name).String() {
			needs = append(needs, resource.Need{Addr: branchAddr(b.Name).String(), Why: "it is created off this branch before rules apply"})
		}
	}
	return needs
}

// sortedSet returns a sorted copy without repetitions; nil stays nil, which is not managed.
func sortedSet(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

func readBranchProtection(ctx context.Context, c *github.Client, want branchProtection) (branchProtection, error) {
	visibility, err := c.VisibilityOr(ctx, want.Visibility)
	if err != nil {
		return want, err
	}
	// Such a repository stores rulesets and shows them, but does not enforce them.
	lacking, err := c.Lacks(ctx, github.Rulesets, visibility)
	if err != nil {
		return want, err
	}
	if lacking != "" {
		return want, &resource.Blocked{Reason: lacking}
	}
	if want.Repository.Value == "" {
		return branchProtection{}, fmt.Errorf("ruleset %q: %w", want.Name, resource.ErrNotFound)
	}
	r, err := c.Ruleset(ctx, want.Name)
	if err != nil {
		return branchProtection{}, err
	}
	return seenProtection(want, r), nil
}

func seenProtection(want branchProtection, r github.Ruleset) branchProtection {
	have := branchProtection{
		Repository: want.Repository, Branch: want.Branch, Name: want.Name, Visibility: want.Visibility,
		Enforcement: r.Enforcement(), Refs: sortedSet(r.Included()), ExceptRefs: sortedSet(r.Excluded()),
		RequiredChecks: []string{}, ID: strconv.FormatInt(r.ID, 10),
	}
	if parameters, found := r.Rule(rulePullRequest); found {
		count, _ := parameters["required_approving_review_count"].(float64)
		approvals := int(count)
		have.RequiredApprovals = &approvals
	}
	if parameters, found := r.Rule(ruleChecks); found {
		have.RequiredChecks = slices.AppendSeq([]string{}, maps.Keys(checksOf(parameters)))
		slices.Sort(have.RequiredChecks)
	}
	_, noForce := r.Rule(ruleNoForce)
	allowed := !noForce
	have.AllowForcePush = &allowed
	return have
}

// checksOf returns the required checks of a rule by their context, as GitHub shows them.
func checksOf(parameters map[string]any) map[string]any {
	checks := map[string]any{}
	list, _ := parameters["required_status_checks"].([]any)
	for _, item := range list {
		if check, ok := item.(map[string]any); ok {
			if name, ok := check["context"].(string); ok {
				checks[name] = check
			}
		}
	}
	return checks
}

// createBranchProtection looks once more before it makes the ruleset: since the plan was made, and
// approved, somebody else may have, and two rulesets of one name do not clash.
func createBranchProtection(ctx context.Context, c *github.Client, want branchProtection) (branchProtection, error) {
	_, there, err := findBranchProtection(ctx, c, want)
	if err != nil {
		return want, err
	}
	if there {
		return want, fmt.Errorf("ruleset %q: %w", want.Name, resource.ErrExists)
	}
	r := github.NewRuleset(want.Name, want.Branch)
	shape(r, want)
	if err := c.CreateRuleset(ctx, r); err != nil {
		return want, err
	}
	return readBranchProtection(ctx, c, want)
}

// updateBranchProtection changes what is wished in the ruleset as it is now: PUT replaces all of it.
func updateBranchProtection(ctx context.Context, c *github.Client, _, want branchProtection) (branchProtection, error) {
	c.FreshRulesets()
	r, err := c.Ruleset(ctx, want.Name)
	if err != nil {
		return want, err
	}
	shape(r, want)
	if err := c.ReplaceRuleset(ctx, r); err != nil {
		return want, err
	}
	return readBranchProtection(ctx, c, want)
}

func findBranchProtection(ctx context.Context, c *github.Client, want branchProtection) (branchProtection, bool, error) {
	c.FreshRulesets()
	return found(readBranchProtection(ctx, c, want))
}

// shape lays the wish over a ruleset and keeps every rule and parameter that it does not speak of.
func shape(r github.Ruleset, want branchProtection) {
	r.Enforce()
	r.SetRefs(want.Refs, want.ExceptRefs)
	if want.RequiredApprovals != nil {
		parameters, there := r.Rule(rulePullRequest)
		if !there {
			parameters = map[string]any{
				"dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
				"require_last_push_approval": false, "required_review_thread_resolution": false,
			}
		}
		parameters["required_approving_review_count"] = *want.RequiredApprovals
		r.SetRule(rulePullRequest, parameters)
	}
	if want.RequiredChecks != nil {
		shapeChecks(r, want.RequiredChecks)
	}
	if want.AllowForcePush != nil {
		if *want.AllowForcePush {
			r.DropRule(ruleNoForce)
		} else {
			r.SetRule(ruleNoForce, nil)
		}
	}
}

func shapeChecks(r github.Ruleset, contexts []string) {
	if len(contexts) == 0 {
		r.DropRule(ruleChecks)
		return
	}
	parameters, there := r.Rule(ruleChecks)
	if !there {
		parameters = map[string]any{"strict_required_status_checks_policy": false}
	}
	known := checksOf(parameters)
	checks := make([]any, 0, len(contexts))
	for _, name := range contexts {
		if check, ok := known[name]; ok { // with the app that it must come from
			checks = append(checks, check)
			continue
		}
		checks = append(checks, map[string]any{"context": name})
	}
	parameters["required_status_checks"] = checks
	r.SetRule(ruleChecks, parameters)
}
