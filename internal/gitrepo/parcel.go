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
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// parcel is a push: the refs that it moves, and the objects that they need.
type parcel struct {
	commands []*packp.Command
	objects  *builder
}

// add moves ref from old, "" where it must not exist, to a commit; the zero hash deletes it.
func (p *parcel) add(ref, old string, to plumbing.Hash) {
	p.commands = append(p.commands, &packp.Command{Name: plumbing.ReferenceName(ref), Old: plumbing.NewHash(old), New: to})
}

// moved returns the name of a ref that is not where the parcel takes it to be, "" where all of them are.
func (p *parcel) moved(now *packp.AdvRefs) string {
	for _, c := range p.commands {
		if now.References[c.Name.String()] != c.Old {
			return c.Name.String()
		}
	}
	return ""
}

// made is where the refs stand once the parcel has arrived.
func (p *parcel) made() map[string]string {
	hashes := map[string]string{}
	for _, c := range p.commands {
		if !c.New.IsZero() {
			hashes[c.Name.String()] = c.New.String()
		}
	}
	return hashes
}

// push moves all of the parcel's refs or none. It is sent once at most.
func push(ctx context.Context, r Remote, p parcel) (Refs, error) {
	line, err := dial(ctx, r)
	if err != nil {
		return Refs{}, err
	}
	session, err := line.client.NewReceivePackSession(line.endpoint, line.auth)
	if err != nil {
		return Refs{}, err
	}
	defer func() { _ = session.Close() }() // it holds nothing
	before, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return Refs{}, unadvertised(err)
	}
	made := Refs{Hashes: p.made(), Time: line.clock.read()}
	if name := p.moved(before); name != "" {
		return made, fmt.Errorf("%s: %w", name, ErrMoved)
	}
	req, err := p.request(before.Capabilities)
	if err != nil {
		return made, err
	}
	var said bytes.Buffer
	req.Progress = &said
	report, err := session.ReceivePack(ctx, req)
	made.Time = line.clock.read()
	if verdict := p.read(report, err); verdict != nil {
		verdict.said = plain(said.String())
		return made, verdict.judge(func() bool {
			now, err := session.AdvertisedReferencesContext(ctx)
			return err == nil && p.moved(now) != ""
		})
	}
	return made, nil
}

// unadvertised words that a server's refs could not be read.
func unadvertised(err error) error {
	var strange *packp.ErrUnexpectedData
	if errors.As(err, &strange) || errors.Is(err, packp.ErrEmptyInput) {
		return fmt.Errorf("it does not answer as git does, or only in part: %s", plain(err.Error()))
	}
	return bare(err)
}

func (p *parcel) request(can *capability.List) (*packp.ReferenceUpdateRequest, error) {
	req := packp.NewReferenceUpdateRequestFromCapabilities(can)
	// The old ids are what makes this a compare-and-swap: the server refuses if a ref stands elsewhere.
	req.Commands = p.commands
	if len(p.commands) > 1 {
		if !can.Supports(capability.Atomic) {
			return nil, errors.New("the server cannot move several refs at once (its git lacks the capability atomic)")
		}
		if err := req.Capabilities.Set(capability.Atomic); err != nil {
			return nil, err
		}
	}
	if can.Supports(capability.Sideband64k) { // without it a refusal's reasons are not even sent
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return nil, err
		}
	}
	if len(p.made()) == 0 {
		return req, nil // what only deletes sends no objects
	}
	var pack bytes.Buffer
	const window = 10 // git's own default
	if _, err := packfile.NewEncoder(&pack, p.objects.store, false).Encode(p.objects.hashes, window); err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	req.Packfile = io.NopCloser(&pack)
	return req, nil
}

// verdict is why a push did not succeed.
type verdict struct {
	err     error  // of the transport
	unpack  string // why the objects were not taken
	refused string // why a ref was not moved
	said    string // beside
}

// read returns nil for a push that a report says was done, all of it. Anything less is no success.
func (p *parcel) read(report *packp.ReportStatus, err error) *verdict {
	switch {
	case report == nil && err == nil:
		return &verdict{err: lost(errors.New("the server did not say what it did"))}
	case report == nil && answered(err):
		return &verdict{err: bare(err)}
	case report == nil:
		return &verdict{err: lost(errors.New(plain(bare(err).Error())))}
	case report.UnpackStatus != "ok":
		return &verdict{unpack: report.UnpackStatus}
	}
	done := map[plumbing.ReferenceName]bool{}
	var refused []string
	for _, s := range report.CommandStatuses {
		done[s.ReferenceName] = true
		if s.Error() != nil {
			refused = append(refused, s.ReferenceName.String()+": "+s.Status)
		}
	}
	if len(refused) > 0 {
		return &verdict{refused: strings.Join(refused, "; ")}
	}
	for _, c := range p.commands {
		if !done[c.Name] {
			return &verdict{err: lost(fmt.Errorf("the server did not say what became of %s", c.Name))}
		}
	}
	return nil
}

func lost(err error) error { return fmt.Errorf("%w: %w", resource.ErrLost, err) }

// answered reports whether an error says itself what became of a request: it is one of the transport's,
// or the request was never made.
func answered(err error) bool {
	err = bare(err)
	for _, known := range []error{resource.ErrRefused, resource.ErrLost, resource.ErrForbidden, resource.ErrUnauthorized, resource.ErrNotFound,
		transport.ErrAuthenticationRequired, transport.ErrAuthorizationFailed, transport.ErrRepositoryNotFound, packp.ErrEmptyCommands, packp.ErrMalformedCommand} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// judge returns the error that callers branch on. Whether a ref was moved by somebody else is best seen by
// looking again, as far as a refusal is about that at all.
func (v *verdict) judge(moved func() bool) error {
	switch text := strings.ToLower(v.refused + " " + v.said); {
	case v.err != nil:
		return v.words(v.err, "")
	case v.unpack != "":
		return v.words(resource.ErrRefused, "the objects were not taken: "+v.unpack)
	case moved() || mentions(text, "but expected", "reference already exists", "unable to resolve reference", "incorrect old value"):
		return v.words(ErrMoved, v.refused)
	case mentions(text, "internal server error", "commit_refs", "unable to create"): // of a store that failed halfway, or that somebody has locked
		return v.words(resource.ErrLost, v.refused)
	default:
		return v.words(ErrRefRefused, v.refused)
	}
}

func mentions(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func (v *verdict) words(kind error, why string) error {
	if why = plain(why); why != "" {
		kind = fmt.Errorf("%w: %s", kind, why)
	}
	if v.said != "" {
		return fmt.Errorf("%w; the server says: %s", kind, v.said)
	}
	return kind
}
