package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"vitrine/server/assets"
)

// smallTree lays a module with a client of two packages and an embedded file.
func smallTree(t *testing.T) *tree {
	t.Helper()
	root := t.TempDir()
	for name, body := range map[string]string{
		"go.mod":           "module vitrine\n\ngo 1.26\n",
		"wasm/main.go":     "package main\n\nimport \"vitrine/words\"\n\nfunc main() { println(words.Hello) }\n",
		"words/words.go":   "package words\n\nimport _ \"embed\"\n\n//go:embed hello.txt\nvar Hello string\n",
		"words/hello.txt":  "hello",
		"words/unused.txt": "not embedded",
	} {
		put(t, filepath.Join(root, name), body)
	}
	tr, err := newTree(t.Context(), root, Chat)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func put(t *testing.T, name, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func hash(t *testing.T, tr *tree) string {
	t.Helper()
	h, err := tr.hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashFollowsTheSources(t *testing.T) {
	tr := smallTree(t)
	first := hash(t, tr)
	put(t, filepath.Join(tr.root, "words/unused.txt"), "changed")
	put(t, filepath.Join(tr.root, "words/words_test.go"), "package words\n")
	if hash(t, tr) != first {
		t.Error("a file that is not compiled in changed the hash")
	}
	put(t, filepath.Join(tr.root, "words/hello.txt"), "good day")
	second := hash(t, tr)
	if second == first {
		t.Error("an embedded file does not count")
	}
	put(t, filepath.Join(tr.root, "words/more.go"), "package words\n\nconst More = 1\n")
	third := hash(t, tr)
	if third == second {
		t.Error("a new Go file does not count")
	}
	tr.version = "go1.99"
	if hash(t, tr) == third {
		t.Error("the Go release does not count")
	}
}

func TestBuiltOnceAndKept(t *testing.T) {
	tr, cache := smallTree(t), filepath.Join(t.TempDir(), "client")
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	built, err := tr.cached(t.Context(), cache, log)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(built.Wasm.Brotli)))
	if err != nil || !bytes.Equal(plain, built.Wasm.Identity) || !bytes.HasPrefix(plain, []byte("\x00asm")) {
		t.Errorf("the compressed module is another one: %v", err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib/wasm/wasm_exec.js"))
	if err != nil || !bytes.Equal(script, built.Exec) {
		t.Errorf("wasm_exec.js is not that of the Go release that built the module: %v", err)
	}
	if n := strings.Count(said.String(), "msg=\"built"); n != 1 {
		t.Fatalf("%d builds told: %s", n, said.String())
	}
	kept, err := tr.cached(t.Context(), cache, log)
	if err != nil || !bytes.Equal(kept.Wasm.Identity, built.Wasm.Identity) || !bytes.Equal(kept.Exec, built.Exec) {
		t.Errorf("the kept client is another one: %v", err)
	}
	if n := strings.Count(said.String(), "msg=\"built"); n != 1 {
		t.Errorf("the same sources were built %d times", n)
	}
	if !built.Quick || !kept.Quick {
		t.Error("the first build has not been compressed quickly, or that was forgotten")
	}
	// A spoilt one is made again.
	put(t, filepath.Join(cache, hash(t, tr), Chat.WasmFile()), "")
	again, err := tr.cached(t.Context(), cache, log)
	if err != nil || !bytes.Equal(again.Wasm.Identity, built.Wasm.Identity) {
		t.Errorf("after the kept one was spoilt: %v", err)
	}
}

// The quickly compressed client is compressed at its best once, and kept so.
func TestSqueeze(t *testing.T) {
	tr, cache := smallTree(t), filepath.Join(t.TempDir(), "client")
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	quick, err := tr.cached(t.Context(), cache, log)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := quick.Squeeze(ended, log); !errors.Is(err, context.Canceled) {
		t.Errorf("a server that ends gets %v", err)
	}
	best, err := quick.Squeeze(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if best.Quick || len(best.Wasm.Brotli) >= len(quick.Wasm.Brotli) || !bytes.Equal(best.Wasm.Identity, quick.Wasm.Identity) {
		t.Errorf("quick %t, %d bytes; it was %d", best.Quick, len(best.Wasm.Brotli), len(quick.Wasm.Brotli))
	}
	plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(best.Wasm.Brotli)))
	if err != nil || !bytes.Equal(plain, best.Wasm.Identity) {
		t.Errorf("the smaller module is another one: %v", err)
	}
	kept, err := tr.cached(t.Context(), cache, log)
	if err != nil || kept.Quick || !bytes.Equal(kept.Wasm.Brotli, best.Wasm.Brotli) {
		t.Errorf("kept is %d bytes, quick %t: %v", len(kept.Wasm.Brotli), kept.Quick, err)
	}
	if again, err := kept.Squeeze(t.Context(), log); again != kept || err != nil {
		t.Errorf("compressed twice: %v", err)
	}
	if n := strings.Count(said.String(), "msg=\"compressed"); n != 1 {
		t.Errorf("%d compressions told: %s", n, said.String())
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	tr := smallTree(t)
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "a file where the folder should be")
	var said bytes.Buffer
	c, err := tr.cached(t.Context(), filepath.Join(file, "client"), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil || len(c.Wasm.Identity) == 0 {
		t.Fatalf("no client: %v", err)
	}
	if !strings.Contains(said.String(), "level=WARN") {
		t.Errorf("nothing said: %s", said.String())
	}
}

func TestBrokenSourcesAreTold(t *testing.T) {
	tr := smallTree(t)
	put(t, filepath.Join(tr.root, "wasm/main.go"), "package main\n\nfunc main() { missing() }\n")
	_, err := tr.build(t.Context(), assets.Quick)
	if err == nil || !strings.Contains(err.Error(), "undefined: missing") {
		t.Errorf("got %v, want what the compiler said", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.build(ctx, assets.Quick); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled build: %v", err)
	}
}

func TestNoToolchain(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := newTree(t.Context(), t.TempDir(), Chat)
	if err == nil || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("got %v, want what would help", err)
	}
}

func TestModuleRoot(t *testing.T) {
	tr := smallTree(t)
	if root, ok := moduleRoot(filepath.Join(tr.root, "words")); !ok || root != tr.root {
		t.Errorf("got %q, %t", root, ok)
	}
	other := t.TempDir()
	put(t, filepath.Join(other, "go.mod"), "module vitrine.example\n")
	put(t, filepath.Join(other, "wasm/main.go"), "package main\n")
	if root, ok := moduleRoot(other); ok {
		t.Errorf("another module at %s was taken for this one", root)
	}
}

func TestPrune(t *testing.T) {
	cache := t.TempDir()
	now := time.Now()
	age := func(name string, d time.Duration) {
		dir := filepath.Join(cache, name)
		put(t, filepath.Join(dir, "f"), name)
		if err := os.Chtimes(dir, now.Add(-d), now.Add(-d)); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		age(name, time.Duration(i)*time.Minute)
	}
	age(".new-left", 2*time.Hour)
	age(".new-now", time.Minute)
	if err := prune(cache, filepath.Join(cache, "e")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false, "e": true, ".new-left": false, ".new-now": true} {
		_, err := os.Stat(filepath.Join(cache, name))
		if got := !errors.Is(err, fs.ErrNotExist); got != want {
			t.Errorf("%s: kept %t, want %t", name, got, want)
		}
	}
}
