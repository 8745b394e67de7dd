package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// ErrShallow is a history that is not there in full, as in a clone of limited depth.
var ErrShallow = errors.New("the clone is shallow, so that earlier versions are not there (git fetch --unshallow, or fetch-depth: 0)")

// Versions calls each with the committed contents of a file, newest first from HEAD, each once, until it wants no
// more. A file in no repository, and a repository without a commit, have none. ErrShallow comes after the last one
// that is there.
func Versions(file string, each func(content []byte) (more bool)) error {
	const most = 2000
	repo, path, err := repositoryOf(file)
	if repo == nil || err != nil {
		return err
	}
	head, err := repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the history of %s: %w", file, err)
	}
	log, err := repo.Log(&git.LogOptions{From: head.Hash(), Order: git.LogOrderCommitterTime})
	if err != nil {
		return fmt.Errorf("reading the history of %s: %w", file, err)
	}
	defer log.Close()
	seen, n := map[plumbing.Hash]bool{}, 0
	err = log.ForEach(func(c *object.Commit) error {
		if n++; n > most {
			return storer.ErrStop
		}
		content, fresh, err := version(c, path, seen)
		if err == nil && fresh && !each(content) {
			err = storer.ErrStop
		}
		return err
	})
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return ErrShallow
	}
	if err != nil {
		return fmt.Errorf("reading the history of %s: %w", file, err)
	}
	return nil
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

// version returns a file's content in a commit, unless it was seen or is not there.
func version(c *object.Commit, path string, seen map[plumbing.Hash]bool) (content []byte, fresh bool, err error) {
	f, err := c.File(path)
	if errors.Is(err, object.ErrFileNotFound) {
		return nil, false, nil
	}
	if err != nil || seen[f.Hash] || f.Size > largestObject {
		return nil, false, err
	}
	seen[f.Hash] = true
	r, err := f.Reader()
	if err != nil {
		return nil, false, err
	}
	content, err = io.ReadAll(r)
	return content, err == nil, errors.Join(err, r.Close())
}
