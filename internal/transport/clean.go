package transport

import (
	"regexp"
	"strings"
	"unicode"
)

// longest is how much of a service's message is kept, in characters.
const longest = 600

// escapes are the sequences that a terminal acts on: colours, cursor movements, titles and links.
var escapes = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)?|.)")

// cleaned returns e with every text of it fit to be shown.
func (w *wire) cleaned(e *Error) *Error {
	for _, field := range []*string{&e.Path, &e.Code, &e.Message, &e.RequestID, &e.Advice} {
		*field = oneLine(w.opt.Secrets.Clean(*field))
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		for _, field := range []*string{&f.Resource, &f.Field, &f.Code, &f.Message} {
			*field = oneLine(w.opt.Secrets.Clean(*field))
		}
	}
	return e
}

// oneLine returns text in one line of bounded length, without what a terminal would act on and
// without characters that turn or hide what stands around them.
func oneLine(text string) string {
	text = escapes.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // Cf: direction marks, joiners, zero widths
			return -1
		default:
			return r
		}
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
