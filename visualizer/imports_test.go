package visualizer

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const module = "vitrine"

// allowed are the packages of the standard library that the browser's code may
// import: those that cost its download next to nothing.
var allowed = []string{
	"bytes", "cmp", "encoding/binary", "errors", "math", "math/bits", "slices", "strconv", "strings", "unicode/utf8",
}

// forbidden are packages that cost the download tens to thousands of kilobytes;
// none may be reached, by whatever way. (reflect, sync and unicode are reached through
// encoding/binary and strings; the linker drops what is not called.)
var forbidden = []string{"encoding/json", "fmt", "log", "net", "os", "regexp", "sort", "time"}

// TestImports asks the go command what the browser's build of the visualizer
// is made of.
func TestImports(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("no processes can be started here; the native run checks the same build")
	}
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	own := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Standard {
			if slices.Contains(forbidden, p.ImportPath) {
				t.Errorf("the browser's build contains %s; find who imports it with: go list -deps -json ./...", p.ImportPath)
			}
			continue
		}
		own++
		if !within(p.ImportPath) {
			t.Errorf("the visualizer reaches %s; it may import only itself and the standard library", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if !within(imported) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s; allowed are %s", p.ImportPath, imported, strings.Join(allowed, ", "))
			}
		}
	}
	if own < 2 {
		t.Errorf("go list named %d packages of the visualizer: the check looked at nothing", own)
	}
}

// within says whether a package belongs to the visualizer.
func within(path string) bool {
	return path == module+"/visualizer" || strings.HasPrefix(path, module+"/visualizer/")
}
