package cli

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func (a *app) applyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Plan, ask, and carry the plan out",
		Long: "apply plans, shows the plan, asks, and carries it out: in parallel, each step after what it needs. A\n" +
			"failure holds back what needs the failed step and nothing else; applying again goes on from there.\n" +
			"What left the spec is deleted if this stack made it, and let go if it was there before; what holds data\n" +
			"or access is deleted only when --allow-destroy names it, and till then nothing is changed: it exits with\n" +
			"5. One apply at a time: a second one waits for --lock-timeout, and then ends with 5. With a plan file it\n" +
			"runs exactly that file's steps, without asking, if each of them still stands in a plan made now;\n" +
			"otherwise it changes nothing, says what moved, and exits with 5. What is blocked, and what waits for a\n" +
			"person, is named and left alone: that does not fail an apply. With --wait it looks again until people\n" +
			"have acted, and goes on from there.",
		Example:     "  mlopsctl apply\n  mlopsctl apply --auto-approve --sandbox\n  mlopsctl plan --out plan.json && mlopsctl apply plan.json",
		Args:        cobra.MaximumNArgs(1),
		Annotations: takes("text,json", partOfStack),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if a.flags.target != "" || len(a.flags.only) > 0 {
					return misuse("a plan file says itself what is done: leave --target and --only out")
				}
				if o.wait > 0 {
					return misuse("a plan file holds nothing of what comes after a wait: leave --wait out")
				}
				o.file = args[0]
			}
			o.aim = a.aim(o.deletion)
			return a.runApply(cmd.Context(), o)
		}),
	}
	o.define(cmd)
	o.deletion.define(cmd)
	o.deletion.defineMass(cmd)
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "go on for this `time` once people have acted: look again, and apply what was blocked behind them (default: name what waits, and end)")
	return cmd
}

// applyOptions are the flags of the commands that carry a plan out.
type applyOptions struct {
	approved    bool
	lockTimeout time.Duration
	deletion    deletion
	file        string        // a saved plan, or ""
	wait        time.Duration // how long it looks again for what people do; 0: not at all
	aim         engine.Aim
}

func (o *applyOptions) define(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.approved, "auto-approve", false, "do not ask")
	lockTimeout(cmd, &o.lockTimeout)
}

func (a *app) runApply(ctx context.Context, o applyOptions) error {
	saved, err := readPlan(o.file)
	if err != nil {
		return err
	}
	return a.planned(ctx, o.aim, func(s *session, p *plan.Plan) error {
		d := decision{applyOptions: o, saved: saved}
		if err := a.decide(ctx, s, p, d); err != nil || o.wait <= 0 {
			return err
		}
		return a.keepWaiting(ctx, s, d)
	})
}

// decision is what stands between a plan and its being carried out: a saved plan that it is held to,
// or an approval.
type decision struct {
	applyOptions
	saved *plan.Plan
	part  bool       // saved is no file, but the part of this run's own plan that was asked for
	shown *plan.Plan // what was agreed to
}

// asks reports whether a person has to agree.
func (d decision) asks() bool { return !d.approved && (d.saved == nil || d.part) }

func (a *app) decide(ctx context.Context, s *session, p *plan.Plan, d decision) error {
	out := a.teller(s)
	p, refused := a.refusals(ctx, s, p, d)
	if refused == exitDone && p.Acts() && d.asks() && !a.canAsk() {
		p.Diagnostics = append(p.Diagnostics, problem("cli/usage", "there is no terminal to ask at",
			"look at the plan and pass --auto-approve"+orSaved(d))...)
		refused = exitInvalid
	}
	if refused != exitDone {
		out.refused(p)
		return told(refused)
	}
	out.plan(p)
	if !p.Acts() {
		r, err := s.engine.Apply(ctx, p, engine.Run{Say: func(text string) { a.remark(sentence("%s", text)) }})
		out.report(r, p, "")
		return a.applyFailure(r, err)
	}
	if d.asks() {
		if err := a.ask(ctx, s); err != nil {
			out.report(apply.Report{}, p, "")
			return err
		}
	}
	return a.carryOut(ctx, s, p, d)
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

// carryOut has the engine carry the plan out. From here on an interrupt lets what is in flight be finished.
func (a *app) carryOut(ctx context.Context, s *session, p *plan.Plan, d decision) error {
	out := a.teller(s)
	a.stop.gently(func(why reason) {
		a.say(sentence("%s: finishing what is in flight, starting nothing more; Ctrl-C stops at once", why))
	})
	note, settled := out.watch(p)
	carried := p
	d.shown = p
	r, err := s.engine.Apply(ctx, p, engine.Run{
		Options:     apply.Options{Parallelism: a.flags.parallelism, Finish: a.stop.finish, OnEvent: note},
		LockTimeout: max(d.lockTimeout, time.Nanosecond), // none at all is a wish, and not the engine's usual
		Say:         func(text string) { a.remark(sentence("%s", text)) },
		Again: func(ctx context.Context, now *plan.Plan) (*plan.Plan, error) {
			now, err := a.stillApproved(ctx, s, now, d)
			if err == nil {
				carried = now
			}
			return now, err
		},
	})
	settled()
	ended := ""
	if !r.Complete() {
		ended = string(a.stop.reason())
	}
	out.report(r, carried, ended)
	if err = a.applyFailure(r, err); err != nil {
		return err
	}
	return told(a.appliedCode(r))
}

// orSaved is the other way to agree that apply alone has.
func orSaved(d decision) string {
	if d.part || d.aim.Destroy {
		return ""
	}
	return ", or apply a saved plan"
}
