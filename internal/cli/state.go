package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func (a *app) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "The ledger of what the stack made and adopted: show, history, unlock, release",
		Long: "The ledger says what live state cannot: which objects this stack made and which it adopted, and what is\n" +
			"recorded of its secrets. It lies in the stack's repository on " + ledger.StateRef + ", beside the lease\n" +
			"that keeps a second apply out. More: mlopsctl help ledger",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("there is no command %q below state; it has show, history, unlock and release", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.showCommand(), a.historyCommand(), a.unlockCommand(), a.releaseCommand())
	return cmd
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show what the stack owns, what is open, and who holds the lease",
		Long: "show prints the ledger: each object's address, whether it was made or adopted, since when and by whom;\n" +
			"what runs that did not end were about to do; and who holds the lease. With -o json it is the ledger's\n" +
			"own document. It changes nothing.",
		Example:     "  mlopsctl state show\n  mlopsctl state show -o json --sandbox",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.withLedger(cmd.Context(), a.showLedger) }),
	}
}

func (a *app) showLedger(ctx context.Context, _ *session, b *ledger.Book) error {
	if a.flags.output == "json" {
		a.printJSON(render.LedgerJSON(b.Ledger()))
		return nil
	}
	h, err := holder(ctx, b)
	if err != nil {
		return err
	}
	if !b.Exists() {
		a.print(noLedger + render.LeaseLine(h))
		return nil
	}
	a.print(render.State(b.Ledger(), h, a.outStyle()))
	return nil
}

const noLedger = "There is no ledger yet: the first apply that changes something begins it.\n"

// withLedger opens the stack, reads its ledger, and does something with it.
func (a *app) withLedger(ctx context.Context, do func(context.Context, *session, *ledger.Book) error) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	settled := a.waiting("reading the ledger")
	b, err := s.engine.Ledger(ctx)
	settled()
	if err != nil {
		return a.ledgerFailure(s, err)
	}
	return do(ctx, s, b)
}

// ledgerFailure says why a ledger cannot be looked at.
func (a *app) ledgerFailure(s *session, err error) error {
	list := s.engine.LedgerProblems(err)
	if len(list) == 0 {
		return err
	}
	code := exitError
	if errors.Is(err, resource.ErrForbidden) {
		code = exitCredentials
	}
	for i := range list {
		list[i].Severity = diag.Error // without the ledger there is nothing to go on with
	}
	return &failure{code: code, list: list}
}

// holder returns who holds the lease. One that cannot be read is nobody's who can be named.
func holder(ctx context.Context, b *ledger.Book) (render.Holder, error) {
	lease, err := b.Holder(ctx)
	switch {
	case errors.Is(err, ledger.ErrTorn):
		return render.Holder{Flaw: err}, nil
	case err != nil:
		return render.Holder{}, err
	}
	return render.Holder{Lease: lease}, nil
}
