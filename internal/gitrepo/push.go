// Package gitrepo pushes local files as the first commit of an empty repository. It makes the objects
// in memory and speaks git's smart HTTP protocol through the transport that it is given.
package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
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
	if err := send(ctx, r, parcel{branch: c.Branch, commit: commit, objects: objects, store: store}); err != nil {
		return "", fmt.Errorf("pushing the first commit to %s of %s: %w", c.Branch, r.URL, err)
	}
	return commit.String(), nil
}

// parcel is what goes over the wire.
type parcel struct {
	branch  string
	commit  plumbing.Hash
	objects []plumbing.Hash
	store   *memory.Storage
}

func send(ctx context.Context, r Remote, p parcel) (err error) {
	token, err := r.Token(ctx)
	if err != nil {
		return err
	}
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return err
	}
	// A client of our own: go-git's registry of protocols belongs to the whole process.
	client := githttp.NewClient(&http.Client{
		Transport:     r.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	session, err := client.NewReceivePackSession(endpoint, &githttp.BasicAuth{Username: "x-access-token", Password: token})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return bare(err)
	}
	name := plumbing.NewBranchReferenceName(p.branch)
	if _, there := refs.References[name.String()]; there {
		return fmt.Errorf("branch %s %w", p.branch, resource.ErrExists)
	}
	return deliver(ctx, session, refs.Capabilities, p)
}

func deliver(ctx context.Context, session transport.ReceivePackSession, can *capability.List, p parcel) error {
	req := packp.NewReferenceUpdateRequestFromCapabilities(can)
	// The zero old id is what makes this a compare-and-swap: the server refuses if the branch exists.
	req.Commands = []*packp.Command{{Name: plumbing.NewBranchReferenceName(p.branch), Old: plumbing.ZeroHash, New: p.commit}}
	var said bytes.Buffer
	if can.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return err
		}
		req.Progress = &said // without it a refusal's reasons are not even sent
	}
	var pack bytes.Buffer
	const window = 10 // git's own default
	if _, err := packfile.NewEncoder(&pack, p.store, false).Encode(p.objects, window); err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	req.Packfile = io.NopCloser(&pack)
	report, err := session.ReceivePack(ctx, req)
	if err == nil && report != nil {
		err = report.Error()
	}
	if err = bare(err); err != nil && said.Len() > 0 {
		return fmt.Errorf("%w; the server says: %s", err, strings.TrimSpace(said.String()))
	}
	return err
}

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
