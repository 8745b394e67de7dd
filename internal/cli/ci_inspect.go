package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// inspect reads both specs, plans them and compares the plans. The report holds what there is to say, also when
// that is an error.
func (c *check) inspect(ctx context.Context) error {
	if c.app.flags.sandbox != "" {
		if err := c.rehearse(); err != nil {
			return err
		}
	}
	err := c.specs(ctx)
	switch { // the base's name is not the pull request's to choose
	case c.base.stack != nil:
		c.report.Stack = c.base.stack.Name
	case c.head.stack != nil:
		c.report.Stack = c.head.stack.Name
	}
	if err != nil {
		return err
	}
	return c.compare(ctx)
}

// rehearse opens the sandbox before anything is asked of GitHub. It answers for the hosts of the base's spec where
// the local history holds that, else for those of the spec that is here.
func (c *check) rehearse() error {
	stack, list := spec.Load(c.head.path, c.reading())
	for _, revision := range append([]string{c.options.base, c.event.BaseSHA}, c.here.Parents...) {
		data, _, err := gitrepo.DataAt(c.base.path, revision)
		if base, _ := spec.Parse(c.base.path, data, c.reading()); revision != "" && err == nil && base != nil {
			stack = base
			break
		}
	}
	if stack == nil {
		c.report.Diagnostics = sorted(c.report.Diagnostics, list)
		return &failure{code: exitInvalid, told: true}
	}
	w, err := c.app.enter(stack)
	c.world = w
	return err
}

// enter returns what answers the hosts of the check.
func (c *check) enter(stack *spec.Stack) (*world, error) {
	if c.world == nil {
		w, err := c.app.enter(stack)
		if err != nil {
			return nil, err
		}
		c.world = w
	}
	return c.world, nil
}

// atDesk returns the conversation of the pull request. Where nothing else says on which host that is, it is
// github.com: a pull request's spec names no place for a token.
func (c *check) atDesk() (*engine.Desk, error) {
	if c.desk != nil {
		return c.desk, nil
	}
	w, err := c.enter(nil)
	if err != nil {
		return nil, err
	}
	o, err := c.app.engineOptions(w)
	if err != nil {
		return nil, err
	}
	c.server = cmp.Or(c.server, "https://github.com")
	if c.desk, err = engine.OpenDesk(c.server, c.event.Repository, o); err != nil {
		return nil, err
	}
	return c.desk, nil
}

// blind says why no live state is looked at, "" where it is.
func (c *check) blind() string {
	switch {
	case c.event.Pull != 0 && c.event.Fork() && !c.options.fromAPI:
		return "the pull request comes from a fork, whose spec may be anybody's"
	case (c.event.Pull != 0 || c.options.base != "") && c.base.stack == nil:
		return c.report.Why
	default:
		return ""
	}
}

// compare plans both sides and sorts out what is the pull request's.
func (c *check) compare(ctx context.Context) error {
	head, err := c.connect(c.head.stack)
	if err != nil {
		return err
	}
	sides := ci.Sides{Types: head.Types()}
	why := c.blind()
	if why == "" {
		if sides.Head, err = c.plans(ctx, head); err != nil {
			return err
		}
		c.plan = sides.Head
	}
	if c.base.stack != nil {
		if sides.Base, why, err = c.planBase(ctx, why); err != nil {
			return err
		}
	}
	if why != "" {
		if err := c.compareWishes(&sides, head, why); err != nil {
			return err
		}
	}
	c.report.Diagnostics = sorted(c.report.Diagnostics, c.heard(sides.Head))
	switch {
	case sides.Head.Diagnostics.HasErrors() && len(sides.Head.Changes) == 0:
		return nil // there is nothing to compare, and the diagnostics say why
	case c.options.drift:
		c.report.Drifted(sides.Head)
		return nil
	}
	return c.report.Compare(sides)
}

// compareWishes goes by what the two specs wish alone, for the reason why; what a look has found out by then is said.
func (c *check) compareWishes(sides *ci.Sides, head *engine.Engine, why string) error {
	if c.plan != nil {
		c.report.Diagnostics = sorted(c.report.Diagnostics, withoutRules(c.heard(c.plan)))
	}
	c.report.Known, c.report.Why, c.plan = ci.Wish, why, nil
	p, err := head.Blind(why, sides.Base)
	if sides.Head = p; sides.Base == nil {
		sides.Base = &plan.Plan{} // a spec that is new
	}
	return err
}

// withoutRules are diagnostics without what rules say, which is said of the wishes again.
func withoutRules(list diag.List) diag.List {
	return slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return spec.IsPolicy(d.Code) })
}

// planBase plans the base's spec: blindly for the reason why, or where its plan does not get through.
func (c *check) planBase(ctx context.Context, why string) (*plan.Plan, string, error) {
	e, err := c.connect(c.base.stack)
	if err != nil {
		return nil, "", err
	}
	if why == "" {
		p, err := c.plans(ctx, e)
		if err != nil || !p.Diagnostics.HasErrors() || len(p.Changes) > 0 {
			return p, "", err
		}
		why = "the base branch's spec cannot be planned: " + p.Diagnostics[0].Summary
	}
	p, err := e.Blind(why, nil)
	return p, why, err
}

// connect binds a spec to its hosts: a pull request's within the bounds of its base, whose rules hold, too.
func (c *check) connect(stack *spec.Stack) (*engine.Engine, error) {
	w, err := c.enter(stack)
	if err != nil {
		return nil, err
	}
	o, err := c.app.engineOptions(w)
	if err != nil {
		return nil, err
	}
	o.Shared = &c.live
	if stack != c.base.stack && (c.event.Pull != 0 || c.base.stack != nil) {
		o.Bounds = &engine.Bounds{By: c.base.stack, Text: c.base.data, Why: "the base branch's spec does not name it so"}
	}
	if stack == c.head.stack {
		o.Found = c.head.found
	}
	e, err := engine.Connect(stack, o)
	if err != nil {
		return nil, err
	}
	c.engines = append(c.engines, e)
	if o.Bounds == nil {
		c.given = givenSecrets(stack, w.env)
	}
	return e, nil
}

func (c *check) plans(ctx context.Context, e *engine.Engine) (*plan.Plan, error) {
	p, err := e.Plan(ctx, engine.Aim{})
	if err != nil {
		return nil, planFailure(err)
	}
	return p, ctx.Err()
}

// heard are a plan's diagnostics. In a pull request's check what no credential is given for is compared wish with
// wish, and no error.
func (c *check) heard(p *plan.Plan) diag.List {
	var list diag.List
	for _, d := range p.Diagnostics {
		switch {
		case c.event.Pull != 0 && d.Code == "plan/unauthorized":
			d.Severity = diag.Warning
		case c.event.Pull != 0 && d.Code == "plan/not-compared":
			continue // the values are none of a check's business, and nobody can do anything about it here
		}
		list = append(list, d)
	}
	return list
}

// close lets go of the world.
func (c *check) close() error {
	if c.world == nil {
		return nil
	}
	return c.world.close()
}
