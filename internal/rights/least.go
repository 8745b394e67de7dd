package rights

import (
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// Allowance is what somebody needs on one host. A classic token needs the scopes and what is no permission of a
// token; an App or a fine-grained token the permissions instead of the scopes.
type Allowance struct {
	Host   string   `json:"host"`
	Scopes []string `json:"scopes"` // of a classic token; none on a host of Databricks
	Needs  []Need   `json:"needs"`
}

// Least is the least that two people need for a spec: who applies it to a place where nothing of it is there
// yet, and whatever plans it for a pull request and never writes.
type Least struct {
	Operator []Allowance `json:"operator"`
	Reader   []Allowance `json:"reader"`
	// Logins are those that the spec itself makes for the two, in CI.
	OperatorLogins []Login `json:"operator_logins"`
	ReaderLogins   []Login `json:"reader_logins"`
}

// Login is how a principal is logged in as by a job, with no secret.
type Login struct {
	Principal string `json:"principal"`
	Job       string `json:"job"` // which jobs are let in
	Address   string `json:"address"`
}

// Least returns it for the wishes of a spec, without looking at anything live.
func (at Places) Least(wishes []resource.Wish, types map[string]resource.Type) Least {
	p := &plan.Plan{}
	for _, w := range wishes {
		c := plan.Change{Address: w.Addr.String(), Kind: w.Addr.Kind, Action: plan.Create, Want: w.Want, Host: types[w.Addr.Kind].Host}
		if host, ok := w.Want["host"].(string); ok {
			c.Host = host
		}
		if w.Want["exists"] == true || at.Account == "" && slices.Contains([]string{"service_principal", "workspace_assignment"}, c.Kind) {
			c.Action = plan.None // it is somebody else's
		}
		p.Changes = append(p.Changes, c)
	}
	everything := func(plan.Change) bool { return true }
	reads := append(at.OfReads(p, everything), Need{Right: at.token("metadata", "read"), For: []string{"repository"}},
		Need{Right: at.token("contents", "read"), For: []string{Ledger}})
	made := at.made(p)
	own := slices.DeleteFunc(slices.Clone(reads), func(n Need) bool { return made.covers(n.Right) })
	least := Least{Operator: allowances(append(at.OfWrites(p), own...)), Reader: allowances(reads), OperatorLogins: []Login{}, ReaderLogins: []Login{}}
	for _, w := range wishes {
		l := Login{Principal: w.Addr.Scope, Address: w.Addr.String()}
		switch name := w.Addr.Name; {
		case w.Addr.Kind != "federation_policy":
		case name == "pull_request":
			l.Job = "a job of a pull request, of none from a fork"
			least.ReaderLogins = append(least.ReaderLogins, l)
		case name == spec.PlanEnvironment || name == spec.ApplyEnvironment:
			l.Job = "a job in the environment " + name
			least.OperatorLogins = append(least.OperatorLogins, l)
		}
	}
	return least
}

// strongest are needs without those that another one implies, which is for their objects as well then.
func strongest(needs []Need) []Need {
	var all collection
	for _, n := range needs {
		r := n.Right
		for range needs { // a stronger one may be implied itself
			i := slices.IndexFunc(needs, func(o Need) bool { return o.implies(r) })
			if i < 0 {
				break
			}
			r = needs[i].Right
		}
		for _, address := range n.For {
			all.add(r, address)
		}
	}
	return all.needs
}

// allowances sorts needs by their hosts. What an organisation allows is nobody's right.
func allowances(needs []Need) []Allowance {
	needs = slices.DeleteFunc(strongest(needs), func(n Need) bool { return n.Sort == Limit })
	list := []Allowance{}
	for _, n := range Sorted(needs) {
		if len(list) == 0 || list[len(list)-1].Host != n.Host {
			list = append(list, Allowance{Host: n.Host, Scopes: []string{}})
		}
		last := &list[len(list)-1]
		last.Needs = append(last.Needs, n)
		if n.Scope != "" && !slices.Contains(last.Scopes, n.Scope) {
			last.Scopes = append(last.Scopes, n.Scope)
		}
	}
	// GitHub first, then the account, then the workspaces.
	slices.SortStableFunc(list, func(a, b Allowance) int { return order(a) - order(b) })
	for i := range list {
		slices.Sort(list[i].Scopes)
	}
	return list
}

// implies reports whether whoever has r has another right, too.
func (r Right) implies(other Right) bool {
	if r.Host != other.Host || r == other {
		return false
	}
	switch other.Sort {
	case Token:
		return r.Sort == Token && r.On == other.On && other.Level == "read"
	case Role:
		return r.Sort == Role && r.Level == "admin"
	case Manager:
		return r.Sort == AccountAdmin
	case Manage:
		return r.Sort == Manage && r.On != other.On && slices.Contains(holders(other.On), r.On)
	case Grants:
		return r.Sort == Manage && r.On == other.On ||
			(r.Sort == Manage || r.Sort == Grants) && r.On != other.On && slices.Contains(holders(other.On), r.On)
	case Member, Object:
		return r.Sort == WorkspaceAdmin
	default:
		return false
	}
}

func order(a Allowance) int { return place(a.Needs[0].Sort) }

// Kinds are the kinds of the addresses that a need is for, each once.
func (n Need) Kinds() []string {
	var kinds []string
	for _, address := range n.For {
		kind, _, _ := strings.Cut(address, "/")
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
