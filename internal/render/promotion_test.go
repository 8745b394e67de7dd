package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

func TestAPromotionForReviews(t *testing.T) {
	golden(t, "promotion.md", Promotion(PromotionView{
		From: "main", Into: "release", Ahead: 3, Files: []string{"fares/train.py", ".github/workflows/fares-deploy.yml"},
		Commits: []PromotedCommit{{SHA: "0123456789abcdef", Subject: "Train weekly", Author: "Ada"}, {SHA: "fedcba9876543210", Subject: "Fix a `quote` @acme/leads [x](http://evil)", Author: "E`ve"}},
		Plan:    sample(),
	}))
}

// However much it brings, its description keeps to what GitHub takes, and says how much is left out.
func TestAPromotionKeepsToItsBounds(t *testing.T) {
	v := PromotionView{From: "main", Into: "release", Ahead: 400, Plan: &plan.Plan{}}
	for i := range 100 {
		v.Commits = append(v.Commits, PromotedCommit{SHA: fmt.Sprintf("%040d", i), Subject: strings.Repeat("long ", 40), Author: "Ada"})
		v.Files = append(v.Files, fmt.Sprintf("fares/file_%d.py", i))
	}
	text := Promotion(v)
	for _, want := range []string{"- and 350 more\n", "- and 50 more\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for i := range 2000 {
		v.Plan.Changes = append(v.Plan.Changes, plan.Change{Address: fmt.Sprintf("variable/V%d", i), Kind: "variable", Action: plan.Create, Reason: "it is not there"})
	}
	if text = Promotion(v); len(text) > 65536 || !strings.Contains(text, "It is too long to be shown here") {
		t.Errorf("%d characters", len(text))
	}
}
