package spec

import "strings"

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer joins segments to a JSON pointer (RFC 6901).
func Pointer(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(escaper.Replace(s))
	}
	return b.String()
}
