package archtest

import (
	"go/ast"
	"regexp"
	"testing"
)

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// A claim of the threat model is worth as much as the test that it names.
func TestTheThreatModelNamesTestsThatAreThere(t *testing.T) {
	there := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.isTest() && f.Recv == nil {
				there[f.Name.Name] = true
			}
		}
	}
	named := testName.FindAllStringSubmatch(text(t, "docs/security.md"), -1)
	const claims = 40
	if len(named) < claims {
		t.Fatalf("docs/security.md names %d tests", len(named))
	}
	for _, m := range named {
		if !there[m[1]] {
			t.Errorf("docs/security.md: there is no %s", m[1])
		}
	}
}
