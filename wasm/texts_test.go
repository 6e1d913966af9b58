package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	// sentence is what is said to people rather than to the browser: a class list or
	// a selector does not begin with a capital and go on in words.
	sentence = regexp.MustCompile(`[A-Z][a-z]+ [a-z]{2,}|[a-z]{2,}( [a-z]{2,}){2,}|[a-z]{2,}[.,] [a-zA-Z]{2,}`)
	// word is a word of a language, in a place where the page shows it.
	word = regexp.MustCompile(`[A-Za-z]{3,}`)
)

// sinks are the methods whose argument the page shows.
var sinks = map[string]bool{"SetText": true, "Show": true, "With": true, "complain": true, "forget": true, "Announce": true}

// shown are the fields of a reading that the inspector shows.
var shown = map[string]bool{"Title": true, "Note": true, "Value": true, "Shape": true}

// units and names are the same in both languages.
var units = regexp.MustCompile(`^(?:[^A-Za-z]|float32|float64|uint8|KiB|MiB|GiB|nats|bits)*$`)

// TestTextsComeFromTheCatalogues: what the clients show they say in the page's
// language. No literal that reads like a sentence is in their sources, none with a word in
// it goes straight into the page, and no error's own words do, which are English.
func TestTextsComeFromTheCatalogues(t *testing.T) {
	files := 0
	for _, root := range []string{".", filepath.Join("..", "visualizer", "view"), filepath.Join("..", "visualizer", "hall")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, at := range foreign(file) {
				t.Errorf("%s: %s", set.Position(at.Pos()), at.why)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 60 {
		t.Fatalf("only %d sources were looked at", files)
	}
}

// finding is a place that could show English in the Chinese page.
type finding struct {
	ast.Node
	why string
}

func foreign(file *ast.File) (found []finding) {
	report := func(n ast.Node, why string) { found = append(found, finding{n, why}) }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.Field: // their strings are paths and tags
			return false
		case *ast.CallExpr:
			name := called(n)
			switch {
			case name == "panic": // ends the program; boot.js says so in the page's language
				return false
			case name == "Error" && len(n.Args) == 0:
				report(n, "an error's words are English: say what is wrong by its type and fields")
			case sinks[name]:
				for _, arg := range n.Args {
					checkShown(arg, report)
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && shown[key.Name] {
				checkShown(n.Value, report)
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if field, ok := to.(*ast.SelectorExpr); ok && shown[field.Sel.Name] && len(n.Rhs) == len(n.Lhs) {
					checkShown(n.Rhs[i], report)
				}
			}
		case *ast.BasicLit:
			if text := literalOf(n); sentence.MatchString(text) {
				report(n, strconv.Quote(text)+" reads like a sentence; it belongs into the catalogues")
			}
		}
		return true
	})
	return found
}

// checkShown reports literals with words in an expression that is shown; what a call
// gives is the call's business.
func checkShown(e ast.Expr, report func(ast.Node, string)) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text := literalOf(e); word.MatchString(text) && !units.MatchString(text) {
			report(e, strconv.Quote(text)+" is shown in both languages; it belongs into the catalogues")
		}
	case *ast.BinaryExpr:
		checkShown(e.X, report)
		checkShown(e.Y, report)
	case *ast.ParenExpr:
		checkShown(e.X, report)
	}
}

func literalOf(e *ast.BasicLit) string {
	if e.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(e.Value)
	if err != nil {
		return ""
	}
	return text
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// TestTextsAreFound: the check sees what it is there for.
func TestTextsAreFound(t *testing.T) {
	for source, want := range map[string]int{
		`status.complain(func() string { return say("problem.x", "Detail", err.Error()) })`: 1,
		`cell.SetText("The sampler refuses")`:                                               2, // as a sentence, and where it is shown
		`cell.Show("loading")`:                                                              1,
		`r.Note = "masked"`:                                                                 1,
		`x := page.Reading{Title: "Weight " + n}`:                                           1,
		`cell.SetText(say("next.off"))`:                                                     0,
		`cell.Show(n + " × float32")`:                                                       0,
		`page.Create("small", "quiet mono")`:                                                0,
		`panic("the page has no such element")`:                                             0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() { "+source+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if found := foreign(file); len(found) != want {
			t.Errorf("%s: %d findings, want %d: %v", source, len(found), want, found)
		}
	}
}
