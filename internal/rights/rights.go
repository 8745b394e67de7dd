// Package rights says what the changes of a plan take of the credentials that carry it out: one table, by
// kind and action. It computes from values and asks nobody; what a credential has is found out elsewhere.
package rights

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Sort is a sort of right: how one finds out whether somebody has it.
type Sort string

// The sorts. The first group is GitHub's, the second the Databricks account's, the third a workspace's.
const (
	Token      Sort = "token"      // a permission of a fine-grained token or an App, or the scope of a classic token
	Role       Sort = "role"       // of the user on the repository
	Repository Sort = "repository" // that repositories may be created in the owner
	Limit      Sort = "limit"      // that the organisation allows its repositories what is wished

	AccountAdmin Sort = "account_admin"
	Manager      Sort = "manager" // of a service principal; an account admin is one

	Member         Sort = "member"          // that the workspace may be entered
	WorkspaceAdmin Sort = "workspace_admin" //
	Privilege      Sort = "privilege"       // on a securable, granted or as its owner
	Manage         Sort = "manage"          // the owner, or MANAGE on it or on what holds it
	Grants         Sort = "grants"          // as Manage, and also owners of what holds it and metastore admins
	Object         Sort = "object"          // CAN_MANAGE on an object of the workspace
)

// Right is something that a credential must be allowed on a host. Two that are equal are one.
type Right struct {
	Host  string `json:"host"`
	Sort  Sort   `json:"sort"`
	On    string `json:"on,omitempty"`    // a permission of tokens, a securable TYPE:NAME, an owner, a principal
	Level string `json:"level,omitempty"` // read or write, a role, a privilege
	Scope string `json:"scope,omitempty"` // what a classic token needs for it
}

// Need is a right with the objects that ask for it.
type Need struct {
	Right
	For []string `json:"for"` // their addresses, in the order of the plan
}

// Places are the hosts of a spec, which not every change names itself. Account is "" where there is none.
// Workflows says that the project's folder holds workflow files, which take a right of their own.
type Places struct {
	GitHub, Owner, Account string
	Workflows              bool
}

// deed is a change as far as rights go.
type deed struct {
	at     Places
	action plan.Action
	host   string
	scoped bool            // its address has a scope, such as an environment
	object resource.Object // as it is wished; of what goes, as it is
	named  resource.Object // as it is called now; of what is not there yet, as it is wished
}

func (at Places) deed(c plan.Change) deed {
	d := deed{at: at, action: c.Action, host: c.Host, scoped: strings.Count(c.Address, "/") > 1}
	for _, o := range []resource.Object{c.Want, c.After, c.Before} {
		if d.object == nil {
			d.object = o
		}
	}
	if c.Action == plan.Delete && c.Before != nil {
		d.object = c.Before
	}
	d.named = c.Before
	if c.Before == nil {
		d.named = d.object
	}
	return d
}

// text is a field of the object; "" for one that is absent or only known after an apply.
func (d deed) text(field string) string {
	s, _ := d.object[field].(string)
	return s
}

// texts is a list of the object's.
func (d deed) texts(field string) []string {
	list, _ := d.object[field].([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Known reports whether the table has a row for a kind.
func Known(kind string) bool {
	_, known := table()[kind]
	return known
}

// OfWrites returns what the changes of a plan take that send something, each right once, in the order of
// the plan. What a change needs on an object that the same plan makes is not among them: who makes it
// owns it. What is made is read as soon as it is there, which takes what a look at it takes.
func (at Places) OfWrites(p *plan.Plan) []Need {
	var all collection
	made := at.made(p)
	add := func(address string, list []Right) {
		for _, r := range list {
			if !made.covers(r) {
				all.add(r, address)
			}
		}
	}
	for _, c := range p.Changes {
		if !c.Action.Sends() {
			continue
		}
		d, row := at.deed(c), table()[c.Kind]
		add(c.Address, row.write(d))
		if c.Action == plan.Create {
			// That the workspace may be entered, and that what is deployed in it is shown, the plan's own reads have told.
			add(c.Address, slices.DeleteFunc(row.read(d), func(r Right) bool { return r.Sort == Member || c.Kind == "deployment" }))
		}
	}
	if p.Acts() {
		add(Ledger, []Right{at.token("contents", "write"), at.role("write")})
	}
	return strongest(all.needs)
}

// Ledger stands in Need.For for the record that an apply keeps in the repository.
const Ledger = "ledger"

// OfReads returns what it takes to look at the objects of a plan whose changes keep chooses.
func (at Places) OfReads(p *plan.Plan, keep func(plan.Change) bool) []Need {
	var all collection
	for _, c := range p.Changes {
		if !keep(c) {
			continue
		}
		for _, r := range table()[c.Kind].read(at.deed(c)) {
			all.add(r, c.Address)
		}
	}
	return all.needs
}

// things are what a plan makes itself, by what rights call it.
type things map[string]bool

// made are the repository, the principals, the securables and the directories that a plan creates.
func (at Places) made(p *plan.Plan) things {
	made := things{}
	for _, c := range p.Changes {
		d := at.deed(c)
		switch {
		case c.Action != plan.Create:
		case c.Kind == "repository":
			made["repository"] = true
		case c.Kind == "service_principal":
			made["principal:"+d.text("display_name")] = true
		case c.Kind == "catalog":
			made[catalogOf(d, "name")] = true
		case c.Kind == "schema":
			made[schemaOf(d)] = true
		case c.Kind == "directory": // there may be one of its path in every workspace
			made[d.host+" directory:"+d.text("path")] = true
		}
	}
	return made
}

// covers reports whether a right comes with what is made. A securable is seen from several workspaces, so
// that only its name counts, and what lies in something that is made is owned with it.
func (t things) covers(r Right) bool {
	switch r.Sort {
	case Role:
		return t["repository"]
	case Manager:
		return t["principal:"+r.On]
	case Object:
		return t[r.Host+" "+r.On]
	case Privilege, Manage, Grants:
		return slices.ContainsFunc(holders(r.On), func(s string) bool { return t[s] })
	default:
		return false
	}
}

// holders are a securable, TYPE:NAME, and the schema and the catalog that hold it.
func holders(securable string) []string {
	kind, name, _ := strings.Cut(securable, ":")
	parts := strings.Split(name, ".")
	list := []string{securable}
	if kind == "metastore" || kind == "external_location" {
		return list
	}
	if len(parts) > 1 {
		list = append(list, "catalog:"+parts[0])
	}
	if len(parts) > 2 {
		list = append(list, "schema:"+parts[0]+"."+parts[1])
	}
	return list
}

// collection gathers rights, each once.
type collection struct {
	needs []Need
	index map[Right]int
}

func (c *collection) add(r Right, address string) {
	if c.index == nil {
		c.index = map[Right]int{}
	}
	i, known := c.index[r]
	if !known {
		i = len(c.needs)
		c.index[r], c.needs = i, append(c.needs, Need{Right: r})
	}
	if !slices.Contains(c.needs[i].For, address) {
		c.needs[i].For = append(c.needs[i].For, address)
	}
}

// Sorted returns needs by host, sort and what they are about, with write after read.
func Sorted(needs []Need) []Need {
	out := slices.Clone(needs)
	slices.SortStableFunc(out, func(a, b Need) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(place(a.Sort), place(b.Sort)), cmp.Compare(a.String(), b.String()))
	})
	return out
}

// place is where a sort stands in a list.
func place(s Sort) int {
	return slices.Index([]Sort{Repository, Role, Token, Limit, AccountAdmin, Manager, Member, WorkspaceAdmin, Privilege, Manage, Grants, Object}, s)
}
