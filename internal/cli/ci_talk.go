package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
)

// talk keeps the comment on the pull request. That it may not is no failure: a token of a fork's job is for reading
// alone, and the summary says the same.
func (c *check) talk(ctx context.Context) []render.Said {
	if c.event.Pull == 0 || !c.options.comment || c.report.Stack == "" {
		return nil
	}
	desk, err := c.atDesk()
	if err == nil {
		var k engine.Kept
		k, err = desk.KeepComment(ctx, engine.Note{
			Number: c.event.Pull, Marker: render.Marker("ci", c.report.Stack), Body: c.scrub(render.Comment(c.report, c.links())),
		})
		if err == nil {
			return []render.Said{{What: "comment", Action: k.Action, Number: k.ID}}
		}
	}
	return []render.Said{{What: "comment", Action: "refused", Why: err.Error()}}
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
