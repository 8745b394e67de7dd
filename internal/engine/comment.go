package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
)

// Comment is a note on a pull request.
type Comment struct {
	Note
	Number int    // of the pull request
	Stale  string // is said where a commit was pushed since the one that the note is about
}

// KeepComment brings the one comment of a note up to date. It is found by its marker and by its author; what somebody else
// wrote is left alone, whatever it holds. A note about another commit than the pull request's present one never replaces
// one that is about that, and of two about one commit the later run's stays. Of several comments, as two runs at one
// moment write, one is left.
func (d *Desk) KeepComment(ctx context.Context, n Comment) (Kept, error) {
	self, err := d.Login(ctx)
	if err != nil {
		return Kept{}, err
	}
	k := Kept{Action: "unchanged"}
	for range rounds {
		p, err := d.Proposal(ctx, n.Number)
		if err != nil {
			return k, err
		}
		own, err := d.own(ctx, n, self)
		if err != nil {
			return k, err
		}
		body := n.text(p.Head.SHA)
		if len(own) == 0 && k.Action == "created" {
			return k, nil // it is not listed yet; a second one would be
		}
		if len(own) == 0 {
			made, err := d.Comment(ctx, n.Number, body)
			if err != nil {
				return k, err
			}
			k = Kept{Action: "created", ID: made.ID}
			continue
		}
		kept := own[0]
		k.ID = kept.ID
		if err := d.discard(ctx, own[1:]); err != nil {
			return k, err
		}
		switch {
		case kept.Body == body:
			return k, nil
		case n.Stamp.yields(stampOf(kept.Body), p.Head.SHA):
			k.Action = "superseded"
			return k, nil
		}
		if err := d.EditComment(ctx, k.ID, body); err != nil {
			return k, err
		}
		if k.Action == "unchanged" {
			k.Action = "updated"
		}
	}
	return k, nil
}

func (d *Desk) discard(ctx context.Context, list []github.Comment) error {
	for _, extra := range list {
		if err := d.DeleteComment(ctx, extra.ID); err != nil {
			return err
		}
	}
	return nil
}

// own are the comments that begin with the note's marker and were written by self, the one that stays first. Which
// one that is, all runs agree on: none deletes what another keeps.
func (d *Desk) own(ctx context.Context, n Comment, self string) ([]github.Comment, error) {
	all, err := d.Comments(ctx, n.Number)
	all = slices.DeleteFunc(all, func(c github.Comment) bool {
		return c.User.Login != self || !strings.HasPrefix(c.Body, n.Marker)
	})
	slices.SortStableFunc(all, func(a, b github.Comment) int {
		return cmp.Or(stampOf(b.Body).compare(stampOf(a.Body)), cmp.Compare(a.ID, b.ID))
	})
	return all, err
}

// text is the comment as it is written.
func (n Comment) text(head string) string {
	if head != n.Stamp.Head {
		n.Body = n.Marker + "\n" + n.Stale + "\n" + n.rest(n.Body)
	}
	return n.stamped(n.Body)
}
