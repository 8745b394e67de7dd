package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Bounds keep an engine to the places that another spec names: its repository, its account, its
// workspaces, each by the login that it has there; and its rules hold. They are for a spec that may be anybody's. What lies
// elsewhere is unknown, and no request goes there; the values of its secrets are not looked at.
type Bounds struct {
	By   *spec.Stack // nil: no place at all
	Text []byte      // of that spec, which is a committed version of the one that is planned
	Why  string      // is said of what is not looked at
}

// withheld says why nothing is asked of a host for the spec s, "" where it may be asked.
func (b *Bounds) withheld(s *spec.Stack, host string) string {
	switch {
	case b == nil || b.By != nil && place(s, host) != "" && place(s, host) == place(b.By, host):
		return ""
	default:
		return fmt.Sprintf("%s is not asked: %s", host, b.Why)
	}
}

// place is what a spec says of a host: what is there to it, and how it logs in. "" is a host that the spec does
// not name.
func place(s *spec.Stack, host string) string {
	var parts []string
	if host == s.Git.Host {
		parts = append(parts, "repository "+strings.ToLower(s.Git.Owner+"/"+s.Git.Name))
		for _, m := range s.Moved {
			if from, ok := cutKind(m.From, "repository"); ok {
				parts = append(parts, "formerly "+strings.ToLower(from))
			}
		}
	}
	if a := s.Account; a != nil && host == a.Host {
		parts = append(parts, "account "+a.ID, "profile "+a.Profile)
	}
	for _, t := range s.Targets {
		if t.Host == host {
			parts = append(parts, "workspace", "profile "+t.Profile)
		}
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), "\n")
}

// reachable returns whether a request may go to a host, as it stands in a URL; nil for every host.
func (b *Bounds) reachable(s *spec.Stack) func(host string) bool {
	if b == nil {
		return nil
	}
	hosts := map[string]bool{}
	for _, address := range addresses(s) {
		if b.withheld(s, address) == "" {
			name := hostName(address)
			hosts[name], hosts["api."+name] = true, true
		}
	}
	return func(host string) bool { return hosts[host] }
}

// env is the environment that the vault reads values from: none where the spec may be anybody's.
func (b *Bounds) env(env func(string) (string, bool)) func(string) (string, bool) {
	if b == nil {
		return env
	}
	return func(string) (string, bool) { return "", false }
}

// bound makes what lies beyond the bounds unreadable, without a request.
func (e *Engine) bound(t resource.Type) resource.Type {
	read := t.Read
	t.Read = func(ctx context.Context, want resource.Object) (resource.Object, error) {
		if why := e.opt.Bounds.withheld(e.stack, plan.HostOf(t, want)); why != "" {
			return nil, &withheld{why: why}
		}
		return read(ctx, want)
	}
	return t
}

// withheld is a read that the bounds keep from being made.
type withheld struct{ why string }

// Error says why.
func (w *withheld) Error() string { return w.why }

// Unwrap makes it a missing permission.
func (w *withheld) Unwrap() error { return resource.ErrForbidden }

// Blind returns the plan of a spec for which nothing is looked at and nothing is sent: every object is
// unknown, for the reason why. It is what two specs can be compared by, wish with wish, and what the rules say of the
// wishes alone. was is the blind plan of the spec that came before, nil where there was none.
func (e *Engine) Blind(why string, was *plan.Plan) (*plan.Plan, error) {
	p := e.empty()
	wishes, problems, err := plan.Declare(e.types, resource.Wishes{Stack: e.stack, Metastores: map[string]string{}})
	if err != nil {
		return nil, err
	}
	if p.Diagnostics = problems.Sorted(); problems.HasErrors() {
		return p, nil
	}
	seen := map[string]plan.Observation{}
	for _, w := range wishes {
		seen[w.Addr.String()] = plan.Observation{State: plan.Hidden, Reason: why}
	}
	if p.Changes, err = plan.Build(plan.Input{Wishes: wishes, Types: e.byName, Seen: seen}); err != nil {
		return nil, err
	}
	p.Diagnostics = e.judgeWishes(p, was)
	return p, nil
}

// empty is a plan of the stack that says nothing yet.
func (e *Engine) empty() *plan.Plan {
	return &plan.Plan{
		Version: e.opt.Version, CreatedAt: e.opt.Clock.Now().UTC().Format(time.RFC3339),
		Specs: []plan.Spec{{Path: e.stack.File, SHA256: e.stack.SHA256, Name: e.stack.Name}},
	}
}

// Types are the kinds that the spec's objects are of, by name.
func (e *Engine) Types() map[string]resource.Type { return e.byName }
