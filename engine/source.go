package engine

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"

	"vitrine/engine/model"
)

// sources is the engine's own text, so that the page can show the function
// that computed a number.
//
//go:embed *.go backend/*.go backend/*/*.go kvcache/*.go model/*.go sampler/*.go scheduler/*.go tokenizer/*.go
var sources embed.FS

// Source returns the text of a function of the engine with its comment, and
// where it stands. Names look like "engine/kvcache.NewPool" and
// "engine/backend/cpu.(*Backend).RMSNorm".
func Source(name string) (file string, line int, text string, err error) {
	unknown := fmt.Errorf("engine: no function %q, want a name such as engine/sampler.(*Sampler).Sample", name)
	slash := strings.LastIndexByte(name, '/')
	dot := strings.IndexByte(name[slash+1:], '.')
	if !strings.HasPrefix(name, "engine") || dot < 0 {
		return "", 0, "", unknown
	}
	folder, function := name[:slash+1+dot], name[slash+1+dot+1:]
	folder = path.Clean("./" + strings.TrimPrefix(strings.TrimPrefix(folder, "engine"), "/"))
	entries, err := sources.ReadDir(folder)
	if err != nil {
		return "", 0, "", unknown
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		at := path.Join(folder, entry.Name())
		data, err := sources.ReadFile(at)
		if err != nil {
			return "", 0, "", err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, at, data, parser.ParseComments)
		if err != nil {
			return "", 0, "", err
		}
		for _, decl := range tree.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || functionName(f) != function {
				continue
			}
			begin := f.Pos()
			if f.Doc != nil {
				begin = f.Doc.Pos()
			}
			return path.Join("engine", at), set.Position(f.Pos()).Line, string(data[set.Position(begin).Offset:set.Position(f.End()).Offset]), nil
		}
	}
	return "", 0, "", unknown
}

// functionName is Name, T.Name or (*T).Name.
func functionName(f *ast.FuncDecl) string {
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

// FuncName is the function that computes the numbers at a point when the
// model runs on the named backend, as [Source] knows it.
func FuncName(p model.Point, backend string) string {
	method := map[model.Point]string{
		model.Embed: "Embed", model.AttnNorm: "RMSNorm", model.Q: "MatMul", model.K: "MatMul", model.V: "MatMul",
		model.QRope: "RoPE", model.KRope: "RoPE", model.Probs: "Attention", model.AttnOut: "Attention", model.OProj: "MatMul",
		model.ResidMid: "Add", model.FFNNorm: "RMSNorm", model.Gate: "MatMul", model.Up: "MatMul", model.SiLUMul: "GLU",
		model.Down: "MatMul", model.AttnPostNorm: "RMSNorm", model.FFNPostNorm: "RMSNorm", model.ResidOut: "Add", model.FinalNorm: "RMSNorm", model.Logits: "MatMul",
	}[p]
	if method == "" {
		return ""
	}
	if p == model.Embed { // both backends copy rows of the matrix with this one
		return "engine/backend/host.Memory.Embed"
	}
	return "engine/backend/" + backend + ".(*Backend)." + method
}
