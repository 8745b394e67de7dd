package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/observe"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Aim is what a plan is made for. The zero Aim is the whole stack as the spec wishes it.
type Aim struct {
	Only   []string // narrows the plan to the addresses that match a glob, with all that they depend on
	Target string   // narrows it to what belongs to this target

	Keep    bool     // nothing is deleted or released: --prune=false
	Allow   []string // the kinds and addresses whose deletion is named
	Destroy bool     // nothing is wished: all that the stack owns leaves
	Rotate  []string // addresses of secrets that are renewed though nothing asks for it
}

// ErrNothingSelected is a filter that no object of the stack passes.
var ErrNothingSelected = errors.New("nothing is selected")

// Plan looks at live state and returns what would change. It writes nothing: until Apply, the
// transport refuses to. What could not be read is unknown, and the plan's diagnostics say why; the
// error is for what stops planning as a whole.
func (e *Engine) Plan(ctx context.Context, aim Aim) (*plan.Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the SDK leaves running behind a request that failed
	e.aim = aim
	opening := e.openLedger(ctx)
	defer opening() // it is waited for, whatever happens
	p := e.empty()
	spec := e.wishes(ctx)
	found := opening()
	spec.Proposed = found.proposed()
	wishes, problems, err := plan.Declare(e.types, spec)
	if err != nil {
		return nil, err
	}
	p.Diagnostics = append(p.Diagnostics, problems...)
	if !problems.HasErrors() {
		if err = e.compare(ctx, p, comparison{wishes: wishes, spec: spec, aim: aim, ledger: found}); err != nil {
			return nil, err
		}
	}
	p.Requests = plan.Requests{Total: e.count.Total(), ByHost: e.count.ByHost()}
	p.Diagnostics = e.judge(p)
	return p, nil
}

// comparison is what live state is compared with.
type comparison struct {
	wishes []resource.Wish
	spec   resource.Wishes
	aim    Aim
	ledger opened
}

func (e *Engine) compare(ctx context.Context, p *plan.Plan, c comparison) error {
	owned, problems := e.owned(c.ledger)
	p.Diagnostics = append(p.Diagnostics, problems...)
	if problems.HasErrors() {
		return nil
	}
	claims, err := e.claim(c, owned)
	if err != nil {
		return err
	}
	p.Diagnostics = append(p.Diagnostics, claims.Problems...)
	e.remind(c, owned)
	looked := slices.Concat(claims.Wishes, claims.Departed, e.holders(c, claims.Departed))
	seen, failures, err := observe.Read(ctx, looked, e.byName, e.opt.Parallelism)
	if err != nil {
		return err
	}
	if p.Diagnostics = append(p.Diagnostics, e.settle(c.ledger, seen)...); p.Diagnostics.HasErrors() {
		return nil
	}
	in := plan.Input{Wishes: claims.Wishes, Types: e.byName, Seen: seen, Owned: owned, Departed: claims.Departed}
	if owned != nil {
		in.Owned, in.Applied = &claims.Owned, c.ledger.err == nil && c.ledger.book.Ledger().Run.SHA256 == e.stack.SHA256
	}
	if in.Others, err = e.others(ctx, in); err != nil {
		return err
	}
	in.Rules = e.rules(c, in)
	if p.Changes, err = plan.Build(in); err != nil {
		return err
	}
	if err := e.told(ctx, c.ledger, p.Changes); err != nil {
		return err
	}
	p.Owned = len(claims.Owned.Objects)
	p.Gone = append(gone(p, in), e.unasked(c, claims.Wishes)...)
	p.Diagnostics = append(p.Diagnostics, e.readFailures(failures, p.Changes)...)
	warnings, err := e.warnings(p)
	p.Diagnostics = append(p.Diagnostics, warnings...)
	return err
}

// readFailures tells of each cause once, however many objects it kept from being read, in the order of
// the plan.
func (e *Engine) readFailures(failures []observe.Failure, changes []plan.Change) diag.List {
	place := map[string]int{}
	for i, c := range changes {
		place[c.Address] = i
	}
	slices.SortFunc(failures, func(a, b observe.Failure) int {
		return cmp.Compare(place[a.Wish.Addr.String()], place[b.Wish.Addr.String()])
	})
	var list diag.List
	byCause := map[string]int{}
	for _, f := range failures {
		cause := causeOf(f.Err)
		if i, known := byCause[cause]; known {
			list[i].Detail += ", " + f.Wish.Addr.String()
			continue
		}
		byCause[cause] = len(list)
		at, text, code := f.Wish.At, f.Err.Error(), "plan/read-failed"
		if errors.Is(f.Err, resource.ErrUnauthorized) {
			text, code = cmp.Or(rootOf(f.Err), text), "plan/unauthorized"
		}
		list = append(list, diag.Diagnostic{Severity: diag.Error, Code: code, Summary: e.Scrub(text),
			Detail: "not read because of it: " + f.Wish.Addr.String(), Address: f.Wish.Addr.String(), Source: &at})
	}
	return list
}

