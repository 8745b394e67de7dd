package kinds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// branchKind is a branch of the repository: made once, and never moved afterwards.
var branchKind = resource.Kind[*github.Client, branch]{
	Name:         "branch",
	Doc:          "A branch, created off another one when it is missing, such as the guide's release branch.",
	Identity:     []string{"repository", "name", "oidc", "compared"},
	LiveIdentity: []string{"repository", "ref"},
	CreateOnly:   []string{"from"},
	Guard:        resource.DataLoss,
	ReadsOpen:    true,
	Stays: func(have branch) string {
		if have.Default {
			return "it is the default branch, which goes only with the repository"
		}
		return ""
	},
	Declare: declareBranches,
	Read:    readBranch,
	Create:  createBranch,
	Update:  updateBranch,
	Delete:  deleteBranch,
	Warn:    warnOfDistance,
}

type branch struct {
	Repository resource.Text `json:"repository,omitzero"`
	Name       string        `json:"name,omitempty"`
	Ref        string        `json:"ref,omitempty"`
	Default    bool          `json:"default,omitempty"`
	// From is the branch that it is created off; what is absent is the default branch.
	From resource.Text `json:"from,omitzero"`
	// Compared says that the plan tells how far the branch is behind the one that it was created off, by what of
	// the projects differs: below these folders, and of their workflows.
	Compared []string `json:"compared,omitempty"`
	Behind   int      `json:"behind,omitempty"`
	Off      string   `json:"off,omitempty"` // what it is behind
	Differs  []string `json:"differs,omitempty"`
	// OIDC says that a target's jobs log in from this branch, so that its subject is needed.
	OIDC        bool   `json:"oidc,omitempty"`
	OIDCIssuer  string `json:"oidc_issuer,omitempty"`
	OIDCSubject string `json:"oidc_subject,omitempty"`
	// Why the subject cannot be told, which holds up what is made with it and nothing else.
	OIDCSubjectBlocked string `json:"oidc_subject_blocked,omitempty"`
}

func branchAddr(name string) resource.Addr { return resource.Addr{Kind: "branch", Name: name} }

func declareBranches(w resource.Wishes) []resource.Decl[branch] {
	var decls []resource.Decl[branch]
	for _, b := range w.Branches {
		decls = append(decls, resource.Decl[branch]{
			Addr: branchAddr(b.Name),
			Want: branch{
				Repository: inRepository(), Name: b.Name, Default: b.Default, From: origin(w.Stack, b), Compared: compared(w.Stack, b),
				OIDC: slices.ContainsFunc(w.Targets, func(t spec.Target) bool {
					return t.Branch == b.Name && t.Environment == nil && logsInByOIDC(t)
				}),
			},
			Needs: beforeBranch(w.Stack, b),
			At:    w.At("branches", b.Name),
		})
	}
	return decls
}

// beforeBranch is what has to be merged before a branch is created off another one: it would begin without the
// projects' code, and never get it by itself.
func beforeBranch(s *spec.Stack, b spec.Branch) []resource.Need {
	if b.Default || b.Name == firstBranch(s) {
		return nil
	}
	var needs []resource.Need
	for _, p := range s.Projects {
		if p.Code != nil {
			needs = append(needs, resource.Need{Addr: pullRequestAddr(p.Code.Branch).String(), Why: "it is created once, with the code of " + p.Name + " on it"})
		}
		switch p.Workflows {
		case spec.GenerateWorkflows:
			needs = append(needs, resource.Need{Addr: pullRequestAddr(spec.WorkflowsBranch).String(), Why: "it is created once, with the workflows on it"})
		case spec.DispatchWorkflows:
			needs = append(needs, resource.Need{Addr: workflowRunAddr(p.Name).String(), Why: "it is created once, with the workflows of " + p.Name + " on it"})
		}
	}
	return needs
}

// logsInByOIDC reports whether a target's principal is given a federation policy.
func logsInByOIDC(t spec.Target) bool { return t.ServicePrincipal != "" && t.CIAuth == spec.OIDC }

// subjectOf returns the subject of a job's tokens, or why nobody can tell it before the job runs.
func subjectOf(ctx context.Context, c *github.Client, j github.Job) (subject, blocked string, err error) {
	subject, err = c.Subject(ctx, j)
	var b *resource.Blocked
	if errors.As(err, &b) {
		return "", b.Reason, nil
	}
	return subject, "", err
}

