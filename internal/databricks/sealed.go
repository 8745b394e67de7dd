package databricks

import (
	"fmt"
	"io"
	"log/slog"
)

const redaction = "[redacted]"

// Sealed is a secret value. However it is printed, logged or marshalled, it shows as a redaction;
// only Reveal gives the value, to what sends it where it belongs.
type Sealed struct {
	// Behind a pointer, as fmt asks no method of a value in another struct's private field.
	value *string
}

// Seal returns value as a Sealed.
func Seal(value string) Sealed { return Sealed{value: &value} }

// Reveal returns the value.
func (s Sealed) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Sealed) IsZero() bool { return s.Reveal() == "" }

// String returns a redaction.
func (s Sealed) String() string { return redaction }

// Format prints a redaction, whatever the verb.
func (s Sealed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redaction) }

// MarshalText returns a redaction; JSON and YAML use it.
func (s Sealed) MarshalText() ([]byte, error) { return []byte(redaction), nil }

// LogValue returns a redaction.
func (s Sealed) LogValue() slog.Value { return slog.StringValue(redaction) }
