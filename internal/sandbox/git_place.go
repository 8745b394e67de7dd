package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/memory"
)

// gitStore opens what git keeps of r, and begins it where there is nothing yet: in a folder beside the state
// file, opened for each request, as another process may write packs between two of them; or in memory, for a
// sandbox without a folder.
func (s *Sandbox) gitStore(r *ghRepo) (*gitStore, error) {
	store := &gitStore{}
	var err error
	if s.opt.Dir == "" {
		store.repo, err = s.gitInMemory(r)
	} else if store.dir, err = s.gitDir(r); err == nil {
		store.repo, err = git.PlainOpen(store.dir)
		if errors.Is(err, git.ErrRepositoryNotExists) {
			store.repo, err = initGit(store.dir, r.Default)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening what git keeps of %s: %w", r.Name, err)
	}
	return store, nil
}

func (s *Sandbox) gitInMemory(r *ghRepo) (*git.Repository, error) {
	if kept := s.inMemory[r.ID]; kept != nil {
		return git.Open(kept, nil)
	}
	kept := memory.NewStorage()
	repo, err := git.InitWithOptions(kept, nil, git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName(r.Default)})
	if err != nil {
		return nil, err
	}
	if s.inMemory == nil {
		s.inMemory = map[int64]*memory.Storage{}
	}
	s.inMemory[r.ID] = kept
	return repo, nil
}

func initGit(dir, branch string) (*git.Repository, error) {
	// Beside its place first, so that a kill leaves no half of a repository there.
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return nil, err
	}
	options := &git.PlainInitOptions{Bare: true, InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName(branch)}}
	if _, err := git.PlainInitWithOptions(fresh, options); err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return nil, err
	}
	return git.PlainOpen(dir)
}

func (s *Sandbox) gitDir(r *ghRepo) (string, error) {
	root, err := s.gitRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, fmt.Sprintf("%d.git", r.ID)), nil
}

func (s *Sandbox) gitRoot() (string, error) {
	root := filepath.Join(s.opt.Dir, "git")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("the folder of git repositories: %w", err)
	}
	return root, nil
}

func (s *Sandbox) removeGit(r *ghRepo) error {
	if s.opt.Dir == "" {
		delete(s.inMemory, r.ID)
		return nil
	}
	dir, err := s.gitDir(r)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// keepGit keeps what git keeps of every repository. The func that it returns takes back what changed since.
func (s *Sandbox) keepGit() (takeBack func() error, err error) {
	if s.opt.Dir == "" {
		return s.keepMemory(), nil
	}
	root, err := s.gitRoot()
	if err != nil {
		return nil, err
	}
	kept := root + ".kept"
	if err := os.RemoveAll(kept); err != nil {
		return nil, err
	}
	if err := os.CopyFS(kept, os.DirFS(root)); err != nil {
		return nil, err
	}
	return func() error {
		if err := os.RemoveAll(root); err != nil {
			return err
		}
		return os.Rename(kept, root)
	}, nil
}

// keepMemory keeps the refs: objects that nothing refers to are nothing to anybody.
func (s *Sandbox) keepMemory() (takeBack func() error) {
	was, refs := maps.Clone(s.inMemory), map[int64]memory.ReferenceStorage{}
	for id, kept := range was {
		refs[id] = maps.Clone(kept.ReferenceStorage)
	}
	return func() error {
		for id, kept := range was {
			kept.ReferenceStorage = refs[id]
		}
		s.inMemory = was
		return nil
	}
}

// onDisk is a folder that the git program can read the repository from, and what removes it afterwards.
func (st *gitStore) onDisk() (dir string, remove func() error, err error) {
	if st.dir != "" {
		dir, err = filepath.Abs(st.dir)
		return dir, func() error { return nil }, err
	}
	if dir, err = os.MkdirTemp("", "mlopsctl-sandbox-"); err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	if err := st.copyTo(dir); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

func (st *gitStore) copyTo(dir string) error {
	to, err := git.PlainInit(dir, true)
	if err != nil {
		return err
	}
	objects, err := st.repo.Storer.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		return err
	}
	if err := objects.ForEach(func(o plumbing.EncodedObject) error {
		_, err := to.Storer.SetEncodedObject(o)
		return err
	}); err != nil {
		return err
	}
	refs, err := st.repo.Storer.IterReferences()
	if err != nil {
		return err
	}
	return refs.ForEach(to.Storer.SetReference)
}