// origin is what a branch is created off. A reference that stays open says that there will be
// something to create it off; without one an empty repository leaves nothing to do.
func origin(s *spec.Stack, b spec.Branch) resource.Text {
	from := cmp.Or(b.From, s.DefaultBranch())
	switch {
	case s.Git.FirstCommit != nil && (b.Name == firstBranch(s) || from == "" || from == b.Name):
		return resource.From(firstCommitAddr, "branch")
	case from == "" || from == b.Name:
		return resource.Text{}
	case slices.ContainsFunc(s.Branches, func(x spec.Branch) bool { return x.Name == from }):
		return resource.From(branchAddr(from), "name")
	default:
		return resource.Known(from)
	}
}

func readBranch(ctx context.Context, c *github.Client, want branch) (branch, error) {
	var heads map[string]string
	have := branch{}
	if want.Repository.Value != "" {
		var err error
		if heads, err = c.Branches(ctx); err != nil {
			return have, err
		}
		if want.OIDC {
			if have.OIDCSubject, have.OIDCSubjectBlocked, err = subjectOf(ctx, c, github.Job{Branch: want.Name}); err != nil {
				return have, err
			}
			have.OIDCIssuer = c.Issuer()
		}
	}
	if heads[want.Name] == "" {
		if len(heads) == 0 && want.From.Ref == nil && want.Ref == "" {
			return have, &resource.Blocked{Reason: fmt.Sprintf("%s has no branch to create it off: push a first commit, or let git.first_commit do it", c.FullName())}
		}
		return have, fmt.Errorf("branch %s of %s: %w", want.Name, c.FullName(), resource.ErrNotFound)
	}
	r, err := c.Repository(ctx)
	if err != nil {
		return have, err
	}
	have.Default = r.DefaultBranch == want.Name
	err = measureBranch(ctx, c, want, &have)
	return have.there(want), err
}

// there returns the branch as one that is there.
func (b branch) there(want branch) branch {
	b.Repository, b.Name, b.Ref = want.Repository, want.Name, "refs/heads/"+want.Name
	return b
}

// createBranch makes the branch where it is still missing: the first commit may have made it. Making
// it the default is a second write, as no branch can be before it is there.
func createBranch(ctx context.Context, c *github.Client, want branch) (branch, error) {
	c.FreshBranches()
	have, err := readBranch(ctx, c, want)
	if errors.Is(err, resource.ErrNotFound) {
		if err = makeBranch(ctx, c, want); err == nil {
			have = have.there(want)
		}
	}
	if err != nil {
		return have, err
	}
	return updateBranch(ctx, c, have, want)
}

func makeBranch(ctx context.Context, c *github.Client, want branch) error {
	from := want.From.Value
	if from == "" {
		r, err := c.Repository(ctx)
		if err != nil {
			return err
		}
		from = r.DefaultBranch
	}
	heads, err := c.Branches(ctx)
	if err != nil {
		return err
	}
	if heads[from] == "" {
		return fmt.Errorf("creating branch %s: its origin, branch %s, is %w", want.Name, from, resource.ErrNotYet)
	}
	return c.CreateBranch(ctx, want.Name, heads[from])
}

func updateBranch(ctx context.Context, c *github.Client, have, want branch) (branch, error) {
	if want.Default && !have.Default {
		if _, err := c.EditRepository(ctx, map[string]any{"default_branch": want.Name}); err != nil {
			return have, err
		}
		have.Default = true
	}
	return have, nil
}

// deleteBranch deletes what is nobody's default: every clone begins there, and GitHub would refuse it.
func deleteBranch(ctx context.Context, c *github.Client, have branch) error {
	c.FreshBranches()
	heads, err := c.Branches(ctx)
	if err != nil {
		return fmt.Errorf("deleting branch %s: %w", have.Name, err)
	}
	if heads[have.Name] == "" {
		return nil
	}
	r, err := c.Repository(ctx)
	if err == nil && r.DefaultBranch == have.Name {
		err = fmt.Errorf("it is the default branch of %s, which is never deleted; make another one the default first", c.FullName())
	}
	if err != nil {
		return fmt.Errorf("deleting branch %s: %w", have.Name, err)
	}
	return c.DeleteBranch(ctx, have.Name, heads[have.Name])
}
