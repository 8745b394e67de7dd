package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// gitStore is what git keeps of a repository, opened for one request.
type gitStore struct {
	dir  string // "" for what is kept in memory
	repo *git.Repository
}

// gitRef is a ref with its full name.
type gitRef struct {
	name string
	hash plumbing.Hash
}

// refs lists the refs whose full name begins with prefix, in order of their names.
func (st *gitStore) refs(prefix string) ([]gitRef, error) {
	iter, err := st.repo.References()
	if err != nil {
		return nil, fmt.Errorf("listing refs: %w", err)
	}
	var refs []gitRef
	err = iter.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() == plumbing.HashReference && strings.HasPrefix(ref.Name().String(), prefix) {
			refs = append(refs, gitRef{name: ref.Name().String(), hash: ref.Hash()})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing refs: %w", err)
	}
	slices.SortFunc(refs, func(a, b gitRef) int { return strings.Compare(a.name, b.name) })
	return refs, nil
}

// ref reads one ref by its full name; the zero hash means that there is none.
func (st *gitStore) ref(name string) (plumbing.Hash, error) {
	ref, err := st.repo.Storer.Reference(plumbing.ReferenceName(name))
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return plumbing.ZeroHash, nil
	}
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("reading %s: %w", name, err)
	}
	return ref.Hash(), nil
}

func (st *gitStore) branch(name string) (plumbing.Hash, error) { return st.ref("refs/heads/" + name) }

// isEmpty: a repository is empty while it has no branch, whatever other refs it has.
func (st *gitStore) isEmpty() (bool, error) {
	refs, err := st.refs("refs/heads/")
	return len(refs) == 0, err
}

func (st *gitStore) setHead(branch string) error {
	return st.repo.Storer.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, plumbing.NewBranchReferenceName(branch)))
}

// move sets name to hash, or removes it where hash is zero.
func (st *gitStore) move(name string, hash plumbing.Hash) error {
	if hash.IsZero() {
		return st.repo.Storer.RemoveReference(plumbing.ReferenceName(name))
	}
	return st.repo.Storer.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), hash))
}

func (st *gitStore) has(hash plumbing.Hash) bool { return st.repo.Storer.HasEncodedObject(hash) == nil }

// resolve finds the commit of a branch, a tag, a full ref name or a hash.
func (st *gitStore) resolve(rev string) (*object.Commit, error) {
	for _, name := range []string{rev, "refs/heads/" + rev, "refs/tags/" + rev} {
		if !strings.HasPrefix(name, "refs/") {
			continue
		}
		hash, err := st.ref(name)
		if err != nil {
			return nil, err
		}
		if !hash.IsZero() {
			return st.peel(hash)
		}
	}
	if plumbing.IsHash(rev) {
		return st.peel(plumbing.NewHash(rev))
	}
	return nil, plumbing.ErrObjectNotFound
}

// peel finds the commit that hash is, or that the annotated tag hash points to.
func (st *gitStore) peel(hash plumbing.Hash) (*object.Commit, error) {
	if tag, err := st.repo.TagObject(hash); err == nil {
		return tag.Commit()
	}
	return st.repo.CommitObject(hash)
}

// contains says whether old is to be reached from new, so that old to new is a fast-forward.
func (st *gitStore) contains(to, old plumbing.Hash) (bool, error) {
	if to == old {
		return true, nil
	}
	from, err := st.peel(old)
	if err != nil {
		return false, nil // what is no commit is never an ancestor
	}
	tip, err := st.peel(to)
	if err != nil {
		return false, nil
	}
	return from.IsAncestor(tip)
}

// connected refuses a hash whose history or trees miss objects. It stops at what a ref reaches
// already.
func (st *gitStore) connected(hash plumbing.Hash) error {
	known, err := st.refs("refs/")
	if err != nil {
		return err
	}
	seen := map[plumbing.Hash]bool{}
	for _, ref := range known {
		seen[ref.hash] = true
	}
	return st.walk(hash, seen)
}

func (st *gitStore) walk(start plumbing.Hash, seen map[plumbing.Hash]bool) error {
	todo := []plumbing.Hash{start}
	for len(todo) > 0 {
		hash := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[hash] {
			continue
		}
		seen[hash] = true
		found, err := st.repo.Storer.EncodedObject(plumbing.AnyObject, hash)
		if err != nil {
			return fmt.Errorf("object %s: %w", hash, err)
		}
		switch found.Type() {
		case plumbing.CommitObject:
			c, err := object.DecodeCommit(st.repo.Storer, found)
			if err != nil {
				return err
			}
			todo = append(append(todo, c.TreeHash), c.ParentHashes...)
		case plumbing.TreeObject:
			t, err := object.GetTree(st.repo.Storer, hash)
			if err != nil {
				return err
			}
			for _, entry := range t.Entries {
				if entry.Mode.IsFile() || entry.Mode.String() == "0040000" {
					todo = append(todo, entry.Hash)
				}
			}
		case plumbing.TagObject:
			t, err := object.DecodeTag(st.repo.Storer, found)
			if err != nil {
				return err
			}
			todo = append(todo, t.Target)
		}
	}
	return nil
}

// signature of a change that GitHub makes itself in somebody's name.
func gitSignature(login string, when time.Time) object.Signature {
	return object.Signature{Name: login, Email: login + "@users.noreply.github.com", When: when.UTC()}
}
