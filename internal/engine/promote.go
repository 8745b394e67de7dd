package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Promotion is a pull request that brings one target's branch to the next one's.
type Promotion struct {
	From, Into string
	Title      string
	Body       string
	Mark       string // begins the body, by which an earlier run's is told from somebody else's
}

// Promoted is what became of a promotion.
type Promoted struct {
	Number int
	URL    string
	Opened bool
	Edited bool // its description was
	Kept   bool // somebody else opened it: what it says is left alone
}

// Distance is what one branch has that another lacks. A branch that is not there is resource.ErrNotFound, and so is the
// repository.
func (e *Engine) Distance(ctx context.Context, base, head string) (github.Distance, error) {
	if _, err := e.hub.Repository(ctx); err != nil {
		return github.Distance{}, err
	}
	heads, err := e.hub.Branches(ctx)
	if err != nil {
		return github.Distance{}, err
	}
	for _, name := range []string{head, base} {
		if heads[name] == "" {
			return github.Distance{}, fmt.Errorf("branch %s: %w", name, resource.ErrNotFound)
		}
	}
	return e.hub.Distance(ctx, base, head)
}

// Promote opens the pull request, or brings the description of the one that an earlier run opened up to date. An
// answer that was lost is looked for, so that there is one.
func (e *Engine) Promote(ctx context.Context, p Promotion) (Promoted, error) {
	e.guard.AllowWrites()
	e.hub.FreshPulls()
	open, err := e.promotion(ctx, p)
	switch {
	case err != nil:
		return Promoted{}, err
	case open != nil:
		return e.refresh(ctx, p, *open)
	}
	made, err := e.hub.OpenPull(ctx, github.NewPull{Title: p.Title, Head: p.From, Base: p.Into, Body: p.Body})
	if err == nil {
		return Promoted{Number: made.Number, URL: made.URL, Opened: true}, nil
	}
	e.hub.FreshPulls()
	if open, look := e.promotion(ctx, p); look == nil && open != nil && strings.HasPrefix(open.Body, p.Mark) {
		return Promoted{Number: open.Number, URL: open.URL, Opened: true}, nil
	}
	return Promoted{}, err
}

func (e *Engine) refresh(ctx context.Context, p Promotion, open github.PullRequest) (Promoted, error) {
	now := Promoted{Number: open.Number, URL: open.URL}
	if !strings.HasPrefix(open.Body, p.Mark) {
		now.Kept = true
		return now, nil
	}
	if open.Body == p.Body {
		return now, nil
	}
	now.Edited = true
	_, err := e.hub.EditPull(ctx, open.Number, map[string]any{"body": p.Body})
	return now, err
}

// promotion is the open pull request between the two branches, nil where there is none.
func (e *Engine) promotion(ctx context.Context, p Promotion) (*github.PullRequest, error) {
	pulls, err := e.hub.Pulls(ctx, p.From)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(pulls, func(x github.PullRequest) bool { return x.Open() && x.Base.Ref == p.Into })
	if i < 0 {
		return nil, nil
	}
	return &pulls[i], nil
}
