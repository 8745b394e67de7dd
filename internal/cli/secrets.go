package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func (a *app) secretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "List the credentials that the stack stores: age, expiry, next renewal, use",
		Long: "secrets lists every secret that the stack stores, and never a value: where it comes from, how old it is,\n" +
			"when it expires and is renewed, where it is used, and which credentials a newer one replaced that\n" +
			"still live. It changes nothing.",
		Example:     "  mlopsctl secrets\n  mlopsctl secrets -o json --sandbox\n  mlopsctl secrets rotate DATABRICKS_CLIENT_SECRET",
		Args:        cobra.ArbitraryArgs,
		Annotations: takes("text,json", wholeStack),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("there is no command %q below secrets; it has rotate", args[0])
			}
			return a.listSecrets(cmd.Context())
		}),
	}
	cmd.AddCommand(a.rotateCommand())
	return cmd
}

func (a *app) listSecrets(ctx context.Context) (err error) {
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	settled := a.waiting("reading live state")
	all, p, err := s.engine.Credentials(ctx)
	settled()
	if err != nil {
		return planFailure(err)
	}
	var rows []render.Secret
	for _, c := range all {
		rows = append(rows, shownSecret(c))
	}
	list := aboutSecrets(p)
	if a.flags.output == "json" {
		a.printJSON(render.SecretsJSON(rows, list))
	} else {
		a.print(render.Secrets(rows, a.clock.Now(), a.outStyle()))
	}
	a.complain(list, nil)
	return told(codeOf(list))
}

// aboutSecrets are a plan's diagnostics without those of what the secrets only depend on.
func aboutSecrets(p *plan.Plan) diag.List {
	var list diag.List
	for _, d := range p.Diagnostics {
		c := p.Find(d.Address)
		if d.Severity == diag.Error || c == nil || engine.Stores(c.Kind) {
			list = append(list, d)
		}
	}
	return list
}

func shownSecret(c engine.Credential) render.Secret {
	x := render.Secret{
		Address: c.Address, Source: c.Source, Place: c.Place, Workspace: c.Workspace, State: "stored", Action: c.Action,
		Recorded: c.Recorded, RemoteID: c.RemoteID, Replaced: []render.Replaced{},
		StoredAt: known(c.StoredAt), ExpiresAt: known(c.ExpiresAt), RotatesAt: known(c.Renewed),
	}
	switch {
	case c.Action == plan.Unknown:
		x.State = "unknown"
	case !c.There:
		x.State = "missing"
	}
	if c.Action != plan.None {
		x.Reason = c.Reason
	}
	for _, r := range c.Replaced {
		x.Replaced = append(x.Replaced, render.Replaced{RemoteID: r.RemoteID, RevokeAfter: r.RevokeAfter})
	}
	return x
}

// known is a time, or nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
