package render

import (
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// PromotionView is what the pull request of a promotion tells.
type PromotionView struct {
	From, Into string
	Ahead      int
	Commits    []PromotedCommit
	Files      []string
	Plan       *plan.Plan
}

// PromotedCommit is a commit that a promotion brings.
type PromotedCommit struct{ SHA, Subject, Author string }

// The bounds of a promotion's description: GitHub takes 65,536 characters.
const (
	mostCommits   = 50
	mostFiles     = 50
	mostPromotion = 60000
)

// Promotion is the description of the pull request from one target's branch to the next one's, as markdown in which
// nothing that somebody wrote can format, link or call anybody. It keeps to what GitHub takes.
func Promotion(v PromotionView) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Brings %s of %s to %s.\n\n### Commits\n\n", plural(v.Ahead, "commit"), code(v.From), code(v.Into))
	for i, c := range v.Commits {
		if i == mostCommits {
			break
		}
		fmt.Fprintf(&b, "- %s %s, by %s\n", code(short(c.SHA)), code(c.Subject), code(c.Author))
	}
	if more := v.Ahead - min(len(v.Commits), mostCommits); more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	b.WriteString("\n### Files\n\n")
	for i, name := range v.Files {
		if i == mostFiles {
			fmt.Fprintf(&b, "- and %d more\n", len(v.Files)-mostFiles)
			break
		}
		fmt.Fprintf(&b, "- %s\n", code(name))
	}
	b.WriteString("\n")
	text := PlanMarkdown(v.Plan)
	if b.Len()+len(text) > mostPromotion {
		text = fmt.Sprintf("### Plan\n\n%s\n\nIt is too long to be shown here: `mlopsctl plan`.\n", PlanView{}.summary(v.Plan))
	}
	return b.String() + text
}
