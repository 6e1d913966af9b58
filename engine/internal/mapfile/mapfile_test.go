package mapfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What was released reads as before.
func TestRelease(t *testing.T) {
	want := bytes.Repeat([]byte("weights "), 5000)
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Map(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{m, m[1:], m[:len(m)-1], m[100:200], m[4096:8192], m[:0]} {
		Release(part)
		if !bytes.Equal(m, want) {
			t.Fatalf("after releasing %d bytes the file reads differently", len(part))
		}
	}
	if err := m.Unmap(); err != nil {
		t.Fatal(err)
	}
}
