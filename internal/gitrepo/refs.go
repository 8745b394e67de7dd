package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Refs is where a repository's refs stand, by their full names, and the server's clock when it said so: the
// Date of its answer, zero where it had none.
type Refs struct {
	Hashes map[string]string
	Time   time.Time
}

// What a push of refs ends with, beside the errors of package resource.
var (
	// ErrMoved: a ref is not where it was taken to be, or somebody else was moving it; nothing was done.
	ErrMoved = errors.New("somebody else moved the ref")
	// ErrRefRefused: the server does not let this ref be written; nothing was done.
	ErrRefRefused = errors.New("the repository does not let the ref be written")
)

// Move changes one ref by compare-and-swap: Old "" is one that must not exist, New nil deletes it.
type Move struct {
	Ref, Old string
	New      *NewCommit
}

// NewCommit is a commit that holds Files, by their paths, and nothing else. Parent need not be known here; ""
// is none.
type NewCommit struct {
	Parent  string
	Merged  string // a second parent
	Files   map[string][]byte
	Message string
	Author  Signature
}

// ReadRefs reads where the refs below prefix stand. An empty repository has none.
func ReadRefs(ctx context.Context, r Remote, prefix string) (Refs, error) {
	line, err := dial(ctx, r)
	if err != nil {
		return Refs{}, err
	}
	session, err := line.client.NewUploadPackSession(line.endpoint, line.auth)
	if err != nil {
		return Refs{}, err
	}
	defer func() { _ = session.Close() }() // it holds nothing
	found := map[string]string{}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return Refs{Hashes: found, Time: line.clock.read()}, nil
	}
	if err != nil {
		return Refs{}, fmt.Errorf("reading the refs of %s: %w", r.URL, unadvertised(err))
	}
	for name, hash := range refs.References {
		if strings.HasPrefix(name, prefix) {
			found[name] = hash.String()
		}
	}
	return Refs{Hashes: found, Time: line.clock.read()}, nil
}

// MoveRefs makes all of the moves or none, and returns where the moved refs stand then. It sends them once at
// most: with an error, resource.ErrLost among them, it returns where the refs would stand, so that a
// caller who reads them again knows whether they were moved.
func MoveRefs(ctx context.Context, r Remote, moves []Move) (Refs, error) {
	p, err := pack(moves)
	if err != nil {
		return Refs{}, err
	}
	refs, err := push(ctx, r, p)
	if err != nil {
		err = fmt.Errorf("pushing %s to %s: %w", names(moves), r.URL, err)
	}
	return refs, err
}

// pack makes the commits of the moves.
func pack(moves []Move) (parcel, error) {
	p := parcel{objects: newBuilder()}
	for _, m := range moves {
		to := plumbing.ZeroHash
		if m.New != nil {
			var files []file
			for _, path := range slices.Sorted(maps.Keys(m.New.Files)) {
				files = append(files, file{path: path, content: m.New.Files[path]})
			}
			var err error
			if to, err = p.objects.commit(*m.New, files); err != nil {
				return p, fmt.Errorf("making the commit of %s: %w", m.Ref, err)
			}
		}
		p.add(m.Ref, m.Old, to)
	}
	return p, nil
}

func names(moves []Move) string {
	var all []string
	for _, m := range moves {
		all = append(all, m.Ref)
	}
	return strings.Join(all, " and ")
}
