package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// State is what a look at a live object found.
type State string

// The states. Present and Absent are certain; Hidden is what these credentials cannot read.
const (
	Present State = "present"
	Absent  State = "absent"
	Stopped State = "stopped" // it cannot be made or changed until somebody acts
	Moot    State = "moot"    // the wish asks for nothing today
	Hidden  State = "hidden"
	// Awaiting: it is there, and done only once a person has acted.
	Awaiting State = "awaiting"
)

// Observation is one look at one live object. Object is the live object when it is Present or Awaiting,
// and what is certain already about a new one when it is Absent. Reason says why for the other states.
type Observation struct {
	State  State
	Object resource.Object
	Reason string
}

// Input is what Build compares: the wishes, the kinds that they are of, and what was seen of each, by
// address.
type Input struct {
	Wishes []resource.Wish
	Types  map[string]resource.Type
	Seen   map[string]Observation

	Applied  bool            // the spec is the one that was applied last
	Owned    *Owned          // nil: what the stack owns is not known, so nothing is adopted, released or deleted
	Departed []resource.Wish // what it owns and the spec does not wish; seen like the wishes
	Others   []resource.Wish // what stands on lists that the spec takes over; Want is what is there
	Rules    Rules
}

// Build returns the changes that bring what was seen to what is wished, each after all that it needs.
// An object that cannot be read is unknown, never a create; what needs something that is blocked or
// unknown is blocked itself. The error is a *dag.CycleError, or a defect of a kind.
func Build(in Input) ([]Change, error) {
	sorted, err := Graph(in.Wishes).Sort()
	if err != nil {
		return nil, fmt.Errorf("ordering the plan: %w", err)
	}
	wishes := map[string]resource.Wish{}
	for _, w := range in.Wishes {
		wishes[w.Addr.String()] = w
	}
	changes := make([]Change, 0, len(sorted))
	byAddr := map[string]*Change{}
	for _, address := range sorted {
		c, err := change(in, wishes[address])
		if err != nil {
			return nil, fmt.Errorf("planning %s: %w", address, err)
		}
		holdBack(&c, byAddr, in.Types)
		changes = append(changes, c)
		byAddr[address] = &changes[len(changes)-1]
	}
	left, err := leave(in, identities(in, changes))
	if err != nil {
		return nil, err
	}
	return append(changes, left...), nil
}

// identities are the addresses of the wished objects that are there, by their kinds and live identities.
func identities(in Input, changes []Change) map[string]string {
	byIdentity := map[string]string{}
	for _, c := range changes {
		if id := LiveID(in.Types[c.Kind], c.Before); id != "" {
			byIdentity[c.Kind+id] = c.Address
		}
	}
	return byIdentity
}

// change decides what happens to one object, looking at nothing else.
func change(in Input, w resource.Wish) (Change, error) {
	t, known := in.Types[w.Addr.Kind]
	if !known {
		return Change{}, fmt.Errorf("no kind is called %q", w.Addr.Kind)
	}
	seen := in.Seen[w.Addr.String()]
	want, open := resource.Resolve(w.Want, func(r resource.Ref) (any, bool) {
		value, ok := in.Seen[r.Addr].Object[r.Field]
		return value, ok
	})
	for _, r := range open {
		if _, declared := in.Seen[r.Addr]; !declared {
			return Change{}, fmt.Errorf("it refers to %s, which nothing declares", r.Addr)
		}
	}
	c := Change{
		Address: w.Addr.String(), Kind: t.Name, Host: HostOf(t, want), Danger: resource.Unguarded,
		Needs: []resource.Need{}, DependsOn: []string{}, Fields: []Field{}, Source: w.At, Want: w.Want,
	}
	for _, n := range Needs(w) {
		if _, declared := in.Seen[n.Addr]; declared {
			c.Needs = append(c.Needs, n)
			c.DependsOn = append(c.DependsOn, n.Addr)
		}
	}
	there := seen.State == Present || seen.State == Awaiting
	if reason := withheld(in, open); reason != "" && (there || seen.State == Absent) {
		c.Action, c.Reason = Blocked, reason
		if there {
			c.Before = seen.Object
		}
		return c, nil
	}
	if err := decide(&c, t, want, seen); err != nil {
		return c, err
	}
	return c, remember(&c, in, t, want)
}

// withheld returns why a reference will not be answered though its object is there: the object says so
// itself, in a field called like the one referred to and "_blocked". Such a value is not known after
// an apply either.
func withheld(in Input, open []resource.Ref) string {
	for _, r := range open {
		if why, ok := in.Seen[r.Addr].Object[r.Field+"_blocked"].(string); ok {
			return fmt.Sprintf("its %s cannot be told by %s: %s", r.Field, r.Addr, why)
		}
	}
	return ""
}

