package spec

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// checkText refuses what no text editor shows as it is: bytes that are not UTF-8, control and
// invisible characters, tabs. YAML readers disagree about them, or a reviewer cannot see them.
func (r *reading) checkText() {
	data := bytes.TrimPrefix(r.data, []byte("\ufeff"))
	line, column, tabs := 1, 1, 0
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		at := diag.Pos{File: r.file, Line: line, Column: column}
		switch {
		case c == utf8.RuneError && size == 1:
			r.failAt(at, found("spec/encoding", fmt.Sprintf("the byte 0x%02x is not UTF-8", data[0]),
				"save the file as UTF-8"))
			return // what follows a wrong guess of the encoding is noise
		case c == '\t' && tabs != line:
			tabs = line
			r.failAt(at, found("spec/tab", "a tab", "indent and separate with spaces"))
		case c != '\t' && unwanted(c) && !lineEnd(data):
			r.failAt(at, found("spec/character", fmt.Sprintf("the character %U cannot be seen", c), "remove it"))
		}
		data, column = data[size:], column+1
		if c == '\n' {
			line, column = line+1, 1
		}
	}
}

// lineEnd reports whether data begins with a line's end, in the way of Unix or Windows.
func lineEnd(data []byte) bool {
	return data[0] == '\n' || bytes.HasPrefix(data, []byte("\r\n"))
}

// unwanted reports whether a character changes nothing that one sees, or the order in which one
// sees it. U+0085, U+2028 and U+2029 end a line for YAML and for no editor.
func unwanted(c rune) bool {
	switch c {
	case '\u2028', '\u2029', '\u00ad':
		return true
	case '\u200c', '\u200d': // they join and part letters of several scripts
		return false
	default:
		return unicode.IsControl(c) || unicode.Is(unicode.Cf, c)
	}
}

// oneLine writes what cannot be seen, or would end a message's line, as an escape.
func oneLine(message string) string {
	if printable(message) {
		return message
	}
	var b strings.Builder
	for _, c := range message {
		if unicode.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		escaped := strconv.QuoteRune(c)
		b.WriteString(escaped[1 : len(escaped)-1])
	}
	return b.String()
}

// printable reports whether text can stand in a message as it is.
func printable(text string) bool {
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}
