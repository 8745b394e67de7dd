package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

func (a *app) doctorCommand() *cobra.Command {
	permissions := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Who am I on every host, and may I do what a plan needs?",
		Long: "doctor makes a plan and looks, for every host that it speaks of, at who these credentials are and\n" +
			"whether they may do what the plan's changes take; at what the guide presumes; and at what is missing\n" +
			"on this machine. Each thing that is missing comes with how to get it. It only reads: what would show\n" +
			"in a write alone, as a fine-grained token's rights, cannot be checked, and is said so. It exits with 4\n" +
			"when something is missing. An apply makes the same checks before its first write.",
		Example:     "  mlopsctl doctor\n  mlopsctl doctor --target prod -o json\n  mlopsctl doctor --permissions -o markdown",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json,markdown", partOfStack),
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			switch {
			case permissions:
				return a.tellPermissions()
			case a.flags.output == "markdown":
				return misuse("a report of doctor is text or json; markdown is for doctor --permissions")
			default:
				return a.examine(cmd.Context())
			}
		}),
	}
	cmd.Flags().BoolVar(&permissions, "permissions", false, "print the least that it takes to apply this spec, and to plan it for a pull request, and why; sends nothing")
	return cmd
}

func (a *app) tellPermissions() (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	least, err := s.engine.Permissions(a.aim(deletion{prune: true}))
	if err != nil {
		return planFailure(err)
	}
	switch a.flags.output {
	case "json":
		a.printJSON(render.PermissionsJSON(least))
	case "markdown":
		a.print(render.PermissionsMarkdown(least))
	default:
		a.print(render.Permissions(least, a.outStyle()))
	}
	return nil
}

func (a *app) examine(ctx context.Context) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	settled := a.waiting("looking at every host")
	r, p, err := s.engine.Doctor(ctx, a.aim(deletion{prune: true}))
	settled()
	if err != nil {
		return planFailure(err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	list := besides(p.Diagnostics)
	if a.flags.output == "json" {
		a.printJSON(render.DoctorJSON(r, p.Requests, list))
	} else {
		a.print(render.Doctor(r, p.Requests.Total, a.outStyle()))
	}
	a.complain(list, nil)
	if r.Count(rights.Missing) > 0 {
		return told(exitCredentials)
	}
	return told(codeOf(list))
}

// besides are a plan's errors that the report does not tell itself: a login that is refused stands there.
func besides(all diag.List) diag.List {
	var list diag.List
	for _, d := range all {
		if d.Severity == diag.Error && d.Code != "plan/unauthorized" {
			list = append(list, d)
		}
	}
	return list
}
