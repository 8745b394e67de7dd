package spec

import (
	"bytes"
	"encoding/json"
)

// Canonical returns the file of a stack as JSON sees it.
func Canonical(data []byte) any {
	r := read("mlops.yaml", data, Options{})
	out, err := json.Marshal(r.root.json())
	if err != nil {
		return err
	}
	var v any
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&v); err != nil {
		return err
	}
	return v
}