// causeOf is the same for failures with one cause. A host that is not reached, or takes no login, is
// one, whatever was asked of it; for the rest, the request that was refused.
func causeOf(err error) string {
	var failed *transport.Error
	unauthorized := errors.Is(err, resource.ErrUnauthorized)
	switch {
	case !errors.As(err, &failed) && unauthorized:
		return rootOf(err)
	case failed == nil:
		return err.Error()
	case failed.Status == 0, unauthorized:
		return fmt.Sprintf("%s %d %s", failed.Host, failed.Status, failed.Message)
	default:
		return fmt.Sprintf("%s %s%s %d %s", failed.Method, failed.Host, failed.Path, failed.Status, failed.Message)
	}
}

// warnings collects what the kinds must say in every plan, and what an apply could not do from here.
func (e *Engine) warnings(p *plan.Plan) (diag.List, error) {
	var list diag.List
	for _, c := range p.Changes {
		t := e.byName[c.Kind]
		if t.Warn == nil || c.Before == nil && c.After == nil {
			continue // it was seen neither there nor missing
		}
		w, err := t.Warn(c.Want, c.Before)
		if err != nil {
			return nil, fmt.Errorf("planning %s: %w", c.Address, err)
		}
		if w != nil {
			list = append(list, diag.Diagnostic{Severity: diag.Warning, Code: w.Code, Summary: w.Summary,
				Detail: w.Detail, Address: c.Address, Source: &c.Source})
		}
	}
	return list, nil
}

// wishes is the spec, with the metastores of its workspaces where more than one host could mean one
// metastore or several.
func (e *Engine) wishes(ctx context.Context) resource.Wishes {
	w := resource.Wishes{Stack: e.stack, Metastores: map[string]string{}}
	hosts := catalogHosts(e.stack)
	if len(hosts) < 2 {
		return w
	}
	type answer struct {
		host, metastore string
	}
	answers := make(chan answer)
	hosts = slices.DeleteFunc(hosts, func(host string) bool { return e.opt.Bounds.withheld(e.stack, host) != "" })
	for _, host := range hosts {
		go func() {
			// A host whose metastore cannot be read counts as a metastore of its own; the reads of
			// what lies on it say what is wrong.
			m, err := e.fleet.Metastore(ctx, host)
			if err != nil {
				m.ID = ""
			}
			answers <- answer{host: host, metastore: m.ID}
		}()
	}
	for range hosts {
		if a := <-answers; a.metastore != "" {
			w.Metastores[a.host] = a.metastore
		}
	}
	return w
}

// catalogHosts are the hosts of the targets on which the spec wishes something of Unity Catalog.
func catalogHosts(s *spec.Stack) []string {
	hosts := map[string]bool{}
	for _, t := range s.Targets {
		only := s.Only(t.Name)
		if t.Host != "" && (len(only.Catalogs) > 0 || len(only.Permissions) > 0) {
			hosts[t.Host] = true
		}
	}
	return slices.Sorted(maps.Keys(hosts))
}

func (e *Engine) selected(w resource.Wishes, wishes []resource.Wish, aim Aim) ([]resource.Wish, error) {
	if aim.Target == "" && len(aim.Only) == 0 {
		return wishes, nil
	}
	keep := func(resource.Wish) bool { return true }
	if aim.Target != "" {
		own, err := e.ofTarget(w, aim.Target)
		if err != nil {
			return nil, err
		}
		keep = func(w resource.Wish) bool { return own[identity(w)] }
	}
	return plan.Select(wishes, func(w resource.Wish) bool { return keep(w) && aim.names(w) }), nil
}

// names reports whether the globs mean a wish.
func (a Aim) names(w resource.Wish) bool {
	return len(a.Only) == 0 || slices.ContainsFunc(a.Only, func(glob string) bool { return plan.MatchAddress(glob, w.Addr.String()) })
}

// String names what narrows the aim by its flags.
func (a Aim) String() string {
	var parts []string
	for _, glob := range a.Only {
		parts = append(parts, "--only "+glob)
	}
	if a.Target != "" {
		parts = append(parts, "--target "+a.Target)
	}
	return strings.Join(parts, " and ")
}

// ofTarget returns the identities of what the spec wishes only because of that target.
func (e *Engine) ofTarget(w resource.Wishes, name string) (map[string]bool, error) {
	if e.stack.Target(name) == nil {
		return nil, fmt.Errorf("%w: the spec has no target %q", ErrNothingSelected, name)
	}
	with, _, err := plan.Declare(e.types, resource.Wishes{Stack: e.stack.Only(name), Metastores: w.Metastores})
	if err != nil {
		return nil, err
	}
	without, _, err := plan.Declare(e.types, resource.Wishes{Stack: e.stack.Only(""), Metastores: w.Metastores})
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, w := range with {
		own[identity(w)] = true
	}
	for _, w := range without {
		delete(own, identity(w))
	}
	return own, nil
}

// identity tells wishes apart that mean different live objects: an address may be shorter in a part of
// the spec, where nothing else is called so.
func identity(w resource.Wish) string {
	if w.Key == "" {
		return w.Addr.String()
	}
	return w.Addr.Kind + " " + w.Key
}

func rootOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || !errors.Is(inner, resource.ErrUnauthorized) || inner == resource.ErrUnauthorized {
			return err.Error()
		}
		err = inner
	}
}
