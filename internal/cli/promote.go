package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func (a *app) promoteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "promote",
		Short: "Open the pull request from one target's branch to the next one's",
		Long: "promote opens the pull request that brings what is on the branch before to a target's branch (main to\n" +
			"release), with the list of what it brings and the target's plan; where it is open already, its\n" +
			"description is brought up to date. Without --target it is the target whose branch comes from another.\n" +
			"A person reviews and merges it.",
		Example:     "  mlopsctl promote\n  mlopsctl promote --target prod",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", partOfStack),
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			if len(a.flags.only) > 0 {
				return misuse("promote brings a whole branch: leave --only out")
			}
			return a.runPromote(cmd.Context())
		}),
	}
}

// runPromote plans for the target; for one on which nothing is wished, the plan is that of the whole stack.
func (a *app) runPromote(ctx context.Context) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	w, err := wayOf(s.stack, a.flags.target)
	if err != nil {
		return err
	}
	aim := a.aim(deletion{prune: true})
	aim.Target = w.target
	settled := a.waiting("reading live state")
	p, err := s.engine.Plan(ctx, aim)
	if errors.Is(err, engine.ErrNothingSelected) {
		aim.Target = ""
		p, err = s.engine.Plan(ctx, aim)
	}
	settled()
	if err != nil {
		return planFailure(err)
	}
	return a.promote(ctx, s, p, w)
}

// promote opens or refreshes the pull request to a target's branch.
func (a *app) promote(ctx context.Context, s *session, p *plan.Plan, w way) error {
	from, into := w.from, w.into
	d, err := s.engine.Distance(ctx, into, from)
	if errors.Is(err, resource.ErrNotFound) {
		return fmt.Errorf("promoting %s to %s: %w; `mlopsctl plan` says what makes it", from, into, err)
	}
	if err != nil {
		return err
	}
	if d.Ahead == 0 {
		return a.promoted(promotionResult{From: from, Into: into, Action: "none"}, fmt.Sprintf("%s has everything that is on %s.", into, from))
	}
	mark := fmt.Sprintf("<!-- mlopsctl promotes %s -->", s.stack.Name)
	view := render.PromotionView{From: from, Into: into, Ahead: d.Ahead, Files: d.Files, Plan: p}
	for _, c := range d.Commits {
		view.Commits = append(view.Commits, render.PromotedCommit(c))
	}
	body := render.Promotion(view)
	done, err := s.engine.Promote(ctx, engine.Promotion{From: from, Into: into, Mark: mark, Body: mark + "\n" + body, Title: fmt.Sprintf("Promote %s to %s", from, into)})
	if err != nil {
		return err
	}
	r := promotionResult{From: from, Into: into, Number: done.Number, URL: done.URL, Action: "none", Ahead: d.Ahead}
	text := "is up to date"
	switch {
	case done.Edited:
		r.Action, text = "update", "is brought up to date"
	case done.Kept:
		text = "was opened by somebody else, so that its description is left alone"
	case done.Opened:
		r.Action, text = "create", "is opened"
	}
	commits := fmt.Sprintf("%d commits", d.Ahead)
	if d.Ahead == 1 {
		commits = "1 commit"
	}
	return a.promoted(r, fmt.Sprintf("Pull request #%d from %s to %s %s: %s. A person reviews and merges it: %s", done.Number, from, into, text, commits, done.URL))
}

// promotionResult is what a program is told.
type promotionResult struct {
	From   string `json:"from"`
	Into   string `json:"into"`
	Action string `json:"action"`
	Ahead  int    `json:"ahead"`
	Number int    `json:"number,omitempty"`
	URL    string `json:"url,omitempty"`
}

func (a *app) promoted(r promotionResult, text string) error {
	if a.flags.output == "json" {
		a.printJSON(render.JSON(r))
		return nil
	}
	a.print(render.Clean(text) + "\n")
	return nil
}

// way is the branch that a promotion comes from, and the one that it goes to. Target runs from that; "" where several do.
type way struct{ from, into, target string }

// wayOf finds the way to the branch of a target, or, for "", to the only one that there is.
func wayOf(s *spec.Stack, target string) (way, error) {
	var w way
	var candidates []string
	for _, b := range s.Branches {
		deployed := slices.DeleteFunc(slices.Clone(s.Targets), func(t spec.Target) bool { return t.Branch != b.Name || target != "" && t.Name != target })
		if len(deployed) == 0 || b.Default {
			continue
		}
		candidates, w = append(candidates, b.Name), way{from: cmp.Or(b.From, s.DefaultBranch()), into: b.Name}
		if len(deployed) == 1 {
			w.target = deployed[0].Name
		}
	}
	switch {
	case target != "" && s.Target(target) == nil:
		return way{}, misuse("the spec has no target %q", target)
	case len(candidates) == 0:
		return way{}, misuse("nothing can be promoted: %s runs from a branch that comes from another one", cmp.Or(target, "no target"))
	case len(candidates) > 1:
		return way{}, misuse("several targets can be promoted to, by the branches %s: say which with --target", strings.Join(candidates, ", "))
	case w.from == "":
		return way{}, misuse("nothing says what %s comes from: give it from, or call a branch the default", w.into)
	}
	return w, nil
}
