// Package source finds the text of Go functions by their names, so that the
// page can show the function that computed a number. It knows no packages
// itself: whoever asks hands in the trees that were embedded.
package source

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
)

// Trees are embedded sources by the folder of the module that they were
// embedded from: "engine" holds engine/*.go as *.go.
type Trees map[string]fs.FS

// A Function is a function's text and where it stands.
type Function struct {
	File string // from the module's root, with slashes: engine/kvcache/pool.go
	Line int    // of the function itself, from 1
	Text string // with its comment
}

// Find looks a function up. Names are the package's folder and the name as the
// run time writes it: "engine/kvcache.NewPool",
// "engine/backend/cpu.(*Backend).RMSNorm", "engine/kvcache.Table.Len". The
// error of an unknown one says what would be right.
func (t Trees) Find(name string) (Function, error) {
	unknown := fmt.Errorf("no function %q, want a name such as engine/sampler.(*Sampler).Sample", name)
	slash := strings.LastIndexByte(name, '/')
	dot := strings.IndexByte(name[slash+1:], '.')
	if dot < 0 {
		return Function{}, unknown
	}
	folder, function := name[:slash+1+dot], name[slash+1+dot+1:]
	tree, inside, ok := t.of(folder)
	if !ok {
		return Function{}, unknown
	}
	files, err := fs.Glob(tree, path.Join(inside, "*.go"))
	if err != nil {
		return Function{}, unknown
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(tree, file)
		if err != nil {
			return Function{}, err
		}
		if found, ok, err := find(data, function); err != nil {
			return Function{}, fmt.Errorf("%s: %w", file, err)
		} else if ok {
			found.File = path.Join(folder, path.Base(file))
			return found, nil
		}
	}
	return Function{}, unknown
}

// of is the tree that holds a folder, and the folder's path inside it.
func (t Trees) of(folder string) (tree fs.FS, inside string, ok bool) {
	if !fs.ValidPath(folder) || strings.ContainsAny(folder, `*?[\`) {
		return nil, "", false
	}
	for root := folder; root != "."; root = path.Dir(root) {
		if tree, ok := t[root]; ok {
			return tree, path.Clean("./" + strings.TrimPrefix(folder[len(root):], "/")), true
		}
	}
	return nil, "", false
}

// find looks for a function in one file.
func find(data []byte, function string) (found Function, ok bool, err error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "", data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return Function{}, false, err
	}
	for _, decl := range tree.Decls {
		f, is := decl.(*ast.FuncDecl)
		if !is || nameOf(f) != function {
			continue
		}
		begin := f.Pos()
		if f.Doc != nil {
			begin = f.Doc.Pos()
		}
		return Function{
			Line: set.Position(f.Pos()).Line,
			Text: string(data[set.Position(begin).Offset:set.Position(f.End()).Offset]),
		}, true, nil
	}
	return Function{}, false, nil
}

// nameOf is Name, T.Name or (*T).Name.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	switch t := f.Recv.List[0].Type.(type) {
	case *ast.Ident:
		return t.Name + "." + f.Name.Name
	case *ast.StarExpr:
		if id, ok := t.X.(*ast.Ident); ok {
			return "(*" + id.Name + ")." + f.Name.Name
		}
	}
	return f.Name.Name
}
