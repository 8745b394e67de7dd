package proposal

import (
	"context"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// needless finds the workflows on the default branch that were generated once and that nothing asks for any more:
// those that are as they were written go, and those that a person has edited stay.
func (k *Desk) needless(ctx context.Context, d *Draft) error {
	wanted := k.wanted()
	for at := range d.On {
		if !workflows.MayWrite(at) || wanted[at] {
			continue
		}
		content, err := k.Hub.FileAt(ctx, at, d.Tip)
		if err != nil {
			return err
		}
		switch ours, unedited := workflows.Written(content); {
		case unedited:
			d.Gone = append(d.Gone, at)
		case ours:
			d.Kept = append(d.Kept, at)
		}
	}
	slices.Sort(d.Gone)
	slices.Sort(d.Kept)
	return nil
}

// wanted are the paths of the workflows that the spec asks for, also of those that are not written now: of a project
// that is not on the default branch yet, and of those that only a release writes.
func (k *Desk) wanted() map[string]bool {
	wanted := map[string]bool{}
	for _, p := range k.stack.Projects {
		if p.Workflows != spec.GenerateWorkflows {
			continue
		}
		wanted[workflows.CIFile()] = true
		if len(p.Deploy) > 0 {
			wanted[workflows.DeployFile(p.Name)] = true
		}
	}
	if ci := k.stack.CI; ci != nil {
		wanted[workflows.CheckFile] = true
		wanted[workflows.ApplyFile], wanted[workflows.DriftFile] = ci.Operator != "", ci.Operator != ""
	}
	return wanted
}

// without is a tree without some of its files.
func without(on map[string]gitrepo.Entry, gone []string) []gitrepo.Entry {
	return slices.DeleteFunc(entries(on), func(e gitrepo.Entry) bool { return slices.Contains(gone, e.Path) })
}
