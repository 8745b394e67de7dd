package spec

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"go.yaml.in/yaml/v3"
)

// syntaxError places an error of the YAML reader. The reader names lines that are off by one, or
// none, and no column; so the place is found again: the first line with which no continuation parses.
func (r *reading) syntaxError(err error) (diag.Pos, finding) {
	problem := strings.TrimPrefix(err.Error(), "yaml: ")
	problem = regexp.MustCompile(`^line [0-9]+: `).ReplaceAllString(problem, "")
	lines := bytes.SplitAfter(r.data, []byte("\n"))
	line := firstBadLine(lines)
	content := string(bytes.TrimPrefix(lines[line], []byte("\ufeff")))
	advice, column := syntaxAdvice(problem, content)
	return r.pos(line+1, column), found("spec/syntax", "not YAML: "+problem, advice)
}

// firstBadLine returns the index of the line after the longest beginning of the file that is YAML.
// Only a beginning that ends before a line without indent is tried at first: a cut there never parts
// a block, so the search can halve the file.
func firstBadLine(lines [][]byte) int {
	cuts := []int{0}
	for i, line := range lines {
		if i > 0 && len(line) > 0 && !bytes.ContainsAny(line[:1], " #\r\n-]}") {
			cuts = append(cuts, i)
		}
	}
	low, high := 0, len(cuts)
	for low+1 < high {
		middle := (low + high) / 2
		if isYAML(lines[:cuts[middle]]) {
			low = middle
		} else {
			high = middle
		}
	}
	end := len(lines)
	if high < len(cuts) {
		end = cuts[high]
	}
	first := cuts[low]
	last := max(first, end-1)
	for i := min(last, first+500); i > first; i-- {
		if isYAML(lines[:i]) {
			return i
		}
	}
	return first
}

func isYAML(lines [][]byte) bool {
	d := yaml.NewDecoder(bytes.NewReader(bytes.Join(lines, nil)))
	for {
		var n yaml.Node
		if err := d.Decode(&n); err != nil {
			return err == io.EOF
		}
	}
}

// syntaxAdvice returns what to do about a problem of the YAML reader and the column of the line at
// which it most likely stands.
func syntaxAdvice(problem, line string) (string, int) {
	column := func(offset int) int { return utf8.RuneCountInString(line[:offset]) + 1 }
	indent := len(line) - len(strings.TrimLeft(line, " "))
	switch {
	case strings.HasPrefix(problem, "unknown anchor"):
		if i := strings.Index(line, "*"); i >= 0 {
			return "define the anchor above, or quote the text", column(i)
		}
	case strings.HasPrefix(problem, "mapping values are not allowed"):
		if i := strings.Index(line, ": "); i >= 0 {
			if j := strings.Index(line[i+1:], ":"); j >= 0 {
				return "quote a value that has a colon in it", column(i + 1 + j)
			}
		}
		return "a key needs a line of its own, indented like its neighbours", column(indent)
	case strings.Contains(problem, "cannot start any token"):
		if at := regexp.MustCompile("(?:^|[:,\\[{-] ) *([@`%])").FindStringSubmatchIndex(line); at != nil {
			return fmt.Sprintf("quote a value that begins with %s", line[at[2]:at[3]]), column(at[2])
		}
	case strings.Contains(problem, "unexpected end of stream"):
		if at := regexp.MustCompile(`(?:^|[:,\[{-] ) *(["'])`).FindStringSubmatchIndex(line); at != nil {
			return "close the quotation mark", column(at[2])
		}
	case strings.Contains(problem, "',' or"):
		if at := regexp.MustCompile(`[^"'][$][{]`).FindStringIndex(line); at != nil {
			return "inside of braces and brackets, quote a value that has ${…} in it", column(at[0] + 1)
		}
		if i := strings.LastIndexAny(line, "[{"); i >= 0 {
			return "close the bracket, or part its items with commas", column(i)
		}
	}
	return "indent with spaces, the same number for the keys of one mapping", column(indent)
}
