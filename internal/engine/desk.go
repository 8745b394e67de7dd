package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/transport"
)

// Desk is where a check of pull requests is read from and written to: the conversations of one repository, and its
// files as data. It can write comments and issues, and nothing else.
type Desk struct {
	*github.Client
	scrub *transport.Scrubber
}

// OpenDesk connects to a repository of a GitHub host, by the login that the environment has for it. It sends
// nothing. The host must be one that a credential may go to.
func OpenDesk(host, repository string, o Options) (*Desk, error) {
	owner, name, ok := strings.Cut(repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q is no repository: it is OWNER/NAME", repository)
	}
	d := &Desk{scrub: &transport.Scrubber{}}
	address := hostName(host)
	wire := transport.New(transport.Options{
		Base: o.Base, Guard: transport.Only(github.Talks), Clock: o.Clock, Secrets: d.scrub,
		Trusted: func(h string) bool { return h == address || h == "api."+address },
	})
	login := sync.OnceValues(func() (github.Login, error) {
		find := github.LoginOptions{Host: host, Env: o.Env, GHConfigDir: o.ghConfig(), Transport: wire, Clock: o.Clock, Secrets: d.scrub}
		if o.Home != "" {
			find.RunGH = github.RunGH
		}
		return github.FindLogin(find)
	})
	var err error
	d.Client, err = github.New(github.Options{
		Host: host, Owner: owner, Repo: name, Transport: wire, Now: o.Clock.Now,
		Token: func(ctx context.Context) (string, error) {
			l, err := login()
			if err != nil {
				return "", err
			}
			return l.Token(ctx)
		},
	})
	return d, err
}

// Scrub returns text without the secrets that the desk has come to know.
func (d *Desk) Scrub(text string) string { return d.scrub.Clean(text) }

// Note is a text that is kept once in the repository's conversations, and found again by its first line.
type Note struct{ Marker, Body string }

// Kept is what became of a note: created, updated, unchanged, superseded; of an issue's also closed, reopened, none.
type Kept struct {
	Action string
	ID     int64
}

// KeepIssue keeps one issue that begins with the note's marker and that we opened: open with the note's text, or, where
// the note has none, closed. Of several the oldest stays; an issue that was closed is opened again.
func (d *Desk) KeepIssue(ctx context.Context, title string, n Note) (Kept, error) {
	self, err := d.Login(ctx)
	if err != nil {
		return Kept{}, err
	}
	own, err := d.issues(ctx, n, self)
	if err != nil {
		return Kept{}, err
	}
	if len(own) == 0 {
		if n.Body == "" {
			return Kept{Action: "none"}, nil
		}
		if _, err := d.OpenIssue(ctx, title, n.Body); err != nil {
			return Kept{}, err
		}
		if own, err = d.issues(ctx, n, self); err != nil || len(own) == 0 {
			return Kept{Action: "created"}, err
		}
		return Kept{Action: "created", ID: int64(own[0].Number)}, d.closeOthers(ctx, own)
	}
	kept, want := own[0], own[0]
	k := Kept{Action: "unchanged", ID: int64(kept.Number)}
	switch {
	case n.Body != "":
		want.Title, want.Body, want.State = title, n.Body, "open"
	case kept.State == "open":
		want.State = "closed"
	}
	if want.Title != kept.Title || want.Body != kept.Body || want.State != kept.State {
		k.Action = "updated"
		if want.State != kept.State {
			k.Action = map[string]string{"open": "reopened", "closed": "closed"}[want.State]
		}
		if err := d.EditIssue(ctx, want); err != nil {
			return Kept{}, err
		}
	}
	return k, d.closeOthers(ctx, own)
}

// issues are those that begin with the note's marker and that self opened: the open ones first, each sort by age.
func (d *Desk) issues(ctx context.Context, n Note, self string) ([]github.Issue, error) {
	all, err := d.Issues(ctx, self, "all")
	all = slices.DeleteFunc(all, func(i github.Issue) bool { return !strings.HasPrefix(i.Body, n.Marker) })
	slices.SortStableFunc(all, func(a, b github.Issue) int {
		return cmp.Or(strings.Compare(b.State, a.State), cmp.Compare(a.Number, b.Number)) // "open" is after "closed"
	})
	return all, err
}

// closeOthers closes all but the first: two runs at one moment open two.
func (d *Desk) closeOthers(ctx context.Context, own []github.Issue) error {
	for _, i := range own[1:] {
		if i.State != "open" {
			continue
		}
		i.State = "closed"
		if err := d.EditIssue(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
