package repo_test

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// The hard limits of CONTRIBUTING.md. Over one: split by noun, do not shorten
// names or squeeze lines.
const (
	maxFileLines  = 500
	maxFuncLines  = 80
	maxCyclomatic = 13
	maxParameters = 5
	maxExports    = 20
	maxMethods    = 4
	maxLineWidth  = 120
)

func TestFilesAndLinesStayReadable(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.isGenerated() {
			continue
		}
		lines := strings.Split(s.text, "\n")
		if len(lines)-1 > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, len(lines)-1, maxFileLines)
		}
		for i, line := range lines {
			width := len([]rune(strings.ReplaceAll(line, "\t", "    ")))
			// A struct tag cannot be broken; a test's data may be as long as it is.
			if width > maxLineWidth && !strings.Contains(line, "`") && !s.isTest() {
				t.Errorf("%s:%d is %d columns wide, more than %d", s.path, i+1, width, maxLineWidth)
			}
		}
	}
}

func TestFunctionsStaySmall(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.isTest() || s.isGenerated() {
			continue
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			at := func(what string, got, limit int) {
				if got > limit {
					t.Errorf("%s:%d: %s has %d %s, more than %d", s.path, s.line(f), f.Name.Name, got, what, limit)
				}
			}
			at("lines", s.set.Position(f.End()).Line-s.line(f)+1, maxFuncLines)
			at("paths (cyclomatic)", cyclomatic(f), maxCyclomatic)
			at("parameters", f.Type.Params.NumFields(), maxParameters)
		}
	}
}

// cyclomatic counts the decisions of f, plus one. Function literals count apart:
// each is a function of its own.
func cyclomatic(f ast.Node) int {
	n := 1
	ast.Inspect(f, func(node ast.Node) bool {
		switch v := node.(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if v.List != nil {
				n++
			}
		case *ast.CommClause:
			if v.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if v.Op == token.LAND || v.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

func TestPackagesStaySmallAndDocumented(t *testing.T) {
	t.Parallel()
	exports := map[string]map[string]bool{}
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		dir := s.dir()
		if exports[dir] == nil {
			exports[dir] = map[string]bool{}
		}
		if s.file.Doc != nil {
			comments[dir]++
		} else if comments[dir] == 0 {
			comments[dir] = 0
		}
		switch s.file.Name.Name {
		case "util", "utils", "common", "helpers", "types", "models", "misc":
			t.Errorf("%s: package %s says nothing; name it for what is in it", s.path, s.file.Name.Name)
		}
		for _, decl := range s.file.Decls {
			checkDecl(t, s, decl, exports[dir])
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments; it needs exactly one", dir, n)
		}
	}
	for dir, names := range exports {
		if len(names) > maxExports {
			t.Errorf("%s exports %d names, more than %d", dir, len(names), maxExports)
		}
	}
}

// checkDecl wants a doc comment that starts with the name on every export, and
// collects the package's exported names; the constants of a typed group count as
// one with their type.
func checkDecl(t *testing.T, s source, decl ast.Decl, exports map[string]bool) {
	t.Helper()
	want := func(name string, doc *ast.CommentGroup, node ast.Node) {
		text := doc.Text()
		for _, article := range []string{"A ", "An ", "The "} {
			text = strings.TrimPrefix(text, article)
		}
		if !strings.HasPrefix(text, name) {
			t.Errorf("%s:%d: the doc comment of %s must start with its name", s.path, s.line(node), name)
		}
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || !receiverExported(d) {
			return
		}
		want(d.Name.Name, d.Doc, d)
		if d.Recv == nil {
			exports[d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch v := spec.(type) {
			case *ast.TypeSpec:
				checkType(t, s, v)
				if v.Name.IsExported() {
					exports[v.Name.Name] = true
					doc := v.Doc
					if doc == nil {
						doc = d.Doc
					}
					want(v.Name.Name, doc, v)
				}
			case *ast.ValueSpec:
				checkValue(t, s, d, v, exports)
			}
		}
	}
}

func checkValue(t *testing.T, s source, d *ast.GenDecl, v *ast.ValueSpec, exports map[string]bool) {
	t.Helper()
	for _, name := range v.Names {
		if !name.IsExported() {
			continue
		}
		if v.Doc == nil && v.Comment == nil && d.Doc == nil {
			t.Errorf("%s:%d: %s has no doc comment, and neither has its group", s.path, s.line(name), name.Name)
		}
		if typed, ok := v.Type.(*ast.Ident); !ok || !typed.IsExported() {
			exports[name.Name] = true
		}
	}
}

func checkType(t *testing.T, s source, v *ast.TypeSpec) {
	t.Helper()
	if i, ok := v.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxMethods {
		t.Errorf("%s:%d: interface %s has %d methods, more than %d",
			s.path, s.line(v), v.Name.Name, i.Methods.NumFields(), maxMethods)
	}
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}
