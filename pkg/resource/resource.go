// Package resource is the contract between the engine and the kinds: what an object is called
// (Addr), what it looks like (Object), what it needs (Ref, Need) and what a kind of object can do
// (Kind). A kind is a value of Kind in one file; Bind turns it into a Type, the only form in which
// the engine knows it.
package resource

import (
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// Addr names one object of a stack. Its text is stable, readable and unique in the stack, so that a
// person can type it. Stack is empty where there is only one.
type Addr struct{ Stack, Kind, Scope, Name string }

// String returns [STACK:]KIND[/SCOPE][/NAME].
func (a Addr) String() string {
	parts := []string{a.Kind}
	for _, p := range []string{a.Scope, a.Name} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	text := strings.Join(parts, "/")
	if a.Stack != "" {
		return a.Stack + ":" + text
	}
	return text
}

// Object is a live or wished object as canonical JSON: a field that is absent is not managed or not
// known, null never occurs, numbers are float64, lists are sorted where their order means nothing.
type Object map[string]any

// Ref is a value that another object has once it exists. A Ref is an edge of the plan.
type Ref struct {
	Addr  string `json:"$ref"`
	Field string `json:"field"`
}

// Need says which object must be there first, and why. Field is the field of the wish that comes from
// there, where that is the reason.
type Need struct {
	Addr  string `json:"address"`
	Why   string `json:"why"`
	Field string `json:"field,omitempty"`
}

// Guard says what deleting an object of a kind destroys.
type Guard string

// The guards: kinds without one can be deleted without being named.
const (
	Unguarded  Guard = "none"
	DataLoss   Guard = "data_loss"
	AccessLoss Guard = "access_loss"
)

// Guarded reports whether an object of the kind is deleted only when it is named.
func (t Type) Guarded() bool { return t.Guard != Unguarded && t.Guard != "" }

// Takes says what deleting an object of the kind takes away.
func (t Type) Takes() Guard {
	switch {
	case t.Guarded():
		return t.Guard
	case t.Harmless:
		return Unguarded
	default:
		return AccessLoss
	}
}

// Decl is one object that a spec wishes: its address, the wish, what must be there first beyond what
// the references in the wish already say, and the place in the spec that asks for it. Wishes for one
// live object from several places share a Key (of their kind's choosing) and become one change, at
// the first one's address; without a Key the address is the key.
type Decl[T any] struct {
	Addr  Addr
	Key   string
	Want  T
	Needs []Need
	At    diag.Pos
}
