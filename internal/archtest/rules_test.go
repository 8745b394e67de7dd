package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

const (
	maxFunction   = 60
	maxFile       = 300
	maxParameters = 4
	maxMain       = 20
)

// rule looks at one file and returns its violations, each with its place.
type rule struct {
	name  string
	check func(source) []string
}

func rules() []rule {
	return []rule{
		{"functions are short", longFunctions},
		{"files are short", longFiles},
		{"parameters are few and never boolean", parameters},
		{"exported names are documented", undocumented},
		{"nothing is left to do or skipped", unfinished},
		{"no lint is silenced without a reason", silenced},
		{"there is no init", inits},
		{"a context comes from main", backgrounds},
		{"only main exits", exits},
		{"nothing sleeps", sleeps},
	}
}

func TestEveryFileKeepsTheRules(t *testing.T) {
	files := sources(t)
	for _, r := range rules() {
		t.Run(strings.ReplaceAll(r.name, " ", "_"), func(t *testing.T) {
			for _, s := range files {
				for _, v := range r.check(s) {
					t.Error(v)
				}
			}
		})
	}
}

func longFunctions(s source) []string {
	var found []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		name := "a function literal"
		switch f := n.(type) {
		case *ast.FuncDecl:
			name = f.Name.Name
		case *ast.FuncLit:
		default:
			return true
		}
		if got := s.length(n); got > maxFunction {
			found = append(found, fmt.Sprintf("%s: %s has %d lines, %d are allowed", s.line(n), name, got, maxFunction))
		}
		return true
	})
	return found
}

func longFiles(s source) []string {
	limit := maxFile
	switch {
	case s.isTest():
		return nil
	case s.path == "cmd/mlopsctl/main.go":
		limit = maxMain
	}
	if s.lines > limit {
		return []string{fmt.Sprintf("%s:%d: the file has %d lines, %d are allowed", s.path, limit+1, s.lines, limit)}
	}
	return nil
}

func parameters(s source) []string {
	var found []string
	for _, d := range s.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if got := f.Type.Params.NumFields(); got > maxParameters {
			found = append(found, fmt.Sprintf("%s: %s has %d parameters, %d are allowed: give it a struct", s.line(f), f.Name.Name, got, maxParameters))
		}
		for _, p := range f.Type.Params.List {
			if t, ok := p.Type.(*ast.Ident); ok && t.Name == "bool" {
				found = append(found, fmt.Sprintf("%s: %s has a boolean parameter, which says nothing where it is called", s.line(f), f.Name.Name))
			}
		}
	}
	return found
}

var unfinishedWords = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func unfinished(s source) []string {
	var found []string
	for _, group := range s.Comments {
		for _, c := range group.List {
			if word := unfinishedWords.FindString(c.Text); word != "" {
				found = append(found, fmt.Sprintf("%s: a comment says %s", s.line(c), word))
			}
		}
	}
	ast.Inspect(s.File, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !s.isTest() {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow") {
			found = append(found, fmt.Sprintf("%s: a test is skipped", s.line(call)))
		}
		return true
	})
	return found
}

var reasonedLint = regexp.MustCompile(`^//nolint:[a-z, ]+ // \S`)

func silenced(s source) []string {
	var found []string
	for _, group := range s.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//nolint") && !reasonedLint.MatchString(c.Text) {
				found = append(found, fmt.Sprintf("%s: write //nolint:LINTER // REASON", s.line(c)))
			}
		}
	}
	return found
}

func inits(s source) []string {
	var found []string
	for _, d := range s.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			found = append(found, fmt.Sprintf("%s: init runs behind everybody's back", s.line(f)))
		}
	}
	return found
}

func backgrounds(s source) []string {
	if s.isTest() || s.Name.Name == "main" {
		return nil
	}
	return append(uses(s, "context", "Background"), uses(s, "context", "TODO")...)
}

func exits(s source) []string {
	// A test binary that is run as the program has its main in TestMain.
	if s.Name.Name == "main" || strings.HasSuffix(s.path, "/main_test.go") {
		return nil
	}
	return uses(s, "os", "Exit")
}

func sleeps(s source) []string { return uses(s, "time", "Sleep") }

func uses(s source, pkg, name string) []string {
	var found []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && s.qualified(e, pkg, name) {
			found = append(found, fmt.Sprintf("%s: %s.%s has no place here", s.line(n), pkg, name))
		}
		return true
	})
	return found
}

// undocumented finds exported names without a comment that starts with them; the names of a group of
// constants or variables may share the group's.
func undocumented(s source) []string {
	if s.isTest() || s.Name.Name == "main" {
		return nil
	}
	var found []string
	for _, d := range s.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && exportedReceiver(d) && !startsWith(d.Doc, d.Name.Name) {
				found = append(found, fmt.Sprintf("%s: the comment of %s must start with its name", s.line(d), d.Name.Name))
			}
		case *ast.GenDecl:
			found = append(found, undocumentedSpecs(s, d)...)
		}
	}
	return found
}

func undocumentedSpecs(s source, d *ast.GenDecl) []string {
	var found []string
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && !startsWith(spec.Doc, spec.Name.Name) && !startsWith(d.Doc, spec.Name.Name) {
				found = append(found, fmt.Sprintf("%s: the comment of %s must start with its name", s.line(spec), spec.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				grouped := d.Lparen != token.NoPos && d.Doc != nil
				if name.IsExported() && !grouped && spec.Doc == nil && spec.Comment == nil && !startsWith(d.Doc, name.Name) {
					found = append(found, fmt.Sprintf("%s: %s has no comment", s.line(name), name.Name))
				}
			}
		}
	}
	return found
}

func startsWith(doc *ast.CommentGroup, name string) bool {
	return doc != nil && regexp.MustCompile(`^`+regexp.QuoteMeta(name)+`\b`).MatchString(doc.Text())
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = id.IsExported()
			return false
		}
		return true
	})
	return exported
}
