// Package render turns plans, reports, events and diagnostics into bytes: text for people, JSON for
// programs, markdown for reviews, mermaid and dot for pictures. It decides nothing, and everything
// that came from a user or a service passes Clean or an escape before it is shown.
package render

import (
	"strings"
	"unicode/utf8"
)

// Style is what the reader's side can show. The zero Style is plain text without wrapping.
type Style struct {
	Color bool
	Width int // columns; 0 is unlimited
}

type colour string

const (
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
	bold   colour = "1"
	dim    colour = "2"
)

func (s Style) paint(c colour, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// wrap breaks text at spaces so that it fits the width behind indent, which every further line gets.
func (s Style) wrap(indent, text string) string {
	const narrowest = 20
	room := s.Width - utf8.RuneCountInString(indent)
	if s.Width == 0 || room < narrowest {
		return text
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > room:
			b.WriteString("\n" + indent)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
