package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// starters returns the first place in each package, outside its tests, at which a goroutine is started:
// by a go statement, by a group's Go, or by a timer that calls a function.
func starters(all []source) map[string]string {
	places := map[string]string{}
	for _, s := range all {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			starts := false
			switch n := n.(type) {
			case *ast.GoStmt:
				starts = true
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				starts = ok && sel.Sel.Name == "Go" || s.qualified(n.Fun, "time", "AfterFunc") || s.qualified(n.Fun, "context", "AfterFunc")
			}
			if _, known := places[s.pkg()]; starts && !known {
				places[s.pkg()] = s.line(n)
			}
			return true
		})
	}
	return places
}

// unwatched reports the packages that start goroutines and whose tests do not look for what is left.
func unwatched(all []source) []string {
	watched := map[string]bool{}
	for _, s := range all {
		if s.isTest() && s.imports()["go.uber.org/goleak"] != nil {
			watched[s.pkg()] = true
		}
	}
	var found []string
	for pkg, place := range starters(all) {
		if !watched[pkg] {
			found = append(found, fmt.Sprintf("%s: a goroutine is started here, and no test of %s looks for goroutines that are left behind (goleak)", place, pkg))
		}
	}
	slices.Sort(found)
	return found
}

func TestAPackageThatStartsGoroutinesLooksForThoseLeftBehind(t *testing.T) {
	for _, v := range unwatched(sources(t)) {
		t.Error(v)
	}
}

func TestAGoroutineThatNobodyLooksForIsFound(t *testing.T) {
	const test = "package x\n\nimport \"go.uber.org/goleak\"\n\nvar _ = goleak.Find\n"
	for text, starts := range map[string]bool{
		"func f() { go f() }": true, "func f(g Group) { g.Go(f) }": true, "func f() { time.AfterFunc(1, f) }": true, "func f() { f() }": false,
	} {
		code, err := parse("x/x.go", []byte("package x\n\nimport \"time\"\n\n"+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		tests, err := parse("x/x_test.go", []byte(test))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(unwatched([]source{code}), "\n")
		if starts != strings.HasPrefix(got, "x/x.go:5: a goroutine is started here") {
			t.Errorf("%s: %q", text, got)
		}
		if got := unwatched([]source{code, tests}); len(got) > 0 {
			t.Errorf("%s, looked for: %q", text, got)
		}
	}
}
