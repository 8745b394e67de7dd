package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Owned is what the ledger says that the stack owns. It is input like any other: it names what may be
// deleted, and never suffices for that.
type Owned struct {
	Names   []string // of the stack: today's, and those that it had
	Objects []ledger.Object
	Intents []ledger.Intent
}

// Rename is an object that has another address in the spec than it had.
type Rename struct {
	From, To string
	At       diag.Pos
}

// Claims are the wishes of a spec joined with what the stack owns.
type Claims struct {
	Wishes   []resource.Wish
	Departed []resource.Wish // what the stack owns and the spec no longer wishes, to be looked at
	Owned    Owned           // under the addresses of today
	Problems diag.List
}

// Claim joins wishes with what the stack owns: a wish finds an object that was renamed, or takes away what
// left its list; what nothing wishes any longer is departed.
func Claim(wishes []resource.Wish, types map[string]resource.Type, owned Owned, renames []Rename) (Claims, error) {
	c := Claims{Wishes: slices.Clone(wishes), Owned: owned}
	c.Owned.Objects = slices.Clone(owned.Objects)
	moved := c.rename(types, renames)
	wished := map[string]bool{}
	for i, w := range c.Wishes {
		address := w.Addr.String()
		wished[address] = true
		if o := c.Owned.object(address); o != nil {
			t := types[o.Kind]
			if !moved[address] && !moved[everything] {
				t.Moved = nil
			}
			want, err := claim(t, w.Want, *o)
			if err != nil {
				return c, fmt.Errorf("joining %s with the ledger: %w", address, err)
			}
			c.Wishes[i].Want = want
		}
	}
	c.depart(types, wished)
	return c, nil
}

// everything stands for every address: the stack's own name is a part of what it makes.
const everything = "stack"

// rename gives what the stack owns the addresses that it has now, and returns the addresses of what goes by
// another name.
func (c *Claims) rename(types map[string]resource.Type, renames []Rename) map[string]bool {
	moved := map[string]bool{}
	for _, r := range renames {
		if kind, _, _ := strings.Cut(r.From, "/"); kind == everything || kind == "repository" {
			moved[kind] = true // their addresses are without their names
			continue
		}
		o := c.Owned.object(r.From)
		if o == nil || c.Owned.object(r.To) != nil {
			continue // it was renamed before, or never made
		}
		if types[o.Kind].Moved == nil {
			c.Problems = append(c.Problems, diag.Diagnostic{Severity: diag.Error, Code: "plan/cannot-be-renamed",
				Summary: fmt.Sprintf("%s cannot become %s: the service has no way to rename a %s", r.From, r.To, o.Kind),
				Detail:  "take the entry out of `moved`; then the new one is made, and the old one deleted", Address: r.To, Source: &r.At})
			continue
		}
		o.Address, moved[r.To] = r.To, true
	}
	return moved
}

func claim(t resource.Type, want resource.Object, o ledger.Object) (resource.Object, error) {
	var err error
	if t.Moved != nil {
		if want, err = t.Moved(want, o.Live); err != nil {
			return nil, err
		}
	}
	if t.Shrink != nil {
		return t.Shrink(want, madeOf(t, o))
	}
	return want, nil
}

// madeOf is an object without the items that were there before the stack.
func madeOf(t resource.Type, o ledger.Object) resource.Object {
	list, ok := o.Live[t.Items].([]any)
	if t.Items == "" || !ok {
		return o.Live
	}
	made := Merge(o.Live, nil)
	left := []any{}
	for _, item := range list {
		if text, _ := item.(string); !slices.Contains(o.Kept, text) {
			left = append(left, item)
		}
	}
	made[t.Items] = left
	return made
}

// depart lists what the stack owns, or was about to make, and nothing wishes.
func (c *Claims) depart(types map[string]resource.Type, wished map[string]bool) {
	for _, o := range c.Owned.Objects {
		if !wished[o.Address] {
			c.look(types[o.Kind], o.Address, departed{kind: o.Kind, want: madeOf(types[o.Kind], o), needs: o.DependsOn})
		}
	}
	for _, i := range c.Owned.Intents {
		if !wished[i.Address] && c.Owned.object(i.Address) == nil {
			c.look(types[i.Kind], i.Address, departed{kind: i.Kind, want: i.Want, needs: i.DependsOn})
		}
	}
	// What a departed object needs may be gone from the ledger, or be wished still.
	there := map[string]bool{}
	for _, w := range c.Departed {
		there[w.Addr.String()] = true
	}
	for i, w := range c.Departed {
		c.Departed[i].Needs = slices.DeleteFunc(w.Needs, func(n resource.Need) bool { return !there[n.Addr] })
	}
}

type departed struct {
	kind  string
	want  resource.Object
	needs []string
}

func (c *Claims) look(t resource.Type, address string, d departed) {
	if t.Name == "" || t.Delete == nil || t.Fits(d.want) != nil {
		c.Problems = append(c.Problems, diag.Diagnostic{Severity: diag.Warning, Code: "ledger/not-ours",
			Summary: fmt.Sprintf("the ledger holds %s, which is nothing that this version of mlopsctl makes; it is left alone", address),
			Detail:  "somebody else wrote it; `mlopsctl state release` takes it out of the ledger", Address: address})
		return
	}
	w := resource.Wish{Addr: resource.Addr{Kind: d.kind, Name: address[len(d.kind):]}, Want: d.want}
	if len(w.Addr.Name) > 0 {
		w.Addr.Name = w.Addr.Name[1:] // the slash is put back by Addr
	}
	for _, n := range d.needs {
		w.Needs = append(w.Needs, resource.Need{Addr: n, Why: "it was made with this"})
	}
	c.Departed = append(c.Departed, w)
}

func (o Owned) object(address string) *ledger.Object {
	i := slices.IndexFunc(o.Objects, func(x ledger.Object) bool { return x.Address == address })
	if i < 0 {
		return nil
	}
	return &o.Objects[i]
}

// byIdentity returns the object that has this live identity, under whatever address.
func (o Owned) byIdentity(t resource.Type, live resource.Object) *ledger.Object {
	id := LiveID(t, live)
	i := slices.IndexFunc(o.Objects, func(x ledger.Object) bool { return x.Kind == t.Name && id != "" && LiveID(t, x.Live) == id })
	if i < 0 {
		return nil
	}
	return &o.Objects[i]
}

func (o Owned) intends(address string) bool {
	return slices.ContainsFunc(o.Intents, func(i ledger.Intent) bool { return i.Address == address })
}

// LiveID tells a live object from every other of its kind; "" where objects of the kind have no such
// identity, or this one does not show it.
func LiveID(t resource.Type, live resource.Object) string {
	if len(t.LiveIdentity) == 0 {
		return ""
	}
	values := make([]any, len(t.LiveIdentity))
	for i, field := range t.LiveIdentity {
		value, ok := live[field]
		if _, open := resource.AsRef(value); open {
			return ""
		}
		if ok {
			values[i] = value
		}
	}
	if !slices.ContainsFunc(values, func(v any) bool { return v != nil && v != "" }) {
		return ""
	}
	data, err := json.Marshal(values)
	if err != nil {
		return "" // impossible for what is JSON already
	}
	return string(data)
}

// Ownable reports whether a wish is for something that the stack can own: that can be deleted, and is not
// somebody else's.
func Ownable(t resource.Type, want resource.Object) (bool, error) {
	if t.Delete == nil || len(t.LiveIdentity) == 0 {
		return false, nil
	}
	if t.Foreign == nil {
		return true, nil
	}
	foreign, err := t.Foreign(want)
	return !foreign, err
}
