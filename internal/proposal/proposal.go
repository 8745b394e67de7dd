// Package proposal is what a stack's pull requests bring: the code of a project, and the workflows of those
// that are there already. It compares the files as they are wished with those on a branch; what others have
// done there is seen and left alone.
package proposal

import (
	"context"
	"fmt"
	"maps"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Desk is where the pull requests of a stack are prepared. Its methods may be called from any goroutine.
type Desk struct {
	Hub     *github.Client
	stack   *spec.Stack
	release release

	one   sync.Mutex
	mu    sync.Mutex
	asked map[string]*asking // of the repository's own workflow, by the projects
}

// New returns the desk of a stack.
func New(hub *github.Client, s *spec.Stack) *Desk {
	info, _ := debug.ReadBuildInfo()
	return &Desk{Hub: hub, stack: s, release: releaseOf(info), asked: map[string]*asking{}}
}

// Draft is what a pull request would bring. Code are the files of a project as they are here; Generated those
// that follow from the spec.
type Draft struct {
	Base      string                   // the default branch
	Tip       string                   // the commit at its head; "" where the repository is empty
	On        map[string]gitrepo.Entry // what is on it
	Code      []gitrepo.File
	Generated []gitrepo.File
	Gone      []string // workflows on the default branch that nothing asks for any more, and that are taken away
	Kept      []string // such as a person has edited, which stay
	Notes     []string // what the generated files leave out
}

// Files are all files of the draft: what is generated stands for what is here.
func (d Draft) Files() []gitrepo.File {
	byPath := map[string]gitrepo.File{}
	for _, f := range slices.Concat(d.Code, d.Generated) {
		byPath[f.Path] = f
	}
	var all []gitrepo.File
	for _, at := range slices.Sorted(maps.Keys(byPath)) {
		all = append(all, byPath[at])
	}
	return all
}

// base reads the default branch.
func (k *Desk) base(ctx context.Context) (Draft, error) {
	r, err := k.Hub.Repository(ctx)
	if err != nil {
		return Draft{}, err
	}
	heads, err := k.Hub.Branches(ctx)
	if err != nil {
		return Draft{}, err
	}
	d := Draft{Base: r.DefaultBranch, Tip: heads[r.DefaultBranch], On: map[string]gitrepo.Entry{}}
	if d.Tip != "" {
		d.On, err = k.Hub.Tree(ctx, d.Tip)
	}
	return d, err
}

// bundle is the path of a project's databricks.yml.
func bundle(p spec.Project) string { return path.Join(p.Path, "databricks.yml") }

// Landed reports whether a project's code is on the default branch, and what that is called.
func (k *Desk) Landed(ctx context.Context, project string) (landed bool, branch string, err error) {
	d, err := k.base(ctx)
	if err != nil {
		return false, "", err
	}
	_, landed = d.On[bundle(*k.stack.Project(project))]
	return landed, d.Base, nil
}

// Knows reports whether the spec has a project. A pull request may outlive its project there.
func (k *Desk) Knows(project string) bool { return k.stack.Project(project) != nil }

// Known are the application ids of the stack's principals, by name, as far as they are known.
type Known map[string]string

// Code is the draft of a project's first pull request: its files as they are here, and its workflows, so that its
// checks are there. A *resource.Blocked says what of it cannot be pushed.
func (k *Desk) Code(ctx context.Context, project string, known Known) (Draft, error) {
	d, err := k.base(ctx)
	if err != nil {
		return d, err
	}
	p := *k.stack.Project(project)
	if d.Code, err = k.local(p); err != nil {
		return d, err
	}
	err = k.generate(ctx, &d, func(other spec.Project) bool { return other.Name == project || k.on(d, other) }, known)
	return d, err
}

// Workflows is the draft of the pull request that brings the workflows, and databricks.yml, of the projects on the
// default branch in line with the spec. Waiting are those that are not there yet.
func (k *Desk) Workflows(ctx context.Context, known Known) (d Draft, waiting []string, err error) {
	if d, err = k.base(ctx); err != nil {
		return d, nil, err
	}
	for _, p := range k.stack.Projects {
		if p.Workflows == spec.GenerateWorkflows && !k.on(d, p) {
			waiting = append(waiting, p.Name)
		}
	}
	if err := k.needless(ctx, &d); err != nil {
		return d, waiting, err
	}
	return d, waiting, k.generate(ctx, &d, func(p spec.Project) bool { return k.on(d, p) }, known)
}

func (k *Desk) on(d Draft, p spec.Project) bool {
	_, there := d.On[bundle(p)]
	return there
}

// generate adds the files that follow from the spec for the projects of a draft.
func (k *Desk) generate(ctx context.Context, d *Draft, in func(spec.Project) bool, known Known) error {
	r := workflows.Of(k.stack, known)
	r.Projects = slices.DeleteFunc(r.Projects, func(p workflows.Project) bool { return !in(*k.stack.Project(p.Name)) })
	d.Notes = workflows.Notes(r)
	files, err := workflows.Generate(r)
	if err != nil {
		return &resource.Blocked{Reason: fmt.Sprintf("its workflows cannot be generated: %v", err)}
	}
	if len(r.Projects) > 0 {
		own, err := control(k.stack, k.release, d.Base)
		if err != nil {
			return &resource.Blocked{Reason: fmt.Sprintf("the workflows of ci cannot be generated: %v", err)}
		}
		files = append(files, own...)
	}
	for _, f := range files {
		d.Generated = append(d.Generated, gitrepo.File{Path: f.Path, Content: f.Content, Executable: f.Executable})
	}
	for _, p := range r.Projects {
		at := bundle(*k.stack.Project(p.Name))
		text, err := k.text(ctx, *d, at)
		if err != nil {
			return err
		}
		aligned, err := workflows.Align(text, r, p)
		if err != nil {
			return &resource.Blocked{Reason: fmt.Sprintf("%s cannot be brought in line with the targets: %v", at, err)}
		}
		executable := d.On[at].Mode == "100755"
		d.Generated = append(d.Generated, gitrepo.File{Path: at, Content: aligned, Executable: executable})
	}
	return nil
}

// text is a file as the draft would have it without what is generated: as it is here, else as it is there.
func (k *Desk) text(ctx context.Context, d Draft, at string) ([]byte, error) {
	for _, f := range d.Code {
		if f.Path == at {
			return f.Content, nil
		}
	}
	return k.Hub.FileAt(ctx, at, d.Tip)
}

// Needless reports whether the default branch is as the draft would make it.
func (d Draft) Needless() bool { return len(Outdated(d.On, d.Files())) == 0 && len(d.Gone) == 0 }

// Outdated lists the files that a tree does not have as they are wished, in order.
func Outdated(on map[string]gitrepo.Entry, files []gitrepo.File) []string {
	list := []string{}
	for _, f := range files {
		if on[f.Path] != f.Entry() {
			list = append(list, f.Path)
		}
	}
	slices.Sort(list)
	return list
}

// listed names a few of many.
func listed(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Fits says what of a project could not be pushed from here, nil where all of it can. It asks nobody.
func (k *Desk) Fits(ctx context.Context, project string, known Known) error {
	p := *k.stack.Project(project)
	code, err := k.local(p)
	if err != nil {
		return err
	}
	d := Draft{On: map[string]gitrepo.Entry{}, Code: code}
	return k.generate(ctx, &d, func(other spec.Project) bool { return other.Name == project }, known)
}
