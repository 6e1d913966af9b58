package client

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/andybalholm/brotli"
)

// maxDownload is what the browser may have to fetch of the client, in bytes.
const maxDownload = 700_000

// TestDownloadStaysSmall builds the client as it is shipped. What makes it
// grow is told in wasm/main.go.
func TestDownloadStaysSmall(t *testing.T) {
	dir := t.TempDir()
	if err := Release(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	compressed, err := os.ReadFile(filepath.Join(dir, brotliFile))
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(dir, wasmFile))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(compressed)))
	if err != nil || !bytes.Equal(plain, module) {
		t.Fatalf("%s is not %s compressed: %v", brotliFile, wasmFile, err)
	}
	t.Logf("%d bytes, compressed %d", len(module), len(compressed))
	if len(compressed) > maxDownload {
		t.Errorf("the browser has to fetch %d bytes; at most %d are wanted", len(compressed), maxDownload)
	}
}
