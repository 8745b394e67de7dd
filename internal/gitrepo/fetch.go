package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/memory"
)

// Version is one commit with all of its files.
type Version struct {
	Hash    string
	Message string
	Author  Signature
	Files   map[string][]byte
	Parents []string
}

// What is fetched is small; whoever can push could make it large.
const (
	largestPack   = 16 << 20
	largestObject = 8 << 20
)

// Fetch fetches the commit of that hash, which a ref must stand at, and its first parents, newest first: depth
// of them, or all where depth is 0.
func Fetch(ctx context.Context, r Remote, hash string, depth int) ([]Version, error) {
	dialled, err := dial(ctx, r)
	if err != nil {
		return nil, err
	}
	session, err := dialled.client.NewUploadPackSession(dialled.endpoint, dialled.auth)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	req := packp.NewUploadPackRequest()
	if err := req.Capabilities.Set(capability.OFSDelta); err != nil {
		return nil, err
	}
	if depth > 0 {
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return nil, err
		}
		req.Depth = packp.DepthCommits(depth)
	}
	req.Wants = []plumbing.Hash{plumbing.NewHash(hash)}
	answer, err := session.UploadPack(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("fetching %s from %s: %w", hash, r.URL, bare(err))
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	store := memory.NewStorage()
	if err := unpack(answer, store); err != nil {
		return nil, fmt.Errorf("fetching %s from %s: %w", hash, r.URL, err)
	}
	return versions(store, plumbing.NewHash(hash), depth)
}

// unpack stores the objects of a pack, none of which may be larger than it should be.
func unpack(r io.Reader, store *memory.Storage) error {
	bounded := &io.LimitedReader{R: r, N: largestPack}
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(bounded), store, sizes{})
	if err == nil {
		_, err = parser.Parse()
	}
	if bounded.N <= 0 {
		return fmt.Errorf("it is larger than %d MB", largestPack>>20)
	}
	return err
}

// sizes refuses an object by the size that its header says.
type sizes struct{}

// OnHeader implements packfile.Observer.
func (sizes) OnHeader(uint32) error { return nil }

// OnInflatedObjectHeader implements packfile.Observer.
func (sizes) OnInflatedObjectHeader(_ plumbing.ObjectType, size, _ int64) error {
	if size > largestObject {
		return fmt.Errorf("an object in it is larger than %d MB", largestObject>>20)
	}
	return nil
}

// OnInflatedObjectContent implements packfile.Observer.
func (sizes) OnInflatedObjectContent(plumbing.Hash, int64, uint32, []byte) error { return nil }

// OnFooter implements packfile.Observer.
func (sizes) OnFooter(plumbing.Hash) error { return nil }

func versions(store *memory.Storage, hash plumbing.Hash, depth int) ([]Version, error) {
	var all []Version
	for depth == 0 || len(all) < depth {
		commit, err := object.GetCommit(store, hash)
		if err != nil {
			return nil, fmt.Errorf("reading commit %s: %w", hash, err)
		}
		v := Version{Hash: hash.String(), Message: commit.Message, Files: map[string][]byte{},
			Author: Signature{Name: commit.Author.Name, Email: commit.Author.Email, When: commit.Author.When}}
		for _, p := range commit.ParentHashes {
			v.Parents = append(v.Parents, p.String())
		}
		if err := readFiles(commit, v.Files); err != nil {
			return nil, fmt.Errorf("reading commit %s: %w", hash, err)
		}
		all = append(all, v)
		if len(commit.ParentHashes) == 0 {
			break
		}
		hash = commit.ParentHashes[0]
	}
	return all, nil
}

func readFiles(commit *object.Commit, files map[string][]byte) error {
	tree, err := commit.Tree()
	if err != nil {
		return err
	}
	left := largestPack
	return tree.Files().ForEach(func(f *object.File) error {
		if left -= int(f.Size); left < 0 {
			return errors.New("its files are too large")
		}
		text, err := f.Contents()
		files[f.Name] = []byte(text)
		return err
	})
}
