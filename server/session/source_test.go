package session

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vitrine/visualizer/wire"
)

// TestEveryFunctionHasItsSource holds every name that the page can show, so
// that a function that is renamed or moved does not lose its source.
func TestEveryFunctionHasItsSource(t *testing.T) {
	for _, backend := range []string{"ref", "cpu"} {
		names := functions(backend)
		if len(names) < 40 {
			t.Errorf("%d functions are named", len(names))
		}
		for _, name := range names {
			f, err := findSource(&wire.Query{Text: name})
			if err != nil {
				t.Error(err)
				continue
			}
			s := f.(*wire.Source)
			short := name[strings.LastIndexAny(name, ".")+1:]
			text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(s.File)))
			if err != nil {
				t.Error(err)
				continue
			}
			lines := strings.Split(string(text), "\n")
			if int(s.Line) > len(lines) || !strings.Contains(lines[s.Line-1], short+"(") || !strings.Contains(string(text), s.Text) {
				t.Errorf("%s is said to stand at %s:%d", name, s.File, s.Line)
			}
		}
	}
}

// functionName is how a function's name begins in a string of the source.
var functionName = regexp.MustCompile(`^(engine|visualizer|server|wasm|web)(/[a-z0-9]+)*(\.[(A-Za-z]|/$)`)

// listed are the files in which names of functions stand, all of which the
// test above asks for.
var listed = map[string]bool{
	"engine/source.go": true, "visualizer/view/functions.go": true, "wasm/resample/formula.go": true, "server/session/operands.go": true,
	"visualizer/hall/functions.go": true, // a test of server/serving asks for these
}

// TestNamesOfFunctionsAreListed looks through the source of the page for names
// of functions that stand anywhere else.
func TestNamesOfFunctionsAreListed(t *testing.T) {
	root, seen := filepath.Join("..", ".."), map[string]bool{}
	for _, folder := range []string{"engine", "visualizer", "server", "wasm"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			ast.Inspect(tree, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				switch {
				case err != nil || !functionName.MatchString(text) || strings.HasSuffix(text, ".go"):
				case listed[name]:
					seen[name] = true
				default:
					t.Errorf("%s names %q, which belongs into visualizer/view/functions.go", name, text)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != len(listed) {
		t.Errorf("names were found in %v, want them in all of %v", seen, listed)
	}
}
