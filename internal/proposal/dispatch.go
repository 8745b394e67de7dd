package proposal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// DeployCICD is the MLOps Stacks template's own workflow that adds a project's CI/CD by a pull request.
const DeployCICD = ".github/workflows/deploy-cicd.yml"

// asking is a run of DeployCICD that this process has asked for. GitHub shows no run's inputs, so nobody
// else can tell which project it is for.
type asking struct {
	before []int64 // the runs that there were
	id     int64   // 0: not found yet
	lost   error   // the answer to the request was lost: it may have started one
}

// Came is how far the repository's own workflow has come with a project.
type Came struct {
	Base   string // the default branch
	Landed bool   // the project's workflows are on it
	Pull   *github.PullRequest
	Older  []int // open pull requests of the same project that are older
	Run    *github.Run
	Ours   bool   // this process has started the run
	Failed string // how the run ended, if it did not succeed

	project string
}

// Came looks how far it has come: whether the project's workflows are on the default branch, else the newest pull request
// with them, else the run that is on its way or was the last. A *resource.Blocked says what is missing before
// there can be one.
func (k *Desk) Came(ctx context.Context, project string) (Came, error) {
	d, err := k.base(ctx)
	if err != nil {
		return Came{}, err
	}
	c := Came{Base: d.Base, project: project}
	p := *k.stack.Project(project)
	switch {
	case hasWorkflows(d.On, project):
		c.Landed = true
		return c, nil
	case !k.on(d, p):
		return c, &resource.Blocked{Reason: fmt.Sprintf("%s is not on %s yet: the project's code comes first", bundle(p), d.Base)}
	case d.On[DeployCICD].Hash == "":
		return c, &resource.Blocked{Reason: fmt.Sprintf("%s has no %s, which would add the project's workflows: commit the template's, or let `workflows: generate` write them", d.Base, DeployCICD)}
	}
	pulls, err := k.Hub.NewestPulls(ctx)
	if err != nil {
		return c, err
	}
	for _, pull := range pulls {
		switch {
		case pull.Base.Ref != d.Base || !k.adds(pull, project):
		case c.Pull == nil:
			c.Pull = &pull
		case pull.Open() && !c.Pull.Open():
			c.Pull = &pull
		case pull.Open():
			c.Older = append(c.Older, pull.Number)
		}
	}
	if c.Pull != nil && c.Pull.Open() {
		return c, nil
	}
	if err := k.lastRun(ctx, &c); err != nil || c.Pull != nil || c.Run == nil || !c.Run.Over() {
		return c, err
	}
	c.Pull, err = k.since(ctx, c, pulls)
	return c, err
}

// since finds the pull request that the last run opened under names of the repository's own: one that was opened
// since the run began, and that has workflows of the project.
func (k *Desk) since(ctx context.Context, c Came, pulls []github.PullRequest) (*github.PullRequest, error) {
	for _, p := range pulls {
		if !p.Open() || p.Base.Ref != c.Base || !k.ours(p) || p.Created.Before(c.Run.Created) {
			continue
		}
		on, err := k.Hub.Tree(ctx, p.Head.SHA)
		if err != nil {
			return nil, err
		}
		if hasWorkflows(on, c.project) {
			return &p, nil
		}
	}
	return nil, nil
}

// ours reports whether a pull request comes from the repository itself, and not from a fork.
func (k *Desk) ours(p github.PullRequest) bool {
	return p.Head.Repo != nil && strings.EqualFold(p.Head.Repo.FullName, k.Hub.FullName())
}

// hasWorkflows reports whether a branch has workflows of a project, by the names that the template gives them.
func hasWorkflows(on map[string]gitrepo.Entry, project string) bool {
	for at := range on {
		if strings.HasPrefix(at, ".github/workflows/"+project+"-bundle-") {
			return true
		}
	}
	return false
}

// adds reports whether a pull request is the one that DeployCICD opens for a project: by its branch, which ends in
// the second at which the run began, or by its title, and never from a fork.
func (k *Desk) adds(p github.PullRequest, project string) bool {
	if !k.ours(p) {
		return false
	}
	stamp, named := strings.CutPrefix(p.Head.Ref, "add-cicd-for-"+project+"-")
	return named && stamp != "" && strings.Trim(stamp, "0123456789") == "" || p.Title == "Deploy CICD for "+project
}

