package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
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
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.graph(cmd.Context()) }),
	}
}

func (a *app) graph(ctx context.Context) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	p, err := a.plan(ctx, s)
	if err != nil {
		return err
	}
	if a.flags.output == "dot" {
		a.print(render.Dot(p))
	} else {
		a.print(render.Mermaid(p))
	}
	a.complain(p.Diagnostics, nil)
	return told(codeOf(p.Diagnostics))
}
