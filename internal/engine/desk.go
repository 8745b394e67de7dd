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

// KeepIssue keeps one issue that begins with the note's marker and that we opened: open with the note's text, or, where
// the note has none, closed. Of several one stays; an issue that was closed is opened again. What a later run has found
// stays as that left it.
func (d *Desk) KeepIssue(ctx context.Context, title string, n Note) (Kept, error) {
	self, err := d.Login(ctx)
	if err != nil {
		return Kept{}, err
	}
	k := Kept{Action: "unchanged"}
	for range rounds {
		own, err := d.issues(ctx, n, self)
		switch {
		case err != nil:
			return k, err
		case len(own) == 0 && k.Action == "created":
			return k, nil // it is not listed yet; a second one would be
		case len(own) == 0 && n.Body == "":
			return Kept{Action: "none"}, nil
		case len(own) == 0:
			made, err := d.OpenIssue(ctx, title, n.stamped(n.Body))
			if err != nil {
				return k, err
			}
			k = Kept{Action: "created", ID: int64(made.Number)}
			continue
		}
		kept := own[0]
		k.ID = int64(kept.Number)
		if err := d.closeOthers(ctx, own); err != nil {
			return k, err
		}
		want, action := n.issue(kept, title)
		switch {
		case want.Title == kept.Title && want.Body == kept.Body && want.State == kept.State:
			return k, nil
		case n.Stamp.yields(stampOf(kept.Body), ""):
			k.Action = "superseded"
			return k, nil
		}
		if err := d.EditIssue(ctx, want); err != nil {
			return k, err
		}
		if k.Action == "unchanged" {
			k.Action = action
		}
	}
	return k, nil
}

// issue is one that is there as the note has it, and what becomes of it by that.
func (n Note) issue(kept github.Issue, title string) (want github.Issue, action string) {
	want = kept
	switch {
	case n.Body == "" && kept.State != "open":
		return want, "unchanged"
	case n.Body == "":
		want.State, want.Body = "closed", n.stamped(kept.Body)
		return want, "closed"
	}
	want.Title, want.Body, want.State = title, n.stamped(n.Body), "open"
	if kept.State != "open" {
		return want, "reopened"
	}
	return want, "updated"
}

// issues are those that begin with the note's marker and that self opened, the one that stays first: what the latest run
// wrote, then what is open, then what is oldest.
func (d *Desk) issues(ctx context.Context, n Note, self string) ([]github.Issue, error) {
	all, err := d.Issues(ctx, self, "all")
	all = slices.DeleteFunc(all, func(i github.Issue) bool { return !strings.HasPrefix(i.Body, n.Marker) })
	slices.SortStableFunc(all, func(a, b github.Issue) int {
		return cmp.Or(stampOf(b.Body).compare(stampOf(a.Body)), strings.Compare(b.State, a.State), cmp.Compare(a.Number, b.Number)) // "open" is after "closed"
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
