package spec

import "slices"

// CI says as whom the pre-merge check works. Each is the display name of a service principal; "" is none. Both are made, let
// into the workspaces, and let in by their own jobs alone.
type CI struct {
	Reader   string // plans pull requests, and may browse the catalogs
	Operator string // applies after the merge
}

// ReadBy returns the principal that plans pull requests, "" for none.
func (s *Stack) ReadBy() string {
	if s.CI == nil {
		return ""
	}
	return s.CI.Reader
}

// AppliedBy returns the principal that applies after the merge, "" for none.
func (s *Stack) AppliedBy() string {
	if s.CI == nil {
		return ""
	}
	return s.CI.Operator
}

// Checkers are the principals of ci that the spec names: the reader, then the operator.
func (s *Stack) Checkers() []string {
	return slices.DeleteFunc([]string{s.ReadBy(), s.AppliedBy()}, func(name string) bool { return name == "" })
}
