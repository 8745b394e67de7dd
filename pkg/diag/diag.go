// Package diag describes what is wrong with the user's file: where it stands, what was expected
// there and what to do about it. It formats nothing for a terminal; errors of the world are
// ordinary Go errors and never pass through here.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Pos is a place in a file. Line and Column count from 1, columns in characters; the zero Pos
// is nowhere.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// IsZero reports whether the position names no place.
func (p Pos) IsZero() bool { return p == Pos{} }

// String returns file:line:column, or the file alone where the line is not known.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Severity says whether a diagnostic stops the run.
type Severity string

// The two severities: an error stops before anything is sent, a warning does not.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one thing to tell the user about their file or their plan. Code is stable and
// documented by `mlopsctl explain CODE`; Summary is one line; Detail says what to do.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail"`
	Address  string   `json:"address,omitempty"`
	Source   *Pos     `json:"source,omitempty"`
}

// List is every diagnostic of a run.
type List []Diagnostic

// HasErrors reports whether any diagnostic is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sorted returns the list without repetitions, in the order of file, line, column and code;
// diagnostics without a place come last.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(comparePos(a.Source, b.Source), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Address, b.Address), cmp.Compare(a.Summary, b.Summary))
	})
	return slices.CompactFunc(out, func(a, b Diagnostic) bool {
		return a.Code == b.Code && a.Summary == b.Summary && a.Address == b.Address &&
			comparePos(a.Source, b.Source) == 0
	})
}

func comparePos(a, b *Pos) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
