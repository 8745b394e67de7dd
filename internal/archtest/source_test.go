package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mlopsctl/mlopsctl"

// source is one Go file of the module.
type source struct {
	path  string // relative to the module, with slashes
	lines int
	fset  *token.FileSet
	*ast.File
}

func (s source) pkg() string  { return path.Dir(s.path) }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// line returns the place of a node, as editors understand it.
func (s source) line(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// length returns how many lines a node takes.
func (s source) length(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}

// imports returns the paths that the file imports, with the node of each.
func (s source) imports() map[string]ast.Node {
	paths := map[string]ast.Node{}
	for _, i := range s.Imports {
		paths[strings.Trim(i.Path.Value, `"`)] = i
	}
	return paths
}

// qualified reports whether e is name of the package at path, such as time.Sleep.
func (s source) qualified(e ast.Expr, path, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok || x.Obj != nil {
		return false
	}
	for _, i := range s.Imports {
		if strings.Trim(i.Path.Value, `"`) != path {
			continue
		}
		if i.Name != nil {
			return x.Name == i.Name.Name
		}
		return x.Name == path[strings.LastIndex(path, "/")+1:]
	}
	return false
}

func parse(name string, text []byte) (source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	return source{path: name, lines: bytes.Count(text, []byte("\n")), fset: fset, File: f}, err
}

// sources parses every Go file of the module, in the order of their paths.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("looking for the module's root: %v", err)
	}
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && name != root
			if hidden || slices.Contains([]string{"testdata", "bin", "examples"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(rel), text)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatalf("reading the module's source: %v", err)
	}
	return all
}
