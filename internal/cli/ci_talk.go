package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
)

// talk keeps the comment on the pull request, or the issue about drift. That it may not is no failure: the token of a
// fork's job is for reading alone, and the summary says the same.
func (c *check) talk(ctx context.Context) []render.Said {
	if !c.options.comment || c.report.Stack == "" || c.event.Pull == 0 && !c.options.drift {
		return nil
	}
	said := render.Said{What: "comment"}
	keep := c.keepComment
	if c.options.drift {
		said.What, keep = "issue", c.keepIssue
		if c.report.Diagnostics.HasErrors() {
			return nil // what could not be looked at is no drift, and no end of it
		}
	}
	k, err := keep(ctx)
	if err != nil {
		said.Action, said.Why = "refused", err.Error()
		return []render.Said{said}
	}
	said.Action, said.Number = k.Action, k.ID
	if k.Action == "superseded" {
		said.Why = "a check of a newer commit, or a later one of the same, has commented already"
		if c.options.drift {
			said.Why = "a later run has written it already"
		}
	}
	return []render.Said{said}
}

func (c *check) keepComment(ctx context.Context) (engine.Kept, error) {
	desk, err := c.atDesk()
	if err != nil {
		return engine.Kept{}, err
	}
	stamp := c.stamp()
	stamp.Head = c.event.HeadSHA
	return desk.KeepComment(ctx, engine.Comment{
		Note:   engine.Note{Marker: render.Marker("ci", c.report.Stack), Body: c.scrub(render.Comment(c.report, c.links())), Stamp: stamp},
		Number: c.event.Pull, Stale: render.Stale(c.report),
	})
}

// stamp is the run that this is.
func (c *check) stamp() engine.Stamp {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(c.env(name), 10, 64)
		if err != nil || n < 0 {
			return 0 // another CI system's
		}
		return n
	}
	return engine.Stamp{Run: number("GITHUB_RUN_ID"), Attempt: number("GITHUB_RUN_ATTEMPT")}
}

// keepIssue speaks in the repository that the job is in, else in the stack's own.
func (c *check) keepIssue(ctx context.Context) (engine.Kept, error) {
	if git := c.head.stack.Git; c.event.Repository == "" {
		c.event.Repository, c.server = git.Owner+"/"+git.Name, cmp.Or(c.server, git.Host)
	}
	desk, err := c.atDesk()
	if err != nil {
		return engine.Kept{}, err
	}
	n := engine.Note{Marker: render.Marker("drift", c.report.Stack), Stamp: c.stamp()}
	if len(c.report.Drift) > 0 {
		n.Body = c.scrub(render.DriftIssue(c.report, c.links()))
	}
	return desk.KeepIssue(ctx, render.DriftTitle(c.report), n)
}

// actions tells the runner of GitHub Actions: the step's summary, the job's outputs, the annotations.
func (c *check) actions(planFile string) error {
	for name, text := range map[string]string{
		"GITHUB_STEP_SUMMARY": render.Summary(c.report, c.links()),
		"GITHUB_OUTPUT":       render.Outputs(c.report, planFile),
	} {
		if path := c.env(name); path != "" {
			if err := appendTo(path, c.scrub(text)); err != nil {
				return fmt.Errorf("writing %s: %w", name, err)
			}
		}
	}
	if c.inActions() {
		c.command(render.Annotations(render.Findings(c.report)))
	}
	return nil
}

// command says something to the runner: all else that a check prints holds no command.
func (c *check) command(text string) {
	c.app.scrub = c.secretless
	c.app.say(text)
	c.app.scrub = c.scrub
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close() // the write's error says more
		return err
	}
	return f.Close()
}
