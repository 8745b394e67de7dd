package sandbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// errMergeConflict: both sides changed a file, and not to the same.
var errMergeConflict = errors.New("merge conflict")

// gitMerge wishes for head to be in base.
type gitMerge struct {
	base, head plumbing.Hash
	method     string // merge, squash, rebase
	message    string
	who        string
	when       time.Time
}

// merge writes the commit that brings head into base; zero when head is in base already. Files are
// merged whole: two changes of one file are a conflict.
func (st *gitStore) merge(m gitMerge) (plumbing.Hash, error) {
	if inside, err := st.contains(m.base, m.head); err != nil || inside {
		return plumbing.ZeroHash, err
	}
	base, err := st.repo.CommitObject(m.base)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("reading commit %s: %w", m.base, err)
	}
	head, err := st.repo.CommitObject(m.head)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("reading commit %s: %w", m.head, err)
	}
	files, err := st.mergeFiles(base, head)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	tree, err := st.writeTree(files)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	by := gitSignature(m.who, m.when)
	c := &object.Commit{Author: by, Committer: by, Message: m.message, TreeHash: tree, ParentHashes: []plumbing.Hash{m.base, m.head}}
	if m.method == "squash" || m.method == "rebase" {
		c.ParentHashes = c.ParentHashes[:1]
	}
	return st.writeObject(c)
}

func (st *gitStore) mergeFiles(base, head *object.Commit) (gitFiles, error) {
	ancestor := gitFiles{}
	shared, err := base.MergeBase(head)
	if err != nil {
		return nil, fmt.Errorf("looking for the merge base: %w", err)
	}
	if len(shared) > 0 {
		if ancestor, err = st.files(shared[0].Hash); err != nil {
			return nil, err
		}
	}
	ours, err := st.files(base.Hash)
	if err != nil {
		return nil, err
	}
	theirs, err := st.files(head.Hash)
	if err != nil {
		return nil, err
	}
	for _, side := range []gitFiles{ancestor, theirs} {
		for path := range side {
			was, here, there := ancestor[path], ours[path], theirs[path]
			switch {
			case there.Hash == was.Hash || there.Hash == here.Hash: // nothing new
			case here.Hash != was.Hash:
				return nil, errMergeConflict
			case there.Hash.IsZero():
				delete(ours, path)
			default:
				ours[path] = there
			}
		}
	}
	return ours, nil
}