func decide(c *Change, t resource.Type, want resource.Object, seen Observation) error {
	switch seen.State {
	case Absent:
		c.Action, c.Reason = Create, "it is not there"
		c.After, c.Fields = Merge(want, seen.Object), orEmpty(Diff(want, nil, said(t, c.Address, want)...))
	case Present:
		return decidePresent(c, t, want, seen.Object)
	case Awaiting:
		return decideAwaiting(c, t, want, seen)
	case Stopped:
		c.Action, c.Reason = Blocked, seen.Reason
	case Moot:
		c.Action, c.Reason = None, seen.Reason
	case Hidden:
		c.Action, c.Reason = Unknown, seen.Reason
	default:
		return fmt.Errorf("it was not looked at (state %q)", seen.State)
	}
	return batch(c, t, want)
}

// said are the identity fields of a new object, which its address says already. One that is the only
// one of its kind has no name in its address: then only references to what holds it go without saying.
func said(t resource.Type, address string, want resource.Object) []string {
	if strings.Contains(address, t.Name+"/") {
		return t.Identity
	}
	return slices.DeleteFunc(slices.Clone(t.Identity), func(field string) bool { return !holdsRef(want[field]) })
}

func decidePresent(c *Change, t resource.Type, want, have resource.Object) error {
	c.Before, c.After = have, have
	c.Fields = orEmpty(Diff(want, have, append(slices.Clone(t.Identity), t.CreateOnly...)...))
	if len(c.Fields) == 0 {
		return decideEqual(c, t, have)
	}
	c.After = Merge(without(want, t.CreateOnly), have)
	for _, f := range c.Fields {
		top, _, _ := strings.Cut(f.Path, ".")
		if slices.Contains(t.Immutable, top) || t.Update == nil && t.Write == nil {
			c.Action = Blocked
			c.Reason = fmt.Sprintf("its %s is %v and cannot be changed to %v once it is made; put the old value back, or make a new one under another name", f.Path, f.Before, f.After)
			return nil
		}
	}
	c.Action, c.Reason = Update, differs(c.Fields)
	if t.Danger != nil {
		danger, err := t.Danger(have, Merge(want, have))
		if err != nil {
			return err
		}
		c.Danger = danger
	}
	return batch(c, t, want)
}

// decideAwaiting brings what waits for a person in line with the wish first: what is reviewed then is what
// is wished.
func decideAwaiting(c *Change, t resource.Type, want resource.Object, seen Observation) error {
	if len(seen.Object) > 0 {
		if err := decidePresent(c, t, want, seen.Object); err != nil || c.Action != None {
			return err
		}
	}
	c.Action, c.Reason = Wait, seen.Reason
	return nil
}

func decideEqual(c *Change, t resource.Type, have resource.Object) error {
	c.Action, c.Reason = None, ""
	if t.Due == nil {
		return nil
	}
	due, err := t.Due(have)
	switch {
	case err != nil || due.Reason == "":
		return err
	case due.Tidy:
		c.Action, c.Reason = Update, due.Reason
	default:
		c.Action, c.Reason, c.Ageing = Rotate, due.Reason, due.Ageing
	}
	return nil
}

func batch(c *Change, t resource.Type, want resource.Object) error {
	if t.Batch == nil || !c.Action.Sends() {
		return nil
	}
	name, err := t.Batch(want)
	c.Batch = name
	return err
}

// holdBack makes a change wait for what it needs and cannot have.
func holdBack(c *Change, before map[string]*Change, types map[string]resource.Type) {
	if !c.Action.Sends() {
		return
	}
	for _, n := range c.Needs {
		need := before[n.Addr]
		if state := unmet(*need, types[need.Kind]); state != "" {
			c.Action, c.Danger, c.Batch = Blocked, resource.Unguarded, ""
			c.Reason = fmt.Sprintf("it waits for %s, which %s: %s", n.Addr, state, n.Why)
			return
		}
	}
}

// unmet says why an object will not be there for what needs it, even after an apply; "" where it will.
func unmet(need Change, t resource.Type) string {
	switch {
	case need.Action == Unknown:
		return "is not readable"
	case need.Action == Wait:
		return "is waiting for a person"
	case need.Action == Blocked:
		return "is blocked"
	case t.Awaited && need.Action != None:
		return "is done only once a person has acted"
	default:
		return ""
	}
}

func differs(fields []Field) string {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.Path)
	}
	if len(names) == 1 {
		return names[0] + " differs"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " differ"
}

func without(o resource.Object, keys []string) resource.Object {
	out := resource.Object{}
	for k, v := range o {
		if !slices.Contains(keys, k) {
			out[k] = v
		}
	}
	return out
}

// HostOf returns the host that an object lives on: the one that it names, else its kind's.
func HostOf(t resource.Type, want resource.Object) string {
	if h, ok := want["host"].(string); ok {
		return h
	}
	return t.Host
}
