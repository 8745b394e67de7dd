package sandbox

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// history lists the commits that tip reaches and except does not, newest first.
func (st *gitStore) history(tip *object.Commit, except plumbing.Hash) ([]plumbing.Hash, error) {
	known := map[plumbing.Hash]bool{}
	if c, err := st.repo.CommitObject(except); err == nil {
		err := object.NewCommitPreorderIter(c, nil, nil).ForEach(func(c *object.Commit) error { known[c.Hash] = true; return nil })
		if err != nil {
			return nil, fmt.Errorf("walking history: %w", err)
		}
	}
	var found []plumbing.Hash
	err := object.NewCommitIterCTime(tip, known, nil).ForEach(func(c *object.Commit) error {
		found = append(found, c.Hash)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walking history: %w", err)
	}
	return found, nil
}

// touching leaves those commits that changed what lies at a path. A merge that took it over from one of
// its parents did not.
func (st *gitStore) touching(hashes []plumbing.Hash, path string) ([]plumbing.Hash, error) {
	if path == "" {
		return hashes, nil
	}
	var found []plumbing.Hash
	for _, hash := range hashes {
		c, err := st.repo.CommitObject(hash)
		if err != nil {
			return nil, fmt.Errorf("reading commit %s: %w", hash, err)
		}
		at, taken := st.entry(c, path), false
		for _, parent := range c.ParentHashes {
			before, err := st.repo.CommitObject(parent)
			if err != nil {
				return nil, fmt.Errorf("reading commit %s: %w", parent, err)
			}
			taken = taken || st.entry(before, path) == at
		}
		if !taken && (len(c.ParentHashes) > 0 || at != plumbing.ZeroHash) {
			found = append(found, hash)
		}
	}
	return found, nil
}

// entry is what lies at a path of a commit; the zero hash where nothing does.
func (st *gitStore) entry(c *object.Commit, path string) plumbing.Hash {
	tree, err := c.Tree()
	if err != nil {
		return plumbing.ZeroHash
	}
	e, err := tree.FindEntry(path)
	if err != nil {
		return plumbing.ZeroHash
	}
	return e.Hash
}
