// Package plan compares what a spec wishes with what is there, and writes down what would change: a
// Plan, which is plain data. It is pure: it asks no service, reads no clock and no file.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// FormatVersion is the version of the plan's JSON. A reader refuses another major version.
const FormatVersion = "1.0"

// Action is what a plan does with one object.
type Action string

// The actions. Only Create, Update, Replace, Delete, Rotate, Adopt and Release change anything.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	Rotate  Action = "rotate"
	Adopt   Action = "adopt"
	Release Action = "release"
	None    Action = "none"
	Wait    Action = "wait"
	Blocked Action = "blocked"
	Unknown Action = "unknown"
)

// Actions lists every action in the order in which summaries name them.
func Actions() []Action {
	return []Action{Create, Update, Replace, Delete, Rotate, Adopt, Release, None, Wait, Blocked, Unknown}
}

// Acts reports whether the action changes anything, if only what the ledger says.
func (a Action) Acts() bool { return a.Sends() || a == Adopt || a == Release }

// Sends reports whether the action sends something to a service.
func (a Action) Sends() bool {
	return slices.Contains([]Action{Create, Update, Replace, Delete, Rotate}, a)
}

// Plan is what an apply would do, in an order in which it could be done one by one.
type Plan struct {
	Version     string // of the program that made it
	CreatedAt   string // RFC 3339, in UTC
	Specs       []Spec
	Changes     []Change
	Diagnostics diag.List
	Requests    Requests

	Gone  []string // the addresses of what the stack owned and nobody wishes or finds any longer
	Owned int      // how many objects the stack owns, by its ledger; no part of the plan file
}

// Spec is a file that a plan was made from.
type Spec struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Name   string `json:"name"`
}

// Requests counts what the plan asked of each host.
type Requests struct {
	Total  int            `json:"total"`
	ByHost map[string]int `json:"by_host"`
}

// Change is one object of the plan: also one that stays as it is, with the action none. After leaves
// out what is known only once the change is made.
type Change struct {
	Address   string          `json:"address"`
	Kind      string          `json:"kind"`
	Action    Action          `json:"action"`
	Reason    string          `json:"reason"`
	Host      string          `json:"host,omitempty"`
	DependsOn []string        `json:"depends_on"`
	Needs     []resource.Need `json:"needs"` // DependsOn, with the reasons
	Before    resource.Object `json:"before"`
	After     resource.Object `json:"after"`
	Fields    []Field         `json:"fields"`
	Danger    resource.Guard  `json:"danger"`
	Batch     string          `json:"batch,omitempty"`      // changes of one batch go out in one request
	Ageing    bool            `json:"ageing,omitempty"`     // a renewal of what only grew old, which is no difference
	Leaving   bool            `json:"leaving,omitempty"`    // the spec does not wish it
	Cause     Cause           `json:"cause,omitempty"`      // what the difference comes from, where the ledger tells
	ChangedBy string          `json:"changed_by,omitempty"` // who changed the live object last, where somebody outside did and a read shows it
	ChangedAt string          `json:"changed_at,omitempty"` // RFC 3339, in UTC
	Source    diag.Pos        `json:"source"`

	Was  *ledger.Object  `json:"-"` // as the last apply left it, of an object that somebody outside has changed
	Want resource.Object `json:"-"` // the wish with its open references, for an apply in this process
}

// Cause is what a difference between the spec and live state comes from. "" is one that the ledger does not tell.
type Cause string

// The causes. What the service gave by itself is told by a spec that is the one that was applied last, and a field
// that was not there then; or by an object that nobody has touched since, and that differs all the same.
const (
	BySpec    Cause = "spec"    // the spec changed since the last apply
	Outside   Cause = "outside" // somebody changed or deleted the live object
	ByService Cause = "service" // the service gives a value of its own by now
)

// Field is a field that changes, by its dotted path.
type Field struct {
	Path            string `json:"path"`
	Before          any    `json:"before"`
	After           any    `json:"after"`
	Sensitive       bool   `json:"sensitive"`
	KnownAfterApply bool   `json:"known_after_apply"`
}

// Count returns how many changes have each action; every action is a key.
func (p *Plan) Count() map[Action]int {
	n := map[Action]int{}
	for _, a := range Actions() {
		n[a] = 0
	}
	for _, c := range p.Changes {
		n[c.Action]++
	}
	return n
}

// Find returns the change of that address, or nil.
func (p *Plan) Find(address string) *Change {
	for i := range p.Changes {
		if p.Changes[i].Address == address {
			return &p.Changes[i]
		}
	}
	return nil
}

// Acts reports whether an apply of the plan would change anything.
func (p *Plan) Acts() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action.Acts() })
}

// HasChanges reports what --detailed-exitcode asks: whether live state differs from the spec,
// waits and blocked objects included. A token that merely grows old is no difference.
func (p *Plan) HasChanges() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action != None && !c.Ageing })
}

// Empty reports whether there is nothing to do and nothing to tell.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action != None })
}

type document struct {
	FormatVersion string         `json:"format_version"`
	Version       string         `json:"mlopsctl_version"`
	CreatedAt     string         `json:"created_at"`
	Specs         []Spec         `json:"specs"`
	Changes       []Change       `json:"changes"`
	Summary       map[Action]int `json:"summary"`
	Diagnostics   diag.List      `json:"diagnostics"`
	Requests      Requests       `json:"requests"`
}

// MarshalJSON writes the plan's public format; it is the plan file, too.
func (p *Plan) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{
		FormatVersion: FormatVersion, Version: p.Version, CreatedAt: p.CreatedAt,
		Specs: orEmpty(p.Specs), Changes: orEmpty(p.Changes), Summary: p.Count(),
		Diagnostics: orEmpty(p.Diagnostics),
		Requests:    Requests{Total: p.Requests.Total, ByHost: orEmptyMap(p.Requests.ByHost)},
	})
}

// UnmarshalJSON reads a plan file. It refuses a format that it does not know.
func (p *Plan) UnmarshalJSON(data []byte) error {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("reading a plan: %w", err)
	}
	if d.FormatVersion != FormatVersion {
		return fmt.Errorf("reading a plan: its format_version is %q, this version reads %q", d.FormatVersion, FormatVersion)
	}
	for _, c := range d.Changes {
		if !slices.Contains(Actions(), c.Action) {
			return fmt.Errorf("reading a plan: the action of %s is %q, which this version does not know", c.Address, c.Action)
		}
	}
	*p = Plan{Version: d.Version, CreatedAt: d.CreatedAt, Specs: d.Specs, Changes: d.Changes,
		Diagnostics: d.Diagnostics, Requests: d.Requests}
	return nil
}

func orEmpty[S ~[]E, E any](s S) S {
	if s == nil {
		return S{}
	}
	return s
}

func orEmptyMap[M ~map[K]V, K comparable, V any](m M) M {
	if m == nil {
		return M{}
	}
	return m
}
