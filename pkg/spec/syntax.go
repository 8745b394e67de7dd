package spec

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"go.yaml.in/yaml/v3"
)

// syntaxError places an error of the YAML reader. The reader names lines that are off by one, or
// none, and no column; so the place is found again, in all but very long files.
func (r *reading) syntaxError(err error) (diag.Pos, finding) {
	problem := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if parts := regexp.MustCompile(`^line ([0-9]+): (.*)$`).FindStringSubmatch(problem); parts != nil {
		problem = parts[2]
		line, _ = strconv.Atoi(parts[1]) // digits alone; too many of them cannot be
	}
	if strings.HasPrefix(problem, "exceeded max depth") {
		return r.tooDeep(), tooDeep()
	}
	lines := bytes.SplitAfter(r.data, []byte("\n"))
	if name, ok := strings.CutPrefix(problem, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		line = slices.IndexFunc(lines, func(l []byte) bool { return bytes.Contains(l, []byte("*"+name)) })
	} else if len(r.data) <= maxSearch {
		line = firstBadLine(lines)
	}
	line = max(0, min(line, len(lines)-1))
	advice, column := syntaxAdvice(problem, string(bytes.TrimPrefix(lines[line], []byte("\ufeff"))))
	return r.pos(line+1, column), found("spec/syntax", "not YAML: "+problem, advice)
}

// tooDeep returns where a file that YAML's reader gave up on goes deeper than a spec may. It counts
// what opens a level, wherever it stands: near enough in a file that nobody wrote by hand.
func (r *reading) tooDeep() diag.Pos {
	line, column, depth, dashes := 1, 1, 0, 0
	for _, c := range string(bytes.TrimPrefix(r.data, []byte("\ufeff"))) {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '-', '?':
			dashes++
		}
		if depth+dashes > maxDepth {
			break
		}
		if column++; c == '\n' {
			line, column, dashes = line+1, 1, 0
		}
	}
	return r.pos(line, column)
}

// maxSearch bounds the search: every step of it reads a part of the file again.
const maxSearch = 64 << 10

// firstBadLine returns the index of the line after the longest beginning of the file that is YAML. A
// beginning that ends inside of a bracket or a quotation is not YAML either; so it is cut before lines
// that begin a key or an item, the outermost first, where more of the file means no less of an error.
func firstBadLine(lines [][]byte) int {
	low, high := 0, len(lines) // up to low it is YAML, up to high it is not
	for indent := 0; indent <= 2*maxDepth && high-low > 1; indent++ {
		cuts := cutsAt(lines, low, high, indent)
		i := sort.Search(len(cuts), func(i int) bool { return !isYAML(lines[:cuts[i]]) })
		if i < len(cuts) {
			high = cuts[i]
		}
		if i > 0 {
			low = cuts[i-1]
		}
	}
	for i := min(high-1, low+50); i > low; i-- {
		if isYAML(lines[:i]) {
			return i
		}
	}
	return low
}

// cutsAt returns the lines between low and high that begin something at that indent.
func cutsAt(lines [][]byte, low, high, indent int) []int {
	var cuts []int
	for i := low + 1; i < high; i++ {
		rest := bytes.TrimLeft(lines[i], " ")
		if len(lines[i])-len(rest) == indent && len(rest) > 0 && !bytes.ContainsAny(rest[:1], "#\r\n]}") {
			cuts = append(cuts, i)
		}
	}
	return cuts
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

// badEscape is a backslash that begins nothing that YAML knows, or one of a number's digits: those of a
// character that there is are right, so the first of them is most likely the one.
var badEscape = regexp.MustCompile(`\\(?:[^0abtnvfre "/\\N_LPxuU]|u[dD][89a-fA-F]|[xuU])`)

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
	case strings.Contains(problem, "escape"):
		if at := badEscape.FindStringIndex(line); at != nil {
			return "write the character itself, or two backslashes for one", column(at[0])
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
