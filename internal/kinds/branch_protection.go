package kinds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// branchProtectionKind is a ruleset of the stack's own. It stands beside what protects the branch
// otherwise; GitHub enforces the strictest of them all.
var branchProtectionKind = resource.Kind[*github.Client, branchProtection]{
	Name:         "branch_protection",
	Doc:          "The stack's own ruleset for a branch: approvals, required checks, no force pushes.",
	Identity:     []string{"repository", "branch", "name", "visibility", "id", "former"},
	LiveIdentity: []string{"repository", "id"},
	ReadsOpen:    true,
	Touched:      touchedProtection,
	Declare:      declareBranchProtection,
	Read:         readBranchProtection,
	Create:       createBranchProtection,
	Update:       updateBranchProtection,
	Delete: func(ctx context.Context, c *github.Client, have branchProtection) error {
		id, err := strconv.ParseInt(have.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("deleting ruleset %q: its id %q is not a number", have.Name, have.ID)
		}
		return c.DeleteRuleset(ctx, id)
	},
	Find: findBranchProtection,
	Danger: func(have, want branchProtection) resource.Guard {
		if len(beyond(have.BypassActors, want.BypassActors)) > 0 && want.BypassActors != nil {
			return resource.AccessLoss
		}
		return resource.Unguarded
	},
	Marked: func(stack string, have branchProtection) bool {
		return strings.HasPrefix(have.Name, rulesetPrefix(stack))
	},
	Moved: func(want, was branchProtection) branchProtection {
		want.ID, want.Former, want.Called = was.ID, was.Name, want.Name
		return want
	},
}

// rulesetPrefix begins the name of every ruleset of a stack: it is the stack's mark, so that stacks do not
// take each other's rules.
func rulesetPrefix(stack string) string { return "mlopsctl/" + stack + ": " }

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
	BypassActors      []string      `json:"bypass_actors,omitzero"` // absent: whoever there is stays
	Former            string        `json:"former,omitempty"`       // called so until now; then its id finds it, if it is still there
	Called            string        `json:"called,omitempty"`       // of one that was renamed in the spec: the name that it has
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
		var nobody []string
		if p.Exclusive {
			nobody = []string{}
		}
		decls = append(decls, resource.Decl[branchProtection]{
			Addr: resource.Addr{Kind: "branch_protection", Name: b.Name},
			Want: branchProtection{
				Repository: inRepository(), Branch: b.Name, Visibility: w.Git.Visibility,
				Name: rulesetPrefix(w.Name) + b.Name, BypassActors: nobody,
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
		// A branch that waits for a review is not waited for: the review is what the rules are for.
		if ref := origin(s, b).Ref; ref != nil && ref.Addr == branchAddr(name).String() && beforeBranch(s, b) == nil {
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
	if recorded := want.ID != "" && want.Former == ""; !recorded {
		if err := canHaveRulesets(ctx, c, want); err != nil {
			return want, err
		}
	}
	if want.Repository.Value == "" {
		return branchProtection{}, fmt.Errorf("ruleset %q: %w", want.Name, resource.ErrNotFound)
	}
	r, err := rulesetOf(ctx, c, want)
	if err != nil {
		return branchProtection{}, err
	}
	have := seenProtection(want, r)
	actors, shown := r.BypassActors()
	switch {
	case shown:
		have.BypassActors = actors // also where they are not the spec's to say: a plan warns of them
	case want.BypassActors != nil:
		return have, fmt.Errorf("%w to see who may bypass ruleset %q: the token needs administration of the repository", resource.ErrForbidden, r.Name())
	}
	return have, nil
}

// canHaveRulesets returns a *resource.Blocked where the repository's rulesets would be stored and shown,
// and not enforced.
func canHaveRulesets(ctx context.Context, c *github.Client, want branchProtection) error {
	visibility, err := c.VisibilityOr(ctx, want.Visibility)
	if err != nil {
		return err
	}
	lacking, err := c.Lacks(ctx, github.Rulesets, visibility)
	if err == nil && lacking != "" {
		return &resource.Blocked{Reason: lacking}
	}
	return err
}

// rulesetOf finds the ruleset by its id, where that is known, whatever it is called; else by its name.
func rulesetOf(ctx context.Context, c *github.Client, want branchProtection) (github.Ruleset, error) {
	if want.ID == "" {
		return c.Ruleset(ctx, want.Name)
	}
	id, err := strconv.ParseInt(want.ID, 10, 64)
	if err != nil {
		return github.Ruleset{}, fmt.Errorf("ruleset %q: its id %q is not a number", want.Name, want.ID)
	}
	r, err := c.RulesetByID(ctx, id)
	if errors.Is(err, resource.ErrNotFound) && want.Former != "" {
		return c.Ruleset(ctx, want.Name)
	}
	return r, err
}

func seenProtection(want branchProtection, r github.Ruleset) branchProtection {
	have := branchProtection{
		Repository: want.Repository, Branch: want.Branch, Name: r.Name(), Visibility: want.Visibility,
		Enforcement: r.Enforcement(), Refs: sortedSet(r.Included()), ExceptRefs: sortedSet(r.Excluded()),
		RequiredChecks: []string{}, ID: strconv.FormatInt(r.ID, 10),
	}
	if want.Called != "" {
		have.Called = r.Name()
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
	id, err := c.CreateRuleset(ctx, r)
	if err != nil {
		return want, err
	}
	want.ID = strconv.FormatInt(id, 10) // the listing may lag behind
	made, err := readBranchProtection(ctx, c, want)
	if errors.Is(err, resource.ErrNotFound) || errors.Is(err, resource.ErrNotYet) || errors.Is(err, resource.ErrForbidden) {
		return want, fmt.Errorf("ruleset %q: %w: %v", want.Name, resource.ErrUnseen, err)
	}
	return made, err
}

// updateBranchProtection changes what is wished in the ruleset as it is now: PUT replaces all of it.
func updateBranchProtection(ctx context.Context, c *github.Client, _, want branchProtection) (branchProtection, error) {
	c.FreshRulesets()
	r, err := rulesetOf(ctx, c, want)
	if err != nil {
		return want, err
	}
	r.SetName(want.Name)
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
