package cli

import (
	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func (a *app) graphCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "graph",
		Short: "Draw the plan: what comes before what",
		Long: "graph makes a plan and draws it: mermaid for a README or a pull request (an arrow that a longer way\n" +
			"implies is left out), dot with every edge and its reason as a tooltip.",
		Example:     "  mlopsctl graph --sandbox\n  mlopsctl graph -o dot | dot -Tsvg > plan.svg",
		Args:        cobra.NoArgs,
		Annotations: takes("mermaid,dot", partOfStack),
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			return a.planned(cmd.Context(), a.aim(deletion{prune: true}), a.graph)
		}),
	}
}

func (a *app) graph(_ *session, p *plan.Plan) error {
	if a.flags.output == "dot" {
		a.print(render.Dot(p))
	} else {
		a.print(render.Mermaid(p))
	}
	a.complain(p.Diagnostics, nil)
	return told(codeOf(p.Diagnostics))
}
