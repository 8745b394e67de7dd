package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the spec: its schema and its meaning, offline",
		Long: "validate reports everything that is wrong with the spec in one run, each with its place, what was\n" +
			"expected and the code that `mlopsctl explain CODE` documents. It sends no request.",
		Example:     "  mlopsctl validate\n  mlopsctl validate -f examples/minimal -o json",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE:        a.run(func(*cobra.Command, []string) error { return a.validate() }),
	}
}

func (a *app) validate() error {
	stack, list, err := a.load()
	var f *failure
	if err != nil && (!errors.As(err, &f) || len(list) == 0) {
		return err
	}
	if a.flags.output == "json" {
		a.printJSON(render.ValidJSON(list))
	}
	a.complain(list, excerpts(list))
	if f != nil {
		return told(f.code)
	}
	if a.flags.output == "text" {
		a.print(sentence("%s is valid.", render.Clean(stack.File)))
	}
	return nil
}