// lastRun finds the run that matters to a project: its own, else one that may be its own and is not over, else the last.
func (k *Desk) lastRun(ctx context.Context, c *Came) error {
	runs, err := k.Hub.Runs(ctx, DeployCICD, c.Base)
	if errors.Is(err, resource.ErrNotFound) {
		return nil // no run of it was ever started
	}
	if err != nil {
		return err
	}
	k.mu.Lock()
	taken := map[int64]string{}
	for name, a := range k.asked {
		taken[a.id] = name
	}
	k.mu.Unlock()
	for _, r := range runs {
		of, known := taken[r.ID]
		switch {
		case known && of != c.project: // another project's
		case known, !r.Over():
			c.Run, c.Ours = &r, known
			return k.broken(ctx, c)
		case c.Run == nil:
			c.Run = &r
		}
	}
	return k.broken(ctx, c)
}

// broken says how a run failed.
func (k *Desk) broken(ctx context.Context, c *Came) error {
	if c.Run == nil || !c.Run.Over() || c.Run.Conclusion == "success" {
		return nil
	}
	failed, err := k.Hub.Failure(ctx, *c.Run)
	c.Failed = failed
	return err
}

// Ask has DeployCICD run for a project, unless its pull request or a run is there already. One that was asked for
// and is not to be seen yet is resource.ErrNotYet; it is never asked for twice in the life of this process.
func (k *Desk) Ask(ctx context.Context, project string) error {
	k.one.Lock() // a run that is just being asked for is not to be taken for another project's
	defer k.one.Unlock()
	if a := k.of(project); a != nil {
		return k.find(ctx, project, a)
	}
	if other := k.unseen(); other != "" {
		if err := k.find(ctx, other, k.of(other)); err != nil {
			return fmt.Errorf("a run that shows now could be that of %s: %w", other, err)
		}
	}
	k.Hub.FreshPulls()
	k.Hub.FreshRuns()
	c, err := k.Came(ctx, project)
	switch {
	case err != nil:
		return err
	case c.Landed, c.Pull != nil && c.Pull.Open(), c.Run != nil && !c.Run.Over():
		return nil
	}
	runs, err := k.Hub.Runs(ctx, DeployCICD, c.Base)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return err
	}
	a := &asking{}
	for _, r := range runs {
		a.before = append(a.before, r.ID)
	}
	// Kept before it is sent: whatever becomes of the answer, it may be on its way.
	k.keep(project, a)
	id, err := k.Hub.Start(ctx, github.Dispatch{File: DeployCICD, Branch: c.Base, Inputs: map[string]string{"project_name": project}})
	switch {
	case errors.Is(err, resource.ErrLost):
		k.keep(project, &asking{before: a.before, lost: err})
		return err
	case err != nil:
		k.keep(project, nil)
		return err
	case id != 0:
		a = &asking{before: a.before, id: id}
		k.keep(project, a)
	}
	return k.find(ctx, project, a)
}

// unseen is a project whose run was started and does not show yet; "" where there is none. One whose answer was
// lost may never show.
func (k *Desk) unseen() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for project, a := range k.asked {
		if a.id == 0 && a.lost == nil {
			return project
		}
	}
	return ""
}

func (k *Desk) of(project string) *asking {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[project]
}

func (k *Desk) keep(project string, a *asking) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a == nil {
		delete(k.asked, project)
		return
	}
	k.asked[project] = a
}

// find looks for a run among those that are listed, where it shows a few seconds after its start. Where its id is
// not known, it is one that was not there before it was asked for, and that is no other project's.
func (k *Desk) find(ctx context.Context, project string, a *asking) error {
	k.Hub.FreshRuns()
	d, err := k.base(ctx)
	if err != nil {
		return err
	}
	runs, err := k.Hub.Runs(ctx, DeployCICD, d.Base)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range slices.Backward(runs) { // the first of them: a later one is somebody else's
		others := func(other *asking) bool { return other != a && other.id == r.ID }
		unknown := a.id == 0 && r.Event == "workflow_dispatch" && !slices.Contains(a.before, r.ID) && !anyOf(k.asked, others)
		if r.ID == a.id || unknown {
			k.asked[project] = &asking{before: a.before, id: r.ID}
			return nil
		}
	}
	return k.Hub.Unseen(DeployCICD, project, a.lost)
}

// Found reports whether a run that was asked for and whose answer was lost is there.
func (k *Desk) Found(ctx context.Context, project string) (bool, error) {
	a := k.of(project)
	if a == nil {
		return false, nil
	}
	err := k.find(ctx, project, a)
	if errors.Is(err, resource.ErrNotYet) || a.lost != nil && errors.Is(err, a.lost) {
		return false, nil
	}
	return err == nil, err
}

func anyOf(asked map[string]*asking, is func(*asking) bool) bool {
	for _, a := range asked {
		if is(a) {
			return true
		}
	}
	return false
}
