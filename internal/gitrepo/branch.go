package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Entry is what a tree on the server has at a path: its mode in octal, as git writes it, and its object.
type Entry struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	Hash string `json:"sha"`
}

// File is a file as it is to be, by its path from the root of the repository.
type File struct {
	Path       string
	Content    []byte
	Executable bool
}

// Entry returns what a tree has that holds the file.
func (f File) Entry() Entry {
	mode := "100644"
	if f.Executable {
		mode = "100755"
	}
	return Entry{Path: f.Path, Mode: mode, Hash: plumbing.ComputeHash(plumbing.BlobObject, f.Content).String()}
}

// Collect reads the files below dir that the paths name, a folder standing for all that is in it and that
// .gitignore does not leave out, in the order of their paths. It refuses what must not be pushed.
func Collect(dir string, paths []string) ([]File, error) {
	files, err := collect(dir, paths)
	if err != nil {
		return nil, err
	}
	all := make([]File, len(files))
	for i, f := range files {
		all[i] = File{Path: f.path, Content: f.content, Executable: f.executable}
	}
	return all, nil
}

// Revision is one commit on a branch: Tree, which the server has, with Files in it.
type Revision struct {
	Branch  string
	Old     string // where the branch stands; "" is one that must not exist
	Parent  string // the commit that this one follows
	Merged  string // another one, whose history it brings together with Parent's; "" for none
	Tree    []Entry
	Files   []File
	Message string
	Author  Signature
}

// Revise makes the commit and moves the branch to it, by compare-and-swap: ErrMoved if it stands elsewhere, or
// is there though it must not be. It returns the commit's hash also with an error.
func Revise(ctx context.Context, r Remote, v Revision) (string, error) {
	b := newBuilder()
	commit, err := b.commit(NewCommit{Parent: v.Parent, Merged: v.Merged, Message: v.Message, Author: v.Author}, v.files())
	if err != nil {
		return "", fmt.Errorf("making a commit for branch %s: %w", v.Branch, err)
	}
	p := parcel{objects: b}
	p.add(plumbing.NewBranchReferenceName(v.Branch).String(), v.Old, commit)
	if _, err = push(ctx, r, p); errors.Is(err, ErrMoved) && v.Old == "" {
		err = fmt.Errorf("branch %s %w: %w", v.Branch, resource.ErrExists, err)
	}
	if err != nil {
		err = fmt.Errorf("pushing to branch %s of %s: %w", v.Branch, r.URL, err)
	}
	return commit.String(), err
}

// files are those of the commit, in the order of their paths.
func (v Revision) files() []file {
	fresh := map[string]bool{}
	var all []file
	for _, f := range v.Files {
		fresh[f.Path] = true
		all = append(all, file{path: f.Path, executable: f.Executable, content: f.Content})
	}
	for _, e := range v.Tree {
		if !fresh[e.Path] {
			all = append(all, file{path: e.Path, known: e})
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return all
}
