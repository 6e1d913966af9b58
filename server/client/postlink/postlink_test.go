package postlink

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// program builds the program of testdata once, as the client is built.
var program = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "postlink-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "program.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/program")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(said))
	}
	return os.ReadFile(out)
})

// linked returns the program as linked and as shrunk.
func linked(t *testing.T) (before, after []byte) {
	t.Helper()
	before, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if after, err = Shrink(before); err != nil {
		t.Fatal(err)
	}
	return before, after
}

// node runs a module in Node and returns what it prints and whether it ended well.
func node(t *testing.T, module []byte, args ...string) (out, errs string, ok bool) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Node, which runs the module, is missing")
		}
		t.Skip("no Node to run the module in")
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "m.wasm")
	if err := os.WriteFile(file, module, 0o644); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec_node.js")
	cmd := exec.Command("node", append([]string{"--stack-size=8192", script, file}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err == nil
}

func TestShrunkProgramDoesTheSame(t *testing.T) {
	before, after := linked(t)
	want, errs, ok := node(t, before)
	if !ok || strings.Count(want, "\n") != 14 {
		t.Fatalf("the program does not run as linked: %s%s", want, errs)
	}
	got, errs, ok := node(t, after)
	if !ok || got != want {
		t.Errorf("shrunk, it prints\n%s%s\nand not\n%s", got, errs, want)
	}
}

// A traceback has no lines any more, but names every function.
func TestTracebackNamesFunctions(t *testing.T) {
	before, after := linked(t)
	frames := regexp.MustCompile(`(?m)^(main|runtime)\.[\w.]+\(`)
	_, errs, _ := node(t, before, "fall")
	want := frames.FindAllString(errs, -1)
	if len(want) < 5 || !strings.Contains(errs, "main.go:") {
		t.Fatalf("as linked, the program falls with\n%s", errs)
	}
	_, errs, ok := node(t, after, "fall")
	if got := frames.FindAllString(errs, -1); ok || strings.Join(got, " ") != strings.Join(want, " ") || !strings.Contains(errs, "panic: fallen") {
		t.Errorf("shrunk, it falls with\n%s\nwant the functions %q", errs, want)
	}
	if strings.Contains(errs, "main.go:") {
		t.Error("the lines are still there")
	}
}

func TestShrunkCompressesBetter(t *testing.T) {
	before, after := linked(t)
	size := func(b []byte) int {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Close()
		return out.Len()
	}
	// Each of the rewrites alone gives less than that.
	if b, a := size(before), size(after); float64(a) > 0.85*float64(b) {
		t.Errorf("%d bytes compressed instead of %d", a, b)
	}
	if again, err := Shrink(after); err != nil || !bytes.Equal(again, after) {
		t.Errorf("a second time changes the module: %v", err)
	}
}

// Reading and writing a function changes nothing of it.
func TestFunctionsRoundTrip(t *testing.T) {
	module, _ := linked(t)
	sections, err := split(module)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range sections {
		if s.id != sectionCode {
			continue
		}
		c := cursor{b: s.body}
		for i := c.unsigned(); i > 0; i-- {
			body := c.bytes(c.unsigned())
			f, err := decode(body)
			if err != nil {
				t.Fatalf("function %d: %v", n, err)
			}
			if !bytes.Equal(f.encode(), body) {
				t.Fatalf("function %d is written differently", n)
			}
			n++
		}
	}
	if n < 1000 {
		t.Errorf("only %d functions were looked at", n)
	}
}

func FuzzShrink(f *testing.F) {
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Add(small(nil, 0x41, 1, 0x0b))
	f.Add(small([]byte{1, 1, 0x7f}, jumping...))
	f.Add(append(small(nil, 0x41, 1, 0x0b), 11, 9, 1, 0, 0x41, 8, 0x0b, 3, 1, 2, 3))
	f.Fuzz(func(t *testing.T, module []byte) {
		once, err := Shrink(module)
		if err != nil {
			return
		}
		if _, err := Shrink(once); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}
