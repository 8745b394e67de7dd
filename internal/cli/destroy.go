package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) destroyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Delete what this stack made, and let go what it adopted",
		Long: "destroy plans as if the spec wished nothing, shows the plan, asks, and carries it out: what this stack\n" +
			"made is deleted, each object after what was made with it, the repository last; what it adopted is let\n" +
			"go. What holds data or access (repository, branch, environment, service principal, group, catalog,\n" +
			"schema, directory) is deleted only when --allow-destroy names its kind or its address; till all of it is\n" +
			"named, or let go with `mlopsctl state release`, nothing is changed, and it exits with 5.",
		Example:     "  mlopsctl destroy --sandbox\n  mlopsctl destroy --allow-destroy service_principal --allow-destroy catalog/staging",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", partOfStack),
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			if a.flags.target != "" {
				return misuse("destroy does not know what belongs to a target alone: take the target out of the spec and apply, or narrow with --only")
			}
			o.deletion.prune = true
			o.aim = a.aim(o.deletion)
			o.aim.Destroy = true
			return a.runApply(cmd.Context(), o)
		}),
	}
	o.define(cmd)
	o.deletion.defineAllow(cmd)
	return cmd
}
