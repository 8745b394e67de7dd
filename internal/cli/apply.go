package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

func (a *app) applyCommand() *cobra.Command {
	approved := false
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Plan, ask, and carry the plan out",
		Long: "apply plans, shows the plan, asks, and carries it out: in parallel, each step after what it needs. A\n" +
			"failure holds back what needs the failed step and nothing else; applying again goes on from there.\n" +
			"With a plan file it runs exactly that file's steps, without asking, if each of them still stands in a\n" +
			"plan made now; otherwise it changes nothing, says what moved, and exits with 5. What is blocked is\n" +
			"named and left alone: that does not fail an apply.",
		Example:     "  mlopsctl apply\n  mlopsctl apply --auto-approve --sandbox\n  mlopsctl plan --out plan.json && mlopsctl apply plan.json",
		Args:        cobra.MaximumNArgs(1),
		Annotations: takes("text,json", partOfStack),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o := applyOptions{approved: approved}
			if len(args) == 1 {
				if a.flags.target != "" || len(a.flags.only) > 0 {
					return misuse("a plan file says itself what is done: leave --target and --only out")
				}
				o.file = args[0]
			}
			return a.runApply(cmd.Context(), o)
		}),
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	cmd.Flags().Var(keepAll{}, "prune", "this version deletes nothing, so --prune=`false` is all it takes")
	return cmd
}

type applyOptions struct {
	approved bool
	file     string // a saved plan, or ""
}

func (a *app) runApply(ctx context.Context, o applyOptions) error {
	saved, err := readPlan(o.file)
	if err != nil {
		return err
	}
	return a.planned(ctx, func(s *session, p *plan.Plan) error {
		return a.decide(ctx, s, p, decision{saved: saved, approved: o.approved})
	})
}

// decision is what stands between a plan and its being carried out: a saved plan that it is held to,
// or an approval.
type decision struct {
	saved    *plan.Plan
	approved bool
}

func (a *app) decide(ctx context.Context, s *session, p *plan.Plan, d decision) error {
	out := a.teller(s)
	p, refused := a.refusals(ctx, s, p, d.saved)
	if refused == exitDone && p.Acts() && d.saved == nil && !d.approved && !a.canAsk() {
		p.Diagnostics = append(p.Diagnostics, problem("cli/usage", "there is no terminal to ask at",
			"look at the plan and pass --auto-approve, or apply a saved plan")...)
		refused = exitInvalid
	}
	if refused != exitDone {
		out.refused(p)
		return told(refused)
	}
	out.plan(p)
	if !p.Acts() {
		out.report(apply.Report{}, p, "")
		return nil
	}
	if d.saved == nil && !d.approved {
		if err := a.ask(ctx, s); err != nil {
			out.report(apply.Report{}, p, "")
			return err
		}
	}
	return a.carryOut(ctx, s, p)
}

// readPlan reads a saved plan; nil where there is none.
func readPlan(file string) (*plan.Plan, error) {
	const largest = 256 << 20
	if file == "" {
		return nil, nil
	}
	data, err := readFile(file, largest)
	if err != nil {
		return nil, misuse("the plan to apply: %v", err)
	}
	p := &plan.Plan{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, misuse("%s is no plan that `mlopsctl plan --out` saved: %v", file, err)
	}
	return p, nil
}

// refusals returns the plan that is to be carried out, and exitDone; or, with the reasons in the plan's
// diagnostics, the code of why nothing is begun.
func (a *app) refusals(ctx context.Context, s *session, p, saved *plan.Plan) (*plan.Plan, exitCode) {
	if code := codeOf(p.Diagnostics); code != exitDone {
		return p, code
	}
	if saved != nil {
		steps, moved := plan.Witness(saved, p)
		for _, m := range moved {
			p.Diagnostics = append(p.Diagnostics, diag.Diagnostic{Severity: diag.Error, Code: "apply/stale-plan",
				Summary: m.Address + " moved since the plan was saved: " + m.Why, Detail: "nothing was changed; make a new plan and look at it", Address: m.Address})
		}
		if len(moved) > 0 {
			return p, exitRefused
		}
		p = p.Restrict(steps)
	}
	code := exitDone
	for _, c := range p.Changes {
		if c.Action == plan.Unknown && saved == nil {
			p.Diagnostics = append(p.Diagnostics, diag.Diagnostic{Severity: diag.Error, Code: "apply/unknown",
				Summary: c.Address + " could not be read, so nobody can say what an apply would do to it: " + c.Reason,
				Detail:  "give these credentials the permission, or leave it out with --only", Address: c.Address, Source: &c.Source})
			code = exitCredentials
		}
	}
	for _, d := range s.engine.Preflight(ctx, p) {
		d.Severity = diag.Error
		p.Diagnostics = append(p.Diagnostics, d)
		code = exitCredentials
	}
	return p, code
}

// carryOut walks the plan. From here on an interrupt lets what is in flight be finished.
func (a *app) carryOut(ctx context.Context, s *session, p *plan.Plan) error {
	out := a.teller(s)
	a.stop.gently(func(why reason) {
		a.say(sentence("%s: finishing what is in flight, starting nothing more; Ctrl-C stops at once", why))
	})
	note, settled := out.watch(p)
	r, err := s.engine.Apply(ctx, p, apply.Options{Parallelism: a.flags.parallelism, Finish: a.stop.finish, OnEvent: note})
	settled()
	if err != nil {
		out.report(apply.Report{}, p, "")
		return fmt.Errorf("applying: %w", err)
	}
	ended := ""
	if !r.Complete() {
		ended = string(a.stop.reason())
	}
	out.report(r, p, ended)
	return told(a.appliedCode(r))
}

// appliedCode is how an apply ended.
func (a *app) appliedCode(r apply.Report) exitCode {
	switch {
	case r.Complete():
		return exitDone
	case a.stop.interrupted():
		return exitInterrupted
	case r.Count(apply.Done) == 0 && allRefused(r):
		return exitError
	default:
		return exitPartly
	}
}

// allRefused reports whether every failure is the plain refusal of a request, so that nothing at all
// was changed.
func allRefused(r apply.Report) bool {
	var failures *multierror.Error
	if !errors.As(r.Err(), &failures) {
		return false
	}
	return !slices.ContainsFunc(failures.Errors, func(err error) bool {
		var answer *transport.Error
		return !errors.As(err, &answer) || answer.Status == 0 || errors.Is(err, resource.ErrLost) || errors.Is(err, resource.ErrNotYet)
	})
}
