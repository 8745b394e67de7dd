package gitrepo

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// builder writes objects into a store and keeps count of them.
type builder struct {
	store  *memory.Storage
	hashes []plumbing.Hash
	seen   map[plumbing.Hash]bool
}

func newBuilder() *builder {
	return &builder{store: memory.NewStorage(), seen: map[plumbing.Hash]bool{}}
}

// commit writes a commit with its trees and blobs. What it says of files is given apart.
func (b *builder) commit(c NewCommit, files []file) (plumbing.Hash, error) {
	tree, err := b.tree("", files)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	by := object.Signature{Name: c.Author.Name, Email: c.Author.Email, When: c.Author.When}
	message := strings.TrimRight(c.Message, "\n") + "\n"
	commit := &object.Commit{Author: by, Committer: by, Message: message, TreeHash: tree}
	for _, parent := range []string{c.Parent, c.Merged} {
		if parent != "" {
			commit.ParentHashes = append(commit.ParentHashes, plumbing.NewHash(parent))
		}
	}
	return b.put(commit)
}

// tree makes the tree of the files below prefix, which are sorted by path.
func (b *builder) tree(prefix string, files []file) (plumbing.Hash, error) {
	var t object.Tree
	for len(files) > 0 {
		name, _, nested := strings.Cut(strings.TrimPrefix(files[0].path, prefix), "/")
		if !nested {
			entry, err := b.entry(name, files[0])
			if err != nil {
				return plumbing.ZeroHash, err
			}
			t.Entries = append(t.Entries, entry)
			files = files[1:]
			continue
		}
		below := prefix + name + "/"
		end := slices.IndexFunc(files, func(f file) bool { return !strings.HasPrefix(f.path, below) })
		if end < 0 {
			end = len(files)
		}
		hash, err := b.tree(below, files[:end])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		t.Entries = append(t.Entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: hash})
		files = files[end:]
	}
	// git orders a folder as if its name ended in a slash, which is not the order of the paths.
	sort.Sort(object.TreeEntrySorter(t.Entries))
	return b.put(&t)
}

// entry is a file's line in its folder's tree, with its content in the store where the server has it not.
func (b *builder) entry(name string, f file) (object.TreeEntry, error) {
	if f.known.Hash != "" {
		mode, err := filemode.New(f.known.Mode)
		return object.TreeEntry{Name: name, Mode: mode, Hash: plumbing.NewHash(f.known.Hash)}, err
	}
	hash, err := b.blob(f.content)
	mode := filemode.Regular
	if f.executable {
		mode = filemode.Executable
	}
	return object.TreeEntry{Name: name, Mode: mode, Hash: hash}, err
}

func (b *builder) blob(content []byte) (plumbing.Hash, error) {
	o := b.store.NewEncodedObject()
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
	return b.keep(o)
}

func (b *builder) put(v interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	o := b.store.NewEncodedObject()
	if err := v.Encode(o); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encoding: %w", err)
	}
	return b.keep(o)
}

func (b *builder) keep(o plumbing.EncodedObject) (plumbing.Hash, error) {
	hash, err := b.store.SetEncodedObject(o)
	if err == nil && !b.seen[hash] {
		b.seen[hash] = true
		b.hashes = append(b.hashes, hash)
	}
	return hash, err
}
