package client

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/andybalholm/brotli"
)

// maxDownload is what the browser may have to fetch of a program, in bytes.
const maxDownload = 700_000

// TestDownloadStaysSmall builds the programs as they are shipped. What makes it
// grow is told in wasm/main.go.
func TestDownloadStaysSmall(t *testing.T) {
	dir := t.TempDir()
	if err := Release(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range Programs {
		compressed, err := os.ReadFile(filepath.Join(dir, p.brotliFile()))
		if err != nil {
			t.Fatal(err)
		}
		module, err := os.ReadFile(filepath.Join(dir, p.WasmFile()))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(compressed)))
		if err != nil || !bytes.Equal(plain, module) {
			t.Fatalf("%s is not %s compressed: %v", p.brotliFile(), p.WasmFile(), err)
		}
		zipped, err := os.Stat(filepath.Join(dir, p.gzipFile())) // what browsers take over plain http from another machine
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, compressed %d, by gzip %d", p, len(module), len(compressed), zipped.Size())
		if len(compressed) > maxDownload {
			t.Errorf("%s: the browser has to fetch %d bytes; at most %d are wanted", p, len(compressed), maxDownload)
		}
	}
}
