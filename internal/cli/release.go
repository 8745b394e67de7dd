package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

type releaseOptions struct {
	addresses   []string
	approval    approval
	lockTimeout time.Duration
}

func (a *app) releaseCommand() *cobra.Command {
	var o releaseOptions
	cmd := &cobra.Command{
		Use:   "release ADDRESS...",
		Short: "Stop managing objects, and keep them",
		Long: "release takes objects out of the ledger, with what is recorded of their secrets, and leaves the objects\n" +
			"as they are. What the spec still wishes is adopted by the next apply: take it out of the spec, too. An\n" +
			"object that was released is never deleted by this stack, not even by destroy.",
		Example:     "  mlopsctl state release catalog/prod\n  mlopsctl state release variable/MODEL_OWNER secret/TOKEN --auto-approve",
		Args:        cobra.MinimumNArgs(1),
		Annotations: takes("text,json", wholeStack),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.addresses = slices.Compact(slices.Sorted(slices.Values(args)))
			return a.withLedger(cmd.Context(), func(ctx context.Context, s *session, b *ledger.Book) error { return a.release(ctx, s, b, o) })
		}),
	}
	o.approval.define(cmd)
	lockTimeout(cmd, &o.lockTimeout)
	return cmd
}

func (a *app) release(ctx context.Context, s *session, b *ledger.Book, o releaseOptions) error {
	l := b.Ledger()
	for _, address := range o.addresses {
		if err := notOwned(l, address); err != nil {
			return err
		}
	}
	lines := released(l, o.addresses)
	if a.flags.output == "text" {
		a.say("These stay as they are, and are no longer this stack's:\n" + lines)
	}
	if err := a.approve(ctx, o.approval, fmt.Sprintf("Release %d of what %s owns?", len(o.addresses), render.Clean(s.stack.Name))); err != nil {
		return err
	}
	err := s.engine.Release(ctx, b, engine.Leaving{
		Addresses: o.addresses, LockTimeout: o.lockTimeout, Say: func(text string) { a.remark(sentence("%s", text)) },
	})
	switch {
	case errors.Is(err, engine.ErrNotOwned):
		return &failure{code: exitRefused, list: problem("apply/stale-plan", err.Error()+" any longer; nothing was changed", "another apply was quicker; look at it with `mlopsctl state show`")}
	case err != nil:
		return a.applyFailure(apply.Report{}, err)
	case a.flags.output == "json":
		a.printJSON(render.ReleasedJSON(o.addresses))
	default:
		a.print(sentence("Released: %d. What the spec still wishes is adopted by the next apply.", len(o.addresses)))
	}
	return nil
}

// notOwned refuses an address that the ledger does not hold, and names the nearest that it does.
func notOwned(l ledger.Ledger, address string) error {
	known := engine.Addresses(l)
	switch near := spec.Nearest(address, known); {
	case slices.Contains(known, address):
		return nil
	case near != "":
		return misuse("the ledger holds no %q; did you mean %q?", address, near)
	default:
		return misuse("the ledger holds no %q; `mlopsctl state show` lists what it holds", address)
	}
}

// released says what each address is, and what is left to somebody else with it.
func released(l ledger.Ledger, addresses []string) string {
	var b strings.Builder
	for _, address := range addresses {
		how := "about to be made"
		if o := l.Find(address); o != nil {
			how = string(o.Origin)
		}
		fmt.Fprintf(&b, "  o %s  %s\n", render.Clean(address), how)
		if s := l.FindSecret(address); s != nil {
			for _, text := range left(*s) {
				fmt.Fprintf(&b, "      %s\n", render.Clean(text))
			}
		}
	}
	return b.String()
}

// left are the credentials that nobody renews or revokes once a secret is released.
func left(s ledger.Secret) []string {
	var lines []string
	if s.RemoteID != "" {
		end := "it is valid until it is revoked"
		if s.ExpiresAt != "" {
			end = "what is stored is valid until " + s.ExpiresAt
		}
		lines = append(lines, fmt.Sprintf("OAuth secret %s of %s is nobody's to renew or revoke then; %s", s.RemoteID, s.Principal, end))
	}
	for _, r := range s.Replaced {
		lines = append(lines, fmt.Sprintf("OAuth secret %s of %s, which was replaced, is revoked by nobody then", r.RemoteID, s.Principal))
	}
	return lines
}
