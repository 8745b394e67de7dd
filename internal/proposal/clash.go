package proposal

import (
	"context"
	"maps"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
)

// Clash is which files a branch and the default branch have both changed since they parted, each in its own way. Unless the
// changes lie far apart in a file, GitHub does not merge the pull request.
type Clash struct {
	Generated []string // files that follow from the spec: which content is right is known
	Others    []string // only a person can say
	merged    map[string]gitrepo.Entry
}

// clash compares the two. What a person has edited on the branch is not decided for them.
func (k *Desk) clash(ctx context.Context, d Draft, v View) (Clash, error) {
	apart := func(f gitrepo.File) bool { there, has := d.On[f.Path]; return has && there != v.on[f.Path] }
	if !slices.ContainsFunc(d.Files(), apart) {
		return Clash{}, nil // as nearly always; nothing has to be asked
	}
	ours := map[string]bool{}
	for _, f := range d.Generated {
		ours[f.Path] = !slices.Contains(v.Edited, f.Path)
	}
	fork, _, err := k.Hub.Fork(ctx, d.Tip, v.Head)
	if err != nil || fork == d.Tip {
		return Clash{}, err
	}
	parted, err := k.Hub.Tree(ctx, fork)
	if err != nil {
		return Clash{}, err
	}
	c := Clash{merged: map[string]gitrepo.Entry{}}
	paths := maps.Clone(parted)
	maps.Copy(paths, d.On)
	maps.Copy(paths, v.on)
	for _, at := range slices.Sorted(maps.Keys(paths)) {
		was, here, there := parted[at], v.on[at], d.On[at]
		now := here
		if here == was {
			now = there
		}
		if now.Hash != "" {
			c.merged[at] = now
		}
		switch {
		case here == was, there == was, here == there:
		case ours[at]:
			c.Generated = append(c.Generated, at)
		default:
			c.Others = append(c.Others, at)
		}
	}
	return c, nil
}

// resolvable reports whether a merge of the default branch into the branch can be made here, and is needed.
func (c Clash) resolvable() bool { return len(c.Generated) > 0 && len(c.Others) == 0 }
