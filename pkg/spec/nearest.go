package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the one of known that a slip of the finger makes of name, or "".
func Nearest(name string, known []string) string { return nearest(name, known) }

// nearest returns the one of known that a slip of the finger makes of name, or "".
func nearest(name string, known []string) string {
	if len(name) > 100 || len(known) > 300 { // nobody's slip of the finger, and long to compare
		return ""
	}
	best, distance := "", len(name)/3+2
	for _, k := range known {
		if max(len(k)-len(name), len(name)-len(k)) >= distance {
			continue
		}
		d := edits(strings.ToLower(name), strings.ToLower(k))
		if d < distance && d < max(len(k), len(name)) {
			best, distance = k, d
		}
	}
	return best
}

// orNearest returns `did you mean …` where a known name is near, and advice where none is.
func orNearest(advice, name string, known []string) string {
	if k := nearest(name, known); k != "" {
		return fmt.Sprintf("did you mean %q?", k)
	}
	return advice
}

// oneOf lists known names, shortened where they are many.
func oneOf(known []string) string {
	if len(known) > 20 {
		known = append(slices.Clone(known[:20]), "…")
	}
	return strings.Join(known, ", ")
}

// edits counts the letters to insert, delete, replace or swap with a neighbour between two words.
func edits(a, b string) int {
	s, t := []rune(a), []rune(b)
	var before, last []int
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(s); i++ {
		before, last, row = last, row, make([]int, len(t)+1)
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(t)]
}
