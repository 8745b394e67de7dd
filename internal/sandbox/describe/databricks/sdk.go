package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// sdkPackage is what is read of one package of the SDK.
type sdkPackage struct {
	name    string
	methods map[string]*ast.FuncDecl // by receiver and name: "catalogsImpl.Create"
	types   map[string]ast.Expr
	values  map[string][]string // of enumerations
}

func readPackage(name, dir string) (*sdkPackage, error) {
	p := &sdkPackage{name: name, methods: map[string]*ast.FuncDecl{}, types: map[string]ast.Expr{}, values: map[string][]string{}}
	for _, file := range []string{"impl.go", "model.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading the SDK: %w", err)
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil {
					p.methods[strings.TrimPrefix(name0(d.Recv.List[0].Type), "*")+"."+d.Name.Name] = d
				}
			case *ast.GenDecl:
				p.declare(d)
			}
		}
	}
	return p, nil
}

func (p *sdkPackage) declare(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			p.types[s.Name.Name] = s.Type
		case *ast.ValueSpec:
			if s.Type == nil || len(s.Values) != 1 {
				continue
			}
			if lit, ok := s.Values[0].(*ast.BasicLit); ok {
				if value, err := strconv.Unquote(lit.Value); err == nil {
					p.values[name0(s.Type)] = append(p.values[name0(s.Type)], value)
				}
			}
		}
	}
}

// name0 is a type's name as it is written, without its package.
func name0(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + name0(e.X)
	case *ast.ArrayType:
		return "[]" + name0(e.Elt)
	case *ast.SelectorExpr:
		return name0(e.X) + "." + e.Sel.Name
	case *ast.MapType:
		return "map"
	default:
		return "any"
	}
}

// describe adds a service's operations and the types that they use.
func (p *sdkPackage) describe(d *Description, service string, methods []string, required map[string][]string) error {
	_, receiver, _ := strings.Cut(service, ".")
	for _, method := range methods {
		f := p.methods[receiver+"Impl.internal"+method]
		if f == nil {
			f = p.methods[receiver+"Impl."+method]
		}
		if f == nil {
			return fmt.Errorf("the SDK has no %s.%s", service, method)
		}
		verb, path, o, err := p.operation(f)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", service, method, err)
		}
		o.Method = service + "." + method
		fields, ok := required[method+" "+path]
		if !ok {
			return fmt.Errorf("cli.json has no %s %s", method, path)
		}
		o.Required = fields
		if o.Request != p.qualified(p.parameter(f)) {
			o.Required = nil // the body is the one field that is required
		}
		d.Operations[verb+" "+path] = o
		for _, name := range []string{o.Request, o.Response} {
			p.addType(d, strings.TrimPrefix(name, "[]"))
		}
	}
	return nil
}

// operation reads a method's verb, path and types off its call of client.Do.
func (p *sdkPackage) operation(f *ast.FuncDecl) (verb, path string, o Operation, err error) {
	variables := map[string]string{"request": p.parameter(f)}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			if n.Type != nil {
				variables[n.Names[0].Name] = name0(n.Type)
			}
		case *ast.AssignStmt:
			if name0(n.Lhs[0]) == "path" {
				path = anonymous(firstString(n.Rhs[0]))
			}
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Do" && len(n.Args) == 7 {
				verb = strings.ToUpper(strings.TrimPrefix(name0(n.Args[1]), "http.Method"))
				o.Request = p.body(variables, n.Args[5])
				if addr, ok := n.Args[6].(*ast.UnaryExpr); ok {
					o.Response = p.qualified(variables[name0(addr.X)])
				}
			}
		}
		return true
	})
	if verb == "" || path == "" {
		return "", "", o, fmt.Errorf("no call of client.Do")
	}
	o.Query = p.query(variables["request"])
	if verb == "GET" || verb == "DELETE" {
		o.Request = ""
	}
	return verb, path, o, nil
}

// parameter is the type of a method's request; "" where it takes none.
func (p *sdkPackage) parameter(f *ast.FuncDecl) string {
	if params := f.Type.Params.List; len(params) > 1 {
		return name0(params[1].Type)
	}
	return ""
}

// body is the type of what is sent: the request, or the field of it that is the body.
func (p *sdkPackage) body(variables map[string]string, e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return p.qualified(variables[name0(e)])
	}
	s, _ := p.types[variables["request"]].(*ast.StructType)
	for _, f := range s.Fields.List {
		if f.Names[0].Name == sel.Sel.Name {
			return p.qualified(name0(f.Type))
		}
	}
	return ""
}

func firstString(e ast.Expr) string {
	text := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && text == "" {
			text, _ = strconv.Unquote(lit.Value)
		}
		return true
	})
	return text
}

func (p *sdkPackage) qualified(name string) string {
	name = strings.TrimPrefix(name, "*")
	switch {
	case name == "":
		return ""
	case strings.HasPrefix(name, "[]"):
		return "[]" + p.qualified(name[2:])
	default:
		return p.name + "." + name
	}
}

// query are a request's URL parameters.
func (p *sdkPackage) query(request string) []string {
	s, ok := p.types[request].(*ast.StructType)
	if !ok {
		return nil
	}
	var names []string
	for _, f := range s.Fields.List {
		if name, _, _ := strings.Cut(tag(f, "url"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func tag(f *ast.Field, key string) string {
	if f.Tag == nil {
		return ""
	}
	return reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get(key)
}

// addType adds a type and those of its fields.
func (p *sdkPackage) addType(d *Description, name string) {
	if _, known := d.Types[name]; known || name == "" {
		return
	}
	bare := strings.TrimPrefix(name, p.name+".")
	s, ok := p.types[bare].(*ast.StructType)
	if !ok {
		values := slices.Clone(p.values[bare])
		slices.Sort(values)
		d.Types[name] = Type{Values: values}
		return
	}
	t := Type{Fields: map[string]Field{}}
	d.Types[name] = t
	for _, f := range s.Fields.List {
		field, options, _ := strings.Cut(tag(f, "json"), ",")
		if field == "" || field == "-" {
			continue
		}
		kind := p.kind(name0(f.Type))
		t.Fields[field] = Field{Type: kind, Required: options == ""}
		if strings.HasPrefix(strings.TrimPrefix(kind, "[]"), p.name+".") {
			p.addType(d, strings.TrimPrefix(kind, "[]"))
		}
	}
}

func (p *sdkPackage) kind(name string) string {
	name = strings.TrimPrefix(name, "*")
	switch {
	case strings.HasPrefix(name, "[]"):
		return "[]" + p.kind(name[2:])
	case name == "string" || name == "time.Time":
		return "string"
	case name == "bool":
		return "boolean"
	case name == "int" || name == "int64" || name == "float64":
		return "number"
	case name == "map":
		return "object"
	case p.types[name] != nil:
		return p.name + "." + name
	default:
		return "any"
	}
}
