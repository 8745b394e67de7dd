package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

func (a *app) unlockCommand() *cobra.Command {
	var o approval
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Remove the lease of an apply that is gone for good",
		Long: "unlock shows whose lease it is, asks, and removes it. A lease that is not renewed expires within a minute\n" +
			"and is taken over then, so that this is seldom needed; an apply that is still at work loses its lease\n" +
			"by it, and begins nothing more. If the lease was renewed since it was shown, it stays: exit code 5.",
		Example:     "  mlopsctl state unlock\n  mlopsctl state unlock --auto-approve",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", wholeStack),
		RunE: a.run(func(cmd *cobra.Command, _ []string) error {
			return a.unlock(cmd.Context(), o)
		}),
	}
	o.define(cmd)
	return cmd
}

// approval is the flag of the commands that ask before they change something.
type approval struct{ given bool }

func (o *approval) define(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.given, "auto-approve", false, "do not ask")
}

func (a *app) unlock(ctx context.Context, o approval) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	b, err := s.engine.Ledger(ctx)
	unusable := errors.Is(err, ledger.ErrTorn) || errors.Is(err, ledger.ErrNewer) || errors.Is(err, ledger.ErrOther)
	if err != nil && !unusable { // the lease lies beside the ledger, whatever is wrong with that
		return a.ledgerFailure(s, err)
	}
	h, err := holder(ctx, b)
	if err != nil {
		return err
	}
	a.say(render.LeaseLine(h))
	if h.Lease == nil && h.Flaw == nil {
		return a.unlocked(h)
	}
	if err := a.approve(ctx, o, "Remove it?"); err != nil {
		return err
	}
	if err := s.engine.Unlock(ctx, b); errors.Is(err, engine.ErrRenewed) {
		return &failure{code: exitRefused, list: problem("ledger/held", err.Error()+"; nothing was changed",
			"an apply is at work with it; wait for that one, or look again with `mlopsctl state show`")}
	} else if err != nil {
		return a.applyFailure(apply.Report{}, err)
	}
	return a.unlocked(h)
}

func (a *app) unlocked(h render.Holder) error {
	switch {
	case a.flags.output == "json":
		a.printJSON(render.UnlockJSON(h))
	case h.Lease == nil && h.Flaw == nil:
		a.print("There is nothing to unlock.\n")
	default:
		a.print("The lease was removed.\n")
	}
	return nil
}

// approve has a person agree, unless that was said by a flag. Without a terminal it names the flag.
func (a *app) approve(ctx context.Context, o approval, question string) error {
	switch {
	case o.given:
		return nil
	case !a.canAsk():
		return misuse("there is no terminal to ask at: pass --auto-approve")
	default:
		return a.agree(ctx, question)
	}
}
