package kinds

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// firstCommitKind is the push that an empty repository begins with.
var firstCommitKind = resource.Kind[*github.Client, firstCommit]{
	Name:       "first_commit",
	Doc:        "The first commit, pushed from the local project once, when the repository has no branch.",
	Identity:   []string{"repository"},
	CreateOnly: []string{"branch", "message", "paths"},
	ReadsOpen:  true,
	Declare:    declareFirstCommit,
	Read:       readFirstCommit,
	Create:     createFirstCommit,
	Ready:      firstCommitReady,
}

type firstCommit struct {
	Repository resource.Text `json:"repository,omitzero"`
	Branch     string        `json:"branch,omitempty"`
	Message    string        `json:"message,omitempty"`
	Paths      []string      `json:"paths,omitempty"`
}

var firstCommitAddr = resource.Addr{Kind: "first_commit"}

func declareFirstCommit(w resource.Wishes) []resource.Decl[firstCommit] {
	f := w.Git.FirstCommit
	if f == nil {
		return nil
	}
	return []resource.Decl[firstCommit]{{
		Addr: firstCommitAddr,
		Want: firstCommit{Repository: inRepository(), Branch: firstBranch(w.Stack), Message: f.Message, Paths: f.Paths},
		At:   w.At("git", "first_commit"),
	}}
}

// firstBranch is the branch that the first commit makes. GitHub takes it as the default branch.
func firstBranch(s *spec.Stack) string { return cmp.Or(s.DefaultBranch(), "main") }

// readFirstCommit finds it done as soon as there is any branch: history is never added to.
func readFirstCommit(ctx context.Context, c *github.Client, want firstCommit) (firstCommit, error) {
	if want.Repository.Value != "" {
		heads, err := c.Branches(ctx)
		if err != nil {
			return firstCommit{}, err
		}
		if len(heads) > 0 {
			return doneFirstCommit(ctx, c, want, heads)
		}
	}
	missing, err := gitrepo.Missing(c.Dir(), want.Paths)
	if err != nil {
		return firstCommit{}, err
	}
	if len(missing) > 0 {
		return firstCommit{}, &resource.Blocked{Reason: fmt.Sprintf("not there to be committed: %s (looked in %s); make them, or take them out of git.first_commit.paths", strings.Join(missing, ", "), c.Dir())}
	}
	return firstCommit{}, fmt.Errorf("the first commit of %s: %w", c.FullName(), resource.ErrNotFound)
}

func doneFirstCommit(ctx context.Context, c *github.Client, want firstCommit, heads map[string]string) (firstCommit, error) {
	done := firstCommit{Repository: want.Repository, Branch: want.Branch}
	if heads[want.Branch] == "" {
		r, err := c.Repository(ctx)
		if err != nil {
			return done, err
		}
		done.Branch = r.DefaultBranch
	}
	return done, nil
}

func createFirstCommit(ctx context.Context, c *github.Client, want firstCommit) (firstCommit, error) {
	err := c.Push(ctx, gitrepo.Commit{Dir: c.Dir(), Paths: want.Paths, Branch: want.Branch, Message: want.Message})
	return want, err
}

func firstCommitReady(ctx context.Context, c *github.Client, made firstCommit) (bool, error) {
	c.FreshBranches()
	heads, err := c.Branches(ctx)
	return heads[made.Branch] != "", err
}
