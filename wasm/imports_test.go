package main

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

// forbidden are packages that cost the browser's download tens to thousands
// of kilobytes; the client may not reach them, by whatever way.
var forbidden = []string{
	"encoding/base64", "encoding/json", "fmt", "html", "io/fs", "log", "math/big", "math/rand", "net", "net/http", "net/url",
	"os", "regexp", "sort", "text/template", "time", "unicode/utf16",
}

// ours are the module's packages that the client may import.
var ours = []string{"vitrine/wasm", "vitrine/visualizer", "vitrine/engine/sampler"}

// TestImports asks the go command what the clients are made of.
func TestImports(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("no processes can be started here; the native run checks the same build")
	}
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard", ".", "./hall")
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
			Standard   bool
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch {
		case p.Standard && slices.Contains(forbidden, p.ImportPath):
			t.Errorf("a client contains %s; find who imports it with: GOOS=js GOARCH=wasm go list -deps -json ./wasm ./wasm/hall", p.ImportPath)
		case !p.Standard:
			own++
			if !slices.ContainsFunc(ours, func(root string) bool {
				return p.ImportPath == root || strings.HasPrefix(p.ImportPath, root+"/")
			}) {
				t.Errorf("the client contains %s; it may reach only %s", p.ImportPath, strings.Join(ours, ", "))
			}
		}
	}
	if own < 5 {
		t.Errorf("go list named %d packages of the module: the check looked at nothing", own)
	}
}
