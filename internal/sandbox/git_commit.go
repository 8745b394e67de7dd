package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// gitChanges are files to be written, by path; nil removes one.
type gitChanges map[string][]byte

// gitCommit describes a commit on top of a branch, which need not exist yet.
type gitCommit struct {
	branch  string
	message string
	who     string
	when    time.Time
	changes gitChanges
}

// commit writes a commit and moves the branch to it.
func (st *gitStore) commit(c gitCommit) (plumbing.Hash, error) {
	hash, err := st.write(c)
	if err != nil {
		return hash, err
	}
	return hash, st.move("refs/heads/"+c.branch, hash)
}

// write makes the commit's objects and leaves the branch alone.
func (st *gitStore) write(c gitCommit) (plumbing.Hash, error) {
	tip, err := st.branch(c.branch)
	if err != nil {
		return tip, err
	}
	files := gitFiles{}
	var parents []plumbing.Hash
	if !tip.IsZero() {
		parents = []plumbing.Hash{tip}
		if files, err = st.files(tip); err != nil {
			return tip, err
		}
	}
	if err := st.change(files, c.changes); err != nil {
		return tip, err
	}
	tree, err := st.writeTree(files)
	if err != nil {
		return tip, err
	}
	by := gitSignature(c.who, c.when)
	return st.writeObject(&object.Commit{Author: by, Committer: by, Message: c.message, TreeHash: tree, ParentHashes: parents})
}

// gitFiles are the files of a tree, by path.
type gitFiles map[string]object.TreeEntry

// files reads all files below a commit or a tree.
func (st *gitStore) files(hash plumbing.Hash) (gitFiles, error) {
	tree, err := st.tree(hash)
	if err != nil {
		return nil, err
	}
	files := gitFiles{}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	for {
		path, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading tree %s: %w", hash, err)
		}
		if entry.Mode != filemode.Dir {
			files[path] = entry
		}
	}
}

// tree is the tree of a commit, or the tree itself.
func (st *gitStore) tree(hash plumbing.Hash) (*object.Tree, error) {
	if c, err := st.peel(hash); err == nil {
		return c.Tree()
	}
	return st.repo.TreeObject(hash)
}

func (st *gitStore) change(files gitFiles, changes gitChanges) error {
	for _, path := range ghKeys(changes) {
		if changes[path] == nil {
			delete(files, path)
			continue
		}
		blob, err := st.writeBlob(changes[path])
		if err != nil {
			return err
		}
		mode := filemode.Regular
		if old, ok := files[path]; ok {
			mode = old.Mode
		}
		files[path] = object.TreeEntry{Mode: mode, Hash: blob}
	}
	return nil
}

func (st *gitStore) writeBlob(content []byte) (plumbing.Hash, error) {
	o := st.repo.Storer.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, err := o.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := w.Write(content); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return st.repo.Storer.SetEncodedObject(o)
}

// writeTree writes the trees that hold files and returns the top one.
func (st *gitStore) writeTree(files gitFiles) (plumbing.Hash, error) {
	tree, below := &object.Tree{}, map[string]gitFiles{}
	for _, path := range ghKeys(files) {
		folder, rest, nested := strings.Cut(path, "/")
		if !nested {
			tree.Entries = append(tree.Entries, object.TreeEntry{Name: path, Mode: files[path].Mode, Hash: files[path].Hash})
			continue
		}
		if below[folder] == nil {
			below[folder] = gitFiles{}
		}
		below[folder][rest] = files[path]
	}
	for _, folder := range ghKeys(below) {
		hash, err := st.writeTree(below[folder])
		if err != nil {
			return hash, err
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: folder, Mode: filemode.Dir, Hash: hash})
	}
	// Git orders a folder as if its name ended in a slash.
	slices.SortFunc(tree.Entries, func(a, b object.TreeEntry) int { return cmp.Compare(gitSortName(a), gitSortName(b)) })
	return st.writeObject(tree)
}

func gitSortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// gitEncoder is an object that can write itself.
type gitEncoder interface {
	Encode(plumbing.EncodedObject) error
}

func (st *gitStore) writeObject(e gitEncoder) (plumbing.Hash, error) {
	o := st.repo.Storer.NewEncodedObject()
	if err := e.Encode(o); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encoding a git object: %w", err)
	}
	return st.repo.Storer.SetEncodedObject(o)
}
