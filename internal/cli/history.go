package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "Show who changed what, and when",
		Long: "history prints a version of the ledger after the other, the newest first: when it was written, by whom,\n" +
			"from which spec, and what was done. It changes nothing.",
		Example:     "  mlopsctl state history\n  mlopsctl state history -o json",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.withLedger(cmd.Context(), a.showHistory) }),
	}
}

func (a *app) showHistory(ctx context.Context, _ *session, b *ledger.Book) error {
	past, err := b.History(ctx)
	switch {
	case err != nil:
		return err
	case a.flags.output == "json":
		a.printJSON(render.HistoryJSON(past))
	case len(past) == 0:
		a.print(noLedger)
	default:
		a.print(render.History(past, a.outStyle()))
	}
	return nil
}
