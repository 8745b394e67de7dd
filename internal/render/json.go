package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// PlanJSON is a plan's public format, indented: what `plan -o json` prints and a plan file holds.
func PlanJSON(p *plan.Plan) ([]byte, error) { return JSON(p) }

// ValidJSON is the answer of `validate -o json`.
func ValidJSON(list diag.List) ([]byte, error) {
	if list == nil {
		list = diag.List{}
	}
	return JSON(struct {
		FormatVersion string    `json:"format_version"`
		Valid         bool      `json:"valid"`
		Diagnostics   diag.List `json:"diagnostics"`
	}{plan.FormatVersion, !list.HasErrors(), list.Sorted()})
}

// EventJSON is one event of an apply as one line.
func EventJSON(e apply.Event) ([]byte, error) {
	e.Time = e.Time.UTC()
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("writing an event: %w", err)
	}
	return append(inert(data), '\n'), nil
}

// JSON is v as an indented document that ends with a line break.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return inert(b.Bytes()), nil
}

// inert escapes what does not print, so that no text in a document can redirect a terminal or read
// otherwise than it is. Outside strings JSON holds nothing of the kind but line breaks.
func inert(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, data[:size]...)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
		data = data[size:]
	}
	return out
}
