// Package doctor finds out what the credentials of a run may do: who they are on each host, and whether they
// have what a plan takes. It only reads; a right that would show in a write alone counts as one that
// cannot be checked.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/internal/transport"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Examiner asks the clients of a run. Logins tell where a credential comes from, and send nothing.
type Examiner struct {
	Places      rights.Places
	GitHub      *github.Client
	GitHubLogin func() (github.Login, error)
	Fleet       *databricks.Fleet
	Login       func(databricks.Host) (databricks.Login, error)
	Account     *databricks.Host // nil where the spec has none
	Workspaces  []databricks.Host
	Clocks      *transport.Clocks
	Catalogs    map[string][]string // the spec's catalogs, by the workspaces that show them
}

// Writes finds out whether the credentials have what the changes of a plan take, asking for nothing that an
// earlier answer tells.
func (x Examiner) Writes(ctx context.Context, p *plan.Plan) []rights.Finding {
	var found []rights.Finding
	for _, n := range rights.Sorted(x.Places.OfWrites(p)) {
		found = merge(found, x.examine(ctx, p, n))
	}
	return found
}

// merge adds a finding, to the same one where another right led there: several permissions are one scope of a
// classic token.
func merge(found []rights.Finding, f rights.Finding) []rights.Finding {
	for i, other := range found {
		if other.Host == f.Host && other.What == f.What && other.State == f.State && other.Why == f.Why {
			found[i].For = append(slices.Clone(other.For), slices.DeleteFunc(slices.Clone(f.For), func(a string) bool { return slices.Contains(other.For, a) })...)
			return found
		}
	}
	return append(found, f)
}

// Report examines everything that a plan speaks of.
func (x Examiner) Report(ctx context.Context, p *plan.Plan) rights.Report {
	r := rights.Report{Hosts: []rights.Host{}, Prerequisites: prerequisites(p)}
	found := append(x.Writes(ctx, p), x.unread(ctx, p)...)
	for _, h := range x.hosts(p, found) {
		h.Rights = []rights.Finding{}
		for _, f := range found {
			if f.Host == h.URL {
				h.Rights = append(h.Rights, f)
			}
		}
		h.Login.Host = h.URL
		x.introduce(ctx, &h)
		r.Hosts = append(r.Hosts, h)
	}
	return r
}

// hosts are those on which the spec wishes something: GitHub, the account, the workspaces.
func (x Examiner) hosts(p *plan.Plan, found []rights.Finding) []rights.Host {
	wanted := map[string]bool{x.Places.GitHub: true}
	for _, c := range p.Changes {
		wanted[c.Host] = true
	}
	for _, f := range found {
		wanted[f.Host] = true
	}
	list := []rights.Host{{URL: x.Places.GitHub, Role: "github"}}
	if x.Account != nil && wanted[x.Account.URL] {
		list = append(list, rights.Host{URL: x.Account.URL, Role: "account"})
	}
	seen := map[string]bool{}
	for _, w := range x.Workspaces {
		if wanted[w.URL] && !seen[w.URL] {
			seen[w.URL] = true
			list = append(list, rights.Host{URL: w.URL, Role: "workspace"})
		}
	}
	return list
}

func (x Examiner) introduce(ctx context.Context, h *rights.Host) {
	h.Facts = []rights.Fact{}
	switch h.Role {
	case "github":
		x.introduceGitHub(ctx, h)
	case "account":
		x.introduceAccount(ctx, h)
	default:
		x.introduceWorkspace(ctx, h)
	}
	if h.Login.State == rights.Missing {
		// Of a host that takes no login nothing else is known than what it said itself.
		h.Rights = slices.DeleteFunc(h.Rights, func(f rights.Finding) bool { return f.Right == nil || f.State != rights.Missing })
	}
	x.compareClocks(h)
}

// most is how far two clocks may be apart: an App's login is refused beyond it, and tokens look expired.
const most = 5 * time.Minute

