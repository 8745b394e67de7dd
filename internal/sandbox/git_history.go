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

// touching leaves those commits that changed what lies at a path, as git does: where a merge took it over from one of
// its parents, what the others did to it came to nothing and is left out.
func (st *gitStore) touching(hashes []plumbing.Hash, path string) ([]plumbing.Hash, error) {
	if path == "" || len(hashes) == 0 {
		return hashes, nil
	}
	var found []plumbing.Hash
	followed := map[plumbing.Hash]bool{hashes[0]: true}
	for _, hash := range hashes { // a commit comes before its parents
		if !followed[hash] {
			continue
		}
		c, err := st.repo.CommitObject(hash)
		if err != nil {
			return nil, fmt.Errorf("reading commit %s: %w", hash, err)
		}
		at, same := st.entry(c, path), plumbing.ZeroHash
		for _, parent := range c.ParentHashes {
			before, err := st.repo.CommitObject(parent)
			if err != nil {
				return nil, fmt.Errorf("reading commit %s: %w", parent, err)
			}
			if same.IsZero() && st.entry(before, path) == at {
				same = parent
			}
		}
		if !same.IsZero() {
			followed[same] = true
			continue
		}
		for _, parent := range c.ParentHashes {
			followed[parent] = true
		}
		if len(c.ParentHashes) > 0 || !at.IsZero() {
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
