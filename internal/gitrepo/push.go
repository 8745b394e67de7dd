// Package gitrepo speaks git: it pushes local files as the first commit of an empty repository, reads and moves
// refs by compare-and-swap, and reads the history of a local file. It makes the objects in memory and
// speaks git's smart HTTP protocol through the transport that it is given.
package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Remote is a repository that can be pushed to over HTTP.
type Remote struct {
	URL       string
	Token     func(context.Context) (string, error)
	Transport http.RoundTripper
}

// Commit is a first commit: the files below Dir that Paths name, a folder standing for all that is in
// it and that .gitignore does not leave out.
type Commit struct {
	Dir     string
	Paths   []string
	Branch  string
	Message string
	Author  Signature
}

// Signature is who made a commit, and when.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Push makes the commit and a branch that begins with it, and returns the commit's hash. It never moves
// a branch that exists: resource.ErrExists then. What the server says beside its refusal is in the
// error.
func Push(ctx context.Context, r Remote, c Commit) (hash string, err error) {
	files, err := collect(c.Dir, c.Paths)
	if err != nil {
		return "", err
	}
	store := memory.NewStorage()
	commit, objects, err := build(store, c, files)
	if err != nil {
		return "", fmt.Errorf("making the first commit: %w", err)
	}
	create := &packp.Command{Name: plumbing.NewBranchReferenceName(c.Branch), Old: plumbing.ZeroHash, New: commit}
	if err := send(ctx, r, parcel{commands: []*packp.Command{create}, objects: objects, store: store}); err != nil {
		return "", fmt.Errorf("pushing the first commit to %s of %s: %w", c.Branch, r.URL, err)
	}
	return commit.String(), nil
}

// parcel is what goes over the wire.
type parcel struct {
	commands []*packp.Command
	objects  []plumbing.Hash
	store    *memory.Storage
}

func send(ctx context.Context, r Remote, p parcel) (err error) {
	dialled, err := dial(ctx, r)
	if err != nil {
		return err
	}
	session, err := dialled.client.NewReceivePackSession(dialled.endpoint, dialled.auth)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return bare(err)
	}
	for _, c := range p.commands {
		if _, there := refs.References[c.Name.String()]; there {
			return fmt.Errorf("branch %s %w", c.Name.Short(), resource.ErrExists)
		}
	}
	return deliver(ctx, session, refs.Capabilities, p)
}

func deliver(ctx context.Context, session transport.ReceivePackSession, can *capability.List, p parcel) error {
	req := packp.NewReferenceUpdateRequestFromCapabilities(can)
	// The old ids are what makes this a compare-and-swap: the server refuses if a ref stands elsewhere.
	req.Commands = p.commands
	if len(p.commands) > 1 {
		if err := req.Capabilities.Set(capability.Atomic); err != nil {
			return err
		}
	}
	var said bytes.Buffer
	if can.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return err
		}
		req.Progress = &said // without it a refusal's reasons are not even sent
	}
	if err := enclose(req, p); err != nil {
		return err
	}
	report, err := session.ReceivePack(ctx, req)
	if err == nil && report != nil {
		if refused := report.Error(); refused != nil {
			err = &refusal{err: refused}
		}
	}
	if err = bare(err); err != nil && said.Len() > 0 {
		return fmt.Errorf("%w; the server says: %s", err, strings.TrimSpace(said.String()))
	}
	return err
}

// enclose adds the objects of a push. One that only deletes has none.
func enclose(req *packp.ReferenceUpdateRequest, p parcel) error {
	if !slices.ContainsFunc(p.commands, func(c *packp.Command) bool { return !c.New.IsZero() }) {
		return nil
	}
	var pack bytes.Buffer
	const window = 10 // git's own default
	if _, err := packfile.NewEncoder(&pack, p.store, false).Encode(p.objects, window); err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	req.Packfile = io.NopCloser(&pack)
	return nil
}

// refusal is what a server that took a push says of its refs.
type refusal struct{ err error }

// Error returns the server's words.
func (r *refusal) Error() string { return r.err.Error() }

// bare takes go-git's wrapping off an error, which hides what it wraps, and net/http's, which says
// method and address once more.
func bare(err error) error {
	var wrapped *plumbing.UnexpectedError
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		return sent.Err
	}
	return err
}
