package sampler

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/bits.txt anew")

// TestBits holds every bit that the sampler tells against testdata/bits.txt. The same test
// runs natively and, from TestBitsInWASM, as the browser runs the code.
func TestBits(t *testing.T) {
	const path = "testdata/bits.txt"
	got := tellBits(t)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	if len(gotLines) != len(wantLines) {
		t.Errorf("%d lines, want %d", len(gotLines), len(wantLines))
	}
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Errorf("line %d\n got %s\nwant %s", i+1, gotLines[i], wantLines[i])
		}
	}
}

// tellBits runs the sampler over rows and parameters that use all of its arithmetic.
func tellBits(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	h := History{Prompt: []int32{1, 2, 3, 2}, Output: []int32{4, 5, 4}}
	params := []Params{
		with(func(*Params) {}),
		with(func(p *Params) { p.Temperature = 0 }),
		with(func(p *Params) { p.Temperature, p.TopP = 0.7, 0.9 }),
		with(func(p *Params) { p.Temperature, p.TopK, p.MinP = 1.7, 40, 0.01 }),
		with(func(p *Params) {
			p.Temperature, p.TopP, p.RepetitionPenalty, p.FrequencyPenalty, p.PresencePenalty = 0.9, 0.95, 1.3, 0.7, 0.3
			p.LogitBias = []TokenBias{{7, 1.1}, {11, -3.3}}
		}),
	}
	for _, vocab := range []int{17, 3000} {
		logits := make([]float32, vocab)
		s := New(vocab)
		for row, spread := range []float32{0.5, 3, 20} {
			for i := range logits {
				logits[i] = float32(spread * bell(uint64(row), i))
			}
			for i := range params {
				for o := VLLM; o <= LlamaCPP; o++ {
					p := params[i]
					p.Order, p.Seed = o, uint64(1000*row+i)
					r, err := s.Explain(logits, &p, h, 7+i)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&out, "vocabulary %d spread %v params %d %v: token %d rank %d kept %d needle %d of %d prob %x logprob %x",
						vocab, spread, i, o, r.Token, r.Rank, r.Kept, r.Needle, r.Total, math.Float32bits(r.Prob), math.Float32bits(r.LogProb))
					for _, st := range r.Stages {
						fmt.Fprintf(&out, " %v(%d %x %x %x)", st.Kind, st.Out,
							math.Float64bits(st.Mass), math.Float64bits(st.Threshold), math.Float64bits(st.Entropy))
					}
					for _, c := range r.Candidates(3) {
						fmt.Fprintf(&out, " %d[%x %x)", c.Token, math.Float64bits(c.Lo), math.Float64bits(c.Hi))
					}
					fmt.Fprintln(&out)
				}
			}
		}
	}
	return out.Bytes()
}

// TestBitsInWASM runs TestBits as WebAssembly under Node.
func TestBitsInWASM(t *testing.T) {
	skipWithout(t, "go", "node")
	if testing.Short() {
		t.Skip("compiles the standard library for js/wasm")
	}
	if os.Getenv("GODEBUG") != "" {
		t.Skip("with all features of the processor once is enough: Node keeps them")
	}
	root := strings.TrimSpace(string(run(t, nil, "go", "env", "GOROOT")))
	wrapper := filepath.Join(root, "lib", "wasm", "go_js_wasm_exec")
	out := run(t, []string{"GOOS=js", "GOARCH=wasm"}, "go", "test", "-exec="+wrapper, "-run=^TestBits$", "-v", ".")
	if !bytes.Contains(out, []byte("--- PASS: TestBits")) {
		t.Errorf("TestBits did not run:\n%s", out)
	}
}

// TestDependencies holds the list of what the browser's client gets with this package.
func TestDependencies(t *testing.T) {
	skipWithout(t, "go")
	allowed := []string{"errors", "math", "math/bits", "slices", "strconv", "sync/atomic"}
	browser := []string{"GOOS=js", "GOARCH=wasm"} // elsewhere there is the processor to ask
	direct := strings.Fields(string(run(t, browser, "go", "list", "-f", `{{join .Imports " "}}`, ".")))
	for _, path := range direct {
		if !slices.Contains(allowed, path) {
			t.Errorf("the package imports %s; it may import %v", path, allowed)
		}
	}
	// What those import is part of the runtime that every client has; the known heavyweights must not slip in.
	heavy := []string{"fmt", "sort", "sync", "time", "reflect", "unicode", "os", "io", "encoding/json"}
	all := strings.Fields(string(run(t, browser, "go", "list", "-deps", ".")))
	if len(all) == 0 {
		t.Fatal("go list named no packages")
	}
	for _, path := range all {
		if slices.Contains(heavy, path) || strings.HasPrefix(path, "golang.org/") {
			t.Errorf("the package depends on %s", path)
		}
	}
}

// skipWithout skips where a program is missing, or fails in CI.
func skipWithout(t *testing.T, programs ...string) {
	t.Helper()
	if runtime.GOOS == "js" {
		t.Skip("no processes under js")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

func run(t *testing.T, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, stderr.Bytes())
	}
	return out
}
