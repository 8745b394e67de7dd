// Package deployments compares what is deployed with what its branch holds. A bundle's metadata lies in
// a workspace and the commits that it is made from lie on GitHub, so this package has both clients. It
// deploys nothing itself: that is for the team's own pipeline.
package deployments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/bundle"
	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Line is the way from a repository to its workspaces. Its methods may be called from any goroutine.
type Line struct {
	hub   *github.Client
	fleet *databricks.Fleet

	mu      sync.Mutex
	started map[string]started // by what they were started for
}

// New returns a line between a repository and workspaces; it sends nothing.
func New(hub *github.Client, fleet *databricks.Fleet) *Line {
	return &Line{hub: hub, fleet: fleet, started: map[string]started{}}
}

// Place is what is deployed, from where and to where.
type Place struct {
	Path, Branch string // the project's folder in the repository, and the branch that it is deployed from
	Workflow     string // the file of the deploy workflow, in the repository
	// The inputs of its dispatch: which target, and any text, which ends the run's title. "" where the
	// workflow is for this target alone.
	TargetInput, RequestInput string

	Host, Target  string
	ApplicationID string // of the principal that deploys, and that the jobs run as
	Scheduled     bool   // its jobs have to start by themselves
}

// State is a deployment as it is.
type State struct {
	Commit string // that was deployed
	Stale  string // why that is not what the branch holds; "" where it is
	Jobs   []string
	// Of the jobs by their keys in the bundle: those that are gone, those whose schedule is switched off
	// though they have to start by themselves, and those that run as somebody else.
	Missing, Paused, Foreign []string
}

// Look returns a deployment, resource.ErrNotFound where there was none yet, and a *resource.Blocked
// where there cannot be any, as the branch has no code for it.
func (l *Line) Look(ctx context.Context, p Place) (State, error) {
	metadata, err := l.metadata(ctx, p)
	if err != nil {
		return State{}, err
	}
	s := State{Commit: metadata.Commit, Jobs: slices.Sorted(maps.Keys(metadata.Jobs))}
	if s.Stale, err = l.stale(ctx, p, metadata.Commit); err != nil {
		return s, err
	}
	for _, key := range s.Jobs {
		job, err := l.fleet.Job(ctx, p.Host, metadata.Jobs[key])
		switch {
		case errors.Is(err, resource.ErrNotFound):
			s.Missing = append(s.Missing, key)
		case err != nil:
			return s, err
		case !strings.EqualFold(job.RunsAs, p.ApplicationID):
			s.Foreign = append(s.Foreign, fmt.Sprintf("%s, as %s", key, job.RunsAs))
		case job.Paused && p.Scheduled:
			s.Paused = append(s.Paused, key)
		}
	}
	return s, nil
}

// Forget makes the next look at a deployment one at live state.
func (l *Line) Forget(p Place) {
	l.hub.FreshBranches()
	l.hub.ForgetCommits()
	l.hub.FreshRuns()
	l.fleet.ForgetDeployed(p.Host)
}

// metadata is what the last deployment wrote, where the branch's own databricks.yml says that it lies.
func (l *Line) metadata(ctx context.Context, p Place) (bundle.Metadata, error) {
	heads, err := l.hub.Branches(ctx)
	if err != nil {
		return bundle.Metadata{}, err
	}
	if heads[p.Branch] == "" {
		return bundle.Metadata{}, blocked("%s has no branch %s yet, which %s is deployed from", l.hub.FullName(), p.Branch, p.Target)
	}
	file := path.Join(p.Path, "databricks.yml")
	// The listing tells for certain what is not there: in a repository that was just made a single file may be
	// answered with "not found" for other reasons.
	on, err := l.hub.Tree(ctx, heads[p.Branch])
	if err != nil {
		return bundle.Metadata{}, err
	}
	if on[file].Hash == "" {
		return bundle.Metadata{}, blocked("the branch %s has no %s yet: the project's code comes first", p.Branch, file)
	}
	text, err := l.hub.FileAt(ctx, file, heads[p.Branch])
	if err != nil {
		return bundle.Metadata{}, err
	}
	f, err := bundle.Read(text)
	if err != nil {
		return bundle.Metadata{}, blocked("%s on %s: %v", file, p.Branch, err)
	}
	at, err := f.MetadataPath(p.Target, p.ApplicationID)
	if err != nil {
		return bundle.Metadata{}, blocked("%s on %s: %v", file, p.Branch, err)
	}
	content, err := l.fleet.WorkspaceFile(ctx, p.Host, at)
	if err != nil {
		return bundle.Metadata{}, err
	}
	return bundle.ReadMetadata(content)
}

// stale says why a commit is not what the branch holds for the project.
func (l *Line) stale(ctx context.Context, p Place, commit string) (string, error) {
	if commit == "" {
		return "it was deployed from no commit", nil
	}
	on, err := l.hub.Reaches(ctx, p.Branch, commit)
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return fmt.Sprintf("%s, which the repository does not have", short(commit)), nil
	case err != nil:
		return "", err
	case !on:
		return fmt.Sprintf("%s, which is not on %s", short(commit), p.Branch), nil
	}
	for _, at := range []string{p.Path, p.Workflow} {
		newest, err := l.hub.LastCommit(ctx, p.Branch, rooted(at))
		if err != nil {
			return "", err
		}
		if newest == "" {
			continue
		}
		has, err := l.hub.Reaches(ctx, commit, newest)
		if err != nil {
			return "", err
		}
		if !has {
			return fmt.Sprintf("%s, without %s, the newest of %s that changes %s", short(commit), short(newest), p.Branch, at), nil
		}
	}
	return "", nil
}

// rooted is a path as GitHub filters by it: the whole repository is none.
func rooted(at string) string {
	if at = path.Clean(at); at == "." {
		return ""
	}
	return at
}

func short(commit string) string { return commit[:min(8, len(commit))] }

func blocked(format string, args ...any) error {
	return &resource.Blocked{Reason: fmt.Sprintf(format, args...)}
}