func (x Examiner) compareClocks(h *rights.Host) {
	host := strings.ToLower(h.URL[strings.Index(h.URL, "://")+3:])
	ahead, known := x.Clocks.Ahead(host)
	if !known {
		ahead, known = x.Clocks.Ahead("api." + host)
	}
	switch {
	case !known:
		return
	case ahead.Abs() < 3*time.Second: // a date counts in seconds, and an answer takes its time
		h.Facts = append(h.Facts, rights.Fact{Name: "clock", Value: "right"})
	default:
		h.Facts = append(h.Facts, rights.Fact{Name: "clock", Value: fmt.Sprintf("%s %s this host's", ahead.Abs(), direction(ahead))})
	}
	if ahead.Abs() > most {
		h.Rights = append(h.Rights, rights.Finding{
			Host: h.URL, What: "a clock that is right", State: rights.Missing,
			Why: fmt.Sprintf("this machine's is %s %s the host's; tokens that are valid look expired, or not valid yet", ahead.Abs(), direction(ahead)),
			Fix: "set this machine's clock, and have it kept: timedatectl set-ntp true",
		})
	}
}

func direction(ahead time.Duration) string {
	if ahead < 0 {
		return "behind"
	}
	return "ahead of"
}

// unread says what is missing to look at what the plan could not look at. Where every right that the table
// knows seems to be there, the refusal itself is what is known.
func (x Examiner) unread(ctx context.Context, p *plan.Plan) []rights.Finding {
	var found []rights.Finding
	explained := map[string]bool{}
	for _, n := range rights.Sorted(x.Places.OfReads(p, func(c plan.Change) bool { return c.Action == plan.Unknown })) {
		f := x.examine(ctx, p, n)
		if f.State != rights.Missing {
			continue
		}
		for _, address := range n.For {
			explained[address] = true
		}
		found = merge(found, f)
	}
	for _, c := range p.Changes {
		if c.Action != plan.Unknown || explained[c.Address] || unreachable(p, c) {
			continue
		}
		i := slices.IndexFunc(found, func(f rights.Finding) bool { return f.Right == nil && f.Why == c.Reason })
		if i < 0 {
			i = len(found)
			found = append(found, rights.Finding{Host: x.hostOf(c), What: "to read it", State: rights.Missing, Why: c.Reason,
				Fix: "give these credentials what the answer names, or leave it out with --only"})
		}
		found[i].For = append(found[i].For, c.Address)
	}
	return found
}

// unreachable reports whether a change was not looked at for want of another object's id: that one is told of.
func unreachable(p *plan.Plan, c plan.Change) bool {
	return slices.ContainsFunc(c.Needs, func(n resource.Need) bool {
		on := p.Find(n.Addr)
		return n.Field != "" && on != nil && on.Action == plan.Unknown
	})
}

// hostOf is where a change is looked at; GitHub where it lies on no host.
func (x Examiner) hostOf(c plan.Change) string {
	if c.Host == "" {
		return x.Places.GitHub
	}
	return c.Host
}

// prerequisites are the reasons why something cannot be made that no other object of the plan explains.
func prerequisites(p *plan.Plan) []rights.Finding {
	found := []rights.Finding{}
	for _, c := range p.Changes {
		if c.Action != plan.Blocked || c.Leaving || waits(p, c) {
			continue
		}
		i := slices.IndexFunc(found, func(f rights.Finding) bool { return f.Why == c.Reason })
		if i < 0 {
			i = len(found)
			found = append(found, rights.Finding{What: "what " + c.Address + " waits for", State: rights.Missing, Why: c.Reason})
		}
		found[i].For = append(found[i].For, c.Address)
	}
	return found
}

// waits reports whether a change is held up by another object of the plan.
func waits(p *plan.Plan, c plan.Change) bool {
	return slices.ContainsFunc(c.DependsOn, func(address string) bool {
		need := p.Find(address)
		return need != nil && slices.Contains([]plan.Action{plan.Blocked, plan.Unknown, plan.Wait}, need.Action)
	})
}

// examine finds out about one right.
func (x Examiner) examine(ctx context.Context, p *plan.Plan, n rights.Need) rights.Finding {
	right := n.Right
	f := rights.Finding{Host: n.Host, Right: &right, For: n.For, State: rights.Unchecked}
	switch n.Sort {
	case rights.Token, rights.Role, rights.Repository, rights.Limit:
		x.onGitHub(ctx, &f)
	case rights.AccountAdmin, rights.Manager:
		x.onAccount(ctx, p, &f)
	default:
		x.onWorkspace(ctx, p, &f)
	}
	return f
}

// undecided is for what could not be asked.
func undecided(f *rights.Finding, err error) {
	f.State, f.Why = rights.Unchecked, err.Error()
}

func missing(f *rights.Finding, why, fix string) {
	f.State, f.Why, f.Fix = rights.Missing, why, fix
}

func fine(f *rights.Finding, why string) { f.State, f.Why = rights.OK, why }
