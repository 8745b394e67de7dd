package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// planOptions are plan's own flags.
type planOptions struct {
	out           string
	detailed      bool
	showUnchanged bool
	deletion      deletion
}

func (a *app) planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Read live state and print what would change; change nothing",
		Long: "plan compares live state with the spec and prints what an apply would do, in which order and why.\n" +
			"It cannot write: its transport refuses every request that could change something. What these\n" +
			"credentials cannot read is `unknown`, never a create.",
		Example:     "  mlopsctl plan\n  mlopsctl plan --sandbox --target prod\n  mlopsctl plan --out plan.json --detailed-exitcode",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json,markdown", partOfStack),
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.runPlan(cmd.Context(), o) }),
	}
	cmd.Flags().StringVar(&o.out, "out", "", "save the plan in `FILE`, for `mlopsctl apply FILE`")
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 when there are changes; wait, blocked and unknown count")
	cmd.Flags().BoolVar(&o.showUnchanged, "show-unchanged", false, "list what stays as it is, too")
	o.deletion.define(cmd)
	return cmd
}

func (a *app) runPlan(ctx context.Context, o planOptions) error {
	if err := savable(o.out); err != nil {
		return err
	}
	return a.planned(ctx, a.aim(o.deletion), func(s *session, p *plan.Plan) error { return a.tell(ctx, s, p, o) })
}

// tell shows a plan, saves it where that is asked for, and says how the run ends.
func (a *app) tell(ctx context.Context, s *session, p *plan.Plan, o planOptions) error {
	p.Diagnostics = sorted(p.Diagnostics, s.engine.Preflight(ctx, p))
	code := codeOf(p.Diagnostics)
	if o.out != "" && code == exitDone {
		if err := a.save(o.out, p); err != nil {
			return err
		}
	}
	a.showPlan(p, render.PlanView{Style: a.outStyle(), Elapsed: s.elapsed, ShowUnchanged: o.showUnchanged})
	if o.out != "" && code == exitDone {
		a.remark(sentence("Saved in %s. To carry out exactly this: mlopsctl apply %s", render.Clean(o.out), render.Clean(o.out)))
	} else if o.out != "" {
		a.say(sentence("Not saved in %s: a plan with errors is no plan to apply.", render.Clean(o.out)))
	}
	if code == exitDone && o.detailed && p.HasChanges() {
		code = exitChanges
	}
	return told(code)
}

// showPlan prints a plan in the run's format, and what is to be said about it on stderr.
func (a *app) showPlan(p *plan.Plan, v render.PlanView) {
	switch a.flags.output {
	case "json":
		a.printJSON(render.PlanJSON(p))
	case "markdown":
		a.print(render.PlanMarkdown(p))
	default:
		a.print(render.Plan(p, v))
	}
	a.complain(p.Diagnostics, nil)
}

// planFailure says what it means that planning stopped as a whole.
func planFailure(err error) error {
	if errors.Is(err, engine.ErrNothingSelected) {
		return misuse("%v", err)
	}
	return fmt.Errorf("planning: %w", err)
}

// savable refuses a place for a plan before anything is asked of anybody.
func savable(file string) error {
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return misuse("--out %s: it is there and is no regular file", file)
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return misuse("--out %s: there is no folder %s", file, filepath.Dir(file))
	}
	return nil
}

// save writes a plan file in one go: nobody finds half of it, and nobody else can read it.
func (a *app) save(file string, p *plan.Plan) error {
	data, err := render.PlanJSON(p)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".plan-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("saving the plan: %w", err)
	}
	_, err = f.Write(scrubJSON(data, a.scrub))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("saving the plan: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// sorted is a list without repetitions, in the order in which it is shown.
func sorted(lists ...diag.List) diag.List {
	var all diag.List
	for _, l := range lists {
		all = append(all, l...)
	}
	return all.Sorted()
}
