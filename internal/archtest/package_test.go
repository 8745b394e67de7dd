package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

func TestEveryPackageIsDocumentedOnce(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		if _, seen := docs[s.pkg()]; !seen {
			docs[s.pkg()] = nil
		}
		if s.Doc != nil {
			docs[s.pkg()] = append(docs[s.pkg()], s.path)
		}
	}
	for pkg, files := range docs {
		if len(files) != 1 {
			t.Errorf("%s: a package is documented in one file, and this one in %d %v", pkg, len(files), files)
		}
	}
}

func TestPackagesKeepNoState(t *testing.T) {
	byPackage := map[string][]source{}
	for _, s := range sources(t) {
		byPackage[s.pkg()] = append(byPackage[s.pkg()], s)
	}
	for _, files := range byPackage {
		for _, v := range state(files) {
			t.Error(v)
		}
	}
}

// state finds the variables of a package that something assigns to, or whose type is there to be
// changed. A table that is only read is no state.
func state(files []source) []string {
	vars := map[string]*ast.ValueSpec{}
	var found []string
	for _, s := range files {
		for _, d := range s.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for _, name := range v.Names {
					vars[name.Name] = v
				}
				if changeable(v.Type) {
					found = append(found, fmt.Sprintf("%s: %s is state of the package", s.line(v), v.Names[0].Name))
				}
			}
		}
	}
	for _, s := range files {
		found = append(found, assignments(s, vars)...)
	}
	return found
}

// changeable reports whether a type exists only to be changed: a lock, a once, an atomic.
func changeable(typ ast.Expr) bool {
	sel, ok := typ.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && (x.Name == "sync" || x.Name == "atomic")
}

func assignments(s source, vars map[string]*ast.ValueSpec) []string {
	var found []string
	report := func(e ast.Expr) {
		if id := root(e); id != nil && isPackageVar(id, vars) {
			found = append(found, fmt.Sprintf("%s: %s of the package is changed here", s.line(e), id.Name))
		}
	}
	ast.Inspect(s.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					report(e)
				}
			}
		case *ast.IncDecStmt:
			report(n.X)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
				report(n.Args[0])
			}
		}
		return true
	})
	return found
}

// root is the variable that an assignment to e changes.
func root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return root(e.X)
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.StarExpr:
		return root(e.X)
	case *ast.ParenExpr:
		return root(e.X)
	}
	return nil
}

// isPackageVar reports whether id means a variable of the package and not a local one of the same
// name: the parser resolves those of the file, and leaves those of other files open.
func isPackageVar(id *ast.Ident, vars map[string]*ast.ValueSpec) bool {
	spec, known := vars[id.Name]
	return known && (id.Obj == nil || id.Obj.Decl == spec)
}

func TestAChangedVariableOfThePackageIsFound(t *testing.T) {
	cases := map[string]struct {
		body string
		want string
	}{
		"assigned":        {"var a int\nfunc f() { a = 1 }", "x.go:4: a of the package is changed here"},
		"counted up":      {"var a int\nfunc f() { a++ }", "x.go:4: a of the package"},
		"an entry":        {"var m = map[string]int{}\nfunc f() { m[\"k\"] = 1 }", "x.go:4: m of the package"},
		"a field":         {"var p struct{ n int }\nfunc f() { p.n = 1 }", "x.go:4: p of the package"},
		"deleted":         {"var m = map[string]int{}\nfunc f() { delete(m, \"k\") }", "x.go:4: m of the package"},
		"a lock":          {"var mu sync.Mutex", "x.go:3: mu is state of the package"},
		"a local one":     {"var a int\nfunc f() { a := 2; a = 1; _ = a }", ""},
		"a parameter":     {"var m = map[string]int{}\nfunc f(m map[string]int) { m[\"k\"] = 1 }", ""},
		"a table to read": {"var m = map[string]int{\"k\": 1}\nfunc f() int { return m[\"k\"] }", ""},
	}
	for name, c := range cases {
		s, err := parse("x.go", []byte("package x\n\n"+c.body+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(state([]source{s}), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: reported %q, want %q", name, got, c.want)
		}
	}
}
