package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/render"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Can each target's principal log in as its CI job does, and does it hold what the spec promises?",
		Long: "verify looks, after an apply, at each target's principal. In the target's own CI job it logs in the way\n" +
			"that the job does (an OIDC token, a client secret or a stored token), reads what it effectively holds,\n" +
			"inherited privileges too, and tries that it is let in nowhere else. From an operator's desk it looks at\n" +
			"everything that this depends on: that the principal is active, that its policy trusts the subject that\n" +
			"the repository really sends, that the stored credentials are the ones that were issued and still live,\n" +
			"that it is in its groups and has its entitlements, its directory and its Git credential, what it\n" +
			"effectively holds; and says what only the job can find out. It writes nothing, and exits with 1 when\n" +
			"something does not hold.",
		Example:     "  mlopsctl verify\n  mlopsctl verify --target prod -o json",
		Args:        cobra.NoArgs,
		Annotations: takes("text,json", partOfStack),
		RunE:        a.run(func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context()) }),
	}
}

func (a *app) verify(ctx context.Context) (err error) {
	if len(a.flags.only) > 0 {
		return misuse("verify is about targets: name one with --target")
	}
	s, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = closing(err, s.close) }()
	if t := s.stack.Target(a.flags.target); a.flags.target != "" && (t == nil || t.ServicePrincipal == "") {
		return misuse("the spec has no target %q with a principal", a.flags.target)
	}
	settled := a.waiting("looking at every target")
	v, err := s.engine.Verify(ctx, a.flags.target)
	settled()
	if err != nil {
		return planFailure(err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var list diag.List
	for _, d := range v.Diagnostics {
		if d.Severity == diag.Error {
			list = append(list, d)
		}
	}
	if a.flags.output == "json" {
		a.printJSON(render.VerifyJSON(v.Verdicts, v.Requests, list))
	} else {
		a.print(render.Verify(v.Verdicts, v.Requests.Total, a.outStyle()))
	}
	a.complain(list, nil)
	if rights.CountVerdicts(v.Verdicts, rights.Failed) > 0 {
		return told(exitError)
	}
	return told(codeOf(list))
}
