package render

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Holder is who holds the lease of a ledger: nobody, somebody, or, where Flaw is set, nobody who can be named.
type Holder struct {
	Lease *ledger.Lease
	Flaw  error
}

// State is a ledger for people: what the stack owns, what runs left open, and who holds the lease.
func State(l ledger.Ledger, h Holder, s Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s on %s\n", s.paint(bold, Clean(l.Stack)), Clean(l.Repository.FullName), Clean(l.Repository.Host))
	if l.Run.ID != "" {
		fmt.Fprintf(&b, "Last written by %s on %s, %s.\n", Clean(l.Run.Who), Clean(l.Run.Host), ended(l.Run))
	}
	b.WriteString(LeaseLine(h))
	b.WriteByte('\n')
	rows := [][]string{{"address", "origin", "since", "by"}}
	for _, o := range l.Objects {
		rows = append(rows, []string{Clean(o.Address), string(o.Origin), moment(o.Since), Clean(o.By)})
	}
	if len(l.Objects) == 0 {
		b.WriteString("It owns nothing.\n")
	} else {
		b.WriteString(table(rows, s))
	}
	open(&b, l, s)
	return b.String()
}

func ended(r ledger.Run) string {
	if r.EndedAt == "" {
		return "which began at " + moment(r.StartedAt) + " and has not said how it ended"
	}
	return moment(r.EndedAt)
}

// open lists what runs were about to do, and have not said that they did.
func open(b *strings.Builder, l ledger.Ledger, s Style) {
	if len(l.Intents)+len(l.Issuing) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", s.paint(bold, "Open: a run is at it, or did not end; the next apply looks what became of it"))
	for _, i := range l.Intents {
		what := "to be made"
		if len(i.Items) > 0 {
			what = "to be given " + Clean(strings.Join(i.Items, ", "))
		}
		fmt.Fprintf(b, "  %s  %s, since %s\n", Clean(i.Address), what, moment(i.At))
	}
	for _, i := range l.Issuing {
		fmt.Fprintf(b, "  %s  a credential of %s to be issued, since %s\n", Clean(i.Address), Clean(i.Principal), moment(i.At))
	}
}

// LeaseLine says who holds the lease.
func LeaseLine(h Holder) string {
	switch {
	case h.Flaw != nil:
		return "The lease cannot be read: " + Clean(h.Flaw.Error()) + ".\n"
	case h.Lease == nil:
		return "No apply holds the lease.\n"
	default:
		return "The lease is held by " + Clean(h.Lease.String()) + ".\n"
	}
}

// History is the versions of a ledger for people, the newest first.
func History(past []ledger.Past, s Style) string {
	var b strings.Builder
	for i, p := range past {
		if i > 0 {
			b.WriteByte('\n')
		}
		who, r := "somebody", p.Ledger.Run
		if p.Flaw == nil {
			who = fmt.Sprintf("%s on %s", Clean(r.Who), Clean(r.Host))
		}
		fmt.Fprintf(&b, "%s  %s  %s\n", s.paint(yellow, Clean(short(p.Hash))), p.At.UTC().Format(minute), who)
		fmt.Fprintf(&b, "    %s\n", Clean(strings.TrimSpace(p.Message)))
		if p.Flaw != nil {
			fmt.Fprintf(&b, "    %s %s\n", s.paint(red, "no ledger:"), Clean(p.Flaw.Error()))
			continue
		}
		fmt.Fprintf(&b, "    %s\n", s.paint(dim, fmt.Sprintf("run %s of %s, sha256 %s", Clean(r.ID), Clean(r.Spec), Clean(short(r.SHA256)))))
		for _, d := range r.Did {
			fmt.Fprintf(&b, "  %s %s  %s\n", s.sign(plan.Action(d.Action)), Clean(d.Address), deed(d))
		}
	}
	return b.String()
}

func deed(d ledger.Deed) string {
	if d.Status == "done" {
		return cmp.Or(markOf(plan.Action(d.Action)).done, Clean(d.Action))
	}
	text := Clean(d.Action) + ": " + Clean(strings.ReplaceAll(d.Status, "_", " "))
	if d.Error != "" {
		text += ": " + Clean(d.Error)
	}
	return text
}

// LedgerJSON is the ledger's own document.
func LedgerJSON(l ledger.Ledger) ([]byte, error) {
	data, err := l.Encode()
	return inert(data), err
}

// HistoryJSON is the versions of a ledger for programs, the newest first.
func HistoryJSON(past []ledger.Past) ([]byte, error) {
	type version struct {
		Commit  string      `json:"commit"`
		At      string      `json:"at"`
		Message string      `json:"message"`
		Run     *ledger.Run `json:"run"` // null where it is no ledger
		Flaw    string      `json:"flaw,omitempty"`
	}
	versions := []version{}
	for _, p := range past {
		v := version{Commit: p.Hash, At: ledger.Moment(p.At), Message: strings.TrimSpace(p.Message)}
		if p.Flaw != nil {
			v.Flaw = p.Flaw.Error()
		} else {
			r := p.Ledger.Run
			if r.Did == nil {
				r.Did = []ledger.Deed{}
			}
			v.Run = &r
		}
		versions = append(versions, v)
	}
	return JSON(struct {
		Format   string    `json:"format_version"`
		Versions []version `json:"versions"`
	}{plan.FormatVersion, versions})
}

// UnlockJSON is whose lease was removed, for programs; null where that is nobody who can be named.
func UnlockJSON(h Holder) ([]byte, error) {
	return JSON(struct {
		Format  string        `json:"format_version"`
		Removed bool          `json:"removed"`
		Lease   *ledger.Lease `json:"lease"`
	}{plan.FormatVersion, h.Lease != nil || h.Flaw != nil, h.Lease})
}

// ReleasedJSON is what was released, for programs.
func ReleasedJSON(addresses []string) ([]byte, error) {
	return JSON(struct {
		Format   string   `json:"format_version"`
		Released []string `json:"released"`
	}{plan.FormatVersion, addresses})
}

const minute = "2006-01-02 15:04 UTC"

// moment is a time of a ledger for people; what is none is shown as it stands.
func moment(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return Clean(text)
	}
	return t.UTC().Format(minute)
}

func short(hash string) string {
	const enough = 12
	if len(hash) > enough {
		return hash[:enough]
	}
	return hash
}

// table aligns the columns of rows; the first row is their titles.
func table(rows [][]string, s Style) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		var cells []string
		for i, cell := range row {
			cells = append(cells, pad(cell, widths[i]))
		}
		line := strings.TrimRight(strings.Join(cells, "  "), " ")
		if n == 0 {
			line = s.paint(bold, line)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
