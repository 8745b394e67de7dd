package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// ciOptions are ci's own flags.
type ciOptions struct {
	pull     int
	repo     string
	base     string
	fromAPI  bool
	comment  bool
	out      string
	drift    bool
	detailed bool
}

func (a *app) ciCommand() *cobra.Command {
	var o ciOptions
	cmd := &cobra.Command{
		Use:   "ci",
		Short: "Check a pull request: what it would change, in the place where it is reviewed",
		Long: "ci compares the spec of a pull request with the one of its base branch, and both with live state. It says\n" +
			"what the pull request changes, apart from what differed before: in one comment on the pull request, which\n" +
			"is updated and never repeated, in the step's summary, at the lines of the spec, and as outputs of the job.\n" +
			"In GitHub Actions it knows by itself what it is about; elsewhere --pull-request and --repo say so. Without a\n" +
			"pull request it checks the spec that is here. It changes nothing but that comment.\n\n" +
			"What a pull request proposes may be anybody's. No host is asked that the base branch's spec does not name; from\n" +
			"a fork, or without a spec on the base branch, no live state is looked at, and wishes are compared with wishes.\n" +
			"Where the event gives a job the base branch's rights (pull_request_target), the pull request's spec is fetched as\n" +
			"data, and a checkout of it is refused.",
		Example: "  mlopsctl ci                                     # in a job of GitHub Actions\n" +
			"  mlopsctl ci --pull-request 7 --repo acme/fares  # in another CI system\n" +
			"  mlopsctl ci --base origin/main -o markdown      # at a desk\n" +
			"  mlopsctl ci --drift --detailed-exitcode         # on a schedule\n" +
			"  mlopsctl ci --out plan.json --detailed-exitcode",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json,markdown,sarif", wholeStack),
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.runCI(cmd.Context(), o) }),
	}
	f := cmd.Flags()
	f.IntVar(&o.pull, "pull-request", 0, "the `number` of the pull request to check (default: the one that the job is about)")
	f.StringVar(&o.repo, "repo", "", "the repository of the pull request, as `OWNER/NAME` (default: GITHUB_REPOSITORY, then the spec's)")
	f.StringVar(&o.base, "base", "", "compare with the spec at this `revision` of the local history (default: the pull request's base)")
	f.BoolVar(&o.fromAPI, "head-from-api", false, "fetch the pull request's spec as data, instead of taking the one that is here")
	f.BoolVar(&o.comment, "comment", true, "keep a comment on the pull request")
	f.BoolVar(&o.drift, "drift", false, "look for what differs from the spec that is here, and keep one issue about it while there is something")
	f.StringVar(&o.out, "out", "", "save the plan of the pull request's spec in `FILE`")
	f.BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 when the pull request changes something; with --drift, when something drifted")
	return cmd
}

func (a *app) runCI(ctx context.Context, o ciOptions) (err error) {
	if err := savable(o.out); err != nil {
		return err
	}
	a.stop.within(a.flags.timeout)
	c := &check{app: a, options: o}
	a.scrub = c.scrub
	defer func() { err = closing(err, c.close) }()
	if err := c.find(); err != nil {
		return err
	}
	settled := a.waiting("looking at the spec and at live state")
	err = c.inspect(ctx)
	settled()
	var f *failure
	switch {
	case err != nil && !errors.As(err, &f):
		f = a.asFailure(err) // it is told where the pull request is reviewed, too
	case err == nil:
		f = &failure{code: exitDone}
	}
	if f.code == exitInterrupted {
		return f
	}
	c.report.Diagnostics = sorted(c.report.Diagnostics, f.list)
	f.code = cmp.Or(f.code, codeOf(c.report.Diagnostics))
	return c.conclude(ctx, f.code)
}

// conclude saves the plan, tells the result in every place, and says how the run ends.
func (c *check) conclude(ctx context.Context, code exitCode) error {
	a := c.app
	saved := ""
	if c.options.out != "" && c.plan != nil && code == exitDone && c.report.Known == ci.Live {
		if err := a.save(c.options.out, c.plan); err != nil {
			return err
		}
		saved = c.options.out
	}
	c.relabel()
	said := c.talk(ctx)
	if err := c.actions(saved); err != nil {
		return err
	}
	c.show(said)
	counted := c.report.Changes
	if c.options.drift {
		counted = c.report.Drift
	}
	if code == exitDone && c.options.detailed && len(counted) > 0 {
		code = exitChanges
	}
	return told(code)
}

// show prints the result in the run's format, and what is to be said about it on stderr.
func (c *check) show(said []render.Said) {
	a, r := c.app, c.report
	switch a.flags.output {
	case "json":
		a.printJSON(render.CheckEvents(r, said, a.clock.Now()))
	case "markdown":
		a.print(render.Summary(r, c.links()))
	case "sarif":
		a.printJSON(render.SARIF(render.Findings(r), r.File, build().Version))
	default:
		a.print(render.Check(r, a.outStyle()))
	}
	a.complain(r.Diagnostics, nil)
	for _, s := range said {
		if s.Why != "" {
			a.say(sentence("No %s: %s", s.What, render.Clean(s.Why)))
		}
	}
}

// relabel names the spec by its path in the repository, as those who read the result know it.
func (c *check) relabel() {
	r := c.report
	name := func(at *diag.Pos) {
		if at != nil && at.File == c.head.path {
			at.File = r.File
		}
	}
	for _, rows := range [][]ci.Row{r.Changes, r.Drift, r.Settled, r.Held} {
		for i := range rows {
			name(&rows[i].Source)
		}
	}
	r.Diagnostics = slices.Clone(r.Diagnostics)
	for i, d := range r.Diagnostics {
		if d.Source != nil {
			at := *d.Source
			name(&at)
			r.Diagnostics[i].Source = &at
		}
	}
}
