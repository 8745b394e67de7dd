package gitrepo

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Checkout is the commit that a file's repository is checked out at, with its parents: both are "" and nil where
// the file lies in no repository or nothing is committed.
type Checkout struct {
	Commit  string
	Parents []string
	Path    string // of the file, below the repository's root, with slashes
}

// CheckoutOf returns what the repository of a file is checked out at.
func CheckoutOf(file string) (Checkout, error) {
	repo, path, err := repositoryOf(file)
	if repo == nil || err != nil {
		return Checkout{}, err
	}
	head, err := repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return Checkout{Path: path}, nil
	}
	if err != nil {
		return Checkout{}, fmt.Errorf("reading the HEAD of the repository that holds %s: %w", file, err)
	}
	out := Checkout{Commit: head.Hash().String(), Path: path}
	c, err := repo.CommitObject(head.Hash())
	if err != nil {
		return out, fmt.Errorf("reading commit %s: %w", out.Commit, err)
	}
	for _, p := range c.ParentHashes {
		out.Parents = append(out.Parents, p.String())
	}
	return out, nil
}

// What DataAt ends with.
var (
	// ErrNoCommit: the history that is here does not reach so far.
	ErrNoCommit = errors.New("the commit is not in this clone")
	// ErrNoData: the commit holds no such file.
	ErrNoData = errors.New("the commit does not hold the file")
	// ErrNoFile: what the commit holds there is a link, a folder or another repository, or too large.
	ErrNoFile = errors.New("it is no plain file of a bounded size")
)

// DataAt returns what a commit held in a file's place, as data, and the commit. Nothing is checked out. A revision is
// a commit, a branch or a tag, or one of a remote's branches.
func DataAt(file, revision string) (data []byte, commit string, err error) {
	repo, path, err := repositoryOf(file)
	if err != nil {
		return nil, "", err
	}
	if repo == nil {
		return nil, "", ErrNoCommit
	}
	hash, err := repo.ResolveRevision(plumbing.Revision(revision))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", revision, ErrNoCommit)
	}
	c, err := repo.CommitObject(*hash)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", revision, ErrNoCommit)
	}
	data, err = dataIn(c, path)
	if err != nil {
		return nil, hash.String(), fmt.Errorf("%s at %s: %w", path, hash, err)
	}
	return data, hash.String(), nil
}

func dataIn(c *object.Commit, path string) ([]byte, error) {
	tree, err := c.Tree()
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, ErrNoCommit
	}
	if err != nil {
		return nil, err
	}
	entry, err := tree.FindEntry(path)
	switch {
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound):
		return nil, ErrNoData
	case err != nil:
		return nil, err
	case entry.Mode != filemode.Regular && entry.Mode != filemode.Executable:
		return nil, ErrNoFile
	}
	f, err := tree.File(path)
	if err != nil {
		return nil, err
	}
	if f.Size > largestObject {
		return nil, ErrNoFile
	}
	r, err := f.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}
