package resource

import (
	"encoding/json"
	"fmt"
)

// Text is a string, or a reference to one that another object has once it exists. The zero Text is
// absent. A kind reads Value: when its functions are called, every reference whose object exists has
// been replaced; one that is still open has an empty Value.
type Text struct {
	Value string
	Ref   *Ref
}

// Known returns a Text with a value.
func Known(value string) Text { return Text{Value: value} }

// From returns a Text that the object at addr gives, in its field. An object that is there and cannot
// give it says why in a field of that name and "_blocked".
func From(addr Addr, field string) Text {
	return Text{Ref: &Ref{Addr: addr.String(), Field: field}}
}

// IsZero reports whether the text is absent; it makes `json:",omitzero"` work.
func (t Text) IsZero() bool { return t == Text{} }

// MarshalJSON writes the value as a string and a reference as an object.
func (t Text) MarshalJSON() ([]byte, error) {
	if t.Ref != nil {
		return json.Marshal(t.Ref)
	}
	return json.Marshal(t.Value)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Value)
	}
	var ref Ref
	if err := json.Unmarshal(data, &ref); err != nil {
		return fmt.Errorf("reading a text or a reference: %w", err)
	}
	t.Ref = &ref
	return nil
}
