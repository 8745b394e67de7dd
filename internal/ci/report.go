// Package ci says what a pull request would do to a stack: what it changes, apart from what differed
// before, and apart from what could not be looked at. It compares two plans, the one of the base branch's
// spec and the one of the pull request's, and asks nobody.
package ci

import (
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Known says what a row was found from.
type Known string

// The two sources: live state, or only what the two specs wish of an object.
const (
	Live Known = "live"
	Wish Known = "wish"
)

// Turn is what happens to a wish from the base's spec to the pull request's.
type Turn string

// The turns. A row that live state was compared for has Kept where both specs wish the object.
const (
	Added   Turn = "added"
	Changed Turn = "changed"
	Removed Turn = "removed"
	Kept    Turn = "kept"
)

// Row is one object of a report.
type Row struct {
	plan.Change
	Known Known `json:"known"`
	Wish  Turn  `json:"wish"`
	Left  bool  `json:"left,omitempty"` // it left the spec: Source is where the base's had it
}

// Version is a spec at a commit. Commit is "" for a file that is not committed.
type Version struct {
	Commit string `json:"commit"`
	SHA256 string `json:"sha256"` // "" where there is no spec
}

// Report is what the check of one stack found. Without a pull request its changes are all that differ.
type Report struct {
	Stack      string  `json:"stack"`
	File       string  `json:"file"` // of the spec, below the repository's root
	Repository string  `json:"repository"`
	Pull       int     `json:"pull_request"` // 0: none
	Base       Version `json:"base"`
	Head       Version `json:"head"`

	Watch bool   `json:"watch"`         // it looks for drift alone
	Known Known  `json:"known"`         // Wish where no live state was looked at
	Why   string `json:"why,omitempty"` // it was not

	Changes []Row // what the pull request changes
	Drift   []Row // what differed from live state before, and still does
	Settled []Row // what differed before, and does not by the pull request's spec
	Held    []Row // what cannot be changed or read, for the base's spec as well

	Diagnostics diag.List
	Requests    plan.Requests
}

// Count returns how many rows of a list have each action; every action is a key.
func Count(rows []Row) map[plan.Action]int {
	n := map[plan.Action]int{}
	for _, a := range plan.Actions() {
		n[a] = 0
	}
	for _, r := range rows {
		n[r.Action]++
	}
	return n
}

// Danger returns the worst that a list of rows does.
func Danger(rows []Row) resource.Guard {
	worst := resource.Unguarded
	for _, r := range rows {
		switch r.Danger {
		case resource.DataLoss:
			return resource.DataLoss
		case resource.AccessLoss:
			worst = resource.AccessLoss
		}
	}
	return worst
}

// Grave reports whether a reviewer has to see a row before all others: it takes something away.
func (r Row) Grave() bool {
	return r.Danger != resource.Unguarded && r.Danger != "" ||
		slices.Contains([]plan.Action{plan.Delete, plan.Replace}, r.Action) || r.Known == Wish && r.Wish == Removed
}

// rank orders what a reviewer looks at: lost data, lost access, deletes, then all else.
func (r Row) rank() int {
	switch {
	case r.Danger == resource.DataLoss:
		return 0
	case r.Danger == resource.AccessLoss:
		return 1
	case r.Grave():
		return 2
	default:
		return 3
	}
}

func gravestFirst(rows []Row) []Row {
	slices.SortStableFunc(rows, func(a, b Row) int { return a.rank() - b.rank() })
	return rows
}
