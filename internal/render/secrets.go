package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// Secret is one secret of a stack for its reader. Times that nothing tells are nil.
type Secret struct {
	Address   string      `json:"address"`
	Source    string      `json:"source"`              // env:NAME, oauth_secret of PRINCIPAL, ...
	Place     string      `json:"place"`               // where GitHub has it; of a Git credential the provider, and the principal
	Workspace string      `json:"workspace,omitempty"` // that it logs in to
	State     string      `json:"state"`               // stored, missing or unknown
	Reason    string      `json:"reason,omitempty"`    // why a plan would do something about it
	Action    plan.Action `json:"action"`
	Recorded  bool        `json:"recorded"` // by the ledger
	StoredAt  *time.Time  `json:"stored_at"`
	ExpiresAt *time.Time  `json:"expires_at"`
	RotatesAt *time.Time  `json:"rotates_at"` // by the first apply after that; null: when its value changes, or when it is asked for
	RemoteID  string      `json:"remote_id,omitempty"`
	Replaced  []Replaced  `json:"replaced"` // credentials that a newer one replaced, and that still live
}

// Replaced is an OAuth secret that a newer one replaced.
type Replaced struct {
	RemoteID    string `json:"remote_id"`
	RevokeAfter string `json:"revoke_after"`
}

// Secrets is the list of a stack's secrets for people, by the time that it is.
func Secrets(all []Secret, now time.Time, s Style) string {
	if len(all) == 0 {
		return "The stack stores no secret.\n"
	}
	var b strings.Builder
	for i, x := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  %s\n", s.paint(bold, Clean(x.Address)), Clean(x.Source))
		line := func(title, text string) { fmt.Fprintf(&b, "    %-10s%s\n", title, text) }
		line("stored", x.stored(now))
		if x.ExpiresAt != nil {
			line("expires", distance(*x.ExpiresAt, now))
		}
		line("renewed", x.renewal(now))
		line("used", x.use())
		for _, r := range x.Replaced {
			line("replaced", fmt.Sprintf("%s %s still lives; an apply after %s revokes it", credential(x), Clean(r.RemoteID), moment(r.RevokeAfter)))
		}
		if x.Reason != "" && x.Action != plan.None {
			line("plan", s.paint(yellow, string(x.Action)+": "+Clean(x.Reason)))
		}
	}
	return b.String()
}

func (x Secret) stored(now time.Time) string {
	switch x.State {
	case "unknown":
		return "it could not be read"
	case "missing":
		return "not yet"
	}
	text := "nobody knows when"
	if x.StoredAt != nil {
		text = distance(*x.StoredAt, now)
	}
	if x.RemoteID != "" {
		preposition := ", from "
		if x.ofGit() {
			preposition = ", in "
		}
		text += preposition + credential(x) + " " + Clean(x.RemoteID)
	}
	if !x.Recorded {
		text += "; the ledger knows nothing of it"
	}
	return text
}

func (x Secret) renewal(now time.Time) string {
	named := "by mlopsctl secrets rotate " + Clean(x.Address)
	switch {
	case x.RotatesAt != nil:
		return "by an apply, " + distance(*x.RotatesAt, now)
	case strings.HasPrefix(x.Source, "env:"), strings.HasPrefix(x.Source, "file:"):
		return "by an apply that is given another value, or " + named
	default:
		return "only " + named
	}
}

func (x Secret) use() string {
	if x.ofGit() {
		return "Git credential of " + Clean(x.Place) + ", on " + Clean(x.Workspace)
	}
	text := "GitHub secret " + Clean(x.Place)
	if x.Workspace != "" {
		text += ", to log in to " + Clean(x.Workspace)
	}
	return text
}

// distance is a moment, and how far from now it is.
func distance(t, now time.Time) string {
	text := t.UTC().Format(minute)
	switch d := now.Sub(t); {
	case d >= 0:
		return text + " (" + span(d) + " ago)"
	default:
		return text + " (in " + span(-d) + ")"
	}
}

func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 2*day:
		return plural(int(d/time.Hour), "hour")
	default:
		return plural(int(d/day), "day")
	}
}

// SecretsJSON is the list of a stack's secrets for programs.
func SecretsJSON(all []Secret, list diag.List) ([]byte, error) {
	if all == nil {
		all = []Secret{}
	}
	if list == nil {
		list = diag.List{}
	}
	return JSON(struct {
		Format      string    `json:"format_version"`
		Secrets     []Secret  `json:"secrets"`
		Diagnostics diag.List `json:"diagnostics"`
	}{plan.FormatVersion, all, list})
}

// ofGit reports whether it is what jobs log in to a Git provider with, and no secret of GitHub's.
func (x Secret) ofGit() bool { return strings.HasPrefix(x.Address, "git_credential/") }

// credential is what the ids of a secret are of.
func credential(x Secret) string {
	if x.ofGit() {
		return "Git credential"
	}
	if strings.HasPrefix(x.Source, "personal_access_token") {
		return "token"
	}
	return "OAuth secret"
}
