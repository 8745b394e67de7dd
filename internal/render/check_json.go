package render

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/ci"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Said is what became of the comment, or the issue, of a check.
type Said struct {
	What   string `json:"what"`   // comment, issue
	Action string `json:"action"` // created, updated, unchanged, superseded, closed, reopened, none, refused
	Number int64  `json:"number,omitempty"`
	Why    string `json:"why,omitempty"` // it was refused, or superseded
}

// CheckEvents are a check as events, one JSON document a line: check, then change for each row, diagnostic, said, and
// summary as the last.
func CheckEvents(r *ci.Report, said []Said, now time.Time) ([]byte, error) {
	w := events{now: now.UTC().Format(time.RFC3339)}
	w.add("check", map[string]any{
		"format_version": plan.FormatVersion, "stack": r.Stack, "file": r.File, "repository": r.Repository, "pull_request": r.Pull,
		"base": r.Base, "head": r.Head, "known": r.Known, "why": r.Why,
	})
	for _, part := range []struct {
		scope string
		rows  []ci.Row
	}{{"change", r.Changes}, {"drift", r.Drift}, {"settled", r.Settled}, {"held", r.Held}} {
		for _, row := range part.rows {
			w.add("change", struct {
				Scope string `json:"scope"`
				ci.Row
			}{part.scope, row})
		}
	}
	for _, d := range r.Diagnostics.Sorted() {
		w.add("diagnostic", d)
	}
	for _, s := range said {
		w.add("said", s)
	}
	w.add("summary", struct {
		Changes     int                 `json:"changes"`
		Drift       int                 `json:"drift"`
		Danger      resource.Guard      `json:"danger"`
		Valid       bool                `json:"valid"`
		Counts      map[plan.Action]int `json:"counts"`
		Requests    plan.Requests       `json:"requests"`
		Diagnostics diag.List           `json:"diagnostics"`
	}{len(r.Changes), len(r.Drift), ci.Danger(r.Changes), !r.Diagnostics.HasErrors(), ci.Count(r.Changes), r.Requests, emptyNotNil(r.Diagnostics.Sorted())})
	return w.out, w.err
}

func emptyNotNil(l diag.List) diag.List {
	if l == nil {
		return diag.List{}
	}
	return l
}

type events struct {
	now string
	out []byte
	err error
}

func (w *events) add(kind string, body any) {
	data, err := json.Marshal(body)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("writing an event: %w", err)
	}
	if err != nil {
		return
	}
	head := fmt.Sprintf(`{"time":%q,"type":%q,`, w.now, kind)
	w.out = append(w.out, inert(append([]byte(head), data[1:]...))...)
	w.out = append(w.out, '\n')
}
