package render

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlopsctl/mlopsctl/internal/rights"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// who are the two for whom it is said what they need.
type who struct {
	title, note string
	needs       []rights.Allowance
	logins      []rights.Login
}

func those(l rights.Least) []who {
	return []who{
		{"Who plans and applies this spec", "What they make, they own; of what is there already they need to be the owner or to have MANAGE, and the role admin on the repository.", l.Operator, l.OperatorLogins},
		{"Who plans it for a pull request, and never writes", "Federation policies are shown to account admins alone, and the grants on a securable to those who manage it.", l.Reader, l.ReaderLogins},
	}
}

// Permissions is for people what a spec takes, at the least.
func Permissions(l rights.Least, s Style) string {
	var b strings.Builder
	for i, w := range those(l) {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n%s\n", s.paint(bold, w.title), s.wrap("", w.note))
		for _, login := range w.logins {
			fmt.Fprintf(&b, "%s\n", s.wrap("", inCI(login)))
		}
		for _, a := range w.needs {
			fmt.Fprintf(&b, "\n  %s\n", Clean(a.Host))
			s.allowance(&b, a)
		}
	}
	return b.String()
}

// inCI says how a principal is logged in as, which an apply of the spec settles.
func inCI(l rights.Login) string {
	return fmt.Sprintf("In CI %s logs in as %s (%s).", l.Job, Clean(l.Principal), Clean(l.Address))
}

func (s Style) allowance(b *strings.Builder, a rights.Allowance) {
	tokens, others := split(a)
	if len(tokens) > 0 {
		fmt.Fprintf(b, "    a classic token with the scopes %s\n    or a GitHub App, or a fine-grained token, with\n", Clean(strings.Join(a.Scopes, ", ")))
		s.table(b, "      ", tokens)
	}
	s.table(b, "    ", others)
}

// split parts what a token bears from what its bearer needs beside it.
func split(a rights.Allowance) (tokens, others []rights.Need) {
	for _, n := range a.Needs {
		if n.Sort == rights.Token {
			tokens = append(tokens, n)
		} else {
			others = append(others, n)
		}
	}
	return tokens, others
}

func (s Style) table(b *strings.Builder, indent string, needs []rights.Need) {
	width := 0
	for _, n := range needs {
		width = max(width, utf8.RuneCountInString(named(n)))
	}
	for _, n := range needs {
		fmt.Fprintf(b, "%s%s  %s\n", indent, pad(Clean(named(n)), width), s.paint(dim, "for "+Clean(strings.Join(n.Kinds(), ", "))))
	}
}

func named(n rights.Need) string {
	if n.Sort == rights.Token {
		return rights.Permission(n.On) + ": " + n.Level
	}
	return n.String()
}

// PermissionsMarkdown is the same for a page.
func PermissionsMarkdown(l rights.Least) string {
	var b strings.Builder
	for i, w := range those(l) {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n", w.title, w.note)
		for _, l := range w.logins {
			fmt.Fprintf(&b, "\nIn CI %s logs in as %s (%s).\n", cell(l.Job), cell(l.Principal), cell(l.Address))
		}
		fmt.Fprintf(&b, "\n| where | what | for |\n|---|---|---|\n")
		for _, a := range w.needs {
			if len(a.Scopes) > 0 {
				fmt.Fprintf(&b, "| %s | a classic token with %s; or, for an App or a fine-grained token, the permissions below | |\n", cell(a.Host), cell(strings.Join(a.Scopes, ", ")))
			}
			for _, n := range a.Needs {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(a.Host), cell(named(n)), cell(strings.Join(n.Kinds(), ", ")))
			}
		}
	}
	return b.String()
}

// PermissionsJSON is the same for programs.
func PermissionsJSON(l rights.Least) ([]byte, error) {
	return JSON(struct {
		Format string `json:"format_version"`
		rights.Least
	}{plan.FormatVersion, l})
}
