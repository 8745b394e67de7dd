package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// ErrShallow is a history that is not there in full, as in a clone of limited depth.
var ErrShallow = errors.New("the clone is shallow, so that earlier versions are not there (git fetch --unshallow, or fetch-depth: 0)")

// Versions calls each with the committed contents of a file, newest first from HEAD, each once, until it wants no
// more or 2,000 commits have been looked at. A file in no repository, and a repository without a commit,
// have none. ErrShallow comes after the last one that is there.
func Versions(file string, each func(content []byte) (more bool)) error {
	repo, path, err := repositoryOf(file)
	if repo == nil || err != nil {
		return err
	}
	head, err := repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil
	}
	h := history{repo: repo, path: path, known: map[plumbing.Hash]bool{}, seen: map[plumbing.Hash]bool{}}
	if err == nil {
		err = h.walk(head.Hash(), each)
	}
	if err != nil && !errors.Is(err, ErrShallow) {
		return fmt.Errorf("reading the history of %s: %w", file, err)
	}
	return err
}

// repositoryOf finds the repository that holds a file, and the file's path in it; nil where there is none.
func repositoryOf(file string) (*git.Repository, string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return nil, "", err
	}
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("opening the repository that holds %s: %w", file, err)
	}
	tree, err := repo.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	root, err := filepath.EvalSymlinks(tree.Filesystem.Root())
	if err != nil {
		return nil, "", err
	}
	path, err := filepath.Rel(root, filepath.Join(dir, filepath.Base(file)))
	return repo, filepath.ToSlash(path), err
}

// history is a walk over the commits that hold a file, the newest first. go-git's own walk stops at the
// first commit whose parent is not there, without having shown it.
type history struct {
	repo    *git.Repository
	path    string
	todo    []*object.Commit       // the newest last
	known   map[plumbing.Hash]bool // commits
	seen    map[plumbing.Hash]bool // contents
	shallow bool
}

func (h *history) walk(from plumbing.Hash, each func([]byte) bool) error {
	const most = 2000
	if err := h.add(from); err != nil {
		return err
	}
	for n := 0; len(h.todo) > 0 && n < most; n++ {
		c := h.todo[len(h.todo)-1]
		h.todo = h.todo[:len(h.todo)-1]
		content, fresh, err := h.version(c)
		if err != nil {
			return err
		}
		if fresh && !each(content) {
			return nil
		}
		for _, parent := range c.ParentHashes {
			if err := h.add(parent); err != nil {
				return err
			}
		}
	}
	if h.shallow {
		return ErrShallow
	}
	return nil
}

func (h *history) add(hash plumbing.Hash) error {
	if h.known[hash] {
		return nil
	}
	h.known[hash] = true
	c, err := h.repo.CommitObject(hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		h.shallow = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("commit %s: %w", hash, err)
	}
	at, _ := slices.BinarySearchFunc(h.todo, c, func(a, b *object.Commit) int { return a.Committer.When.Compare(b.Committer.When) })
	h.todo = slices.Insert(h.todo, at, c)
	return nil
}

// version returns the file's content in a commit, unless it was seen or is not there.
func (h *history) version(c *object.Commit) (content []byte, fresh bool, err error) {
	f, err := c.File(h.path)
	switch {
	case errors.Is(err, object.ErrFileNotFound):
		return nil, false, nil
	case errors.Is(err, plumbing.ErrObjectNotFound): // of a clone without its trees
		h.shallow = true
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("commit %s: %w", c.Hash, err)
	case h.seen[f.Hash] || f.Size > largestObject:
		return nil, false, nil
	}
	h.seen[f.Hash] = true
	r, err := f.Reader()
	if err != nil {
		return nil, false, err
	}
	content, err = io.ReadAll(r)
	return content, err == nil, errors.Join(err, r.Close())
}
