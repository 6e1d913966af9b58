package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"vitrine/server/client"
)

// On a first start the client is served as soon as it is built, and smaller
// as soon as it has been compressed at its best; the next start has that at once.
func TestFirstStartServesAtOnceAndSmallerLater(t *testing.T) {
	// An empty cache for the client, but not for the Go toolchain.
	gocache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(gocache)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if runtime.GOOS == "darwin" {
		t.Setenv("HOME", t.TempDir()) // it has its caches there
	}
	log := slog.New(slog.DiscardHandler)

	files := newClientFiles(client.Chat)
	get := func(etag string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/client.wasm", nil)
		r.Header.Set("Accept-Encoding", "br")
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		w := httptest.NewRecorder()
		files.wasm.Load().ServeHTTP(w, r)
		return w.Result()
	}
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		files.load(t.Context(), log)
	}()
	<-files.done
	if files.err != nil {
		t.Fatal(files.err)
	}
	quick := get("")
	select {
	case <-loaded:
		t.Error("the first page waited for the best compression")
	default:
	}
	<-loaded
	best := get(quick.Header.Get("ETag"))
	if best.StatusCode != http.StatusOK || best.ContentLength >= quick.ContentLength || quick.ContentLength <= 0 {
		t.Errorf("later: status %d, %d bytes instead of %d", best.StatusCode, best.ContentLength, quick.ContentLength)
	}
	if again := get(best.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same client again: status %d", again.StatusCode)
	}
	kept, err := client.Load(t.Context(), client.Chat, log)
	if err != nil || kept.Quick || int64(len(kept.Wasm.Brotli)) != best.ContentLength {
		t.Errorf("the next start has %d bytes, want %d: %v", len(kept.Wasm.Brotli), best.ContentLength, err)
	}
}
