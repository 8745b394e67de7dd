package engine

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Note is a text that is kept once in the repository's conversations, and found again by its first line, the marker. Under
// that stands which run wrote it.
type Note struct {
	Marker, Body string
	Stamp        Stamp
}

// Stamp says which run wrote a note, and about which commit.
type Stamp struct {
	Run, Attempt int64  // of the CI system; 0: it has no numbers that grow
	Head         string // the commit; "" where a note is about none that others are newer than
}

// Kept is what became of a note: created, updated, unchanged, superseded; of an issue's also closed, reopened, none.
type Kept struct {
	Action string
	ID     int64
}

// rounds is how often a note is looked at and written: another run may write between the two, but seldom thrice.
const rounds = 3

// stamped is a note's text, of this run or of another, as this run writes it.
func (n Note) stamped(text string) string {
	return fmt.Sprintf("%s\n<!-- mlopsctl:run:%d:%d:%s -->\n%s", n.Marker, n.Stamp.Run, n.Stamp.Attempt, n.Stamp.Head, n.rest(text))
}

// rest is a note's text below the marker and the stamp.
func (n Note) rest(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	if line, below, _ := strings.Cut(rest, "\n"); stampLine.MatchString(strings.TrimSuffix(line, "\r")) {
		return below
	}
	return rest
}

var stampLine = regexp.MustCompile(`^<!-- mlopsctl:run:(\d+):(\d+):([0-9a-f]*) -->$`)

// stampOf reads the second line of a note of ours; the zero Stamp where there is none.
func stampOf(text string) Stamp {
	_, rest, _ := strings.Cut(text, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	m := stampLine.FindStringSubmatch(strings.TrimSuffix(line, "\r"))
	if m == nil {
		return Stamp{}
	}
	var s Stamp
	s.Run, _ = strconv.ParseInt(m[1], 10, 64) // one beyond all bounds was not written by a runner
	s.Attempt, _ = strconv.ParseInt(m[2], 10, 64)
	s.Head = m[3]
	return s
}

func (s Stamp) compare(o Stamp) int {
	return cmp.Or(cmp.Compare(s.Run, o.Run), cmp.Compare(s.Attempt, o.Attempt))
}

// yields reports whether a note of s does not replace one of o, with head as the newest commit.
func (s Stamp) yields(o Stamp, head string) bool {
	if (s.Head == head) != (o.Head == head) {
		return o.Head == head
	}
	return s.Run > 0 && o.compare(s) > 0
}
