package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

func (a *app) rotateCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "rotate [NAME | ADDRESS]...",
		Short: "Renew credentials now",
		Long: "rotate issues each credential anew, stores it, and sees that it logs in; what it replaces stays valid for\n" +
			"`overlap`, as queued runs hold it still, and is revoked by the first apply after that. A secret whose\n" +
			"value comes from outside is stored again. Without a name it renews all that the stack issued; a name\n" +
			"means every secret that is called so, an address one. It shows the plan and asks; its exit codes are\n" +
			"those of apply.",
		Example:     "  mlopsctl secrets rotate\n  mlopsctl secrets rotate secret/prod/DATABRICKS_CLIENT_SECRET --auto-approve",
		Args:        cobra.ArbitraryArgs,
		Annotations: takes("text,json", wholeStack),
		RunE:        a.run(func(cmd *cobra.Command, args []string) error { return a.rotate(cmd.Context(), args, o) }),
	}
	o.define(cmd)
	return cmd
}

func (a *app) rotate(ctx context.Context, names []string, o applyOptions) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	stored, err := s.engine.StoredSecrets()
	if err != nil {
		return err
	}
	addresses, err := meant(stored, names)
	if err != nil {
		return err
	}
	if len(addresses) == 0 {
		return a.nothingToRotate(s)
	}
	// What else the secrets depend on is looked at and left as it is, but for what is missing.
	o.aim = engine.Aim{Only: addresses, Rotate: addresses, Keep: true}
	p, err := a.plan(ctx, s, o.aim)
	if err != nil {
		return err
	}
	d := decision{applyOptions: o}
	if !slices.ContainsFunc(addresses, func(address string) bool { return isUnknown(p, address) }) {
		p = p.Restrict(needed(p, addresses))
		d.saved, d.part = p, true
	}
	return a.decide(ctx, s, p, d)
}

func (a *app) nothingToRotate(s *session) error {
	if a.flags.output == "text" {
		a.print("The stack issues no credential, so there is nothing to renew. A secret from outside is renewed by its name.\n")
		return nil
	}
	out, empty := a.teller(s), &plan.Plan{Version: build().Version, CreatedAt: a.clock.Now().UTC().Format(time.RFC3339)}
	out.plan(empty)
	out.report(apply.Report{}, empty, "")
	return nil
}

// meant are the addresses of the secrets that names mean; without a name, of all that are issued.
func meant(stored []engine.StoredSecret, names []string) ([]string, error) {
	var addresses, known []string
	for _, s := range stored {
		known = append(known, s.Name, s.Address)
		if s.Issued && len(names) == 0 {
			addresses = append(addresses, s.Address)
		}
	}
	for _, name := range names {
		found := false
		for _, s := range stored {
			if strings.EqualFold(name, s.Name) || strings.EqualFold(name, s.Address) {
				addresses, found = append(addresses, s.Address), true
			}
		}
		if near := spec.Nearest(name, known); !found && near != "" {
			return nil, misuse("the spec has no secret %q; did you mean %q?", name, near)
		} else if !found {
			return nil, misuse("the spec has no secret %q; `mlopsctl secrets` lists them", name)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), nil
}

func isUnknown(p *plan.Plan, address string) bool {
	c := p.Find(address)
	return c != nil && c.Action == plan.Unknown
}

// needed are the addresses, and what they depend on and is still to be made.
func needed(p *plan.Plan, addresses []string) []string {
	all := slices.Clone(addresses)
	for i := 0; i < len(all); i++ {
		c := p.Find(all[i])
		if c == nil {
			continue
		}
		for _, on := range c.DependsOn {
			if x := p.Find(on); x != nil && x.Action == plan.Create && !slices.Contains(all, on) {
				all = append(all, on)
			}
		}
	}
	return all
}
