package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Version is one commit with all of its files.
type Version struct {
	Hash    string
	Message string
	Author  Signature
	Files   map[string][]byte
	Parents []string
}

// Fetch fetches the commit of that hash and its first parents, newest first: depth of them, or all where
// depth is 0. It refuses what is too large. One that the server does not have is resource.ErrNotYet: a
// hash is known from the server itself, and not every machine of it has the latest.
func Fetch(ctx context.Context, r Remote, hash string, depth int) ([]Version, error) {
	pack, err := download(ctx, r, hash, depth)
	if err != nil {
		return nil, fmt.Errorf("fetching %s from %s: %w", hash, r.URL, err)
	}
	all, err := unpack(pack, plumbing.NewHash(hash), depth)
	if err != nil {
		return nil, fmt.Errorf("reading what %s sent of %s: %w", r.URL, hash, err)
	}
	return all, nil
}

func download(ctx context.Context, r Remote, hash string, depth int) (pack []byte, err error) {
	if !plumbing.IsHash(hash) {
		return nil, errors.New("it is no hash")
	}
	line, err := dial(ctx, r)
	if err != nil {
		return nil, err
	}
	session, err := line.client.NewUploadPackSession(line.endpoint, line.auth)
	if err != nil {
		return nil, err
	}
	defer func() { _ = session.Close() }() // it holds nothing
	req := packp.NewUploadPackRequest()
	req.Wants = []plumbing.Hash{plumbing.NewHash(hash)}
	if err := req.Capabilities.Set(capability.OFSDelta); err != nil {
		return nil, err
	}
	if depth > 0 {
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return nil, err
		}
		req.Depth = packp.DepthCommits(depth)
	}
	answer, err := session.UploadPack(ctx, req)
	if err != nil {
		return nil, undelivered(err)
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	pack, err = io.ReadAll(io.LimitReader(answer, largestPack+1))
	if err == nil && len(pack) > largestPack {
		return nil, errPackTooLarge
	}
	return pack, err
}

func undelivered(err error) error {
	known := bare(err)
	if errors.Is(known, transport.ErrEmptyUploadPackRequest) {
		return errors.New("the server's answer is empty")
	}
	// git's protocol has no code for it.
	if text := known.Error(); strings.Contains(text, "not our ref") {
		return fmt.Errorf("%w: %s", resource.ErrNotYet, plain(text))
	}
	return known
}

func unpack(pack []byte, hash plumbing.Hash, depth int) ([]Version, error) {
	if err := survey(pack, bounds{object: largestObject, all: largestAll}); err != nil {
		return nil, err
	}
	store := memory.NewStorage()
	if err := packfile.UpdateObjectStorage(store, bytes.NewReader(pack)); err != nil {
		return nil, err
	}
	return versions(store, hash, depth)
}

// versions reads the commits. What they share is held once.
func versions(store *memory.Storage, hash plumbing.Hash, depth int) ([]Version, error) {
	shelf := shelf{store: store, content: map[plumbing.Hash][]byte{}}
	var all []Version
	for depth == 0 || len(all) < depth {
		commit, err := object.GetCommit(store, hash)
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", hash, err)
		}
		v := Version{Hash: hash.String(), Message: commit.Message,
			Author: Signature{Name: commit.Author.Name, Email: commit.Author.Email, When: commit.Author.When}}
		for _, p := range commit.ParentHashes {
			v.Parents = append(v.Parents, p.String())
		}
		if v.Files, err = shelf.files(commit); err != nil {
			return nil, fmt.Errorf("commit %s: %w", hash, err)
		}
		all = append(all, v)
		if len(commit.ParentHashes) == 0 {
			break
		}
		hash = commit.ParentHashes[0]
	}
	return all, nil
}

// shelf holds the contents of files.
type shelf struct {
	store   *memory.Storage
	content map[plumbing.Hash][]byte
	entries int
}

// files reads the files of a commit. A tree may hold the same folder many times over, at every level.
func (s *shelf) files(commit *object.Commit) (map[string][]byte, error) {
	tree, err := object.GetTree(s.store, commit.TreeHash)
	if err != nil {
		return nil, err
	}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	files := map[string][]byte{}
	for {
		path, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if s.entries++; s.entries > mostEntries {
			return nil, fmt.Errorf("it has more than %d files", mostEntries)
		}
		if !entry.Mode.IsRegular() {
			continue
		}
		if files[path], err = s.read(entry.Hash); err != nil {
			return nil, fmt.Errorf("%s: %w", plain(path), err)
		}
	}
}

func (s *shelf) read(hash plumbing.Hash) ([]byte, error) {
	if known, there := s.content[hash]; there {
		return known, nil
	}
	blob, err := object.GetBlob(s.store, hash)
	if err != nil {
		return nil, err
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	s.content[hash] = content
	return content, errors.Join(err, r.Close())
}
