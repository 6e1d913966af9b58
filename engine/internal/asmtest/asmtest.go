// Package asmtest tests that the stubs of generated assembly say in Go what the assembly
// does: the indented part of a stub's comment is the body that the function would have. It
// puts these bodies in the assembly's place and runs the package's own tests with them.
package asmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// imports are the packages that the comments may name.
var imports = map[string]string{"math": "math", "slices": "slices", "quant": "vitrine/engine/quant"}

// Package is a package in a folder whose stubs, *_amd64.go, have Go in their comments.
type Package struct {
	Folder  string
	Helpers string   // the file that declares what the comments name besides the package's own; "" for none
	Without []string // stubs that do nothing that Go knows of
}

// overlay writes files with the bodies into a folder, and adds to replace which of the
// package's files they stand for, as the go command's option -overlay takes it.
func (p Package) overlay(t *testing.T, to string, replace map[string]string) {
	t.Helper()
	folder, err := filepath.Abs(p.Folder)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*_amd64.s"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly in %s: %v", folder, err)
	}
	for i, assembly := range files {
		stubs := strings.TrimSuffix(assembly, ".s") + ".go"
		text, err := os.ReadFile(stubs)
		if err != nil {
			t.Fatal(err)
		}
		body, err := p.bodies(stubs, text)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, fmt.Sprintf("%s_%d.go", filepath.Base(folder), i))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[stubs], replace[assembly] = file, ""
	}
	if p.Helpers != "" {
		helpers, err := filepath.Abs(p.Helpers)
		if err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(folder, "stubs_amd64.go")] = helpers
	}
}

// bodies turns a file of stubs into functions with the bodies that their comments have.
func (p Package) bodies(name string, text []byte) ([]byte, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body != nil {
			return nil, fmt.Errorf("%s has something else than stubs", name)
		}
		var code []string
		for line := range strings.Lines(f.Doc.Text()) {
			if strings.HasPrefix(line, "\t") {
				code = append(code, line)
			}
		}
		if none := len(code) == 0; none != slices.Contains(p.Without, f.Name.Name) {
			return nil, fmt.Errorf("%s: the comment of %s has Go: %v", name, f.Name.Name, !none)
		}
		signature := string(text[set.Position(f.Type.Func).Offset:set.Position(f.End()).Offset])
		fmt.Fprintf(&out, "%s {\n%s}\n\n", signature, strings.Join(code, ""))
	}
	head := "package " + file.Name.Name + "\n"
	for name, path := range imports {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).Match(out.Bytes()) {
			head += fmt.Sprintf("import %q\n", path)
		}
	}
	formatted, err := format.Source(append([]byte(head), out.Bytes()...))
	if err != nil {
		return nil, fmt.Errorf("%s: the comments are no Go: %w", name, err)
	}
	return formatted, nil
}

// Run compiles the Go of the stubs' comments in the place of the assembly of packages, of
// which the first is the one at hand, and runs those of its tests with it that a pattern
// names.
func Run(t *testing.T, tests string, packages ...Package) {
	t.Helper()
	folder := t.TempDir()
	replace := map[string]string{}
	for _, p := range packages {
		p.overlay(t, folder, replace)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", file, "-count=1", "-short", "-v", "-run", tests, ".")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the package's tests with the comments' Go: %v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS")) {
		t.Fatalf("no test ran with the comments' Go:\n%s", out)
	}
	t.Logf("%s", out)
}
